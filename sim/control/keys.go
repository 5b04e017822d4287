package control

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f"
)

// KeyPlug names a key and where it is plugged in.
type KeyPlug struct {
	Serial string `json:"-" path:"serial"`
	// Via is tcp, udp, sock or usbip, with :ADDRESS, or uhid; empty is the lab's bus.
	Via string `json:"via,omitempty"`
	// ElementAuthFile is the file with the password of the owner of its secure element, an absolute path; nil leaves it as it is,
	// and empty says that there is no password any more.
	ElementAuthFile *string `json:"elementAuthFile,omitempty"`
}

// KeyTouch says which key is touched, how long the finger rests there, and for how long somebody waits for it to blink.
type KeyTouch struct {
	Serial string    `json:"serial,omitempty"` // empty: whichever blinks
	Hold   live.Span `json:"hold,omitempty"`
	Wait   live.Span `json:"wait,omitempty"`
}

// KeyPIN sets or changes a key's PIN.
type KeyPIN struct {
	Serial string   `json:"-" path:"serial"`
	Old    live.PIN `json:"old,omitempty"`
	PIN    live.PIN `json:"pin"`
}

// KeySign names a key and what is to be signed in its name: by its credential of a relying party, or, without a credential,
// by the key that attests.
type KeySign struct {
	Serial     string `json:"-" path:"serial"`
	RP         string `json:"rp,omitempty"`
	Credential []byte `json:"credential,omitempty"`
	Message    []byte `json:"message"`
}

// KeySignature is what was signed.
type KeySignature struct {
	Signature []byte `json:"signature"`
}

// KeyAttest names a key, one of its credentials, and what the credential is to come with: KIND, or KIND:MUTATION for what is
// wrong in one thing, as docs/attestation.md has them.
type KeyAttest struct {
	Serial         string `json:"-" path:"serial"`
	Attestation    string `json:"attestation"`
	RP             string `json:"rp"`
	Credential     []byte `json:"credential"`
	AuthData       []byte `json:"authData"`
	ClientDataHash []byte `json:"clientDataHash"`
}

// KeyAttestation is what a credential comes with.
type KeyAttestation struct {
	Format    string `json:"fmt"`
	AuthData  []byte `json:"authData"`
	Statement []byte `json:"attStmt"` // CBOR
}

// KeyPresence names a key and says who touches it from now on.
type KeyPresence struct {
	Serial string    `json:"-" path:"serial"`
	Mode   u2f.Mode  `json:"mode"`            // manual, auto, never, deny
	Delay  live.Span `json:"delay,omitempty"` // of auto and deny
}

// KeyQuirks names a key and what changes in its profile.
type KeyQuirks struct {
	Serial string            `json:"-" path:"serial"`
	Set    map[string]string `json:"set"` // names of quirks and other fields to values, as `mfalab key quirk` takes them
}

// KeyClone names a key and what its copy is called.
type KeyClone struct {
	From string `json:"-" path:"serial"`
	live.KeyCopy
}

// KeyImport is a key that was exported, and what it is called here.
type KeyImport struct {
	File live.KeyFile `json:"file"`
	live.KeyCopy
}

// KeyFingers names a key and says what the user does the next times that it blinks.
type KeyFingers struct {
	Serial  string       `json:"-" path:"serial"`
	Fingers []u2f.Finger `json:"fingers"`        // each a finger and, where it lies badly, how
	Anew    bool         `json:"anew,omitempty"` // instead of what was said before
}

// KeyEnrol names a key and a finger that is enrolled on it.
type KeyEnrol struct {
	Serial string   `json:"-" path:"serial"`
	PIN    live.PIN `json:"pin"`
	Finger string   `json:"finger"`
	Name   string   `json:"name,omitempty"` // of the fingerprint, as platforms show it
}

// keys are the operations on security keys.
func (s *Server) keys() []route {
	l := s.lab
	return []route{
		on("GET", "/v1/keys", "the security keys on the bench", func(ctx context.Context, _ none) ([]live.KeyShown, error) {
			return l.Keys(ctx)
		}),
		on("POST", "/v1/keys", "make a security key", func(ctx context.Context, in live.KeySpec) (live.KeyShown, error) {
			return l.NewKey(ctx, in)
		}),
		on("POST", "/v1/touch", "touch a key that blinks", func(ctx context.Context, in KeyTouch) (live.Touch, error) {
			return l.TouchKey(ctx, in.Serial, time.Duration(in.Hold), time.Duration(in.Wait))
		}),
		on("POST", "/v1/deny", "decline what a key blinks for", func(ctx context.Context, in KeyTouch) (live.Touch, error) {
			return l.DenyKey(ctx, in.Serial)
		}),
		on("GET", "/v1/attestation-root", "the certificate under which the keys attest", func(ctx context.Context, _ none) (live.Root, error) {
			return l.AttestationRoot(ctx)
		}),
		on("GET", "/v1/keys/{serial}", "a key as it lies there", func(ctx context.Context, in Serial) (live.KeyShown, error) {
			return l.ShowKey(ctx, in.Serial)
		}),
		on("POST", "/v1/keys/{serial}/plug", "plug a key in", func(ctx context.Context, in KeyPlug) (live.KeyShown, error) {
			if in.ElementAuthFile != nil {
				if err := l.SetElementAuthFile(ctx, in.Serial, *in.ElementAuthFile); err != nil {
					return live.KeyShown{}, err
				}
			}
			return l.PlugKey(ctx, in.Serial, in.Via)
		}),
		on("POST", "/v1/keys/{serial}/unplug", "pull a key out", func(ctx context.Context, in Serial) (live.KeyShown, error) {
			return l.UnplugKey(ctx, in.Serial)
		}),
		on("POST", "/v1/keys/{serial}/presence", "say who touches a key", func(ctx context.Context, in KeyPresence) (live.KeyShown, error) {
			return l.SetKeyPresence(ctx, in.Serial, u2f.Presence{Mode: in.Mode, Delay: time.Duration(in.Delay)})
		}),
		on("POST", "/v1/keys/{serial}/clone", "make a second key with the same secrets", func(ctx context.Context, in KeyClone) (live.KeyShown, error) {
			return l.CloneKey(ctx, in.From, in.KeyCopy)
		}),
		on("POST", "/v1/keys/{serial}/snapshot", "remember what is in a key's flash", func(ctx context.Context, in Serial) (live.KeyShown, error) {
			return l.SnapshotKey(ctx, in.Serial)
		}),
		on("POST", "/v1/keys/{serial}/rollback", "take a key back to its snapshot", func(ctx context.Context, in Serial) (live.KeyShown, error) {
			return l.RollbackKey(ctx, in.Serial)
		}),
		on("GET", "/v1/keys/{serial}/export", "a key with all its secrets", func(ctx context.Context, in Serial) (live.KeyFile, error) {
			return l.ExportKey(ctx, in.Serial)
		}),
		on("POST", "/v1/import-key", "put a key on the bench that was exported", func(ctx context.Context, in KeyImport) (live.KeyShown, error) {
			return l.ImportKey(ctx, in.File, in.KeyCopy)
		}),
		on("GET", "/v1/keys/{serial}/profile", "the profile of a key as it stands", func(ctx context.Context, in Serial) (live.KeyProfile, error) {
			return l.KeyProfileOf(ctx, in.Serial)
		}),
		on("POST", "/v1/keys/{serial}/quirk", "change quirks and other fields of a key's profile while it runs",
			func(ctx context.Context, in KeyQuirks) (live.KeyShown, error) {
				return l.SetKeyQuirks(ctx, in.Serial, in.Set)
			}),
		on("POST", "/v1/keys/{serial}/pin", "set or change a key's PIN", func(ctx context.Context, in KeyPIN) (live.KeyShown, error) {
			return l.SetKeyPIN(ctx, in.Serial, in.Old, in.PIN)
		}),
		on("POST", "/v1/keys/{serial}/sign", "sign in a key's name what no command would have it sign", s.sign),
		on("POST", "/v1/keys/{serial}/finger", "say what the user does when a key blinks", func(ctx context.Context, in KeyFingers) (live.KeyShown, error) {
			return l.SetKeyFingers(ctx, in.Serial, in.Fingers, in.Anew)
		}),
		on("POST", "/v1/keys/{serial}/attest", "make in a key's name an attestation that no command would have it make", s.attest),
		on("POST", "/v1/keys/{serial}/enrol", "enrol a finger on a key", func(ctx context.Context, in KeyEnrol) (live.KeyShown, error) {
			return l.EnrolFinger(ctx, in.Serial, in.PIN, in.Finger, in.Name)
		}),
		on("POST", "/v1/keys/{serial}/reset", "power-cycle a key and reset it", func(ctx context.Context, in Serial) (live.KeyShown, error) {
			return l.ResetKey(ctx, in.Serial)
		}),
	}
}

// sign is for whoever breaks one rule and keeps the others.
func (s *Server) sign(ctx context.Context, in KeySign) (out KeySignature, err error) {
	out.Signature, err = s.lab.SignForKey(ctx, in.Serial, in.RP, in.Credential, in.Message)
	return out, err
}

// attest is likewise.
func (s *Server) attest(ctx context.Context, in KeyAttest) (out KeyAttestation, err error) {
	made, err := s.lab.AttestForKey(ctx, in.Serial, in.Attestation, in.RP, in.Credential, in.AuthData, in.ClientDataHash)
	return KeyAttestation(made), err
}

// Where a key's frames can be watched, and where a program says that it uses the bus.
const (
	watchPath   = "/v1/keys/{serial}/watch"
	capturePath = "/v1/keys/{serial}/capture"
	attachPath  = "/v1/attach"
)

// watch writes what passes between programs and a key, one JSON object a line, until the client goes.
func (s *Server) watch(w http.ResponseWriter, r *http.Request) { s.follow(w, r, s.lab.WatchKey) }

// capture writes the reports that pass between programs and a key, likewise.
func (s *Server) capture(w http.ResponseWriter, r *http.Request) { s.follow(w, r, s.lab.CaptureKey) }

func (s *Server) follow(w http.ResponseWriter, r *http.Request,
	watch func(ctx context.Context, serial string, begun func(), each func(live.Frame) error) error) {
	var in Serial
	if err := read(w, r, &in); err != nil {
		fail(w, statusOf(err), err)
		return
	}
	flush := http.NewResponseController(w).Flush
	began := false
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	err := watch(r.Context(), in.Serial, func() {
		began = true
		w.Header().Set("Content-Type", "application/x-ndjson")
		_ = flush() // the client then knows that it sees everything from now on
	}, func(f live.Frame) error {
		if err := e.Encode(f); err != nil {
			return err
		}
		return flush()
	})
	// Later errors are that the client went, and that nothing can be watched in an answer that is gathered whole.
	if !began {
		fail(w, statusOf(err), err)
	}
}

// Attached says where the lab's HID bus is.
type Attached struct {
	Bus string `json:"bus"`
}

// attach keeps the lab up for a program that uses its bus, until the client goes.
func (s *Server) attach(w http.ResponseWriter, r *http.Request) {
	if err := s.lab.OpenBus(r.Context()); err != nil {
		fail(w, statusOf(err), err)
		return
	}
	detach, err := s.lab.Attach()
	if err != nil {
		fail(w, statusOf(err), err)
		return
	}
	defer detach()
	w.Header().Set("Content-Type", "application/x-ndjson")
	_ = json.NewEncoder(w).Encode(Attached{s.lab.BusDir()})
	_ = http.NewResponseController(w).Flush()
	<-r.Context().Done()
}
