package iam

import (
	"encoding/json"
	"net/url"
	"time"

	"github.com/mfalab/mfalab/sim/trail"
)

// switchOperations are the console's way into a role and out of it: IAM User Guide, id_roles_use_switch-role-console. Who may
// go in is decided by the very code of AssumeRole.
var switchOperations = []*operation{
	{service: "signin", name: "SwitchRole", writes: true, run: (*operating).switchRole, params: []param{
		{"Account", switchAccountShape, true}, {"RoleName", switchRoleShape, true}, {"RedirectTo", switchPageShape, false}}},
	{service: "signin", name: "ExitRole", writes: true, run: (*operating).exitRole},
}

// The shapes of what is typed: an account's number or alias, and a role's name with its path before it, which together have 64
// characters at most (id_roles_manage-assume).
var (
	switchAccountShape = shape{min: 1, max: 63}
	switchRoleShape    = newShape(1, 64, `[\w+=,.@/-]+`, `[\w+=,.@/-]+`)
	switchPageShape    = shape{min: 1, max: 2048}
)

// internal is who calls STS for the console, as records of it say (seen).
const internal = "AWS Internal"

// A RoleSwitch is the answer of SwitchRole.
type RoleSwitch struct {
	Session *ConsoleSession // the role's, without a device: it has not had MFA, whatever the user's session had
	// ARN is who acts in it, "arn:aws:sts::A:assumed-role/ROLE/USER".
	ARN string

	id   string          // "AROA...:USER"
	role string          // its ARN
	told json.RawMessage // what the record of AssumeRole says of the answer
}

// switchRole begins a session of a role for the user of a console session, until that ends or the role's longest session is
// over. All that is wrong with a role is refused in the same words.
func (o *operating) switchRole() (any, error) {
	x := o.Caller.Session
	switch {
	case o.Caller.IsRoot():
		return nil, o.refuse("RootSwitchesRole")
	case x == nil || !x.Console || x.Kind != UserSession: // a switch is always made by who signed in (id_roles_use_permissions-to-switch)
		return nil, o.refuse("NoSignIn")
	case o.param("Account") != o.account.ID && o.param("Account") != o.account.Alias:
		return nil, o.refuse("RoleSwitchFailed")
	}
	o.Params = o.asAssumeRole(o.Call)
	r, err := o.trusting(false)
	if e, refused := err.(*Error); refused {
		general := o.refuse("RoleSwitchFailed")
		general.Rule, general.Section = e.Rule, e.Section
		return nil, general
	}
	if err != nil {
		return nil, err
	}
	longest := time.Duration(max(r.MaxSession, defaultRoleSession)) * time.Second
	assumed, began, err := o.roleSession(r, min(longest, x.Expires.Sub(o.Now)), x.AccessKeyID)
	if err != nil {
		return nil, err
	}
	return &RoleSwitch{ARN: assumed.AssumedRoleUser.Arn, id: assumed.AssumedRoleUser.AssumedRoleID, role: r.arn(o.account.ID),
		told: trail.Elements(assumed), Session: &ConsoleSession{AccessKeyID: began.AccessKeyID, SecretAccessKey: began.Secret,
			SessionToken: assumed.Credentials.SessionToken, Expires: began.Expires}}, nil
}

// asAssumeRole returns the parameters with which the console calls AssumeRole for a user.
func (s *Service) asAssumeRole(call Call) url.Values {
	return url.Values{"RoleArn": {"arn:aws:iam::" + s.Account() + ":role/" + call.Params.Get("RoleName")},
		"RoleSessionName": {call.Caller.UserName}}
}

// exitRole ends the caller's session, and leaves the user's from which it was begun.
func (o *operating) exitRole() (any, error) {
	if o.Caller.Session == nil || o.Caller.Session.From == "" {
		return nil, o.refuse("NoSignIn")
	}
	return nil, o.Delete(kindSession, o.Caller.Session.AccessKeyID)
}

// switchEvent is that of a switch, and of the AssumeRole by which the console made it. Both are recorded of a real switch; of one
// that was refused nobody has published a record, and what was asked of STS is not said.
func switchEvent(c *deciding, e *trail.Event) []*trail.Event {
	by, to := *e, c.call.Params.Get("RedirectTo")
	r, _ := c.result.(*RoleSwitch)
	if r == nil || c.refusal != nil {
		e.Who = trail.Identity{Kind: e.Who.Kind, User: e.Who.User}
		e.SwitchRole(by.Who.ARN, to, true)
		return nil
	}
	e.Who = trail.Identity{Kind: trail.AssumedRole, Principal: r.id, ARN: r.ARN}
	e.SwitchRole(by.Who.ARN, to, false)
	asked := c.asAssumeRole(c.call)
	by.Source, by.Name, by.ReadOnly, by.IP, by.Agent, by.Who.InvokedBy = "sts", "AssumeRole", true, internal, internal, internal
	by.Request = operations["sts:AssumeRole"].request(Call{Params: asked})
	by.Response, by.Role, by.TLS = r.told, r.role, nil
	return []*trail.Event{&by}
}

// exitEvent is that of the way back.
func exitEvent(_ *deciding, e *trail.Event) []*trail.Event {
	if e.Message != "" {
		e.Name = ""
		return nil
	}
	e.ExitRole()
	return nil
}
