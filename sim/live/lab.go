package live

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
	"github.com/mfalab/mfalab/sim/iam/sqlite"
)

// Options say how a lab is opened.
type Options struct {
	// Dir is the lab's directory. It is made where it is missing.
	Dir string
	// Ephemeral keeps nothing: Dir then only holds the lock and says who owns it.
	Ephemeral bool
	// Seed makes everything that looks random repeat; empty means a seed from the system. It counts only when the lab is
	// made; opening a lab that was made from another seed is refused.
	Seed string
	// Plan says what a new lab holds; nil means an account with an administrator and nothing else.
	Plan *Plan
	// Settings are the relying party's rules; the zero value means the plan's, and without one iam.Defaults.
	Settings iam.Settings
	// Start and Rate set the clock of a new lab that is not driven by the wall: a Virtual lab stands at Start until
	// someone advances it.
	Virtual bool
	Start   time.Time
	// WallOnly refuses every move of the clock.
	WallOnly bool
	// Wall is the wall clock; nil means time.Now.
	Wall func() time.Time
}

// A Lab is a world, its devices and its relying party, in one directory of which this process is the owner.
type Lab struct {
	dir     string
	opt     Options
	lock    *flock.Flock
	clock   *Clock
	journal *Journal
	store   iam.Store
	service *iam.Service
	chance  sim.Chance

	url, token string

	calls  chan call
	quit   chan struct{}
	ended  chan struct{}
	closer sync.Once
	saving sync.Mutex // held while files are written, so that newer states never lose to older ones

	// Of the lab's goroutine alone.
	world    *sim.World
	bench    bench
	state    labState
	unsaved  bool // lab.json is older than state
	credents Credentials

	fresh    bool          // Open made the lab
	ids      sim.Chance    // where the IDs of requests come from
	requests atomic.Uint64 // IDs given out
}

// labState is lab.json.
type labState struct {
	Version int     `json:"version"`
	Chance  []byte  `json:"chance"`
	Clock   reading `json:"clock"`
	// Now is the world's time when the file was written: what the devices have lived through.
	Now  time.Time `json:"now"`
	Made uint64    `json:"made"` // devices made so far, so that no serial is made twice
}

const stateVersion = 1

// Open takes the lab of opt.Dir, making it where there is none. ErrOwned says that another process has it.
func Open(ctx context.Context, opt Options) (l *Lab, err error) {
	if opt.Wall == nil {
		opt.Wall = time.Now
	}
	l = &Lab{dir: opt.Dir, opt: opt, calls: make(chan call), quit: make(chan struct{}), ended: make(chan struct{})}
	l.bench.init()
	if l.lock, err = claim(opt.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.release())
		}
	}()
	if l.fresh, err = l.readState(); err != nil {
		return nil, err
	}
	if err := l.openWorld(); err != nil {
		return nil, err
	}
	if err := l.openStore(ctx); err != nil {
		return nil, err
	}
	go l.run()
	if err := l.begin(ctx); err != nil {
		return nil, errors.Join(err, l.stop())
	}
	return l, nil
}

// begin brings an opened lab to where it can be used: a new one gets what its plan says, one that was interrupted while
// it was being replaced is replaced again, any other goes on where it was.
func (l *Lab) begin(ctx context.Context) error {
	pending, err := l.pending()
	switch {
	case err != nil:
		return err
	case pending != nil:
		return l.apply(ctx, pending)
	case l.fresh:
		return l.found(ctx)
	default:
		return l.readCredentials()
	}
}

// readState reads lab.json, or makes its content; it reports whether the lab is new.
func (l *Lab) readState() (fresh bool, err error) {
	if !l.opt.Ephemeral {
		if l.opt.Plan == nil {
			if l.opt.Plan, err = readPlan(l.path(planFile)); err != nil {
				return false, err
			}
		}
		found, err := readJSON(l.path(labFile), &l.state)
		if err != nil {
			return false, err
		}
		if found {
			return false, l.checkState()
		}
	}
	return true, l.newState()
}

func (l *Lab) newState() error {
	seed := []byte(l.opt.Seed)
	if l.opt.Seed == "" {
		seed = make([]byte, 32)
		if _, err := rand.Read(seed); err != nil {
			return err
		}
	}
	l.chance = sim.NewChance(seed)
	l.state = labState{Version: stateVersion, Chance: l.chance.AppendKey(nil), Clock: l.firstReading()}
	l.state.Now = l.state.Clock.Lab
	return l.state.Clock.check()
}

// firstReading is the clock of a new lab: the wall's, or standing at the start it was given.
func (l *Lab) firstReading() reading {
	wall := strip(l.opt.Wall())
	r := reading{Lab: wall, Wall: wall, Rate: 1}
	start := l.opt.Start
	if p := l.opt.Plan; p != nil {
		if start.IsZero() {
			start = p.Start
		}
		if p.Rate != nil {
			r.Rate = *p.Rate
		}
	}
	if !start.IsZero() {
		r.Lab = strip(start)
	}
	if l.opt.Virtual {
		r.Rate = 0
	}
	return r
}

func (l *Lab) checkState() (err error) {
	s := l.state
	if s.Version != stateVersion {
		return fmt.Errorf("%s has version %d and this mfalab writes version %d: use the mfalab that made it",
			l.path(labFile), s.Version, stateVersion)
	}
	if l.chance, err = sim.ParseChance(s.Chance); err != nil {
		return fmt.Errorf("%s is damaged: %w", l.path(labFile), err)
	}
	if l.opt.Seed != "" && l.chance != sim.NewChance([]byte(l.opt.Seed)) {
		return fmt.Errorf("the lab in %s was made from another seed: leave --seed out, or give another --dir", l.dir)
	}
	if err := s.Clock.check(); err != nil {
		return fmt.Errorf("%s is damaged: %w", l.path(labFile), err)
	}
	return nil
}

func (l *Lab) openWorld() error {
	l.clock = &Clock{wall: l.opt.Wall, at: l.state.Clock}
	journal := ""
	if !l.opt.Ephemeral {
		journal = l.path(journalFile)
	}
	var last uint64
	var err error
	if l.journal, last, err = openJournal(journal); err != nil {
		return err
	}
	l.world = sim.NewWorld(l.state.Now, l.chance, l.journal.add)
	l.world.Resume(last)
	l.ids = l.chance.Derive("request", fmt.Sprint(last))
	if l.opt.Ephemeral {
		return nil
	}
	return l.readBench()
}

func (l *Lab) openStore(ctx context.Context) (err error) {
	if l.opt.Ephemeral {
		l.store = memory.New()
	} else if l.store, err = sqlite.Open(l.path(storeFile)); err != nil {
		return err
	}
	cfg := iam.Config{Store: l.store, Chance: l.chance, Settings: l.opt.Settings, Record: l.decided}
	if p := l.opt.Plan; p != nil {
		cfg.Account, cfg.Texts = p.Account, p.Texts
		if cfg.Settings == (iam.Settings{}) {
			if cfg.Settings, err = p.settings(); err != nil {
				return err
			}
		}
	}
	now, _ := l.clock.Now()
	l.service, err = iam.New(ctx, cfg, now)
	return err
}

// A call is a function for the lab's goroutine and where to say that it has run.
type call struct {
	f    func()
	done chan struct{}
}

// Do runs f on the lab's goroutine, with the world at the lab's present time, and returns f's error. f must not wait and
// must not call the IAM.
func (l *Lab) Do(ctx context.Context, f func(w *sim.World) error) error {
	var err error
	c := call{f: func() { err = f(l.world) }, done: make(chan struct{})}
	select {
	case l.calls <- c:
		<-c.done
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.quit:
		return ErrClosed
	}
}

// ErrClosed is returned by everything that is asked of a lab after Close.
var ErrClosed = errors.New("the lab is closed")

// run is the lab's goroutine: it takes the world through its wakes by the lab's clock, and runs the functions of Do.
func (l *Lab) run() {
	defer close(l.ended)
	for {
		now, _ := l.clock.Now()
		l.world.AdvanceTo(now)
		var timer *time.Timer
		var due <-chan time.Time
		if next := l.world.Next(); !next.IsZero() {
			if d, ever := l.clock.until(next); ever {
				timer = time.NewTimer(d)
				due = timer.C
			}
		}
		select {
		case c := <-l.calls:
			now, _ := l.clock.Now()
			l.world.AdvanceTo(now)
			c.f()
			close(c.done)
		case <-due:
		case <-l.quit:
			return
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

// Clock returns the lab's clock.
func (l *Lab) Clock() *Clock { return l.clock }

// Journal returns the lab's journal.
func (l *Lab) Journal() *Journal { return l.journal }

// IAM returns the relying party.
func (l *Lab) IAM() *iam.Service { return l.service }

// Dir returns the lab's directory.
func (l *Lab) Dir() string { return l.dir }

// Fresh reports whether Open made the lab.
func (l *Lab) Fresh() bool { return l.fresh }

// RequestID returns an identifier for one request of a client: a UUID that a lab of the same seed gives again.
func (l *Lab) RequestID() string {
	b := l.ids.Derive(fmt.Sprint(l.requests.Add(1))).Bytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Ephemeral reports whether the lab keeps nothing.
func (l *Lab) Ephemeral() bool { return l.opt.Ephemeral }

// URL returns where the lab answers, as Announce was told; empty before.
func (l *Lab) URL() string { return l.url }

// Token returns what the control API asks for, as Announce was told; empty where it asks for nothing.
func (l *Lab) Token() string { return l.token }

func (l *Lab) path(name string) string { return filepath.Join(l.dir, name) }

// Close saves the lab and gives its directory back.
func (l *Lab) Close() error {
	err := ErrClosed
	l.closer.Do(func() { err = errors.Join(l.Save(context.Background()), l.stop(), l.release()) })
	return err
}

func (l *Lab) stop() error {
	close(l.quit)
	<-l.ended
	return nil
}

// release gives back everything that Open took.
func (l *Lab) release() error {
	var errs []error
	if l.store != nil {
		errs = append(errs, l.store.Close())
	}
	if l.journal != nil {
		errs = append(errs, l.journal.close())
	}
	if err := os.Remove(l.path(ownerFile)); err != nil && !os.IsNotExist(err) {
		errs = append(errs, err)
	}
	return errors.Join(append(errs, l.lock.Unlock())...)
}
