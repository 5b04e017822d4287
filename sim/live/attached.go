package live

import (
	"context"
	"sync"
)

// attached is how many programs use the lab's bus.
type attached struct {
	mu      sync.Mutex
	n       int
	changed chan struct{} // closed, and made anew, whenever n becomes 0
}

// Attach says that a program uses the lab's bus, until its answer is called. Whoever owns a lab only for programs waits in
// Alone for the last of them.
func (l *Lab) Attach() (detach func()) {
	a := &l.attached
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n++
	return sync.OnceFunc(func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.n--; a.n == 0 && a.changed != nil {
			close(a.changed)
			a.changed = nil
		}
	})
}

// Alone waits until no program uses the lab's bus any more, or ctx ends.
func (l *Lab) Alone(ctx context.Context) {
	a := &l.attached
	for {
		a.mu.Lock()
		if a.n == 0 {
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
