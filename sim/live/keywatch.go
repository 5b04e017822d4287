package live

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/ctaphid"
	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// A Frame is a message that passed between a program and a key, or an event in the key. It holds no secret.
type Frame struct {
	At      time.Time  `json:"at"` // the lab's time
	ToHost  bool       `json:"toHost,omitempty"`
	Channel uint32     `json:"channel,omitempty"`
	Command string     `json:"command,omitempty"` // as the framing calls it: "CBOR"
	Length  int        `json:"length,omitempty"`  // bytes of the message
	Text    string     `json:"text,omitempty"`    // what it says, in words or in CBOR's diagnostic notation
	Event   *u2f.Event `json:"event,omitempty"`
	Report  []byte     `json:"report,omitempty"` // 64 bytes as they passed, for who captures
	Lost    int        `json:"lost,omitempty"`   // how many frames before this one the watcher did not take in time
}

// watching is how many frames wait for a watcher before it loses some. Our choice: a browser's ceremony is a few dozen.
const watching = 1024

// Watching is the name of the first event that a watcher gets: it sees everything from then on.
const Watching = "watching"

// A watcher sees what a key does. It holds up nobody: what it does not take in time is lost.
type watcher struct {
	frames chan Frame
	gone   chan struct{} // closed when the key is taken off the bench
	raw    bool          // it wants reports, and no messages
	lost   int           // what it was told nothing of, as yet
}

// WatchKey hands every frame of a key to each, from the call of begun on, until each returns an error, the key is taken off
// the bench or ctx ends, and returns that error.
func (l *Lab) WatchKey(ctx context.Context, serial string, begun func(), each func(Frame) error) error {
	return l.hearKey(ctx, serial, false, begun, each)
}

// CaptureKey is WatchKey for the reports themselves.
func (l *Lab) CaptureKey(ctx context.Context, serial string, begun func(), each func(Frame) error) error {
	return l.hearKey(ctx, serial, true, begun, each)
}

func (l *Lab) hearKey(ctx context.Context, serial string, raw bool, begun func(), each func(Frame) error) error {
	w := &watcher{frames: make(chan Frame, watching), gone: make(chan struct{}), raw: raw}
	var watched *key
	err := l.Do(ctx, func(world *sim.World) (err error) {
		if watched, err = l.bench.key(serial); err == nil {
			watched.seen = append(watched.seen, w)
			watched.lines = [2]ctaphid.Assembly{}
			w.frames <- Frame{At: world.Now(), Event: &u2f.Event{Name: Watching, At: world.Now()}}
		}
		return err
	})
	if err != nil {
		return err
	}
	defer l.Do(context.Background(), func(*sim.World) error {
		watched.seen = slices.DeleteFunc(watched.seen, func(other *watcher) bool { return other == w })
		return nil
	})
	begun()
	for err == nil {
		select {
		case f := <-w.frames:
			if err := each(f); err != nil {
				return err
			}
		case <-w.gone:
			err = fmt.Errorf("%w: %q was taken away while you watched", ErrNoKey, watched.serial)
		case <-ctx.Done():
			return ctx.Err()
		case <-l.quit:
			err = ErrClosed
		}
	}
	for { // what happened before that
		select {
		case f := <-w.frames:
			if err := each(f); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

func (k *key) tell(f Frame) {
	for _, w := range k.seen {
		if w.raw != (f.Report != nil) {
			continue
		}
		f.Lost = w.lost
		select {
		case w.frames <- f:
			w.lost = 0
		default:
			w.lost++
		}
	}
}

// watch hears every report that passes, in the port's goroutine.
func (k *key) watch(_ time.Time, toHost bool, r *hid.Report) {
	_ = k.lab.Do(context.Background(), func(w *sim.World) error {
		if len(k.seen) == 0 {
			return nil
		}
		k.tell(Frame{At: w.Now(), ToHost: toHost, Report: slices.Clone(r[:])})
		line := &k.lines[0]
		if toHost {
			line = &k.lines[1]
		}
		if m, whole := line.Add(r); whole {
			k.tell(Frame{At: w.Now(), ToHost: toHost, Channel: m.Channel, Command: m.Command.String(), Length: len(m.Data),
				Text: told(toHost, m)})
		}
		return nil
	})
}

// told returns what a message says. What is secret in it is encrypted, and stays so.
func told(toHost bool, m ctaphid.Message) string {
	switch {
	case len(m.Data) == 0:
		return ""
	case m.Command == ctaphid.CmdCBOR && toHost:
		return ctap.Status(m.Data[0]).Name() + diagnostic(m.Data[1:])
	case m.Command == ctaphid.CmdCBOR:
		return u2f.CommandName(m.Data[0]) + diagnostic(m.Data[1:])
	case m.Command == ctaphid.CmdMsg && toHost && len(m.Data) >= 2:
		return fmt.Sprintf("status %04x, %d bytes", m.Data[len(m.Data)-2:], len(m.Data)-2)
	case m.Command == ctaphid.CmdMsg && len(m.Data) >= 4:
		return fmt.Sprintf("%s p1 %02x", u2f.InstructionName(m.Data[1]), m.Data[2])
	case m.Command == ctaphid.CmdKeepalive && m.Data[0] == ctaphid.StatusUPNeeded:
		return "the user is needed"
	case m.Command == ctaphid.CmdKeepalive:
		return "processing"
	case m.Command == ctaphid.CmdError:
		return ctaphid.Error(m.Data[0]).Error()
	}
	return fmt.Sprintf("%x", m.Data[:min(len(m.Data), 64)])
}

func diagnostic(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return " " + ctap.Diagnostic(b)
}
