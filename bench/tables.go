package main

import "fmt"

const (
	withSHA    = "SHA-NI"
	withoutSHA = "SHA off"
)

func reportVerify(r *report, on, off figures) {
	for _, m := range []struct {
		name  string
		f     figures
		small float64
	}{{withSHA, on, 150}, {withoutSHA, off, 190}} {
		for _, size := range sizes {
			name := sizeName(size)
			what := fmt.Sprintf("%s, %s: ", m.name, name)
			if size <= 1<<10 {
				over := m.f.value(name, ours, perCall) - m.f.value(name, floorName, perCall)
				r.atMost(what+"over the floor", over, m.small, added)
			} else {
				r.atMost(what+"to the floor", m.f.ratio(name, ours, floorName, perCall), 1.03, quotient)
			}
		}
		r.tables = append(r.tables, matrix(m.name+":", m.f, m.f.races(), perCall).withAllocations(m.f, sizeName(1<<10)))
	}
	for _, size := range sizes {
		r.atMost(sizeName(size)+": allocations", on.value(sizeName(size), ours, perAlloc), 1, number)
	}
	for _, scheme := range []string{oursStripe, oursStandard} {
		r.atMost(scheme+": allocations", on.value(sizeName(1<<10), scheme, perAlloc), 2, number)
	}
}

func reportHandler(r *report, on, off figures) {
	small, medium, large := sizeName(256), sizeName(1<<10), sizeName(10<<10)
	over := func(f figures, race string) float64 {
		return f.value(race, ours, perCall) - f.value(race, floorName, perCall)
	}
	for _, m := range []struct {
		name string
		f    figures
	}{{withSHA, on}, {withoutSHA, off}} {
		r.atMost(m.name+", "+small+": over the floor", over(m.f, small), 680, added)
		r.atMost(m.name+", "+medium+": over the floor", over(m.f, medium), 680, added)
	}
	r.atMost(withSHA+", "+large+": over the floor", over(on, large), 800, added)
	r.atMost(withoutSHA+", "+large+": to the floor", off.ratio(large, ours, floorName, perCall), 1.04, quotient)
	for race, most := range ordered([]string{small, medium, large}, []float64{0.80, 0.75, 0.75}) {
		r.atMost(withSHA+", "+race+": to go-github", on.ratio(race, ours, "go-github", perCall), most, quotient)
	}
	r.atMost(withoutSHA+", "+medium+": to go-github", off.ratio(medium, ours, "go-github", perCall), 0.83, quotient)
	worst := 0.0
	for _, f := range []figures{on, off} {
		for _, race := range f.races() {
			for _, p := range f.contenders(race)[2:] {
				worst = max(worst, f.ratio(race, ours, p, perCall))
			}
		}
	}
	r.atMost("every size, both modes: to the fastest peer", worst, 1, quotient)
	for _, race := range []string{small, medium, large} { // a larger buffer grows with what has arrived
		r.atMost(race+": allocations", on.value(race, ours, perAlloc), 3, number)
	}
	r.tables = append(r.tables,
		matrix(withSHA+":", on, on.races(), perCall).withAllocations(on, medium),
		matrix(withoutSHA+":", off, off.races(), perCall))
}

// ordered yields pairs of two slices.
func ordered(names []string, values []float64) func(yield func(string, float64) bool) {
	return func(yield func(string, float64) bool) {
		for i := range names {
			if !yield(names[i], values[i]) {
				return
			}
		}
	}
}

func reportServer(r *report, on, off figures) {
	for _, n := range connectionCounts {
		race := fmt.Sprint(n)
		what := race + " connections: "
		if n == 1 {
			what = "1 connection: "
		}
		r.atLeast(what+"requests a second, to the handler that reads and hashes", on.ratio(race, ours, handWritten, perSecond), 0.97, quotient)
		r.atMost(what+"processor time a request, to the same", on.ratio(race, ours, handWritten, perRequest), 1.02, quotient)
		r.atMost(what+"processor time a request, to go-github", on.ratio(race, ours, "go-github", perRequest), 1, quotient)
	}
	for i, f := range []figures{on, off} {
		t := table{caption: []string{withSHA, withoutSHA}[i] + ":", head: []string{"", "connections", "requests a second", "processor time a request", "p50", "p99"}}
		for _, race := range f.races() {
			for _, c := range f.contenders(race) {
				v := func(unit string) float64 { return f.value(race, c, unit) }
				t.add(c, race, number(v(perSecond)), duration(v(perRequest)), duration(v(median)), duration(v(slowest)))
			}
		}
		r.tables = append(r.tables, t)
	}
}

func reportRefusals(r *report, f, _ figures) {
	head := f.races()[0]
	for _, what := range []string{missing, malformed} {
		r.atMost(what, f.value(head, what, perCall), 700, duration)
		r.atMost(what+": allocations", f.value(head, what, perAlloc), 4, number)
	}
	r.atMost(missingOwn, f.value(head, missingOwn, perCall), 550, duration)
	r.atMost(missingOwn+": allocations", f.value(head, missingOwn, perAlloc), 3, number)
	for _, race := range f.races() {
		t := table{caption: race + ":", head: []string{"", "time", "allocations", "bytes allocated"}}
		for _, c := range f.contenders(race) {
			t.add(c, duration(f.value(race, c, perCall)), number(f.value(race, c, perAlloc)), number(f.value(race, c, perBytes)))
		}
		r.tables = append(r.tables, t)
	}
}

func reportTokens(r *report, f, _ figures) {
	race := fmt.Sprint(claimCounts[0])
	r.atMost("Truhook to the bare RSA verification", f.ratio(race, ours, bareRSA, perCall), 1.25, quotient)
	r.atMost("Truhook to golang-jwt", f.ratio(race, ours, "golang-jwt", perCall), 1, quotient)
	r.tables = append(r.tables, matrix("By the number of further claims:", f, f.races(), perCall).withAllocations(f, race))
}

func reportEncrypted(r *report, f, _ figures) {
	for i, most := range []float64{1.02, 1.03, 1.05, 1.10} {
		race := sizeName(sizes[i+1])
		r.atMost(race+": Truhook to the bare operations", f.ratio(race, ours, bareOperations, perCall), most, quotient)
		r.atMost(race+": a forged request to a true one", f.ratio(race, oursForged, ours, perCall), 0.10, quotient)
	}
	whole := f.races()[:len(sizes)-1]
	r.tables = append(r.tables,
		matrix("An event with one layer of encryption:", f, whole, perCall).withAllocations(f, whole[0]),
		matrix("An authorization, with two:", f, f.races()[len(whole):], perCall))
}

func reportKeys(r *report, f, _ figures) {
	race := f.races()[0]
	last := fmt.Sprint(keyCounts[len(keyCounts)-1])
	r.atMost(last+" keys, to one", f.ratio(race, last, "1", perCall), float64(keyCounts[len(keyCounts)-1]), quotient)
	t := table{head: []string{"keys", "time", "to one", "allocations"}}
	for _, c := range f.contenders(race) {
		t.add(c, duration(f.value(race, c, perCall)), quotient(f.ratio(race, c, "1", perCall)), number(f.value(race, c, perAlloc)))
	}
	r.tables = append(r.tables, t)
}

func reportEntries(r *report, f, _ figures) {
	t := table{head: []string{"events held", "claim and complete", "duplicate", "bytes an event", "a collection of garbage"}}
	for _, race := range f.races()[1:] {
		v := func(unit string) float64 { return f.value(race, ours, unit) }
		t.add(race, duration(v(perCall)), duration(v(perDuplicate)), fmt.Sprintf("%.1f", v(perBytes)), duration(v(perCollect)))
	}
	t.add(hashOfKey, duration(f.value(hashOfKey, hashOfKey, perCall)), "", "", "")
	r.tables = append(r.tables, t)
}
