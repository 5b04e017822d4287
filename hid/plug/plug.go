// Package plug plugs a device into a port on the wall clock. It is the one place where the ways in have their goroutine
// and their timer.
package plug

import (
	"context"
	"time"

	"github.com/mfalab/mfalab/hid"
)

// Our choice.
const (
	// ahead is how many reports are read before the device has taken the first of them: enough that a host which sends a
	// long message is not held up packet by packet, and 2 KiB for each of a thousand keys.
	ahead = 32
)

// A Queue is a port that queues what it has read: Serve then needs no goroutine and no queue of its own for it. Reports is
// never closed; Done is, when the port is closed or fails, and ReadReport then gives the reason.
type Queue interface {
	hid.Port
	Reports() <-chan hid.Report
	Done() <-chan struct{}
}

// Serve plugs device into port until ctx ends, and returns nil then, or until the port fails, and returns its error. It
// closes the port and leaves no goroutine behind.
//
// Every call of device, and every function received from do, runs on Serve's goroutine and is told the time at which it
// began; do may be nil. After each of them the reports of the device are written. Who sends on do must not wait for longer
// than Serve runs: nobody receives afterwards.
//
// A host that does not read stops the device, as a bus that is not polled does: WriteReport then blocks until ctx ends.
func Serve(ctx context.Context, port hid.Port, device hid.Device, do <-chan func(now time.Time)) error {
	in := newInbox(port)
	closed := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		port.Close()
		close(closed)
	})

	err := loop(ctx, port, device, do, in)

	if !unhook() {
		<-closed
	}
	port.Close()
	in.close()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// loop owns device. It returns why the port failed, or nil when ctx ended.
func loop(ctx context.Context, port hid.Port, device hid.Device, do <-chan func(now time.Time), in *inbox) error {
	var (
		alarm alarm
		r     hid.Report
	)
	defer alarm.stop()
	for {
		if err := drain(port, device, &r); err != nil {
			return err
		}
		alarm.set(device.Wake())
		select {
		case <-ctx.Done():
			return nil
		case r = <-in.reports:
			device.Receive(time.Now(), &r)
		case <-in.done:
			select {
			case r = <-in.reports: // that came before
				device.Receive(time.Now(), &r)
			default:
				return in.why(port)
			}
		case act, ok := <-do:
			if !ok {
				do = nil
				continue
			}
			act(time.Now())
		case <-alarm.c:
			alarm.rang()
		}
	}
}

// drain writes what the device has to say, by way of r.
func drain(port hid.Port, device hid.Device, r *hid.Report) error {
	for device.Transmit(time.Now(), r) {
		if err := port.WriteReport(r); err != nil {
			return err
		}
	}
	return nil
}

// inbox is where the reports come from.
type inbox struct {
	reports <-chan hid.Report
	done    <-chan struct{} // closed when no more come
	stop    chan struct{}   // closed when nobody takes any more; nil where the port itself queues
	err     error           // why the port failed, once done is closed
}

func newInbox(port hid.Port) *inbox {
	if q, ok := port.(Queue); ok {
		return &inbox{reports: q.Reports(), done: q.Done()}
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
// more than a ring for nothing once in a while. The zero value is not set, and its c never fires.
type alarm struct {
	timer *time.Timer
	c     <-chan time.Time
	at    time.Time // zero: not set
}

func (a *alarm) set(at time.Time) {
	switch {
	case at.IsZero() || !a.at.IsZero() && !at.Before(a.at):
	case a.timer == nil:
		a.timer = time.NewTimer(time.Until(at))
		a.c, a.at = a.timer.C, at
	default:
		a.timer.Reset(time.Until(at))
		a.c, a.at = a.timer.C, at
	}
}

// rang is called after c fired.
func (a *alarm) rang() { a.at, a.c = time.Time{}, nil }

func (a *alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
	a.rang()
}
