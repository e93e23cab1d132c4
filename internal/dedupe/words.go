package dedupe

// Words are an error whose text is this library's: it holds nothing of what was sent, so that a log may have it.
type Words string

func (w Words) Error() string { return string(w) }
