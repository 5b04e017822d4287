package portal

import (
	"fmt"
	"slices"
	"strings"
)

// Rules are how people sign in. See AWS MFA, Section 6.3.
type Rules struct {
	// Mode says when a second factor is asked for: "always-on", "context-aware" or "never".
	Mode string `json:"mode"`
	// Unenrolled is what becomes of a user without one: "register", "email", "block" or "allow".
	Unenrolled string `json:"unenrolled"`
	// IDP is who signs people in: "internal", the portal, or "external", a simulated identity provider elsewhere.
	IDP string `json:"idp"`
	// Theme says which factors there are: "identity-center" has apps and keys, "tenant" has also SMS codes, 60-second fobs and
	// recovery codes.
	Theme string `json:"theme"`
}

// The values of the rules.
const (
	AlwaysOn       = "always-on"
	ContextAware   = "context-aware"
	Never          = "never"
	Register       = "register"
	Email          = "email"
	Block          = "block"
	Allow          = "allow"
	Internal       = "internal"
	External       = "external"
	IdentityCenter = "identity-center"
	Tenant         = "tenant"
)

// DefaultRules are those of a new instance of the real service.
func DefaultRules() Rules {
	return Rules{Mode: AlwaysOn, Unenrolled: Register, IDP: Internal, Theme: IdentityCenter}
}

// A Rule is one name of the rules.
type Rule struct {
	Name   string
	Values []string // the first one is the default
	Doc    string   // what it says, in one sentence
}

// AllRules lists every rule, in the order of the documentation.
func AllRules() []Rule {
	return []Rule{
		{"mode", []string{AlwaysOn, ContextAware, Never}, "when a second factor is asked for"},
		{"unenrolled", []string{Register, Email, Block, Allow}, "what becomes of somebody who has none: enrol now, a code by e-mail, no way in, or none asked for"},
		{"idp", []string{Internal, External}, "who signs people in: the portal, or an identity provider elsewhere, without the portal's MFA"},
		{"theme", []string{IdentityCenter, Tenant}, "which factors there are: apps and security keys; a tenant has also SMS codes, fobs and recovery codes"},
	}
}

// Set changes one rule: "mode=never". The error names the values, or the rules, that there are.
func (r *Rules) Set(nameValue string) error {
	name, value, _ := strings.Cut(strings.TrimSpace(nameValue), "=")
	fields := map[string]*string{"mode": &r.Mode, "unenrolled": &r.Unenrolled, "idp": &r.IDP, "theme": &r.Theme}
	for _, rule := range AllRules() {
		if rule.Name != name {
			continue
		}
		if !slices.Contains(rule.Values, value) {
			return fmt.Errorf("the portal's rule %q takes one of %s, not %q", name, strings.Join(rule.Values, ", "), value)
		}
		*fields[name] = value
		return nil
	}
	return fmt.Errorf("the portal has no rule %q: known are mode, unenrolled, idp, theme", name)
}

// Changed returns the rules with each of the changes made, or what is wrong with one.
func (r Rules) Changed(changes []string) (Rules, error) {
	for _, c := range changes {
		if err := r.Set(c); err != nil {
			return r, err
		}
	}
	return r, nil
}
