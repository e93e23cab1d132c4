// Package fipstest holds what is left of this module where GODEBUG=fips140=only forbids the rest: its test writes the
// table of docs/fips.md.
package fipstest
