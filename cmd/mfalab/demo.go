package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/live"
)

func (c *cli) demo() *cobra.Command {
	var weaken []string
	var seed string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Tell the whole story in virtual time: a fob and its clock, a key and a phishing page",
		Example: `  mfalab demo
  mfalab demo --weaken replay       what goes wrong when a used code is good again (ends with status 1)
  mfalab demo --weaken origin       what goes wrong when nobody looks where a signature comes from (the same)`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&seed, "seed", "demo", "the seed of the story's world")
	cmd.Flags().StringArrayVar(&weaken, "weaken", nil, "break rules of the relying party on purpose (see docs/iam.md)")
	cmd.RunE = func(*cobra.Command, []string) (err error) {
		if _, err := live.Settings(nil, weaken); err != nil {
			return usage{err}
		}
		dir, err := os.MkdirTemp("", "mfalab-demo-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		lab, err := live.Open(cmd.Context(), live.Options{Dir: dir, Ephemeral: true, Seed: seed, Virtual: true,
			Start: scenarioStart, Weaken: weaken, Set: []string{"rp-id=" + siteDomain, "rp-origin=" + sitePage}})
		if err != nil {
			return err
		}
		s := &story{cli: c, lab: lab, ctx: cmd.Context()}
		return errors.Join(s.tell(), lab.Close())
	}
	return cmd
}

// A story is told by doing it: each act is done in the world, and what the journal then holds is what is printed.
type story struct {
	*cli
	lab   *live.Lab
	ctx   context.Context
	told  uint64 // events printed so far
	alice iam.Caller
	fob   string
	code  string // read from the LCD last
	key   string
	asked *iam.Ceremony // the ceremony that the relying party began last
}

// The winter of the story: how cold the car is, in degrees Celsius, and for how many days at most the fob lies in it.
const (
	cold    = -20
	longest = 60
)

func (s *story) tell() error {
	if weak := s.lab.IAM().Settings().Weakened(); len(weak) > 0 {
		fmt.Fprintf(s.out, "!! WEAKENED ON PURPOSE: %v !!\n", weak)
	}
	for _, chapter := range []struct {
		title string
		act   func() error
	}{
		{"A user, and a fob from the box", s.begin},
		{"Enrolled with two consecutive codes", s.enrol},
		{"A session with a third", s.signIn},
		{"The same code once more", s.replay},
		{"A winter in a cold car", s.freeze},
		{"Synchronised again", s.resync},
		{"And used again", s.signIn},
		{"A key from the box, enrolled with a touch", s.enrolKey},
		{"Signed in with another touch", s.touchIn},
		{"A page that looks like the real one asks for a code", s.giveAway},
		{"The same page asks the key", s.phish},
		{"A forgotten page of the real site asks the key", s.haunt},
	} {
		fmt.Fprintf(s.out, "\n%s\n", chapter.title)
		if err := chapter.act(); err != nil {
			return fmt.Errorf("the story went wrong at %q: %w", chapter.title, err)
		}
	}
	fmt.Fprintln(s.out)
	return nil
}

func (s *story) begin() error {
	if err := s.hush(); err != nil {
		return err
	}
	if _, err := s.call(s.lab.IAM().RootCaller(), "iam", "CreateUser", "UserName", "alice"); err != nil {
		return err
	}
	if _, err := s.call(s.lab.IAM().RootCaller(), "iam", "PutUserPolicy", "UserName", "alice", "PolicyName", "own-devices",
		"PolicyDocument", ownDevices); err != nil {
		return err
	}
	made, err := s.call(s.lab.IAM().RootCaller(), "iam", "CreateAccessKey", "UserName", "alice")
	if err != nil {
		return err
	}
	key, ok := made.(interface{ Credential() (id, secret string) })
	if !ok {
		return fmt.Errorf("an access key was asked for and %T came", made)
	}
	id, _ := key.Credential()
	now, _ := s.lab.Clock().Now()
	if _, s.alice, err = s.lab.IAM().Credential(s.ctx, id, "", now); err != nil {
		return err
	}
	fob, err := s.lab.NewFob(s.ctx, live.FobSpec{})
	s.fob = fob.Serial
	return errors.Join(err, s.narrate())
}

// press reads the next code that nobody has got from the fob's LCD.
func (s *story) press() error {
	shown, err := s.lab.Press(s.ctx, live.Fobs, s.fob, live.PressOptions{Next: true})
	s.code = shown.Code
	return errors.Join(err, s.narrate())
}

// pair presses twice, a step apart, and hands both codes to action for alice.
func (s *story) pair(action string) error {
	if err := s.press(); err != nil {
		return err
	}
	first := s.code
	if err := s.press(); err != nil {
		return err
	}
	_, err := s.call(s.lab.IAM().RootCaller(), "iam", action, "UserName", "alice", "SerialNumber", s.fob,
		"AuthenticationCode1", first, "AuthenticationCode2", s.code)
	return err
}

func (s *story) enrol() error { return s.pair("EnableMFADevice") }

func (s *story) resync() error { return s.pair("ResyncMFADevice") }

func (s *story) signIn() error {
	if err := s.press(); err != nil {
		return err
	}
	_, err := s.session()
	return err
}

func (s *story) session() (any, error) {
	return s.call(s.alice, "sts", "GetSessionToken", "SerialNumber", s.fob, "TokenCode", s.code)
}

// refused checks that err is the relying party's refusal of what somebody showed.
func refused(what string, err error) error {
	var e *iam.Error
	switch {
	case err == nil:
		return errors.New(what + " was accepted")
	case errors.As(err, &e) && e.Code == "AccessDenied":
		return nil
	default:
		return err
	}
}

func (s *story) replay() error {
	_, err := s.session()
	return refused("the code", err)
}

// freeze leaves the fob in the cold until the relying party no longer takes its codes, trying once a day.
func (s *story) freeze() error {
	if err := s.lab.Heat(s.ctx, s.fob, cold); err != nil {
		return err
	}
	if err := errors.Join(s.lab.Advance(s.ctx, 14*24*time.Hour), s.narrate()); err != nil {
		return err
	}
	for range longest {
		if err := s.press(); err != nil {
			return err
		}
		if _, err := s.session(); err != nil {
			return refused("the code", err)
		}
		if err := s.lab.Advance(s.ctx, 24*time.Hour); err != nil {
			return err
		}
	}
	return fmt.Errorf("after %d days in the cold its codes are still accepted", longest)
}

// ownDevices lets alice enrol her own devices: without a policy she may do nothing.
const ownDevices = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:EnableMFADevice",` +
	`"Resource":"arn:aws:iam::*:user/${aws:username}"}}`

// call asks the relying party and prints what the journal says of it.
func (s *story) call(as iam.Caller, service, action string, params ...string) (any, error) {
	form := url.Values{}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	result, err := s.lab.As(s.ctx, as, service, action, form)
	return result, errors.Join(err, s.narrate())
}

// hush passes over what the journal holds so far.
func (s *story) hush() error {
	for _, e := range s.lab.Journal().After(s.told, 0) {
		s.told = e.Seq
	}
	return nil
}

// narrate prints the events that have not been told.
func (s *story) narrate() error {
	for _, e := range s.lab.Journal().After(s.told, 0) {
		s.told = e.Seq
		if err := s.line(e); err != nil {
			return err
		}
	}
	return nil
}

// line words one event. The journal holds steps, never codes: what the LCD shows is read from the fob.
func (s *story) line(e sim.Event) error {
	text := sentence(e)
	if text == "" {
		return nil
	}
	fmt.Fprintf(s.out, "  %s  %s\n", e.Time.Format("Jan 02 15:04:05"), text)
	if e.Name != "fob.pressed" {
		return nil
	}
	shown, err := s.lab.Peek(s.ctx, live.Fobs, e.Text("serial"), e.Number("step"), false)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "                   [ %s ]\n", shown.Code)
	return nil
}
