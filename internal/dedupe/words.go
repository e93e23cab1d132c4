package dedupe

// Words are an error whose text is this library's: it holds nothing of what was sent, so that a log may have it.
type Words string

func (w Words) Error() string { return string(w) }

// A QueueError is why a queue did not take an event. A log may have its text, as it may that of a store.
type QueueError struct{ Err error }

func (e *QueueError) Error() string { return e.Err.Error() }

// Unwrap returns the queue's error.
func (e *QueueError) Unwrap() error { return e.Err }
