package explain

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/form"
)

// Likely returns the causes that can only be supposed of a delivery that is refused for a reason. sizes are those of
// signatures.
func Likely(f *form.Format, d *truhook.Delivery, reason truhook.Reason, sizes []int) []truhook.Finding {
	var out []truhook.Finding
	add := func(cause, subject, problem string) {
		told := Finding(Because(cause, subject), false)
		if problem != "" {
			told.Problem = problem
		}
		out = append(out, told)
	}
	switch reason {
	case truhook.Expired, truhook.NotYetValid:
		if text := outside(f, d); text != "" {
			add(OutsideWindow, "", text)
		}
	case truhook.MissingSignature:
		for _, name := range SimilarHeaders(f, d, sizes) {
			add(SimilarName, name, "")
		}
	case truhook.MalformedSignature:
		add(SignatureForm, "", sentence(f.Describe(d)))
	case truhook.DuplicateHeader:
		add(HeaderFolded, "", "A header that must come once came several times.")
	}
	if lost(d, reason) {
		add(BodyEmpty, "", "")
	} else if cutShort(d) {
		add(BodyCut, "", "")
	}
	if d.Method != "" && d.Method != http.MethodPost {
		subject := d.Method
		if len(subject) > 10 || strings.Trim(subject, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			subject = "another method"
		}
		add(Redirected, subject, "")
	}
	return out
}

// lost reports whether a body is not there that has to be: one was announced, or the signature of one came. A nil body
// was not read yet, unless the Reason is one of those that are told of a body.
func lost(d *truhook.Delivery, reason truhook.Reason) bool {
	if len(d.Body) > 0 || d.Body == nil && reason != truhook.SignatureMismatch {
		return false
	}
	n := d.Header.Get("Content-Length")
	announced := n != "" && n != "0"
	return announced || reason != truhook.MissingSignature && (d.Method == "" || d.Method == http.MethodPost)
}

func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// outside says by how much the signed time lies outside of the window. Without a time of receipt it is not judged.
func outside(f *form.Format, d *truhook.Delivery) string {
	if d.Received.IsZero() {
		return ""
	}
	h := f.Loose(d)
	for i := range h.Groups[:h.GroupCount] {
		if !f.Time(&h.Groups[i]) {
			continue
		}
		age := d.Received.Sub(h.Groups[i].Time).Round(time.Second)
		direction := "before"
		if age < 0 {
			age, direction = -age, "after"
		}
		return fmt.Sprintf("The signed time lies %v %s the time of receipt; %v is allowed.", age, direction, f.Tolerance)
	}
	return ""
}

// cutShort reports whether fewer bytes are there than were announced, or a JSON text without its end.
func cutShort(d *truhook.Delivery) bool {
	if len(d.Body) == 0 {
		return false
	}
	var announced int
	if _, err := fmt.Sscan(d.Header.Get("Content-Length"), &announced); err == nil && announced > len(d.Body) {
		return true
	}
	depth, inString := 0, false
	if d.Body[0] != '{' && d.Body[0] != '[' {
		return false
	}
	for i := 0; i < len(d.Body); i++ {
		switch c := d.Body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '\\': // it is no JSON
			return false
		case c == '{', c == '[':
			depth++
		case c == '}', c == ']':
			depth--
		}
	}
	return inString || depth > 0
}
