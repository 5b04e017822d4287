package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mfalab/mfalab/sim/iam/policy"
)

// purposes says for people what each purpose is there for.
var purposes = map[policy.Purpose]string{
	policy.ForceMFA:       "everything but enrolling a device needs MFA",
	policy.DenyWithoutMFA: "some actions need MFA, whatever else allows them",
	policy.AllowWithMFA:   "some actions are allowed with MFA only",
	policy.AssumeWithMFA:  "a role is assumed with MFA only (a trust policy)",
	policy.BucketWithMFA:  "a bucket is used with MFA only (a bucket policy)",
}

func (c *cli) policyNew() *cobra.Command {
	var d policy.Draft
	var purpose string
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Write a policy that asks for MFA, from answers or flags",
		Long:  "Write a policy that asks for MFA, from flags or, on a terminal, from answers. What can be wanted (--for):\n\n" + purposeHelp(),
		Example: `  mfalab policy new
  mfalab policy new --for force > force-mfa.json
  mfalab policy new --for allow --action ec2:TerminateInstances --within 5m
  mfalab policy new --for role --principal 111122223333
  mfalab policy new --for bucket --resource records/taxes/* --within 1h`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&purpose, "for", "", "force, deny, allow, role or bucket (default: asks)")
	cmd.Flags().StringArrayVar(&d.Actions, "action", nil, "an action that needs MFA, such as ec2:Terminate*")
	cmd.Flags().StringArrayVar(&d.Resources, "resource", nil, "what the actions are about: an ARN, or a bucket or a part of one (default: all)")
	cmd.Flags().StringArrayVar(&d.Principals, "principal", nil, "who may assume the role: an account number or an ARN")
	cmd.Flags().DurationVar(&d.Within, "within", 0, "how long ago the MFA may be, such as 5m (default: any time)")
	cmd.RunE = func(*cobra.Command, []string) error {
		d.Purpose = policy.Purpose(purpose)
		if purpose == "" {
			if f, ok := c.in.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
				return usage{errors.New("nobody can be asked here what must need MFA: say it with --for force, deny, allow, role or bucket")}
			}
			if err := c.askDraft(&d); err != nil {
				return err
			}
		}
		text, err := d.Text()
		if err != nil {
			return usage{err}
		}
		_, err = io.WriteString(c.out, text)
		return errors.Join(err, c.remarks(d, text))
	}
	return cmd
}

func purposeHelp() string {
	var b strings.Builder
	for _, p := range policy.Purposes() {
		fmt.Fprintf(&b, "  %-8s%s\n", p, purposes[p])
	}
	return b.String()
}

// remarks says what the linter says of a policy that was just written.
func (c *cli) remarks(d policy.Draft, text string) error {
	document, err := policy.Parse(d.Kind(), text)
	if err != nil {
		return err
	}
	for _, f := range policy.Check(document) {
		fmt.Fprintf(c.err, "mfalab: hint: %s: %s\n", f.Text, f.Fix)
	}
	return nil
}

// askDraft asks what the flags did not say.
func (c *cli) askDraft(d *policy.Draft) error {
	in := &lineReader{bufio.NewReader(c.in)}
	fmt.Fprintln(c.err, "What must need MFA?")
	for i, p := range policy.Purposes() {
		fmt.Fprintf(c.err, "  %d  %-7s %s\n", i+1, p, purposes[p])
	}
	answer, err := c.ask(in, spoken{"Number or name", "1", func(s string) error { _, err := purposeOf(s); return err }})
	if err != nil {
		return err
	}
	if d.Purpose, err = purposeOf(answer); err != nil {
		return err
	}
	for _, q := range questions(d) {
		answer, err := c.ask(in, q.spoken)
		if err != nil {
			return err
		}
		*q.into = append(*q.into, strings.Fields(answer)...)
	}
	within, err := c.ask(in, spoken{"How long ago may the MFA be, such as 5m", "any time", func(s string) error { _, err := ageOf(s); return err }})
	if err != nil {
		return err
	}
	d.Within, err = ageOf(within)
	return err
}

// A listQuestion asks for words with spaces between them.
type listQuestion struct {
	spoken
	into *[]string
}

// questions are those that the purpose leaves open and no flag answered.
func questions(d *policy.Draft) []listQuestion {
	some := func(s string) error {
		if s == "" {
			return errors.New("name at least one, with spaces between more")
		}
		return nil
	}
	actions := listQuestion{spoken{"Which actions, such as ec2:TerminateInstances", "", some}, &d.Actions}
	resources := listQuestion{spoken{"On which resources", "*", nil}, &d.Resources}
	all := map[policy.Purpose][]listQuestion{
		policy.DenyWithoutMFA: {actions, resources},
		policy.AllowWithMFA:   {actions, resources},
		policy.AssumeWithMFA:  {{spoken{"Who may assume the role: account numbers or ARNs", "", some}, &d.Principals}},
		policy.BucketWithMFA:  {{spoken{"Which bucket or part of one, such as records/taxes/*", "", some}, &d.Resources}},
	}
	var open []listQuestion
	for _, q := range all[d.Purpose] {
		if len(*q.into) == 0 {
			open = append(open, q)
		}
	}
	return open
}

// purposeOf reads the answer to what must need MFA.
func purposeOf(answer string) (policy.Purpose, error) {
	list := policy.Purposes()
	if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(list) {
		return list[n-1], nil
	}
	if _, known := purposes[policy.Purpose(answer)]; known {
		return policy.Purpose(answer), nil
	}
	return "", fmt.Errorf("%q is none of them: give a number from 1 to %d", answer, len(list))
}

// ageOf reads the answer to how long ago the MFA may be.
func ageOf(answer string) (time.Duration, error) {
	if answer == "any time" {
		return 0, nil
	}
	d, err := time.ParseDuration(answer)
	if err != nil || d <= 0 || d%time.Second != 0 {
		return 0, fmt.Errorf("%q is no time of whole seconds: give one such as 300s, 5m or 1h", answer)
	}
	return d, nil
}

// A lineReader gives lines as the user ends them.
type lineReader struct{ *bufio.Reader }

func (r *lineReader) next() (string, error) {
	line, err := r.ReadString('\n')
	if errors.Is(err, io.EOF) {
		return "", errors.New("the input ended before the last question was answered")
	}
	return line, err
}
