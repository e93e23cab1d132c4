// Package receivers has one whole receiver for each provider with a package of its own. The provider's page quotes it,
// and "truhook providers NAME" prints it: what stands in both is compiled and tested here.
//
// Each file has one function. Its parameters are what a service has already, and its body is what is quoted.
package receivers
