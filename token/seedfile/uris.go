package seedfile

import (
	"bytes"
	"fmt"
)

// parseURIs reads a URI a line. Line numbers count comments and empty lines.
func parseURIs(in *reading) error {
	n := 0
	for line := range bytes.Lines(in.data) {
		n++
		if line = bytes.TrimSpace(line); len(line) == 0 || line[0] == '#' {
			continue
		}
		r, err := ParseURI(string(line))
		if err := in.add(n, r, err); err != nil {
			return err
		}
	}
	return nil
}

// writeURIs labels a token without an account with its serial, as a list of codes without
// names is of no use to anybody.
func writeURIs(out *writing) error {
	for i, r := range out.records {
		leaveURI(&r)
		uri, err := r.URI()
		if err != nil {
			out.refuse(i, err)
			continue
		}
		out.b = fmt.Appendf(out.b, "%s\n", uri)
	}
	return nil
}

// leaveURI keeps issuer and account, which are the label.
func leaveURI(r *Record) {
	issuer, account := r.Issuer, r.Account
	*r = r.codes()
	r.Issuer, r.Account = issuer, account
	if account == "" {
		r.Account = r.Serial
	}
	r.Serial = ""
}
