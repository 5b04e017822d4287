package iam

// longestSaid is how many bytes of a rejection's text the journal keeps. Our choice: such a text may quote what a stranger
// sent, which is a megabyte at most, and the first words of it are enough to see what it was.
const longestSaid = 300

// Rejected tells the journal of a call that was refused before it got to Do: by its form, or because its signature is not
// believed. Nobody knows whose it is, so that it has no caller; the access key that it claims is a fact where the account has
// that key. The trail has no record of such a call, as the real one has none.
func (s *Service) Rejected(call Call, refusal *Error) {
	if s.record == nil {
		return
	}
	said := *refusal
	if len(said.Message) > longestSaid {
		said.Message = said.Message[:longestSaid] + "..."
	}
	d := Decision{Call: withoutSecrets(call), Err: &said, Rule: said.Rule, Section: said.Section}
	if key := call.Caller.AccessKeyID; key != "" {
		d.Facts = []Fact{{"claimedKey", key}}
	}
	d.Caller = Caller{}
	s.record(d)
}
