package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/iam/policy"
)

// policies is the group of commands about policies in files. None of them needs a lab.
func (c *cli) policies() *cobra.Command {
	return group("policy", "Policies with MFA conditions, in files: find their traps, decide by them, write them",
		c.policyCheck(), c.policyExplain(), c.policyNew())
}

// policyKinds are the kinds of documents by their names.
var policyKinds = map[string]policy.Kind{"identity": policy.Identity, "boundary": policy.Boundary, "session": policy.Session,
	"resource": policy.Resource, "trust": policy.Trust}

// A policyFile is a document that the user named.
type policyFile struct {
	name string
	*policy.Document
}

// readPolicy reads a file, or standard input for "-". The kind is guessed where none is given.
func (c *cli) readPolicy(name, kind string) (policyFile, error) {
	var b []byte
	var err error
	if name == "-" {
		b, err = io.ReadAll(c.in)
	} else {
		b, err = os.ReadFile(c.path(name))
	}
	if err != nil {
		return policyFile{}, err
	}
	k, known := policyKinds[kind]
	switch {
	case kind == "":
		k = policy.Guess(string(b))
	case !known:
		return policyFile{}, usage{fmt.Errorf("--kind %q is not known: give identity, boundary, session, resource or trust", kind)}
	}
	d, err := policy.Parse(k, string(b))
	return policyFile{name, d}, err
}

// policyFinding is a line of `mfalab policy check`.
type policyFinding struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	Statement string `json:"statement,omitempty"`
	Severity  string `json:"severity"`
	Rule      string `json:"rule"`
	Text      string `json:"text"`
	Fix       string `json:"fix"`
}

// severities are the names of how bad a trap is, the worst first.
var severities = []string{string(policy.Wrong), string(policy.Risky), string(policy.Note)}

func (c *cli) policyCheck() *cobra.Command {
	var kind, failOn string
	var together bool
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Name the traps about MFA that policies walk into",
		Long: `Name the traps about MFA that policies walk into: where, what happens, and what to write instead. "-" is standard
input. The status is 1 where something is wrong, or where the real service would refuse a document.`,
		Example: `  mfalab policy check force-mfa.json
  mfalab policy check --together group.json user.json
  aws iam get-role --role-name r --query Role.AssumeRolePolicyDocument | mfalab policy check -`,
		Args: cobra.MinimumNArgs(1),
	}
	cmd.Flags().StringVar(&kind, "kind", "", "identity, boundary, session, resource or trust (default: what the document looks like)")
	cmd.Flags().BoolVar(&together, "together", false, "the documents are attached to the same user, group or bucket")
	cmd.Flags().StringVar(&failOn, "fail-on", severities[0], "the mildest finding that makes the status 1: wrong, risky or note")
	cmd.RunE = func(_ *cobra.Command, names []string) error {
		worst := slices.Index(severities, failOn)
		if worst < 0 {
			return usage{fmt.Errorf("--fail-on %q is not known: give wrong, risky or note", failOn)}
		}
		found := []policyFinding{}
		var files []policyFile
		for _, name := range names {
			f, err := c.readPolicy(name, kind)
			var refused *policy.Error
			switch {
			case errors.As(err, &refused):
				found = append(found, policyFinding{File: name, Line: 1, Column: 1, Severity: severities[0], Rule: "malformed", Text: refused.Error(),
					Fix: "the real service refuses it: write it anew"})
			case err != nil:
				return err
			default:
				files = append(files, f)
			}
		}
		found = append(found, findings(files, together)...)
		if err := c.print(found, func(w io.Writer) { writeFindings(w, found) }); err != nil {
			return err
		}
		if slices.ContainsFunc(found, func(f policyFinding) bool { return slices.Index(severities, f.Severity) <= worst }) {
			return exit(1)
		}
		return nil
	}
	return cmd
}

// findings checks each file, alone or beside the others of its kind.
func findings(files []policyFile, together bool) []policyFinding {
	var all []policyFinding
	for i, f := range files {
		var beside []*policy.Document
		for j, other := range files {
			if together && i != j && other.Kind == f.Kind {
				beside = append(beside, other.Document)
			}
		}
		for _, x := range policy.Check(f.Document, beside...) {
			all = append(all, policyFinding{f.name, x.At.Line, x.At.Column, x.Statement.Label(), string(x.Severity), x.Rule, x.Text, x.Fix})
		}
	}
	return all
}

// writeFindings writes them for people, and for editors, which go to FILE:LINE:COLUMN.
func writeFindings(w io.Writer, found []policyFinding) {
	for _, f := range found {
		where := ""
		if f.Statement != "" {
			where = f.Statement + ": "
		}
		fmt.Fprintf(w, "%s:%d:%d: %s: %s%s [%s]\n    %s\n", f.File, f.Line, f.Column, f.Severity, where, f.Text, f.Rule, f.Fix)
	}
	if len(found) == 0 {
		fmt.Fprintln(w, "no trap about MFA found")
	}
}

// A spoken question has an answer that the user types, or a default where nothing is typed.
type spoken struct {
	question, standard string
	check              func(string) error
}

// ask asks until the answer will do. A program that writes to the terminal reads prompts on standard error.
func (c *cli) ask(lines *lineReader, q spoken) (string, error) {
	for {
		prompt := q.question
		if q.standard != "" {
			prompt += " [" + q.standard + "]"
		}
		fmt.Fprint(c.err, prompt+": ")
		answer, err := lines.next()
		if err != nil {
			return "", err
		}
		if answer = strings.TrimSpace(answer); answer == "" {
			answer = q.standard
		}
		if q.check == nil {
			return answer, nil
		}
		if err = q.check(answer); err == nil {
			return answer, nil
		}
		fmt.Fprintln(c.err, "  "+err.Error())
	}
}
