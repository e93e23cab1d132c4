// Package timing looks for secrets in how long Truhook takes. It is dudect's method (Reparaz, Balasch, Verbauwhede,
// "Dude, is my code constant time?", 2017): two classes of inputs that differ in what a secret decides about them, in
// random order, and Welch's t-test over the times of both.
//
// "make timing" measures, and writes bench/timing.md. The tests without its flags hold the statistics to made-up times
// and the rows to their verdicts; they measure nothing.
package timing
