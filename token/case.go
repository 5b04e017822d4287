package token

// A Case is what a fob looks like from outside.
type Case uint8

// The cases.
const (
	ButtonCase Case = iota // hangs on a key ring, with one button
	WatchCase              // hangs on a key ring, always lit, no button
	CardCase               // the size of a bank card, with one button
	KeypadCase             // the size of a bank card, with twelve keys
	PhoneCase
)
