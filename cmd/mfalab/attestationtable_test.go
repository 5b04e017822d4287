package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/cose"
)

// columns are the verifiers' names with their versions.
func columns(t *testing.T) string {
	text, err := exec.Command("/usr/bin/openssl", "version").Output()
	require.NoError(t, err)
	return fmt.Sprintf("go-webauthn %s | SimpleWebAuthn %s | fido2-lib %s | libfido2 | OpenSSL %s",
		versionIn(t, "../../go.mod", `go-webauthn/webauthn v(\S+)`), versionIn(t, "testdata/attestation/package.json", `server": "([^"]+)"`),
		versionIn(t, "testdata/attestation/package.json", `fido2-lib": "([^"]+)"`), strings.Join(strings.SplitN(strings.Fields(string(text))[1], ".", 3)[:2], "."))
}

// formatsTable says whose credentials each verifier takes.
func formatsTable(t *testing.T, accepted map[string][verifiers]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| attestation | `fmt` | %s |\n|---|---|---|---|---|---|---|\n", columns(t))
	for _, kind := range attest.Kinds() {
		fmt.Fprintf(&b, "| `%s` | %s ", kind, attest.FormatOf(kind))
		var all []string
		for _, a := range attestedAlgorithms {
			if attest.Attests(kind, a) {
				all = append(all, a.String())
			}
		}
		for _, said := range accepted[kind] {
			switch said {
			case "":
				said = "–"
			case strings.Join(all, " "):
				said = "all"
			}
			fmt.Fprintf(&b, "| %s ", said)
		}
		b.WriteString("|\n")
	}
	return b.String()
}

// measured is what came of the mutations.
type measured struct {
	taken   map[string][verifiers]string
	rows    []string
	clauses map[string]bool
	judged  [verifiers]int
	missed  [verifiers]int
	nobody  []string
}

// allowed marks what Section 8 does not forbid.
const allowed = "(allowed)"

// add judges a row. A verifier that does not take the right statement says nothing by refusing a wrong one.
func (m *measured) add(wrong *attest.Mutation, a cose.Algorithm, verdicts [verifiers]string) {
	row := fmt.Sprintf("| `%s` | %s | %s ", wrong, wrong.Breaks, wrong.Clause)
	noticed := false
	for v, verdict := range verdicts {
		able := slices.Contains(strings.Fields(m.taken[wrong.Kind][v]), a.String())
		isAllowed := strings.HasSuffix(wrong.Breaks, allowed)
		noticed = noticed || verdict != "" && able && verdict != notJudged
		switch {
		case verdict == notJudged, verdict != "" && !able:
			row += "| – "
			continue
		case verdict != "":
			row += "| refused "
		case isAllowed || v == byOpenSSL: // what is in a certificate is no business of OpenSSL's
			row += "| accepted "
		default:
			row += "| **accepted** "
			m.missed[v]++
		}
		if !isAllowed {
			m.judged[v]++
		}
	}
	if m.clauses == nil {
		m.clauses = map[string]bool{}
	}
	m.clauses[wrong.Clause] = true
	if !noticed && !strings.HasSuffix(wrong.Breaks, allowed) {
		m.nobody = append(m.nobody, wrong.String())
	}
	m.rows = append(m.rows, row+"|\n")
}

// String is the table without its head.
func (m *measured) String() string {
	return "| mutation | what is wrong | clause | go-webauthn | SimpleWebAuthn | fido2-lib | libfido2 | OpenSSL |\n|---|---|---|---|---|---|---|---|\n" +
		strings.Join(m.rows, "")
}

// figures sums the table up.
func (m *measured) figures(accepted map[string][verifiers]string) string {
	var b strings.Builder
	known, good := 0, 0
	for kind, algorithms := range m.taken {
		for v, list := range algorithms {
			for a := range strings.FieldsSeq(list) {
				if known++; slices.Contains(strings.Fields(accepted[kind][v]), a) {
					good++
				}
			}
		}
	}
	b.WriteString("| what | measured | reach |\n|---|---|---|\n")
	fmt.Fprintf(&b, "| right statements accepted, of each kind and algorithm by each verifier that knows it | %d of %d | all |\n", good, known)
	fmt.Fprintf(&b, "| clauses with a mutation | %d of %d, %d mutations | all |\n", len(m.clauses), len(m.clauses), len(m.rows))
	b.WriteString("\n| verifier | wrong statements judged | accepted |\n|---|---|---|\n")
	for v, name := range []string{"go-webauthn", "SimpleWebAuthn", "fido2-lib", "libfido2"} {
		fmt.Fprintf(&b, "| %s | %d | %d |\n", name, m.judged[v], m.missed[v])
	}
	fmt.Fprintf(&b, "| nobody notices | | %s |\n", "`"+strings.Join(m.nobody, "`, `")+"`")
	return b.String()
}
