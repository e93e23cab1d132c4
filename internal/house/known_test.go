package house_test

// What is not yet as it should be. Each row is the begin of what a test finds; one that is found no more fails the
// test, so these lists only shrink.

var namedProviders = []string{}

var undocumentedNames = []string{}

var namesThatDoNotExist = []string{}

var snippetsThatDoNotCompile = []string{}

var oddTurns = []string{}

var wideLines = []string{}
