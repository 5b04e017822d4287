package policy

import (
	"fmt"
	"strconv"
	"strings"
)

// An Error refuses a document.
type Error struct {
	Code    string // "MalformedPolicyDocument"; for resources "MalformedPolicy", as S3 says
	Status  int    // HTTP status
	Message string // the text that the real service gives, which seldom says where
	// Detail is for people: what is wrong, with which value, where. It is never sent to a client of the account.
	Detail string
	// Known is how well the text is known: R recorded, D documented, S seen by users, K believed.
	Known byte
}

// Error returns code, text and detail in one line.
func (e *Error) Error() string {
	if e.Detail == "" {
		return e.Code + ": " + e.Message
	}
	return e.Code + ": " + e.Message + " (" + e.Detail + ")"
}

// refuse makes the error of a fault; args take the places {1}, {2} and {3} of its text.
func refuse(kind Kind, f fault, detail string, args ...any) *Error {
	t := texts[f]
	message, known := t.identity, t.known
	if kind.granted() && t.granted != "" {
		message, known = t.granted, t.grantedKnown
	}
	e := &Error{Code: t.code, Status: t.status, Message: fill(message, args), Detail: detail, Known: known}
	if e.Code == "" {
		e.Code, e.Status = "MalformedPolicyDocument", 400
		if kind == Resource {
			e.Code = "MalformedPolicy" // Amazon S3 API Reference, "Error responses"
		}
	}
	return e
}

func fill(message string, args []any) string {
	var pairs []string
	for i, a := range args {
		pairs = append(pairs, "{"+strconv.Itoa(i+1)+"}", fmt.Sprint(a))
	}
	return strings.NewReplacer(pairs...).Replace(message)
}
