// Package explain holds what the Explainers of header signatures share: the causes with their texts, the places where a
// signature may stand by mistake, and the texts that may have been signed. What becomes of bodies is in package probe.
package explain
