package hidtest

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/ctaphid"
	"github.com/mfalab/mfalab/hid/plug"
)

// Echo is an app that answers every command with itself, at once. The zero value is ready.
type Echo struct {
	reply  []byte
	Winked int // how often WINK came
}

// CBOR takes req for the answer.
func (e *Echo) CBOR(_ time.Time, _ uint32, req []byte) { e.reply = append(e.reply[:0], req...) }

// APDU takes req for the answer.
func (e *Echo) APDU(_ time.Time, _ uint32, req []byte) { e.reply = append(e.reply[:0], req...) }

// Reply returns the command.
func (e *Echo) Reply(time.Time) ([]byte, bool) { return e.reply, true }

// Status returns that it is processing.
func (e *Echo) Status(time.Time) byte { return ctaphid.StatusProcessing }

// Cancel does nothing.
func (e *Echo) Cancel(time.Time) {}

// Wink counts.
func (e *Echo) Wink(time.Time) { e.Winked++ }

// Wake returns never.
func (e *Echo) Wake() time.Time { return time.Time{} }

var _ ctaphid.App = (*Echo)(nil)

// serve plugs an echo into port. What it returns unplugs it, and returns what plug.Serve did.
func serve(t *testing.T, port hid.Port) (stop func() error) {
	return serveAs(t, port, ctaphid.Config{TimeoutMS: patient})
}

func serveAs(t *testing.T, port hid.Port, cfg ctaphid.Config) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- plug.Serve(ctx, port, ctaphid.NewDevice(&Echo{}, cfg), nil) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

// answer is what an echo does at device until that is closed.
func answer(device hid.Port) {
	echo := ctaphid.NewDevice(&Echo{}, ctaphid.Config{TimeoutMS: patient})
	var r hid.Report
	for device.ReadReport(&r) == nil {
		for echo.Receive(time.Now(), &r); echo.Transmit(time.Now(), &r); {
			if device.WriteReport(&r) != nil {
				return
			}
		}
	}
}

// client drives a host over a port.
type client struct {
	t    *testing.T
	port hid.Port
	host ctaphid.Host
	fill *rand.ChaCha8
}

// newClient opens a channel on port.
func newClient(t *testing.T, port hid.Port) *client {
	t.Helper()
	c := &client{t: t, port: port, fill: rand.NewChaCha8([32]byte{1})}
	var nonce [8]byte
	_, _ = c.fill.Read(nonce[:])
	c.host.Open(nonce)
	c.wait()
	_, err := c.host.Answer()
	require.NoError(t, err)
	return c
}

// wait carries reports until the request has its answer.
func (c *client) wait() {
	c.t.Helper()
	var r hid.Report
	for c.host.Transmit(&r) {
		require.NoError(c.t, c.port.WriteReport(&r))
	}
	for !c.host.Done() {
		require.NoError(c.t, c.port.ReadReport(&r))
		c.host.Receive(&r)
	}
}

// echo sends n bytes that nobody has seen before with PING.
func (c *client) echo(n int) { c.t.Helper(); c.ask(ctaphid.CmdPing, n) }

// cbor sends n of them to the app.
func (c *client) cbor(n int) { c.t.Helper(); c.ask(ctaphid.CmdCBOR, n) }

// ask asks again while another client has the device.
func (c *client) ask(cmd ctaphid.Command, n int) {
	c.t.Helper()
	message := make([]byte, n)
	_, _ = c.fill.Read(message)
	var answer []byte
	for err := error(ctaphid.ErrChannelBusy); err == ctaphid.ErrChannelBusy; {
		require.NoError(c.t, c.host.Send(cmd, message))
		c.wait()
		answer, err = c.host.Answer()
		require.True(c.t, err == nil || err == ctaphid.ErrChannelBusy, err)
	}
	if !bytes.Equal(message, answer) {
		c.t.Fatalf("%v of %d bytes came back as %d bytes, or others", cmd, n, len(answer))
	}
}
