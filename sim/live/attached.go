package live

import (
	"context"
	"sync"
)

// attached is how many programs use the lab's bus.
type attached struct {
	mu      sync.Mutex
	n       int
	over    bool          // Alone has found nobody: the lab is about to end
	changed chan struct{} // closed, and made anew, whenever n becomes 0
}

// Attach says that a program uses the lab's bus, until its answer is called. Whoever owns a lab only for programs waits in
// Alone for the last of them; after that nobody is let in, and the error is ErrClosed.
func (l *Lab) Attach() (detach func(), err error) {
	a := &l.attached
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return nil, ErrClosed
	}
	a.n++
	return sync.OnceFunc(func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.n--; a.n == 0 && a.changed != nil {
			close(a.changed)
			a.changed = nil
		}
	}), nil
}

// Users returns how many programs use the lab's bus.
func (l *Lab) Users() int {
	l.attached.mu.Lock()
	defer l.attached.mu.Unlock()
	return l.attached.n
}

// Alone waits until no program uses the lab's bus any more, and lets none in then, or until ctx ends.
func (l *Lab) Alone(ctx context.Context) {
	a := &l.attached
	for {
		a.mu.Lock()
		if a.n == 0 {
			a.over = true
			a.mu.Unlock()
			return
		}
		if a.changed == nil {
			a.changed = make(chan struct{})
		}
		changed := a.changed
		a.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
