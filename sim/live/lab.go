package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
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
	// Plan says what a new lab holds; nil means an account with an administrator and nothing else. Opening a lab that was
	// made by another plan, or has another account, is refused.
	Plan *Plan
	// Saved is what a new lab begins with instead; a lab that is there is opened as it is. Load is how to replace that.
	Saved *Snapshot
	// Set and Weaken change the relying party's rules, on top of what the plan says, as [Settings] takes them.
	Set, Weaken []string
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
	fresh   bool // Open made the lab

	url, token string
	requests   atomic.Pointer[requests]

	calls  chan call
	door   sync.RWMutex // read while something is handed over
	shut   bool
	quit   chan struct{}
	ended  chan struct{}
	closer sync.Once

	saving     sync.Mutex   // held while files are written, so that newer states never lose to older ones
	unfinished *replacement // announced, and its files are not in place; guarded by saving

	// Of the lab's goroutine, the first four as long as saving is held by others too.
	plan     *Plan // what the lab was made by
	chance   sim.Chance
	state    labState
	credents Credentials
	world    *sim.World
	bench    bench
	unsaved  bool // lab.json is older than state
	rebased  bool // the devices' files are of the time before a reset of the clock
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

// queued is how many functions may wait for the lab's goroutine before who brings one has to wait. Our choice: a burst of
// as many clients as one likes to test with.
const queued = 64

func newLab(opt Options) *Lab {
	return &Lab{dir: opt.Dir, opt: opt, plan: opt.Plan, files: folder{opt.Dir, opt.before},
		calls: make(chan call, queued), quit: make(chan struct{}), ended: make(chan struct{})}
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
	if e := l.hand(ctx, c); e != nil {
		return e
	}
	<-c.done
	return err
}

// leave is Do for what needs no answer: f runs before everything that is handed over later.
func (l *Lab) leave(f func(w *sim.World)) {
	// The only error is that the lab is closed: then nobody is left who could tell.
	_ = l.hand(context.Background(), call{f: func() { f(l.world) }})
}

// hand gives c to the lab's goroutine, which will run it unless hand returns an error.
func (l *Lab) hand(ctx context.Context, c call) error {
	l.door.RLock()
	defer l.door.RUnlock()
	if l.shut {
		return ErrClosed
	}
	select {
	case l.calls <- c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ErrClosed is returned by everything that is asked of a lab after Close.
var ErrClosed = errors.New("the lab is closed")

// run is the lab's goroutine: it takes the world through its wakes by the lab's clock, and runs the functions of Do.
func (l *Lab) run() {
	defer close(l.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now, _ := l.clock.Now()
		l.world.AdvanceTo(now)
		var due <-chan time.Time
		if next := l.world.Next(); !next.IsZero() {
			if d, ever := l.clock.until(next); ever {
				timer.Reset(d)
				due = timer.C
			}
		}
		select {
		case c, open := <-l.calls:
			if !open {
				return
			}
			now, _ := l.clock.Now()
			l.world.AdvanceTo(now)
			c.f()
			if c.done != nil {
				close(c.done)
			}
		case <-due:
		}
	}
}

// Clock returns the lab's clock.
func (l *Lab) Clock() *Clock { return l.clock }

// Journal returns the lab's journal, with everything in it that has been answered. It is not for the functions of Do.
func (l *Lab) Journal() *Journal {
	_ = l.Do(context.Background(), func(*sim.World) error { return nil }) // closed: then everything is in it
	return l.journal
}

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
	b := r.chance.Derive(fmt.Sprint(r.given.Add(1))).Bytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Close saves the lab and gives its directory back. What waits in the lab ends with ErrClosed.
func (l *Lab) Close() error {
	err := ErrClosed
	l.closer.Do(func() {
		err = l.Save(context.Background())
		l.stop()
		err = errors.Join(err, l.release())
	})
	return err
}

// stop ends the lab's goroutine, after what has been handed to it.
func (l *Lab) stop() {
	close(l.quit)
	l.door.Lock()
	l.shut = true
	l.door.Unlock()
	close(l.calls)
	<-l.ended
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
	if err := os.Remove(l.files.join(ownerFile)); err != nil && !os.IsNotExist(err) {
		errs = append(errs, err)
	}
	return errors.Join(append(errs, l.lock.Unlock())...)
}
