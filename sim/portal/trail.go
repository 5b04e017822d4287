package portal

import (
	"encoding/json"
	"time"

	"github.com/mfalab/mfalab/sim/trail"
)

// The CredentialTypes of events: AWS MFA, Section 7. Those of the last line are ours, for factors that the real portal has not
// or whose events are not in evidence.
const (
	passwordType                     = "PASSWORD"
	totpType                         = "TOTP"
	keyType                          = "WEBAUTHN"
	externalType                     = "EXTERNAL_IDP"
	resyncType                       = "RESYNC_TOTP"
	emailType, smsType, recoveryType = "EMAIL_OTP", "SMS_OTP", "RECOVERY_CODE"
	signInService                    = "signin"
	hiddenName                       = "HIDDEN_DUE_TO_SECURITY_REASONS"
	portalPath                       = "/portal/"
)

// details is additionalEventData of an event, in the order of the samples.
type details struct {
	AuthWorkflowID           string
	DeviceEnrollmentRequired string `json:",omitempty"`
	LoginTo                  string `json:",omitempty"`
	CredentialType           string `json:",omitempty"`
}

// leave writes an AwsServiceEvent of the sign-in. Of somebody who is not there it has no name: people type passwords where the
// name belongs.
func (t *turn) leave(u *user, s *signIn, name, kind string, good, enrol bool) error {
	x := details{AuthWorkflowID: s.Workflow, CredentialType: kind}
	if enrol {
		x.DeviceEnrollmentRequired = "true"
	}
	if name == "UserAuthentication" {
		x.LoginTo = portalPath
	}
	outcome := "Success"
	if !good {
		outcome = "Failure"
	}
	extra, err := json.Marshal(x)
	if err != nil {
		return err
	}
	said, err := json.Marshal(map[string]string{name: outcome})
	if err != nil {
		return err
	}
	who := trail.Identity{Kind: trail.Unknown, User: hiddenName}
	if u != nil {
		who.Principal, who.User = u.ID, u.Name
	}
	return t.Leave(&trail.Event{Time: t.at.Now.UTC().Truncate(time.Second), Source: signInService, Name: name, Region: "us-east-1",
		IP: t.at.IP, Agent: t.at.Agent, Who: who, RequestID: t.at.RequestID, Extra: extra, Details: said})
}

// challenge records what is asked for next.
func (t *turn) challenge(u *user, s *signIn, out *SignIn) error {
	for _, x := range []struct {
		due  bool
		kind string
	}{{out.Codes, totpType}, {out.Keys, keyType}, {out.Enrol, totpType}} {
		if x.due {
			return t.leave(u, s, "CredentialChallenge", x.kind, true, out.Enrol)
		}
	}
	return nil // codes that are sent are challenges when they are sent
}

// workflow draws the ID that the events of one sign-in have in common.
func (t *turn) workflow() string { return t.Draw("portal workflow").UUID() }
