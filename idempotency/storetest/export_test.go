package storetest

// CheckFull is what Run does with Config.Bounded.
var CheckFull = checkFull
