package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam/policy"
)

const policiesPage = "../../docs/policies.md"

func TestTheTrapsInTheDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString("| rule | how bad | what happens | what to write |\n|---|---|---|---|\n")
	for _, x := range policy.Traps() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", x.Rule, x.Severity, x.Text, x.Fix)
	}
	made(t, policiesPage, "traps", b.String())
}

// TestTheGridInTheDocs asks the engine for every cell of the grid of MFA conditions, by a statement that has nothing else.
func TestTheGridInTheDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString("| condition | access key | session without MFA | MFA just now | MFA two hours ago | in an Allow | in a Deny |\n|---|---|---|---|---|---|---|\n")
	columns, err := kindsOfCredential("")
	require.NoError(t, err)
	caller, err := callerOf("arn:aws:iam::123456789012:user/alice")
	require.NoError(t, err)
	now := time.Unix(1e9, 0)
	for _, row := range [][5]string{
		{"Bool", "aws:MultiFactorAuthPresent", "true", "right: MFA only", "nonsense"},
		{"BoolIfExists", "aws:MultiFactorAuthPresent", "true", "lets access keys in", ""},
		{"Bool", "aws:MultiFactorAuthPresent", "false", "", "access keys slip through"},
		{"BoolIfExists", "aws:MultiFactorAuthPresent", "false", "", "**right**"},
		{"Null", "aws:MultiFactorAuthPresent", "false", "wrong: any session", ""},
		{"Null", "aws:MultiFactorAuthPresent", "true", "", "sessions without MFA slip through"},
		{"NumericLessThan", "aws:MultiFactorAuthAge", "300", "right: fresh MFA only", ""},
		{"NumericGreaterThan", "aws:MultiFactorAuthAge", "3600", "", "who has no age slips through"},
		{"NumericGreaterThanIfExists", "aws:MultiFactorAuthAge", "3600", "", "**right**"},
		{"Null", "aws:MultiFactorAuthAge", "true", "", "right, of any age"},
	} {
		d, err := policy.Parse(policy.Identity, fmt.Sprintf(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"a:b","Resource":"*","Condition":{%q:{%q:%q}}}}`, row[0], row[1], row[2]))
		require.NoError(t, err)
		set := &policy.Set{Identity: []policy.Attached{{Name: "grid", Document: d}}}
		fmt.Fprintf(&b, "| `%s %s %s` ", row[0], row[1], row[2])
		for _, column := range columns {
			r := &policy.Request{Caller: caller, Action: "a:b", Resource: "*", Context: policy.NewContext(now)}
			require.NoError(t, fill(r, column, nil, now))
			met := "no"
			if set.Decide(r).Outcome == policy.Allowed {
				met = "met"
			}
			fmt.Fprintf(&b, "| %s ", met)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", row[3], row[4])
	}
	made(t, policiesPage, "grid", b.String())
}

// TestThePoliciesPageTellsTheTruth runs the sessions of the page and compares.
func TestThePoliciesPageTellsTheTruth(t *testing.T) {
	page, err := os.ReadFile(policiesPage)
	require.NoError(t, err)
	root, err := filepath.Abs(house)
	require.NoError(t, err)
	ran := 0
	for _, block := range fences.FindAllStringSubmatch(string(page), -1) {
		line, want, ok := strings.Cut(block[1], "\n")
		command, session := strings.CutPrefix(line, "$ mfalab ")
		if !ok || !session {
			continue
		}
		_, out, errs := mfalab(t, root, strings.Fields(command)...)
		require.Empty(t, errs)
		require.Equal(t, want, out, command)
		ran++
	}
	require.Equal(t, 4, ran)
	files, err := filepath.Glob(filepath.Join(root, "docs", "policies", "*.json"))
	require.NoError(t, err)
	require.Len(t, files, 8)
	for _, f := range files {
		require.Contains(t, string(page), "(policies/"+filepath.Base(f)+")")
	}
}
