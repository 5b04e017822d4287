package sigv4

import "fmt"

// An Error is a refusal: the row of package iam's table of texts that answers it, and what that row's text is filled
// with. It holds no secret.
type Error struct {
	ID   string // "IncompleteSignature", "SignatureDoesNotMatch", "SignatureScope", ...
	Args []any  // what the row's text takes
	// Message is the whole text where it depends on the request and the row has only one wording; mostly empty.
	Message string
}

// Error returns the text where it is known here, or the row's name.
func (e *Error) Error() string {
	switch {
	case e.Message != "":
		return e.ID + ": " + e.Message
	case len(e.Args) > 0:
		return e.ID + ": " + fmt.Sprint(e.Args...)
	default:
		return e.ID
	}
}

// incomplete says what a signature lacks, in the real services' words.
func incomplete(format string, args ...any) *Error {
	return &Error{ID: "IncompleteSignature", Args: []any{fmt.Sprintf(format, args...)}}
}

// mismatch is the answer where the signature is wrong, with the words for this case, or "" for the usual ones.
func mismatch(format string, args ...any) *Error {
	return &Error{ID: "SignatureDoesNotMatch", Message: fmt.Sprintf(format, args...)}
}
