package iam

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
)

// Settings are the rules of the relying party: what the real service does not document or what differs between its
// partitions, and the weaknesses that can be switched on to train people and to test testers. The zero value is not a
// useful set of rules; start from Defaults. Names, defaults and meanings stand in AllSettings.
type Settings struct {
	// What is not documented.
	Window         int64         `json:"window"`
	SyncWindow     int64         `json:"syncWindow"`
	DriftPPM       int64         `json:"driftPPM"`
	DevicesPerUser int64         `json:"devicesPerUser"`
	VirtualDevices int64         `json:"virtualDevices"`
	Lockout        int64         `json:"lockout,omitempty"`
	LockoutTime    time.Duration `json:"lockoutTime"` // nanoseconds in JSON
	ResyncPrompt   int64         `json:"resyncPrompt"`
	LateResync     bool          `json:"lateResync,omitempty"`
	Settle         time.Duration `json:"settle"`
	LookupRate     int64         `json:"lookupRate,omitempty"`

	// What security keys are asked for, which is not documented either.
	RPID             string        `json:"rpID"`
	RPOrigin         string        `json:"rpOrigin"`
	UserVerification string        `json:"userVerification"`
	Attestation      bool          `json:"attestation,omitempty"`
	ChallengeTime    time.Duration `json:"challengeTime"`

	// Which pages people sign in on; "" in an account of before there were any is the newest.
	SignInPage string `json:"signInPage,omitempty"`

	// How long those who sign in there stay; zero in an account of before it could be set is the longest.
	ConsoleSession time.Duration `json:"consoleSession,omitempty"`

	// What is wrong on purpose.
	Replay             bool          `json:"replay,omitempty"`
	EnrolReuse         bool          `json:"enrolReuse,omitempty"`
	Forget             time.Duration `json:"forget,omitempty"`
	ForgetOnDeactivate bool          `json:"forgetOnDeactivate,omitempty"`
	AbsoluteDistance   bool          `json:"absoluteDistance,omitempty"`
	Rewind             bool          `json:"rewind,omitempty"`
	Walk               bool          `json:"walk,omitempty"`
	UnorderedResync    bool          `json:"unorderedResync,omitempty"`
	OldResync          bool          `json:"oldResync,omitempty"`
	CountPerSession    bool          `json:"countPerSession,omitempty"`
	RollbackCount      bool          `json:"rollbackCount,omitempty"`
	SplitCheck         bool          `json:"splitCheck,omitempty"`
	AnyOrigin          bool          `json:"anyOrigin,omitempty"`
	AnyRPIDHash        bool          `json:"anyRPIDHash,omitempty"`
	AnyChallenge       bool          `json:"anyChallenge,omitempty"`
	ChallengeReuse     bool          `json:"challengeReuse,omitempty"`
	CountRegress       bool          `json:"countRegress,omitempty"`
	AnyVerification    bool          `json:"anyVerification,omitempty"`
	AnyAttestation     bool          `json:"anyAttestation,omitempty"`
	NoPolicies         bool          `json:"noPolicies,omitempty"`
}

// Defaults returns the rules that come closest to what is known of the real service.
func Defaults() Settings {
	return Settings{Window: 1, SyncWindow: 20, DriftPPM: 50, DevicesPerUser: 8, VirtualDevices: 5000,
		LockoutTime: 30 * time.Second, ResyncPrompt: 3, Settle: 5 * time.Second,
		RPID: "localhost", RPOrigin: "http://localhost:6325", UserVerification: "discouraged", ChallengeTime: 5 * time.Minute,
		SignInPage: "2023", ConsoleSession: consoleSession}
}

// maxLockouts bounds by what multiple of LockoutTime a lock can grow. Our choice: a thousand is for ever in a lab, and far
// from what a Duration holds.
const maxLockouts = 1000

// record returns the step that is remembered for a hit: step itself, or with the weakness absolute-distance what Ceph's
// cls_otp remembers, which takes the absolute distance that liboath returns for a signed one.
func (s *Settings) record(expected, step int64) int64 {
	if s.AbsoluteDistance {
		return expected + abs(step-expected)
	}
	return step
}

// A Setting is one name of the settings.
type Setting struct {
	Name    string // "window", "replay"
	Default string // as Set takes it after the "=": "1", "5s", "off"
	Doc     string // what it does, in one sentence
	Section string // where the rule is written that it bends or fills in
	Weak    bool   // it can make the verifier weaker than it is by default
}

// settingRow is a Setting and its field, which is an *int64, a *time.Duration, a *bool or a *string.
type settingRow struct {
	Setting
	field    func(*Settings) any
	min, max int64    // of a number, or of a duration in nanoseconds
	words    []string // how a bool's false and true are written, nil for off and on; the values of a string, nil for any
}

// settingRows is every setting: first what is not documented, then what only breaks.
var settingRows = []settingRow{
	{Setting{"window", "", "steps on either side of the expected one from which a code is accepted", "RFC 6238, Section 5.2", true},
		func(s *Settings) any { return &s.Window }, 0, 1000, nil},
	{Setting{"sync-window", "", "steps on either side in which two codes are looked for to enable or resync a device", "RFC 6238, Section 6", true},
		func(s *Settings) any { return &s.SyncWindow }, 1, 1500, nil},
	{Setting{"drift-ppm", "", "parts per million by which the learned drift may leave what two codes last said", "RFC 6238, Section 6", true},
		func(s *Settings) any { return &s.DriftPPM }, 0, 1_000_000, nil},
	{Setting{"devices-per-user", "", "MFA devices that one user may have; AWS GovCloud has 1", "IAM User Guide, id_credentials_mfa_enable_physical", false},
		func(s *Settings) any { return &s.DevicesPerUser }, 1, 1000, nil},
	{Setting{"virtual-devices", "", "virtual MFA devices that the account may have", "IAM User Guide, reference_iam-quotas", false},
		func(s *Settings) any { return &s.VirtualDevices }, 0, 1_000_000, nil},
	{Setting{"lockout", "", "refused codes in a row after which a device is locked; 0 is never", "RFC 4226, Section 7.3", false},
		func(s *Settings) any { return &s.Lockout }, 0, 1_000_000, nil},
	{Setting{"lockout-time", "", "how long the first lock lasts; the second lasts twice that, the third three times", "RFC 4226, Section 7.3", false},
		func(s *Settings) any { return &s.LockoutTime }, int64(time.Second), int64(24 * time.Hour), nil},
	{Setting{"resync-prompt", "", "refused codes in a row after which a person is asked to resynchronise", "IAM User Guide, console_sign-in-mfa", false},
		func(s *Settings) any { return &s.ResyncPrompt }, 1, 1_000_000, nil},
	{Setting{"late-resync", "", "accept or refuse two codes that come up to an hour too late; accepted they leave the device out of sync", "IAM User Guide, id_credentials_mfa_sync", true},
		func(s *Settings) any { return &s.LateResync }, 0, 0, []string{"refuse", "accept"}},
	{Setting{"settle", "", "how long a user created anew, or a new login profile, cannot be changed", "API_EnableMFADevice", false},
		func(s *Settings) any { return &s.Settle }, 0, int64(time.Hour), nil},
	{Setting{"lookup-rate", "", "LookupEvents that are answered in one second of the lab's clock and one region; AWS answers 2; 0 is any number", "API_LookupEvents", false},
		func(s *Settings) any { return &s.LookupRate }, 0, 1000, nil},
	{Setting{"rp-id", "", "the relying party ID that security keys are enrolled for: the sign-in page's host, or a domain above it", "WebAuthn, Section 7.1", false},
		func(s *Settings) any { return &s.RPID }, 0, 0, nil},
	{Setting{"rp-origin", "", "the origin of the sign-in page, which security keys' answers must come from", "WebAuthn, Section 7.1", false},
		func(s *Settings) any { return &s.RPOrigin }, 0, 0, nil},
	{Setting{"user-verification", "", "whether a security key has to verify its user, by PIN or finger: discouraged, preferred or required", "WebAuthn, Section 5.8.6", false},
		func(s *Settings) any { return &s.UserVerification }, 0, 0, []string{"discouraged", "preferred", "required"}},
	{Setting{"attestation", "", "none, or direct: a security key's attestation is asked for and has to lead to the lab's root", "WebAuthn, Section 5.4.7", false},
		func(s *Settings) any { return &s.Attestation }, 0, 0, []string{"none", "direct"}},
	{Setting{"challenge-time", "", "how long a security key may take to answer", "WebAuthn, Section 13.4.3", true},
		func(s *Settings) any { return &s.ChallengeTime }, int64(time.Second), int64(24 * time.Hour), nil},
	{Setting{"signin-page", "", "the generation of the sign-in pages, whose element names scripts rely on: 2012, 2017 or 2023", "AWS MFA, Section 6.2", false},
		func(s *Settings) any { return &s.SignInPage }, 0, 0, []string{"2012", "2017", "2023"}},
	{Setting{"console-session", "", "how long somebody who signed in to the console stays so; AWS gives 12 hours at most", "IAM User Guide, Signing in to the console", false},
		func(s *Settings) any { return &s.ConsoleSession }, int64(time.Minute), int64(consoleSession), nil},

	{Setting{"replay", "", "a code that was used is good again", "RFC 6238, Section 5.2", true},
		func(s *Settings) any { return &s.Replay }, 0, 0, nil},
	{Setting{"enrol-reuse", "", "the codes that enabled or resynchronised a device are good for a session, too", "RFC 6238, Section 5.2", true},
		func(s *Settings) any { return &s.EnrolReuse }, 0, 0, nil},
	{Setting{"forget", "", "a used code is remembered for that long only, as in FreeRADIUS 3.2 (30s); 0s is for ever", "RFC 6238, Section 5.2", true},
		func(s *Settings) any { return &s.Forget }, 0, int64(24 * time.Hour), nil},
	{Setting{"forget-on-deactivate", "", "a device that is deactivated may use its old codes again", "RFC 6238, Section 5.2", true},
		func(s *Settings) any { return &s.ForgetOnDeactivate }, 0, 0, nil},
	{Setting{"absolute-distance", "", "the step of a late code is remembered as if it were early, as in Ceph's cls_otp", "RFC 6238, Section 5.2", true},
		func(s *Settings) any { return &s.AbsoluteDistance }, 0, 0, nil},
	{Setting{"rewind", "", "used steps are forgotten when the server's clock goes back", "RFC 6238, Section 5.2", true},
		func(s *Settings) any { return &s.Rewind }, 0, 0, nil},
	{Setting{"walk", "", "drift is learned without a bound, as in privacyIDEA", "RFC 6238, Section 6", true},
		func(s *Settings) any { return &s.Walk }, 0, 0, nil},
	{Setting{"unordered-resync", "", "the two codes of a resync need be neither consecutive nor in order", "RFC 4226, Section 7.4", true},
		func(s *Settings) any { return &s.UnorderedResync }, 0, 0, nil},
	{Setting{"old-resync", "", "the two codes of a resync may be older than the last code accepted", "RFC 4226, Section 7.4", true},
		func(s *Settings) any { return &s.OldResync }, 0, 0, nil},
	{Setting{"count-per-session", "", "refused codes are counted for each access key and session, so that many of them multiply the tries", "RFC 4226, Section 7.3", true},
		func(s *Settings) any { return &s.CountPerSession }, 0, 0, nil},
	{Setting{"rollback-count", "", "the count of refused codes is undone with the call that was refused, as in Vikunja", "RFC 4226, Section 7.3", true},
		func(s *Settings) any { return &s.RollbackCount }, 0, 0, nil},
	{Setting{"split-check", "", "a code is checked in one transaction and burnt in another, so that two callers can use it at once, as in Gitea", "RFC 6238, Section 5.2", true},
		func(s *Settings) any { return &s.SplitCheck }, 0, 0, nil},
	{Setting{"origin", "", "a security key's answer is good from whatever page it comes", "WebAuthn, Section 7.2, step 13", true},
		func(s *Settings) any { return &s.AnyOrigin }, 0, 0, nil},
	{Setting{"rp-id-hash", "", "a security key's answer is good for whatever relying party it was made", "WebAuthn, Section 7.2, step 15", true},
		func(s *Settings) any { return &s.AnyRPIDHash }, 0, 0, nil},
	{Setting{"challenge", "", "a security key's answer is good to whatever challenge it was given", "WebAuthn, Section 7.2, step 12", true},
		func(s *Settings) any { return &s.AnyChallenge }, 0, 0, nil},
	{Setting{"challenge-reuse", "", "a challenge is good for more than one answer", "WebAuthn, Section 13.4.3", true},
		func(s *Settings) any { return &s.ChallengeReuse }, 0, 0, nil},
	{Setting{"count-regress", "", "a security key whose signature count does not grow is believed: a clone of it is", "WebAuthn, Section 7.2, step 21", true},
		func(s *Settings) any { return &s.CountRegress }, 0, 0, nil},
	{Setting{"uv-flag", "", "a security key that does not say that it verified its user is believed, although user-verification=required", "WebAuthn, Section 7.2, step 17", true},
		func(s *Settings) any { return &s.AnyVerification }, 0, 0, nil},
	{Setting{"attestation-trust", "", "with attestation=direct, an attestation need not be there, nor lead anywhere, nor be of a model that is in order", "WebAuthn, Section 7.1, step 21", true},
		func(s *Settings) any { return &s.AnyAttestation }, 0, 0, nil},
	{Setting{"no-policies", "", "every caller may do everything, whatever the policies say", "IAM User Guide, reference_policies_evaluation-logic", true},
		func(s *Settings) any { return &s.NoPolicies }, 0, 0, nil},
}

// AllSettings lists every setting with its default, in the order of the documentation.
func AllSettings() []Setting {
	d := Defaults()
	out := make([]Setting, len(settingRows))
	for i, r := range settingRows {
		out[i] = r.Setting
		out[i].Default = r.text(&d)
	}
	return out
}

// Value returns a setting as Set takes it after the "=", "" for a name that no setting has.
func (s Settings) Value(name string) string {
	for _, r := range settingRows {
		if r.Name == name {
			return r.text(&s)
		}
	}
	return ""
}

// Set changes one setting: "window=20", "settle=0s", "late-resync=accept", or a bare name for what is on or off. The
// error names what is wrong with the value, or lists the names that there are.
func (s *Settings) Set(nameValue string) error {
	name, value, given := strings.Cut(strings.TrimSpace(nameValue), "=")
	for _, r := range settingRows {
		if r.Name == name {
			return r.set(s, value, given)
		}
	}
	return unknownSetting("setting", name, func(Setting) bool { return true })
}

// Weaken switches on weaknesses: a list such as "replay,window=20". It changes nothing where one of them is wrong. What
// cannot weaken the verifier is an error, too.
func (s *Settings) Weaken(list string) error {
	changed := *s
	weak := func(r Setting) bool { return r.Weak }
	for item := range strings.SplitSeq(list, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(item), "=")
		if !slices.ContainsFunc(settingRows, func(r settingRow) bool { return r.Name == name && r.Weak }) {
			return unknownSetting("weakness", name, weak)
		}
		if err := changed.Set(item); err != nil {
			return err
		}
	}
	*s = changed
	return nil
}

// Weakened lists what is weaker than by default, as Set takes it: "window=20", "replay". It is empty for a sound verifier.
func (s Settings) Weakened() []string {
	d := Defaults()
	var out []string
	for _, r := range settingRows {
		if !r.Weak || r.rank(&s) <= r.rank(&d) {
			continue
		}
		if _, onOff := r.field(&s).(*bool); onOff && r.words == nil {
			out = append(out, r.Name)
		} else {
			out = append(out, r.Name+"="+r.text(&s))
		}
	}
	return out
}

// rank orders the values of a setting that can be weak: more is weaker. Forget is the exception: 0 is strongest, and
// anything else is weak, which a comparison with the default, 0, says as well.
func (r settingRow) rank(s *Settings) int64 {
	switch f := r.field(s).(type) {
	case *int64:
		return *f
	case *time.Duration:
		return int64(*f)
	case *bool:
		if *f {
			return 1
		}
	}
	return 0
}

// text returns a setting's value as Set takes it.
func (r settingRow) text(s *Settings) string {
	switch f := r.field(s).(type) {
	case *int64:
		return strconv.FormatInt(*f, 10)
	case *time.Duration:
		return f.String()
	case *string:
		return *f
	}
	return r.onOff()[r.rank(s)]
}

// onOff returns how the field's false and true are written.
func (r settingRow) onOff() []string {
	if r.words == nil {
		return []string{"off", "on"}
	}
	return r.words
}

// set parses value into the field; given says that there was a "=", which a bare name does not have.
func (r settingRow) set(s *Settings, value string, given bool) error {
	switch f := r.field(s).(type) {
	case *int64:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < r.min || n > r.max {
			return fmt.Errorf("the setting %q takes a number from %d to %d, not %q", r.Name, r.min, r.max, value)
		}
		*f = n
	case *time.Duration:
		t, err := time.ParseDuration(value)
		if err != nil || int64(t) < r.min || int64(t) > r.max {
			return fmt.Errorf("the setting %q takes a time from %v to %v, such as 30s, not %q", r.Name,
				time.Duration(r.min), time.Duration(r.max), value)
		}
		*f = t
	case *string:
		if err := r.checkText(value); err != nil {
			return err
		}
		*f = value
	case *bool:
		words := r.onOff()
		i := slices.Index(words, value)
		if !given && r.words == nil {
			i = 1
		}
		if i < 0 {
			return fmt.Errorf("the setting %q takes %s or %s, not %q", r.Name, words[0], words[1], value)
		}
		*f = i == 1
	}
	return nil
}

// checkText refuses a value that a setting of text cannot have.
func (r settingRow) checkText(value string) error {
	if r.words != nil {
		if !slices.Contains(r.words, value) {
			return fmt.Errorf("the setting %q takes one of %s, not %q", r.Name, strings.Join(r.words, ", "), value)
		}
		return nil
	}
	if r.Name == "rp-id" {
		if err := protocol.ValidateRPID(value); err != nil {
			return fmt.Errorf("the setting %q takes a domain, not %q: %w", r.Name, value, err)
		}
		return nil
	}
	if o, err := protocol.FullyQualifiedOrigin(value); err != nil || o != value || protocol.IsOpaqueOrigin(value) {
		return fmt.Errorf("the setting %q takes an origin such as https://signin.example.org, not %q", r.Name, value)
	}
	return nil
}

// unknownSetting lists the names that would have done.
func unknownSetting(what, name string, which func(Setting) bool) error {
	var names []string
	for _, r := range settingRows {
		if which(r.Setting) {
			names = append(names, r.Name)
		}
	}
	return fmt.Errorf("there is no %s %q: known are %s", what, name, strings.Join(names, ", "))
}
