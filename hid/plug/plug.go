// Package plug plugs a device into a port on the wall clock. It is the one place where the ways in have their goroutine,
// their lock and their timer.
package plug

import (
	"context"
	"sync"
	"time"

	"github.com/mfalab/mfalab/hid"
)

// Our choice.
const (
	// ahead is how many reports are read before the device has taken the first of them: enough that a host which sends a
	// long message is not held up packet by packet, and 2 KiB for each of a thousand keys.
	ahead = 32
)

// A Pusher is a port that brings what it has read instead of keeping it until somebody asks: a report then needs no change
// of goroutine on its way to the device.
type Pusher interface {
	hid.Port
	// Push has every report from now on brought to take, which keeps no reference to it: on goroutines of the port, those
	// of one client one after the other, those of several clients at once. It is called once, before any ReadReport.
	Push(take func(r *hid.Report))
	// Done is closed when the port is closed or fails; ReadReport then gives the reason.
	Done() <-chan struct{}
}

// Serve plugs device into port until ctx ends, and returns nil then, or until the port fails, and returns its error. It
// closes the port and leaves no goroutine behind.
//
// Every call of device, and every function received from do, has the device to itself and is told the time at which it
// began; do may be nil. After each of them the reports of the device are written. Who sends on do must not wait for longer
// than Serve runs: nobody receives afterwards.
//
// A host that does not read stops the device, as a bus that is not polled does: WriteReport then blocks until ctx ends.
func Serve(ctx context.Context, port hid.Port, device hid.Device, do <-chan func(now time.Time)) error {
	p := &plugged{port: port, device: device, failed: make(chan error, 1)}
	p.turn(func(time.Time) {}) // it may have something to say already
	in := newInbox(port, p.receive)
	closed := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		port.Close()
		close(closed)
	})

	err := p.loop(ctx, do, in)

	if !unhook() {
		<-closed
	}
	p.end()
	port.Close()
	in.close()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// plugged is a device in its port. Whoever has something for the device takes its turn: the goroutine of Serve, those of a
// port that pushes, that of the timer.
type plugged struct {
	port   hid.Port
	failed chan error // why the port did not take a report; holds the first

	mu     sync.Mutex
	device hid.Device
	ended  bool
	out    hid.Report
	alarm  alarm
}

// turn runs f with the device, unless Serve is over, writes what the device has to say and sets the alarm.
func (p *plugged) turn(f func(now time.Time)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	f(time.Now())
	p.settle()
}

// receive is turn for a report.
func (p *plugged) receive(r *hid.Report) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.device.Receive(time.Now(), r)
	p.settle()
}

func (p *plugged) settle() {
	for p.device.Transmit(time.Now(), &p.out) {
		if err := p.port.WriteReport(&p.out); err != nil {
			p.ended = true
			p.failed <- err
			return
		}
	}
	p.alarm.set(p.device.Wake(), p.rang)
}

// rang is called when it is time for the device, or somewhat before that.
func (p *plugged) rang() {
	p.turn(func(time.Time) { p.alarm.at = time.Time{} })
}

// end lets nobody have the device any more.
func (p *plugged) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.alarm.stop()
}

// loop brings the device what does not come by itself. It returns why the port failed, or nil when ctx ended.
func (p *plugged) loop(ctx context.Context, do <-chan func(now time.Time), in *inbox) error {
	var r hid.Report
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-p.failed:
			return err
		case r = <-in.reports:
			p.receive(&r)
		case <-in.done:
			select {
			case r = <-in.reports: // that came before
				p.receive(&r)
			default:
				return in.why(p.port)
			}
		case act, ok := <-do:
			if !ok {
				do = nil
				continue
			}
			p.turn(act)
		}
	}
}

// inbox is where the reports of a port that does not push come from.
type inbox struct {
	reports <-chan hid.Report
	done    <-chan struct{} // closed when no more come
	stop    chan struct{}   // closed when nobody takes any more; nil where the port pushes
	err     error           // why the port failed, once done is closed
}

func newInbox(port hid.Port, take func(*hid.Report)) *inbox {
	if q, ok := port.(Pusher); ok {
		q.Push(take)
		return &inbox{done: q.Done()}
	}
	reports, done := make(chan hid.Report, ahead), make(chan struct{})
	in := &inbox{reports: reports, done: done, stop: make(chan struct{})}
	go func() {
		defer close(done)
		in.err = in.fill(port, reports)
	}()
	return in
}

func (in *inbox) fill(port hid.Port, to chan<- hid.Report) error {
	var r hid.Report
	for {
		if err := port.ReadReport(&r); err != nil {
			return err
		}
		select {
		case to <- r:
		case <-in.stop:
			return nil
		}
	}
}

// why returns why no more reports come.
func (in *inbox) why(port hid.Port) error {
	if in.stop != nil {
		return in.err
	}
	var r hid.Report
	return port.ReadReport(&r)
}

// close ends the reader of a port that is closed.
func (in *inbox) close() {
	if in.stop != nil {
		close(in.stop)
		<-in.done
	}
}

// alarm is the timer of the device's Wake. It may ring too early, never too late: to set a timer anew with each packet costs
// more than a ring for nothing once in a while. The zero value is not set.
type alarm struct {
	timer *time.Timer
	at    time.Time // zero: not set
}

// set has rang called at that time.
func (a *alarm) set(at time.Time, rang func()) {
	switch {
	case at.IsZero() || !a.at.IsZero() && !at.Before(a.at):
		return
	case a.timer == nil:
		a.timer = time.AfterFunc(time.Until(at), rang)
	default:
		a.timer.Reset(time.Until(at))
	}
	a.at = at
}

func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}
