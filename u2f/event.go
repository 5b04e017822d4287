package u2f

import "time"

// The names of events.
const (
	Waiting    = "waiting"     // the key blinks: Command, RP
	Touched    = "touched"     // Command, RP
	Denied     = "denied"      // Command, RP
	TimedOut   = "timed-out"   // nobody touched: Command, RP
	Cancelled  = "cancelled"   // the host gave up: Command, RP
	Registered = "registered"  // a credential was made: Command, RP, Counter
	Signed     = "signed"      // an assertion was made: Command, RP, Counter
	Deleted    = "deleted"     // a discoverable credential is gone: Command, RP
	PINSet     = "pin-set"     // for the first time or anew
	PINWrong   = "pin-wrong"   // Left
	PINBlocked = "pin-blocked" // Left: 0 until reset, more until the next power cycle
	Configured = "configured"  // a setting was changed: Command, the subcommand of authenticatorConfig
	// Fingerprints.
	Verified    = "verified"            // an enrolled finger was recognised: Command, RP, Finger
	NotVerified = "not-verified"        // another finger, or one that lay badly: Command, RP, Finger, Left
	UVBlocked   = "uv-blocked"          // until a PIN is right, or until reset
	SampleTaken = "sample"              // of an enrolment: Command, Finger, Sample, Left
	Enrolled    = "enrolled"            // Command, Finger
	Removed     = "fingerprint-removed" // Command, Finger

	WasReset = "reset" // everything but the factory's records is gone

	// ElementFailed says what went wrong in the secure element, of which the host learns a status alone: Why.
	ElementFailed = "element-failed"
	Winked        = "winked"
)

// An Event is something that happened in a key, for those who watch. It holds no secret.
type Event struct {
	Name    string    `json:"event"`
	At      time.Time `json:"at"`
	Command string    `json:"command,omitempty"` // as the specification calls it
	RP      string    `json:"rp,omitempty"`      // as in [Request]
	Counter uint32    `json:"counter,omitempty"` // the signature counter that went out
	Left    int       `json:"left,omitempty"`    // attempts that remain, Section 6.5.2.2; of [SampleTaken], samples
	Finger  string    `json:"finger,omitempty"`  // which finger, as in [Finger]
	Why     string    `json:"why,omitempty"`     // of [ElementFailed]
	Sample  string    `json:"sample,omitempty"`  // what the sensor made of it: a word of [Samples], or "exists"
}
