// Package secrettext knows what configuration does to the text of a secret: what keeps one from being taken, what the
// audit says of it, how it may be written elsewhere, and which ones anybody can know.
package secrettext
