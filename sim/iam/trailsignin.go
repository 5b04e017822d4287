package iam

import (
	"encoding/json"
	"strings"

	"github.com/mfalab/mfalab/sim/trail"
)

// signInService is the service of what the sign-in page does: it has no API. What the trail makes of its calls stands in
// signInEvents, after Section 7 of AWS MFA. What is not there is a step between two pages, of which the real service has no
// record; the journal has it.
const signInService = "signin"

// From Section 7, and "AWS Management Console sign-in events" of the CloudTrail User Guide: what records call the root user
// where they name a user, and a user who is not there, because people type passwords where the name belongs.
const (
	rootInTrail   = "AWS ROOT USER"
	hiddenInTrail = "HIDDEN_DUE_TO_SECURITY_REASONS"
	noUserInTrail = "No username found in supplied account"
)

// signInEvents make the event of a call what the trail knows it as, and return what it knows besides. An event that is left
// without a name is none.
var signInEvents = map[string]func(*deciding, *trail.Event) []*trail.Event{
	"BeginSignIn":                signingEvent,
	"FinishSignInWithCode":       signingEvent,
	"BeginSecurityKeySignIn":     signingEvent,
	"FinishSecurityKeySignIn":    signingEvent,
	"FinishRootRecovery":         recoveryEvent,
	"ChangePasswordAtSignIn":     passwordEvent,
	"SetRootPassword":            passwordEvent,
	"FinishSecurityKeyEnrolment": deviceEvent("EnableMFADevice"),
	"EnableMFADevice":            deviceEvent("EnableMFADevice"),
	"ResyncMFADevice":            deviceEvent("ResyncMFADevice"),
	"ResyncAtSignIn":             deviceEvent("ResyncMFADevice"),
	"SwitchRole":                 switchEvent,
	"ExitRole":                   exitEvent,
}

// signingEvent is that of a step of signing in: somebody is let in or refused, or the second page is due.
func signingEvent(c *deciding, e *trail.Event) []*trail.Event {
	c.signer(e)
	s := trail.SignIn{Failed: c.refusal != nil, Root: e.Who.Kind == trail.Root, Used: strings.HasPrefix(c.op.name, "Finish")}
	switch r := c.result.(type) {
	case *ConsoleSession:
		s.Device = r.SerialNumber
	case *SignIn:
		switch {
		case s.Failed:
		case r.Session != nil:
			s.Used, s.Device = r.Session.SerialNumber != "", r.Session.SerialNumber
		case r.Codes || r.Keys:
			e.CheckMFA(c.deviceKind())
			return nil
		default: // a new password is due: the sign-in is recorded when it is there
			e.Name = ""
			return nil
		}
	default:
		if !s.Failed { // the page asks for a security key
			e.CheckMFA(c.deviceKind())
			return nil
		}
	}
	e.ConsoleLogin(s)
	if s.Failed && c.signing == nil {
		e.Who = trail.Identity{Kind: trail.IAMUser, User: hiddenInTrail}
		e.Message = noUserInTrail
	}
	return nil
}

// recoveryEvent is that of a root user who comes in without the device; asking whether the call was answered is none.
func recoveryEvent(c *deciding, e *trail.Event) []*trail.Event {
	if _, ok := c.result.(*SignIn); ok || c.refusal != nil {
		return signingEvent(c, e)
	}
	c.signer(e)
	e.Request, e.Response = nil, nil
	return nil
}

// signer makes who signs in the one who called. Until that is known it is nobody.
func (c *deciding) signer(e *trail.Event) {
	if u := c.signing; u != nil {
		e.Who = c.identity(Caller{UserID: u.ID, UserName: u.Name, ARN: u.arn(c.Account())})
	}
}

// deviceKind says what kinds of devices the user who signs in has.
func (c *deciding) deviceKind() string {
	switch devices := c.signing.Devices; {
	case len(devices) > 1:
		return trail.Multiple
	case len(devices) == 0 || strings.Contains(devices[0], ":u2f/"):
		return trail.U2F
	case strings.HasPrefix(devices[0], "arn:"):
		return trail.Virtual
	}
	return trail.Hardware
}

// passwordEvent is that of a new password, and where that was all that was left to do, that of the sign-in.
func passwordEvent(c *deciding, e *trail.Event) []*trail.Event {
	c.signer(e)
	login := *e
	e.PasswordUpdated(c.refusal != nil)
	r, ok := c.result.(*SignIn)
	if c.refusal != nil || !ok || r.Session == nil {
		return nil
	}
	login.ConsoleLogin(trail.SignIn{Root: e.Who.Kind == trail.Root, Used: r.Session.SerialNumber != "", Device: r.Session.SerialNumber})
	return []*trail.Event{&login}
}

// deviceEvent is that of an operation of IAM that the page does with its own permission.
func deviceEvent(name string) func(*deciding, *trail.Event) []*trail.Event {
	return func(c *deciding, e *trail.Event) []*trail.Event {
		if c.signing != nil {
			c.signer(e)
		}
		e.Source, e.Name, e.Response = "iam", name, nil
		request := struct {
			UserName     string `json:"userName"`
			SerialNumber string `json:"serialNumber,omitempty"`
		}{c.call.Params.Get("UserName"), c.call.Params.Get("SerialNumber")}
		for _, name := range []string{e.Who.User, rootInTrail} {
			if request.UserName == "" {
				request.UserName = name
			}
		}
		if c.refusal != nil {
			e.Code = trailCode("iam", c.refusal)
		} else if r, ok := c.result.(*EnrolledKey); ok {
			request.SerialNumber = r.SerialNumber
		}
		b, err := json.Marshal(request)
		if err != nil {
			panic("iam: internal error: " + err.Error()) // two strings always marshal
		}
		e.Request = b
		return nil
	}
}
