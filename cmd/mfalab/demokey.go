package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/client"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// The pages of the story: the real one, one that looks like it, and one of the real site that somebody has taken over.
const (
	siteDomain   = "example.test"
	sitePage     = "https://signin.example.test"
	phishingPage = "https://signin.example-login.test"
	phishingHost = "signin.example-login.test"
	hauntedPage  = "https://old.example.test"
)

// A ceremony is navigator.credentials.create or get.
type ceremony func(c *client.Client, origin string, options []byte) ([]byte, error)

// enrolKey takes a key from the box and enrols it on the real page.
func (s *story) enrolKey() error {
	key, err := s.lab.NewKey(s.ctx, live.KeySpec{})
	s.key = key.Serial
	if err := errors.Join(err, s.narrate()); err != nil {
		return err
	}
	if err := s.ask("BeginSecurityKeyEnrolment", "SecurityKeyName", "blue"); err != nil {
		return err
	}
	answer, err := s.browse(sitePage, (*client.Client).Create, s.asked.Options)
	if err != nil {
		return err
	}
	return s.finish("FinishSecurityKeyEnrolment", answer)
}

// touchIn signs alice in with a touch on the real page.
func (s *story) touchIn() error {
	if err := s.ask("BeginSecurityKeySignIn"); err != nil {
		return err
	}
	answer, err := s.browse(sitePage, (*client.Client).Get, s.asked.Options)
	if err != nil {
		return err
	}
	return s.finish("FinishSecurityKeySignIn", answer)
}

// giveAway has alice type a code into a page that hands it on: the relying party cannot tell.
func (s *story) giveAway() error {
	if err := s.record("page.opened", sim.String("user", "alice"), sim.String("origin", phishingPage)); err != nil {
		return err
	}
	if err := s.press(); err != nil {
		return err
	}
	if err := s.record("page.relayed", sim.String("origin", phishingPage)); err != nil {
		return err
	}
	if _, err := s.session(); err != nil {
		return err
	}
	return s.record("page.won", sim.String("origin", phishingPage), sim.String("user", "alice"))
}

// phish has the same page ask the key for what the real one asks, and then in its own name.
func (s *story) phish() error {
	if err := s.ask("BeginSecurityKeySignIn"); err != nil {
		return err
	}
	_, err := s.browse(phishingPage, (*client.Client).Get, s.asked.Options)
	if err := unsigned(err, client.SecurityError); err != nil {
		return err
	}
	own, err := inTheNameOf(phishingHost, s.asked.Options)
	if err != nil {
		return err
	}
	_, err = s.browse(phishingPage, (*client.Client).Get, own)
	return unsigned(err, client.NotAllowedError)
}

// haunt has a page ask whose name the browser has to believe. Only the relying party can refuse that.
func (s *story) haunt() error {
	if err := s.ask("BeginSecurityKeySignIn"); err != nil {
		return err
	}
	answer, err := s.browse(hauntedPage, (*client.Client).Get, s.asked.Options)
	if err != nil {
		return err
	}
	return refused("the signature", s.finish("FinishSecurityKeySignIn", answer))
}

// ask begins a ceremony for alice.
func (s *story) ask(action string, params ...string) error {
	result, err := s.call(s.alice, "signin", action, params...)
	if err != nil {
		return err
	}
	var ok bool
	if s.asked, ok = result.(*iam.Ceremony); !ok {
		return fmt.Errorf("a ceremony was asked for and %T came", result)
	}
	return nil
}

// finish hands the browser's answer in.
func (s *story) finish(action string, answer []byte) error {
	_, err := s.call(s.alice, "signin", action, "CeremonyId", s.asked.ID, "Response", string(answer))
	return err
}

// browse has a page call navigator.credentials in alice's browser, with her key plugged in and her finger on it.
func (s *story) browse(origin string, do ceremony, options []byte) ([]byte, error) {
	rp, err := relyingParty(options)
	if err != nil {
		return nil, err
	}
	if err := s.record("page.asked", sim.String("origin", origin), sim.String("rp", rp)); err != nil {
		return nil, err
	}
	ask := func(req []byte) ([]byte, error) { return s.lab.AskKey(s.ctx, s.key, req) }
	browser := &client.Client{Keys: []client.Key{{Ask: ask}}}
	answer, err := do(browser, origin, options)
	var refusal *client.Error
	if errors.As(err, &refusal) {
		attrs := []sim.Attr{sim.String("origin", origin), sim.String("rp", rp), sim.String("error", refusal.Name),
			sim.String("message", refusal.Message)}
		var status ctap.Status
		if errors.As(err, &status) {
			attrs = append(attrs, sim.String("status", status.Error()))
		}
		return nil, errors.Join(err, s.record("page.refused", attrs...))
	}
	return answer, errors.Join(err, s.narrate())
}

// unsigned checks that err is the browser's refusal of that name.
func unsigned(err error, name string) error {
	var refusal *client.Error
	switch {
	case err == nil:
		return errors.New("the key signed for it")
	case errors.As(err, &refusal) && refusal.Name == name:
		return nil
	default:
		return err
	}
}

// relyingParty returns the RP ID in options of either kind.
func relyingParty(options []byte) (string, error) {
	var o struct {
		RPID string `json:"rpId"`
		RP   struct{ ID string }
	}
	err := json.Unmarshal(options, &o)
	return o.RPID + o.RP.ID, err
}

// inTheNameOf returns request options with another RP ID.
func inTheNameOf(rp string, options []byte) ([]byte, error) {
	var o map[string]any
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, err
	}
	o["rpId"] = rp
	return json.Marshal(o)
}

// record writes into the journal what the world cannot see for itself, and tells it.
func (s *story) record(event string, attrs ...sim.Attr) error {
	err := s.lab.Do(s.ctx, func(w *sim.World) error {
		w.Record(event, attrs...)
		return nil
	})
	return errors.Join(err, s.narrate())
}
