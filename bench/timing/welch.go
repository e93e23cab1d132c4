package timing

import "math"

// moments are the number, the mean and the sum of squared distances from the mean of what was added (Welford's way).
type moments struct {
	n, mean, squares float64
}

func (m *moments) add(x float64) {
	m.n++
	d := x - m.mean
	m.mean += d / m.n
	m.squares += d * (x - m.mean)
}

// with returns the moments of both together (Chan's way).
func (m moments) with(o moments) moments {
	if o.n == 0 {
		return m
	}
	n, d := m.n+o.n, o.mean-m.mean
	return moments{n: n, mean: m.mean + d*o.n/n, squares: m.squares + o.squares + d*d*m.n*o.n/n}
}

func (m moments) variance() float64 {
	if m.n < 2 {
		return 0
	}
	return m.squares / (m.n - 1)
}

// welch returns the t of Welch's test: the distance of two means in standard errors. Times that all are one number on
// each side have no error: infinitely far apart, or not at all.
func welch(a, b moments) float64 {
	if a.n == 0 || b.n == 0 || a.mean == b.mean {
		return 0
	}
	return (a.mean - b.mean) / math.Sqrt(a.variance()/a.n+b.variance()/b.n)
}
