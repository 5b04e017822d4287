package trail

import "encoding/json"

// The sign-in page's service, and what it records: Section 7.
const signInSource = "signin"

// A SignIn is what the sign-in page knows when it lets somebody in, or does not. Users' sign-ins are recorded in the
// region of the page; root's always in us-east-1.
type SignIn struct {
	// Root and Failed decide the shape of the record.
	Root, Failed bool
	// Used is whether a device was asked for and answered, Device its serial number or ARN.
	Used   bool
	Device string
	// To is where the page was to lead: "LoginTo".
	To string
}

// signInData is additionalEventData of a sign-in, in the order of the samples.
type signInData struct {
	LoginTo       string `json:"LoginTo,omitempty"`
	MobileVersion string `json:"MobileVersion"`
	MFAIdentifier string `json:"MFAIdentifier,omitempty"`
	MFAUsed       string `json:"MFAUsed"`
}

// ConsoleLogin makes e the record of a sign-in, whatever call it came by. Who called, when and from where stay. Of somebody
// who was refused the record has the name and no more.
func (e *Event) ConsoleLogin(s SignIn) {
	e.page("ConsoleLogin", s.Failed)
	data := signInData{LoginTo: s.To, MobileVersion: "No", MFAUsed: "No"}
	if s.Used {
		data.MFAUsed, data.MFAIdentifier = "Yes", s.Device
	}
	e.Extra = marshal(data)
	if s.Root {
		e.Region = "us-east-1"
	}
}

// The words of MfaType. The first two are in the service's documentation, the others are not recorded anywhere.
const (
	U2F      = "U2F MFA"
	Multiple = "Multiple MFA Devices"
	Virtual  = "Virtual MFA"
	Hardware = "Hardware MFA"
)

// CheckMFA makes e the record that the second page was due, for a device of that type.
func (e *Event) CheckMFA(kind string) {
	e.page("CheckMfa", false)
	e.Extra = marshal(struct{ MfaType string }{kind})
}

// PasswordUpdated makes e the record that somebody chose a new password at the sign-in page.
func (e *Event) PasswordUpdated(failed bool) { e.page("PasswordUpdated", failed) }

// SwitchRole makes e the record that somebody took a role at the page, or was refused it. from is the ARN of who it was, to where
// the page was to lead. There is no name in it that the page was to show: none of the published records has one.
func (e *Event) SwitchRole(from, to string, failed bool) {
	e.page("SwitchRole", failed)
	e.Extra = marshal(struct {
		SwitchFrom string `json:"SwitchFrom"`
		RedirectTo string `json:"RedirectTo,omitempty"`
	}{from, to})
}

// ExitRole makes e the record that somebody went back from a role.
func (e *Event) ExitRole() { e.page("ExitRole", false) }

// page makes e an event of the sign-in page's.
func (e *Event) page(name string, failed bool) {
	outcome := "Success"
	e.Source, e.Name, e.SignIn, e.ReadOnly, e.Request, e.Extra = signInSource, name, true, false, nil, nil
	e.Who.Key = ""
	e.Code, e.Message = "", ""
	if failed {
		outcome = "Failure"
		// There is no code with it: Section 7.
		e.Message = "Failed authentication"
		e.Who.Principal, e.Who.ARN = "", ""
	}
	e.Response = marshal(map[string]string{name: outcome})
}

func marshal(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("trail: internal error: " + err.Error())
	}
	return b
}
