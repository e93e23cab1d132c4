// Package catalog holds the rows of the catalog against a verifier that was written apart from this module, in
// another language: pages.mjs from the providers' pages for the rows with published vectors, rows.mjs from the JSON
// of the others. Over a thousand random deliveries a row, half of them forged, the two must not disagree. It needs
// Node.
package catalog
