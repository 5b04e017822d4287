package iam

// An Error is an answer that refuses: the code, HTTP status and text that the real service gives, and, for people who
// look into the lab, the rule that decided and where that rule is written.
type Error struct {
	Code    string // "NoSuchEntity"
	Status  int    // HTTP status
	Message string
	// NoMessage leaves the Message element out of the answer, as the real service does for ReportNotPresent.
	NoMessage bool
	// Rule names the rule that refused, such as "replay"; never sent to the client.
	Rule string
	// Section is where the rule is written, such as "RFC 6238, Section 5.2"; never sent to the client.
	Section string
	// counted says that what the operation wrote must stay: a refused code has to be counted even though the call fails.
	counted bool
}

// Error returns the code and the text, as a client would print them.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}
