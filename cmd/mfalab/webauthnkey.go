package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/ctaphid"
	"github.com/mfalab/mfalab/sim/client"
)

// Our choice.
const (
	u2fPause      = 200 * time.Millisecond // between two tries of a U2F request, as browsers have it
	cancelWaiting = 5 * time.Second        // for the answer of a key to CANCEL
)

// A wire is an open key on the lab's bus, as a program has it.
type wire struct {
	ctx    context.Context // of the ceremony: it ends when the page or the user gives up
	conn   net.Conn
	host   ctaphid.Host
	serial string
	blinks func(serial string) // told once
	told   bool
}

// wires are the keys that a ceremony has open.
type wires []*wire

// until says when the ceremony ends.
func (all wires) until(ctx context.Context) {
	for _, w := range all {
		w.ctx = ctx
	}
}

func (all wires) close() {
	for _, w := range all {
		w.conn.Close()
	}
}

// openKey opens a key that is not on the bus: node is its address, as `mfalab key list` shows it.
func openKey(ctx context.Context, node string) (net.Conn, error) {
	way, address, _ := strings.Cut(node, ":")
	network := map[string]string{"tcp": "tcp", "udp": "udp", "sock": "unix"}[way]
	if network == "" {
		return nil, fmt.Errorf("%q is no way for a browser of this kind: plug it into the lab's bus, or via tcp, udp or sock", node)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// dialKey opens the channel of a key that is open.
func dialKey(ctx context.Context, conn net.Conn, serial string, blinks func(serial string)) (*wire, error) {
	w := &wire{ctx: ctx, conn: conn, serial: serial, blinks: blinks}
	var nonce [8]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	w.host.Open(nonce)
	if _, err := w.answer(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return w, nil
}

// key returns the key as a client has it: CTAP2 and U2F where it says that it has them.
func (w *wire) key() (k client.Key) {
	caps := w.host.Info().Capabilities
	if caps&ctaphid.CapCBOR != 0 {
		k.Ask = func(req []byte) ([]byte, error) { return w.ask(ctaphid.CmdCBOR, req) }
	}
	if caps&ctaphid.CapNMSG == 0 {
		k.APDU = func(req []byte) ([]byte, error) { return w.ask(ctaphid.CmdMsg, req) }
	}
	k.Pause = w.pause
	return k
}

// ask sends a message and waits for the answer; it is the caller's.
func (w *wire) ask(cmd ctaphid.Command, message []byte) ([]byte, error) {
	if err := w.host.Send(cmd, message); err != nil {
		return nil, err
	}
	answer, err := w.answer()
	return append([]byte{}, answer...), err
}

// answer carries reports until the host has its answer. Where the ceremony ends meanwhile the key is told to give up.
func (w *wire) answer() ([]byte, error) {
	stop := context.AfterFunc(w.ctx, func() { _ = w.conn.SetReadDeadline(time.Unix(1, 0)) }) // a closed one reads nothing anyway
	defer stop()
	var r, in hid.Report
	cancelled, have := false, 0 // bytes of a report that has come in part, where it is no message of its own
	for {
		for w.host.Transmit(&r) {
			if _, err := w.conn.Write(r[:]); err != nil {
				return nil, fmt.Errorf("the key was pulled out: %w", err)
			}
		}
		if w.host.Done() {
			answer, err := w.host.Answer()
			if cancelled && err == nil {
				return nil, w.ended()
			}
			return answer, err
		}
		n, err := w.conn.Read(in[have:])
		have += n
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && !cancelled:
			cancelled = true
			w.host.Cancel()
			if err := w.conn.SetReadDeadline(time.Now().Add(cancelWaiting)); err != nil {
				return nil, err
			}
		case err != nil || n == 0:
			return nil, errors.Join(errors.New("the key was pulled out"), err)
		case have == len(in):
			have = 0
			w.host.Receive(&in)
			w.notice()
		}
	}
}

// notice tells once that the key waits for its user.
func (w *wire) notice() {
	if _, status := w.host.Keepalives(); status == ctaphid.StatusUPNeeded && !w.told {
		w.told = true
		w.blinks(w.serial)
	}
}

// ended is why the ceremony did.
func (w *wire) ended() error {
	if cause := context.Cause(w.ctx); errors.Is(cause, errTimeout) {
		return cause
	}
	return fmt.Errorf("interrupted: %w", client.ErrAborted)
}

// pause lets a user of U2F, which has no keepalive, find the key.
func (w *wire) pause() error {
	if !w.told {
		w.told = true
		w.blinks(w.serial)
	}
	select {
	case <-time.After(u2fPause):
		return nil
	case <-w.ctx.Done():
		return w.ended()
	}
}
