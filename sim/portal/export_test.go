package portal

import "github.com/mfalab/mfalab/sim/iam"

// Compared calls told at every comparison of passwords, until the function that it returns is called.
func Compared(told func()) (restore func()) {
	matches = func(hash, password string) bool {
		told()
		return iam.PasswordMatches(hash, password)
	}
	return func() { matches = iam.PasswordMatches }
}
