package control

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/token"
	"github.com/mfalab/mfalab/token/seedfile"
)

// Version is this program's, as the status and the OpenAPI document say it.
const Version = "0.1.0"

// A Server is the control API of one lab.
type Server struct {
	lab  *live.Lab
	down func() // ends the process that serves the lab
	mux  *http.ServeMux
}

// New returns the control API of lab. A request to take the lab down calls down on a goroutine of its own, while it is
// being answered; a nil down refuses it.
func New(lab *live.Lab, down func()) *Server {
	s := &Server{lab: lab, down: down, mux: http.NewServeMux()}
	methods := map[string][]string{}
	serve := func(method, path string, f http.HandlerFunc) {
		s.mux.HandleFunc(method+" "+path, f)
		methods[path] = append(methods[path], method)
	}
	for _, r := range s.routes() {
		serve(r.method, r.path, r.serve)
	}
	for _, r := range s.streams() {
		serve(r.method, r.path, r.serve)
	}
	serve("GET", "/v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.OpenAPI()) })
	serve("GET", "/healthz", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, Health{"ok"}) })
	for path, allowed := range methods {
		allow := strings.Join(allowed, ", ")
		s.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			fail(w, http.StatusMethodNotAllowed, fmt.Errorf("%s takes %s, not %s", r.URL.Path, allow, r.Method))
		})
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, fmt.Errorf("there is no %s %s: /v1/openapi.json has what there is", r.Method, r.URL.Path))
	})
	return s
}

// ServeHTTP answers one request. Where the lab has a token, everything but /healthz asks for it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if token := s.lab.Token(); token != "" && r.URL.Path != "/healthz" {
		given, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !bearer || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			fail(w, http.StatusUnauthorized, errNoToken)
			return
		}
	}
	s.mux.ServeHTTP(w, r)
}

var errNoToken = errors.New("this lab listens beyond loopback: send its control token as `Authorization: Bearer TOKEN`")

// Health is the answer of /healthz.
type Health struct {
	Status string `json:"status"` // "ok"
}

// routes is the API in the order in which the document lists it.
func (s *Server) routes() []route {
	l := s.lab
	return append([]route{
		on("GET", "/v1/status", "what the lab is and how it stands", s.status),
		on("GET", "/v1/credentials", "the access keys that the lab made itself", func(ctx context.Context, _ none) (live.Credentials, error) {
			return l.Credentials(ctx)
		}),
		on("POST", "/v1/console", "passwords of root and the administrator for the console", func(ctx context.Context, in OpenDoor) (live.Door, error) {
			return l.OpenDoor(ctx, in.Reset)
		}),
		on("POST", "/v1/root", "give the account's root user an access key, and a fob", func(ctx context.Context, in Root) (live.Key, error) {
			return l.Root(ctx, in.Fob)
		}),
		on("GET", "/v1/clock", "the lab's clock and the wall's", s.clock),
		on("POST", "/v1/clock/advance", "move the clock forward", func(ctx context.Context, in Advance) (Clock, error) {
			return s.clockAfter(ctx, l.Advance(ctx, time.Duration(in.By)))
		}),
		on("POST", "/v1/clock/wait", "let time pass", func(ctx context.Context, in Wait) (Clock, error) {
			return s.clockAfter(ctx, l.Wait(ctx, time.Duration(in.For)))
		}),
		on("POST", "/v1/clock/rate", "hurry, slow or stop the clock", func(ctx context.Context, in Rate) (Clock, error) {
			return s.clockAfter(ctx, l.SetRate(ctx, in.Rate))
		}),
		on("POST", "/v1/clock/reset", "put the clock to the wall's", func(ctx context.Context, _ none) (Clock, error) {
			return s.clockAfter(ctx, l.ResetClock(ctx))
		}),
		on("GET", "/v1/fobs", "the fobs on the bench", func(ctx context.Context, _ none) ([]live.Shown, error) {
			return l.List(ctx, live.Fobs)
		}),
		on("POST", "/v1/fobs", "make a fob", func(ctx context.Context, in live.FobSpec) (live.Shown, error) {
			return l.NewFob(ctx, in)
		}),
		on("GET", "/v1/fobs/{serial}", "a fob as it lies there", func(ctx context.Context, in Serial) (live.Shown, error) {
			return l.Show(ctx, live.Fobs, in.Serial)
		}),
		on("POST", "/v1/fobs/{serial}/press", "press the button and read the LCD", func(ctx context.Context, in Press) (live.Shown, error) {
			return l.Press(ctx, live.Fobs, in.Serial, in.PressOptions)
		}),
		on("GET", "/v1/fobs/{serial}/peek", "the code of any step", func(ctx context.Context, in Peek) (live.Shown, error) {
			return s.peek(ctx, live.Fobs, in)
		}),
		on("GET", "/v1/apps", "the accounts of the virtual MFA app", func(ctx context.Context, _ none) ([]live.Shown, error) {
			return l.List(ctx, live.Apps)
		}),
		on("POST", "/v1/apps", "scan an otpauth URI into the app", s.scan),
		on("POST", "/v1/apps/{serial}/code", "read a code from the app", func(ctx context.Context, in Press) (live.Shown, error) {
			return l.Press(ctx, live.Apps, in.Serial, in.PressOptions)
		}),
		on("GET", "/v1/journal", "what happened", s.journal),
		on("GET", trailPath, "the account's CloudTrail, the oldest record first", s.trail),
		on("POST", "/v1/reset", "make the lab new", func(ctx context.Context, _ none) (none, error) {
			return none{}, l.Reset(ctx)
		}),
		on("GET", "/v1/save", "the whole lab in one value, with every secret", func(ctx context.Context, _ none) (*live.Snapshot, error) {
			return l.Snapshot(ctx)
		}),
		on("POST", "/v1/load", "replace the whole lab by a saved one", func(ctx context.Context, in live.Snapshot) (none, error) {
			return none{}, l.Load(ctx, &in)
		}),
		on("POST", "/v1/down", "end the lab", s.end),
	}, slices.Concat(s.treatments(), s.keys(), s.metadata(), s.keyCredentials(), s.portal())...)
}

// Root asks for the root user's access key.
type Root struct {
	Fob string `json:"fob,omitempty"` // the serial number of a fob to enrol for it
}

// Status is what a lab is and how it stands.
type Status struct {
	Version   string   `json:"version"`
	PID       int      `json:"pid"`
	URL       string   `json:"url,omitempty"` // empty while no `mfalab up` serves it
	Dir       string   `json:"dir"`
	Ephemeral bool     `json:"ephemeral"`
	Account   string   `json:"account"`
	Clock     Clock    `json:"clock"`
	Fobs      int      `json:"fobs"`
	Apps      int      `json:"apps"`
	Keys      int      `json:"keys"`
	Events    uint64   `json:"events"` // in the journal
	Weakened  []string `json:"weakened"`
	// Trouble is what the lab cannot do any more, such as writing its journal to a full disk.
	Trouble string `json:"trouble,omitempty"`
}

func (s *Server) status(ctx context.Context, _ none) (Status, error) {
	st := Status{Version: Version, PID: os.Getpid(), URL: s.lab.URL(), Dir: s.lab.Dir(), Ephemeral: s.lab.Ephemeral(),
		Account: s.lab.IAM().Account(), Weakened: s.lab.IAM().Settings().Weakened()}
	if st.Weakened == nil {
		st.Weakened = []string{}
	}
	if err := s.lab.Journal().Err(); err != nil {
		st.Trouble = "the journal cannot be written: " + err.Error()
	}
	st.Clock, _ = s.clock(ctx, none{})
	return st, s.lab.Do(ctx, func(w *sim.World) error {
		st.Fobs, st.Apps, st.Keys = s.lab.Devices()
		st.Events = w.Recorded()
		return nil
	})
}

// Clock is the lab's clock beside the wall's.
type Clock struct {
	Lab  time.Time `json:"lab"`
	Wall time.Time `json:"wall"`
	Rate float64   `json:"rate"` // seconds in the lab for one of the wall's
}

func (s *Server) clock(context.Context, none) (Clock, error) {
	lab, wall := s.lab.Clock().Now()
	return Clock{Lab: lab, Wall: wall, Rate: s.lab.Clock().Rate()}, nil
}

func (s *Server) clockAfter(ctx context.Context, err error) (Clock, error) {
	if err != nil {
		return Clock{}, err
	}
	return s.clock(ctx, none{})
}

// Advance says by how much the clock is moved.
type Advance struct {
	By live.Span `json:"by"`
}

// Wait says how long to wait.
type Wait struct {
	For live.Span `json:"for"`
}

// Rate says how fast the clock goes.
type Rate struct {
	Rate float64 `json:"rate"`
}

// Serial names a device.
type Serial struct {
	Serial string `json:"-" path:"serial"`
}

// Press names a device and says which code is wanted.
type Press struct {
	Serial string `json:"-" path:"serial"`
	live.PressOptions
}

// Peek names a device and a step: "59061240" counts from T0, "+1" and "-3" from the present step of its clock.
type Peek struct {
	Serial string `json:"-" path:"serial"`
	Step   string `json:"-" query:"step"`
}

// Scan is what the app's camera sees, or the seed that was typed into it.
type Scan struct {
	// URI is an otpauth URI. Without one, Seed is the base32 text that the service shows beside its picture.
	URI  string `json:"uri,omitempty"`
	Seed string `json:"seed,omitempty"`
	// Name is what the account is called in the app; the URI's account where it is empty.
	Name string `json:"name,omitempty"`
}

func (s *Server) scan(ctx context.Context, in Scan) (live.Shown, error) {
	if in.URI != "" {
		uri, err := seedfile.ParseURI(in.URI)
		if err != nil {
			return live.Shown{}, err
		}
		return s.lab.AddApp(ctx, uri, in.Name)
	}
	seed, err := seedfile.ParseBase32(in.Seed)
	if err != nil {
		return live.Shown{}, err
	}
	return s.lab.AddApp(ctx, seedfile.Record{Type: seedfile.TOTP, Account: in.Name, Seed: seed, Algorithm: token.SHA1,
		Digits: 6, Step: 30 * time.Second}, in.Name)
}

func (s *Server) end(context.Context, none) (none, error) {
	if s.down == nil {
		return none{}, errNotUp
	}
	go s.down()
	return none{}, nil
}
