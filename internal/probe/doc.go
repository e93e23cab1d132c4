// Package probe lists what a body may have been before something on its way changed it: other white space, the text
// of another JSON writer, the content of a gzip stream, of a form or of an envelope. Whoever explains a refused
// delivery hashes each variant and compares.
//
// Usage:
//
//	for v := range probe.Variants(ctx, body, probe.Hints{ContentEncoding: d.Header.Get("Content-Encoding")}) {
//		h.Reset()
//		v.WriteTo(h)
//		if equal(h.Sum(nil)) {
//			found(v.Changes, v.Offset(body))
//		}
//	}
//
// Nothing here is for the way of a delivery: it is slow, and says what cannot be told to the sender. JSON is rewritten
// token by token; no tree is built. Sizes, depths and numbers of variants are bounded.
package probe
