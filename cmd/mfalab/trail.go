package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/trail"
)

// trailFlags say which records are wanted, and how.
type trailFlags struct {
	follow         bool
	name, user, by string
	since, until   string
	last           int
}

func (c *cli) trail() *cobra.Command {
	var f trailFlags
	cmd := &cobra.Command{
		Use:   "trail",
		Short: "Print the account's CloudTrail, one record a line",
		Long: `Print the account's CloudTrail: who called what, with which device behind the session, and what came of it.

With --json a line is the record itself, as CloudTrail shows it. The aws CLI finds the same: aws cloudtrail lookup-events.`,
		Example: `  mfalab trail --last 5
  mfalab trail --follow --name ConsoleLogin
  mfalab trail --by ResourceName=GAHT12345678 --json | jq .errorCode
  mfalab trail --user bob --since 2026-02-17T09:00:00Z`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().BoolVarP(&f.follow, "follow", "f", false, "go on printing as it grows")
	cmd.Flags().StringVar(&f.name, "name", "", "only events of that name, such as GetSessionToken")
	cmd.Flags().StringVar(&f.user, "user", "", "only events of that user or session (root for root)")
	cmd.Flags().StringVar(&f.by, "by", "", "only events with that ATTRIBUTE=VALUE: "+attributeHelp())
	cmd.Flags().StringVar(&f.since, "since", "", "only events from that moment of the lab's time on")
	cmd.Flags().StringVar(&f.until, "until", "", "only events up to that moment")
	cmd.Flags().IntVarP(&f.last, "last", "n", 0, "only the newest so many (0: all that are kept)")
	cmd.RunE = func(*cobra.Command, []string) error {
		query, err := f.query()
		if err != nil {
			return usage{err}
		}
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			return c.showTrail(ctx, lab, f, query)
		})
	}
	return cmd
}

func attributeHelp() string {
	var names []string
	for _, a := range trail.Attributes() {
		names = append(names, string(a))
	}
	return strings.Join(names, ", ")
}

// query turns the flags into those of the control API.
func (f trailFlags) query() (url.Values, error) {
	q := url.Values{}
	chosen := 0
	choose := func(by trail.Attribute, value string) {
		if value != "" {
			chosen++
			q.Set("by", string(by))
			q.Set("value", value)
		}
	}
	choose(trail.EventName, f.name)
	choose(trail.UserName, f.user)
	if f.by != "" {
		by, value, ok := strings.Cut(f.by, "=")
		if !ok {
			return nil, fmt.Errorf("--by %q has no =: give an attribute and its value, such as Username=bob", f.by)
		}
		choose(trail.Attribute(by), value)
	}
	if chosen > 1 {
		return nil, fmt.Errorf("--name, --user and --by are one question each: give one of them, as LookupEvents takes one")
	}
	for name, at := range map[string]string{"start": f.since, "end": f.until} {
		if at == "" {
			continue
		}
		if _, err := time.Parse(time.RFC3339, at); err != nil {
			return nil, fmt.Errorf("%q is no time: write it as 2026-02-17T09:44:55Z", at)
		}
		q.Set(name, at)
	}
	return q, nil
}

// showTrail prints what is there and then, with --follow, what comes.
func (c *cli) showTrail(ctx context.Context, lab *control.Client, f trailFlags, query url.Values) error {
	var list []control.TrailRecord
	if err := lab.Get(ctx, "/v1/trail?"+query.Encode(), &list); err != nil {
		return err
	}
	if f.last > 0 && len(list) > f.last {
		list = list[len(list)-f.last:]
	}
	for _, r := range list {
		if err := c.printRecord(r); err != nil {
			return err
		}
	}
	if !f.follow {
		return nil
	}
	if len(list) > 0 {
		query.Set("after", strconv.FormatUint(list[len(list)-1].Number, 10))
	}
	return lab.Stream(ctx, "/v1/trail/stream?"+query.Encode(), func(line []byte) error {
		var r control.TrailRecord
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		return c.printRecord(r)
	})
}

// printRecord writes one record in one line, for programs as it is and for people as a sentence.
func (c *cli) printRecord(r control.TrailRecord) error {
	if c.json {
		_, err := fmt.Fprintln(c.out, r.Record.JSON())
		return err
	}
	return sayRecord(c.out, r.Record)
}

func sayRecord(w io.Writer, r trail.Record) error {
	mfa := "-"
	if x := r.UserIdentity.SessionContext; x != nil {
		mfa = "session"
		if x.Attributes.MFAAuthenticated == "true" {
			mfa = "mfa"
		}
	}
	came := "ok"
	if r.ErrorCode != "" || r.ErrorMessage != "" {
		came = strings.TrimSpace(r.ErrorCode + " " + r.ErrorMessage)
	}
	who := r.UserIdentity.ARN
	if who == "" {
		who = r.UserIdentity.UserName
	}
	_, err := fmt.Fprintf(w, "%s  %-28s %-8s %s  %s\n", r.EventTime, r.EventName, mfa, who, came)
	return err
}
