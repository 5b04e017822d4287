package attest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// A Mutation is one thing that is wrong with a statement; the rest is as it should be, and signed anew around it.
type Mutation struct {
	Kind   string // of statement, as in [Kinds]
	Name   string // in lower-case letters, digits and hyphens
	Clause string // of Web Authentication Level 3, which a relying party that accepts it has not kept
	Breaks string // what is wrong

	before func(*draft) error // the certificates and the signature
	after  func(*draft) error // they are made
}

// String is what ParseMutation reads.
func (m *Mutation) String() string { return m.Kind + ":" + m.Name }

// Mutations returns all of them, kind by kind.
func Mutations() []Mutation {
	return slices.Concat(packedMutations(), selfMutations(), enterpriseMutations(), u2fMutations(), noneMutations(), tpmMutations(),
		androidKeyMutations(), safetyNetMutations(), appleMutations(), compoundMutations())
}

// ParseMutation reads KIND, for a statement that is right, or KIND:NAME.
func ParseMutation(s string) (kind string, m *Mutation, err error) {
	kind, name, given := strings.Cut(s, ":")
	if !slices.Contains(Kinds(), kind) {
		return "", nil, fmt.Errorf("attest: there is no attestation %.40q: there are %s", kind, strings.Join(Kinds(), ", "))
	}
	if !given {
		return kind, nil, nil
	}
	var names []string
	for _, m := range Mutations() {
		if m.Kind == kind && m.Name == name {
			return kind, &m, nil
		}
		if m.Kind == kind {
			names = append(names, m.Name)
		}
	}
	return "", nil, fmt.Errorf("attest: there is no mutation %.40q of %s: there are %s", name, kind, strings.Join(names, ", "))
}

// A mutating is a mutation without its kind, which several share.
type mutating struct {
	name, clause, breaks string
	before, after        func(*draft) error
}

// of gives mutations their kind.
func of(kind string, list ...[]mutating) (out []Mutation) {
	for _, m := range slices.Concat(list...) {
		out = append(out, Mutation{kind, m.name, m.clause, m.breaks, m.before, m.after})
	}
	return out
}

// changed is a change that cannot fail.
func changed(f func(*draft)) func(*draft) error {
	return func(d *draft) error {
		f(d)
		return nil
	}
}

// without takes a member away.
func without(name string) func(*draft) error {
	return changed(func(d *draft) { d.members.remove(name) })
}

// inText makes a text of a member, where bytes belong.
func inText(name string) func(*draft) error {
	return changed(func(d *draft) { d.members.setText(name, "not bytes") })
}

// flipped changes the last bit of the signature.
func flipped(d *draft) error {
	s, err := d.sign()
	if err != nil {
		return err
	}
	s[len(s)-1] ^= 1
	d.members.setBytes("sig", s)
	return nil
}

// bySomebodyElse has another key of the same kind sign, and the certificate stay what it is.
func bySomebodyElse(d *draft) error {
	key, err := d.otherKey(d.key)
	d.key = key
	return err
}

// ofOtherData has the signature be that of another ceremony, as in a replay.
func ofOtherData(d *draft) error {
	d.toSign = func(d *draft) ([]byte, error) {
		return append(slices.Clone(d.authData), derive(d.attester.root.seed, "client data of another", Model{})...), nil
	}
	return nil
}

// digest is SHA-256.
func digest(message []byte) []byte {
	sum := sha256.Sum256(message)
	return sum[:]
}

// syntax are mutations of the members of a format that are bytes or texts.
func syntax(clause string, names ...string) (list []mutating) {
	for _, name := range names {
		list = append(list, mutating{name: "no-" + strings.ToLower(name), clause: clause, breaks: "there is no " + name, after: without(name)})
	}
	return list
}
