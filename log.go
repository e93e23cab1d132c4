package truhook

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// LogValue returns the verdict, the reason, the scheme and key id of every proof, the sizes and the durations; never a
// header, a body, a payload or the text of an error.
func (o Observation) LogValue() slog.Value {
	attrs := make([]slog.Attr, 0, 8)
	if o.Verified != nil {
		attrs = o.Verified.appendAttrs(append(attrs, slog.Bool("verified", true)))
	} else {
		reason, scheme := refusal(o.Err)
		attrs = append(attrs, slog.Bool("verified", false), slog.String("reason", string(reason)))
		if scheme != "" {
			attrs = append(attrs, slog.String("scheme", scheme))
		}
	}
	if o.Delivery != nil {
		attrs = append(attrs, slog.Int("body_bytes", len(o.Delivery.Body)))
	}
	read, verify := slog.Duration("read_duration", o.ReadDuration), slog.Duration("verify_duration", o.VerifyDuration)
	return slog.GroupValue(append(attrs, read, verify)...)
}

// Format prints what LogValue returns, for every verb.
func (o Observation) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.LogValue().String()) }

// MarshalJSON writes what LogValue returns; durations are in nanoseconds.
func (o Observation) MarshalJSON() ([]byte, error) { return json.Marshal(members(o.LogValue())) }

// members makes an object of a group.
func members(v slog.Value) any {
	if v.Kind() != slog.KindGroup {
		return v.Any()
	}
	all := make(map[string]any, len(v.Group()))
	for _, a := range v.Group() {
		all[a.Key] = members(a.Value)
	}
	return all
}

// LogValue returns the scheme and key id of every proof and the size of the payload.
func (v Verified) LogValue() slog.Value { return slog.GroupValue(v.appendAttrs(nil)...) }

// Format prints what LogValue returns, for every verb.
func (v Verified) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, v.LogValue().String()) }

func (v *Verified) appendAttrs(attrs []slog.Attr) []slog.Attr {
	for i, p := range v.Proofs {
		name := "proof"
		if i > 0 {
			name = fmt.Sprintf("proof%d", i+1)
		}
		attrs = append(attrs, slog.Group(name, slog.String("scheme", p.Scheme), slog.String("key_id", p.KeyID)))
	}
	return append(attrs, slog.Int("payload_bytes", len(v.Payload)))
}

// Format prints the method and the sizes of d, for every verb: its URI, its headers and its body can hold secrets.
func (d Delivery) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "Delivery(%.16q, %d headers, %d bytes)", d.Method, len(d.Header), len(d.Body))
}

// MarshalJSON writes the method and the sizes of d. Package recorded keeps deliveries.
func (d Delivery) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Method  string `json:"method"`
		Headers int    `json:"headers"`
		Bytes   int    `json:"body_bytes"`
	}{fmt.Sprintf("%.16s", d.Method), len(d.Header), len(d.Body)})
}
