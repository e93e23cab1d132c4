package form

import "strings"

// cursor walks over the elements of a list. Blanks around an element do not count.
type cursor struct {
	rest, separator string
	groups          bool

	element string
	group   int
	inside  string // what is left of a piece that holds the beginning of the next group
}

// next moves to the next element that is not empty.
func (c *cursor) next() bool {
	for {
		if c.inside != "" {
			c.group++
			c.element, c.inside = cutBlanks(c.inside)
			return true
		}
		if c.rest == "" {
			return false
		}
		if c.separator == "" {
			c.element, c.rest = cutBlanks(strings.Trim(c.rest, blanks))
		} else {
			c.element, c.rest, _ = strings.Cut(c.rest, c.separator)
			c.element = strings.Trim(c.element, blanks)
			if c.groups {
				c.element, c.inside = cutBlanks(c.element)
			}
		}
		if c.element != "" {
			return true
		}
	}
}

// cutBlanks returns what is in front of the first blank of s, and what is behind the blanks.
func cutBlanks(s string) (before, after string) {
	if i := strings.IndexAny(s, blanks); i >= 0 {
		return s[:i], strings.TrimLeft(s[i:], blanks)
	}
	return s, ""
}

// element returns the value of a field if the element at c is "name=value".
func (f *Format) element(c *cursor, where *field) (string, bool) {
	n := len(where.element)
	if len(c.element) > n && c.element[n] == '=' && c.element[:n] == where.element {
		return c.element[n+1:], true
	}
	return "", false
}
