package iam

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// From the specification: IAM User Guide, id_credentials_passwords_account-policy.
const (
	// passwordSymbols are the characters that count as such.
	passwordSymbols = "!@#$%^&*()_+-=[]{}|'"
	// defaultLength and defaultKinds are what the default policy asks for: so many characters, of so many of the four kinds.
	defaultLength, defaultKinds = 8, 3
)

// characterKinds are the four kinds of characters that a policy can ask for, in the order of the guide.
var characterKinds = []struct {
	name    string
	is      func(rune) bool
	ordered func(*PasswordPolicy) bool
}{
	{"uppercase letter", unicode.IsUpper, func(p *PasswordPolicy) bool { return p.Uppercase }},
	{"lowercase letter", unicode.IsLower, func(p *PasswordPolicy) bool { return p.Lowercase }},
	{"number", unicode.IsDigit, func(p *PasswordPolicy) bool { return p.Numbers }},
	{"symbol", func(r rune) bool { return strings.ContainsRune(passwordSymbols, r) }, func(p *PasswordPolicy) bool { return p.Symbols }},
}

// checkPassword refuses a password that the account's policy does not take, or where it has none AWS's default policy. ""
// is a call that gives no password.
func (o *operating) checkPassword(password string) error {
	rule := ""
	switch p := o.account.Passwords; {
	case password == "":
	case p != nil:
		rule = p.broken(password)
	case !o.byTheLab():
		rule = o.brokenByDefault(password)
	}
	if rule != "" {
		return o.refuse("PasswordTooWeak", rule)
	}
	return nil
}

// broken returns the first rule of p that a password breaks, "" for none.
func (p *PasswordPolicy) broken(password string) string {
	if short := tooShort(password, p.MinLength); short != "" {
		return short
	}
	for _, k := range characterKinds {
		if k.ordered(p) && !strings.ContainsFunc(password, k.is) {
			return "have at least one " + k.name
		}
	}
	return ""
}

// brokenByDefault is broken for AWS's default policy. The account's name is its alias, or its number where it has none.
func (o *operating) brokenByDefault(password string) string {
	if short := tooShort(password, defaultLength); short != "" {
		return short
	}
	kinds := 0
	for _, k := range characterKinds {
		if strings.ContainsFunc(password, k.is) {
			kinds++
		}
	}
	names := []string{o.account.ID, o.account.Alias, o.account.email()}
	switch {
	case kinds < defaultKinds:
		return "have characters of three of these kinds: uppercase letters, lowercase letters, numbers, symbols"
	case slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, password) }):
		return "not be identical to the name of the account or its email address"
	}
	return ""
}

func tooShort(password string, least int) string {
	if len([]rune(password)) < least {
		return "have a minimum length of " + strconv.Itoa(least)
	}
	return ""
}

// byTheLab reports whether the lab itself calls, by no key and no session: it gives the users of a plan the passwords that
// the plan says. Our choice: who writes a plan for a class or a test has no use for a rule about strength.
func (o *operating) byTheLab() bool {
	return o.Caller.IsRoot() && o.Caller.AccessKeyID == "" && o.Caller.Session == nil
}
