package recorded

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/truhook/truhook"
)

// removed are the values that must not be found in the result, each with where it stood.
type removed []struct{ where, value string }

// shortest is the length from which a value is looked for: a country or a status would be found all over.
const shortest = 8

func (v *removed) add(where string, values ...string) {
	for _, value := range values {
		if len(value) >= shortest && !strings.Contains(placeholder, value) {
			*v = append(*v, struct{ where, value string }{where, value})
		}
	}
}

func (v *removed) addToken(member string, token json.Token) {
	switch t := token.(type) {
	case string:
		v.add("member "+member, t)
	case json.Number:
		v.add("member "+member, t.String())
	}
}

func (v *removed) addQuery(query string) {
	for _, part := range strings.FieldsFunc(query, func(c rune) bool { return c == '&' || c == '=' || c == ';' }) {
		v.add("query", part)
		if plain, err := url.QueryUnescape(part); err == nil && plain != part {
			v.add("query", plain)
		}
	}
}

// in looks for the values in the header and body of d, and in the strings of content as JSON reads them: an escape
// hides a value from a search, not from a reader. All values are looked for in one pass, as there may be many.
func (v removed) in(d *truhook.Delivery, content []byte) error {
	var all strings.Builder
	all.Write(d.Body)
	for _, values := range d.Header {
		all.WriteString("\n" + strings.Join(values, "\n"))
	}
	dec := json.NewDecoder(strings.NewReader(string(content)))
	dec.UseNumber()
	for token, err := dec.Token(); err == nil; token, err = dec.Token() {
		if s, ok := token.(string); ok {
			all.WriteString("\n" + s)
		}
	}
	text := all.String()
	const mark = "\xff\xfe" // in no JSON string
	pairs := make([]string, 0, 2*len(v))
	for _, one := range v {
		pairs = append(pairs, one.value, mark)
	}
	before, _, found := strings.Cut(strings.NewReplacer(pairs...).Replace(text), mark)
	if !found {
		return nil
	}
	for _, one := range v {
		if strings.HasPrefix(text[len(before):], one.value) {
			return fmt.Errorf("what was removed from %s is found elsewhere in the delivery; remove that too", one.where)
		}
	}
	return errors.New("a removed value is found elsewhere in the delivery; remove that too")
}
