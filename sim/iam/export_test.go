package iam

import "golang.org/x/crypto/bcrypt"

// Compared calls told with the cost of every comparison of passwords, until the function that it returns is called.
func Compared(told func(cost int)) (restore func()) {
	compare = func(hash, password []byte) error {
		cost, err := bcrypt.Cost(hash)
		if err != nil {
			return err
		}
		told(cost)
		return bcrypt.CompareHashAndPassword(hash, password)
	}
	return func() { compare = bcrypt.CompareHashAndPassword }
}

// LabPasswordCost is the cost that passwords have in a lab; in the tests they have PasswordCost, which is the least.
var LabPasswordCost = func() int {
	cost := passwordCost
	passwordCost = PasswordCost
	return cost
}()

// PasswordCost is the cost that every comparison has.
const PasswordCost = bcrypt.MinCost
