package policy

// Guess returns the kind that a document is likely of, for people who hand in a file and nothing else: documents of
// principals are a resource's where they name one, otherwise a role's, which has itself for its resource; all others are
// of an identity, whose grammar boundaries and session policies share. What is no document is an identity's too.
func Guess(text string) Kind {
	root, err := read(text)
	if err != nil {
		return Identity
	}
	kind := Identity
	for _, f := range root.fields {
		if f.name != "Statement" {
			continue
		}
		for _, s := range f.value.list() {
			if s.has("Principal") || s.has("NotPrincipal") {
				if kind = Trust; s.has("Resource") || s.has("NotResource") {
					return Resource
				}
			}
		}
	}
	return kind
}

// has reports whether n is an object with a member of that name.
func (n node) has(name string) bool {
	for _, f := range n.fields {
		if f.name == name {
			return true
		}
	}
	return false
}
