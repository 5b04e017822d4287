package client

import (
	"errors"
	"fmt"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// The names of exceptions that a page sees. See Sections 5.1.3, 5.1.4, 10.1.4 and 10.1.5; TypeError and EncodingError come
// from reading the options (Sections 5.1.8 and 5.1.9).
const (
	AbortError        = "AbortError"
	EncodingError     = "EncodingError"
	InvalidStateError = "InvalidStateError"
	NotAllowedError   = "NotAllowedError"
	NotSupportedError = "NotSupportedError"
	SecurityError     = "SecurityError"
	SyntaxError       = "SyntaxError"
	TypeError         = "TypeError"
)

// An Error is the exception that a page sees, and what is behind it, which a page does not see.
type Error struct {
	Name    string // SecurityError and so on
	Message string
	// Err is the key's status or what Key.Ask returned, nil where the client itself decided.
	Err error
}

// Error returns the name, the message and the cause.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Name, e.Message, e.Err)
	}
	return e.Name + ": " + e.Message
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

func refuse(name, format string, args ...any) error {
	return &Error{Name: name, Message: fmt.Sprintf(format, args...)}
}

// failed words an error of the key. A page learns little of it, lest it finds out which keys somebody has (Section
// 14.5.1): that a credential exists already, after consent, and that no algorithm fits. An exception stays what it is.
func failed(what string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	name := NotAllowedError
	switch ctap.StatusOf(err) {
	case ctap.ErrCredentialExcluded:
		name = InvalidStateError
	case ctap.ErrUnsupportedAlgorithm:
		name = NotSupportedError
	}
	if errors.Is(err, ErrAborted) {
		name = AbortError
	}
	return &Error{Name: name, Message: what, Err: err}
}
