// Package form holds the forms in which providers write header signatures: names of headers, lists, prefixes,
// encodings, times, and the template of the signed text. Packages hmacsig and keysig share it.
//
// # The rule of cuts
//
// One signed text must have one reading, or a byte could move from one part into another under a genuine signature.
// [Compile] accepts a template only if every cut is determined: parts are cut from the left up to {body} and from the
// right down to it, each by a constant, by an enforced length, by a form that delimits itself (RFC 3339), or by an
// alphabet that lacks the neighboring byte of the constant beside it, or the colon of the time behind it. {body} is
// what remains.
package form
