package sqlaudit

// Older compares versions.
var Older = older
