package live

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/mfalab/mfalab/hid/sock"
	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/sqlite"
	"github.com/mfalab/mfalab/sim/portal"
	"github.com/mfalab/mfalab/sim/s3"
	"github.com/mfalab/mfalab/u2f/metadata"
)

// Options say how a lab is opened.
type Options struct {
	// Dir is the lab's directory. It is made where it is missing.
	Dir string
	// Ephemeral keeps nothing: Dir then only holds the lock and says who owns it, and is left as it was.
	Ephemeral bool
	// Seed makes everything that looks random repeat; empty means a seed from the system. It counts only when the lab is
	// made; opening a lab that was made from another seed is refused.
	Seed string
	// Plan says what a new lab holds; nil means an account with an administrator and nothing else. Opening a lab that was
	// made by another plan, or has another account, is refused.
	Plan *Plan
	// Saved is what a new lab begins with instead; a lab that is there is opened as it is. Load is how to replace that.
	Saved *Snapshot
	// Set and Weaken change the relying party's rules, on top of what the plan says, as [Settings] takes them.
	Set, Weaken []string
	// Port is where the lab's pages are, on localhost: security keys are enrolled for that origin unless a rule says another.
	// 0 means the rule's default.
	Port int
	// Virtual makes the lab's clock stand still; a new lab's at Start, or the plan's, or the wall's time.
	Virtual bool
	Start   time.Time
	// WallOnly refuses every move of the clock, and a lab whose clock is not the wall's.
	WallOnly bool
	// Wall is the wall clock; nil means time.Now.
	Wall func() time.Time

	// For tests: see folder, and what opens the store; nil means sqlite.Open.
	before func(step string) error
	open   func(path string) (iam.Store, error)
}

// A Lab is a world, its devices and its relying party, in one directory of which this process is the owner.
type Lab struct {
	dir     string
	opt     Options
	files   folder
	lock    *flock.Flock
	clock   *Clock
	journal *Journal
	store   iam.Store
	service *iam.Service
	portal  *portal.Directory
	bus     *sock.Bus // nil until OpenBus
	exports exports
	served  bool // keys that are not on the bus have their ways in

	objects  *s3.Folder // what the objects of S3 consist of
	attached attached
	fresh    bool     // Open made the lab
	beside   []string // names of the files that File made

	url, token string
	requests   atomic.Pointer[requests]

	turn   sync.Mutex    // held by whose turn it is in the world
	shut   bool          // guarded by turn
	armed  time.Time     // when, by the wall's clock, the world is due; guarded by turn
	sooner chan struct{} // it is due sooner than armed said
	quit   chan struct{}
	ended  chan struct{}
	closer sync.Once

	saving     sync.Mutex   // held while files are written, so that newer states never lose to older ones
	unfinished *replacement // announced, and its files are not in place; guarded by saving

	shipping sync.Mutex // held while a box is taken in or made
	arrival  arrival

	// Of the lab's goroutine, the first four as long as saving is held by others too.
	plan     *Plan // what the lab was made by
	chance   sim.Chance
	state    labState
	credents Credentials
	world    *sim.World
	bench    bench
	unsaved  bool // lab.json is older than state
	rebased  bool // the devices' files are of the time before a reset of the clock

	statements map[[sha256.Size]byte]*metadata.Statement // that were made, by what they are of
}

// Open takes the lab of opt.Dir, making it where there is none. ErrOwned says that another process has it.
func Open(ctx context.Context, opt Options) (*Lab, error) {
	if opt.Wall == nil {
		opt.Wall = time.Now
	}
	if opt.open == nil {
		opt.open = sqlite.Open
	}
	l := newLab(opt)
	var err error
	if l.lock, err = claim(opt.Dir); err != nil {
		return nil, err
	}
	if l.objects, err = l.openObjects(); err != nil {
		return nil, errors.Join(err, l.release())
	}
	if opt.Ephemeral {
		err = l.openInMemory(ctx)
	} else {
		err = l.openInDir(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, l.release())
	}
	return l, nil
}

func newLab(opt Options) *Lab {
	l := &Lab{dir: opt.Dir, opt: opt, plan: opt.Plan, sooner: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{})}
	l.files = folder{opt.Dir, opt.before, l.arrival.wrote}
	return l
}

// Do runs f, with the world at the lab's present time, and returns f's error. The world belongs to one f at a time, and
// to the lab's own goroutine when none runs: for f everything in it stands still. f must not wait, must not call Do and
// must not call the IAM.
func (l *Lab) Do(ctx context.Context, f func(w *sim.World) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.turn.Lock()
	defer l.turn.Unlock()
	if l.shut {
		return ErrClosed
	}
	now, _ := l.clock.Now()
	l.world.AdvanceTo(now)
	defer l.rearm()
	return f(l.world)
}

// rearm wakes the lab's goroutine where it would sleep too long.
func (l *Lab) rearm() {
	due := l.due()
	if due.IsZero() || !l.armed.IsZero() && !due.Before(l.armed) {
		return
	}
	select {
	case l.sooner <- struct{}{}:
	default:
	}
}

// due returns when, by the wall's clock, the world wants to be woken; zero is never.
func (l *Lab) due() time.Time {
	next := l.world.Next()
	if next.IsZero() {
		return next
	}
	d, ever := l.clock.until(next)
	if !ever {
		return time.Time{}
	}
	_, wall := l.clock.Now()
	return wall.Add(d)
}

// ErrClosed is returned by everything that is asked of a lab after Close.
var ErrClosed = errors.New("the lab is closed")

// run is the lab's goroutine: it takes the world through its wakes by the lab's clock.
func (l *Lab) run() {
	defer close(l.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var due <-chan time.Time
		if d, ever := l.wake(); ever {
			timer.Reset(d)
			due = timer.C
		}
		select {
		case <-due:
		case <-l.sooner:
		case <-l.quit:
			return
		}
	}
}

// wake takes the world to the present and returns how long it may be left alone then; ever is false where nothing is due.
func (l *Lab) wake() (d time.Duration, ever bool) {
	l.turn.Lock()
	defer l.turn.Unlock()
	now, wall := l.clock.Now()
	l.world.AdvanceTo(now)
	l.armed = l.due()
	return l.armed.Sub(wall), !l.armed.IsZero()
}

// openObjects opens the folder of S3's objects; an ephemeral lab's begins empty, and goes when the lab is closed.
func (l *Lab) openObjects() (*s3.Folder, error) {
	f, err := s3.OpenFolder(l.files.join(objectsFolder))
	if err == nil && l.opt.Ephemeral {
		err = f.Clear()
	}
	return f, err
}

// Objects returns the folder of what the objects of S3 consist of.
func (l *Lab) Objects() *s3.Folder { return l.objects }

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

// Ephemeral reports whether the lab keeps nothing.
func (l *Lab) Ephemeral() bool { return l.opt.Ephemeral }

// URL returns where the lab answers, as Announce was told; empty before.
func (l *Lab) URL() string { return l.url }

// Token returns what the control API asks for, as Announce was told; empty where it asks for nothing.
func (l *Lab) Token() string { return l.token }

// requests is where the IDs of requests come from.
type requests struct {
	chance sim.Chance
	given  atomic.Uint64
}

// newRequests returns the IDs of a run of the lab that begins after so many events: those of two runs differ.
func newRequests(chance sim.Chance, events uint64) *requests {
	return &requests{chance: chance.Derive("request", fmt.Sprint(events))}
}

// RequestID returns an identifier for one request of a client: a UUID that a lab of the same seed gives again.
func (l *Lab) RequestID() string {
	r := l.requests.Load()
	return r.chance.Derive(strconv.FormatUint(r.given.Add(1), 10)).UUID()
}

// Close saves the lab and gives its directory back. What waits in the lab ends with ErrClosed.
func (l *Lab) Close() error {
	err := ErrClosed
	l.closer.Do(func() {
		err = errors.Join(l.Save(context.Background()), l.closeKeys())
		l.stop()
		err = errors.Join(err, l.release())
	})
	return err
}

// stop ends the lab's goroutine, and everybody's turn.
func (l *Lab) stop() {
	close(l.quit)
	<-l.ended
	l.turn.Lock()
	defer l.turn.Unlock()
	l.shut = true
}

// release gives back everything that Open took.
func (l *Lab) release() error {
	var errs []error
	if l.objects != nil && l.opt.Ephemeral {
		errs = append(errs, l.objects.Clear())
	}
	if l.store != nil {
		errs = append(errs, l.store.Close())
	}
	if l.journal != nil {
		errs = append(errs, l.journal.close())
	}
	if err := os.Remove(l.files.join(ownerFile)); err != nil && !os.IsNotExist(err) {
		errs = append(errs, err)
	}
	if l.opt.Ephemeral && !Exists(l.dir) {
		errs = append(errs, leaveNothing(l.dir, l.beside))
	}
	return errors.Join(append(errs, l.lock.Unlock())...)
}
