// Package house holds the tests about the repository as a whole: which package may import which, the recorded API, that
// the documentation names what exists, that its Go code compiles. There is no code in it.
package house
