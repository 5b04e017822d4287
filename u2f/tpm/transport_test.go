package tpm_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os/exec"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/tpm/tpmtest"
)

// listen serves connections one after the other, until the test ends.
func listen(t testing.TB, address string, serve func(net.Conn) error) net.Listener {
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	return listenOn(t, l, serve)
}

func listenOn(t testing.TB, l net.Listener, serve func(net.Conn) error) net.Listener {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = serve(c) // it ends when the other end does
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		<-ended
	})
	return l
}

// exchange carries one command to the TPM and its response back.
func exchange(p *tpmtest.TPM, command []byte) ([]byte, error) {
	c, err := net.Dial("unix", p.Socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := c.Write(command); err != nil {
		return nil, err
	}
	return readTPM(c)
}

// readTPM reads a command or a response.
func readTPM(r io.Reader) ([]byte, error) {
	head := make([]byte, 10)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	rest := make([]byte, binary.BigEndian.Uint32(head[2:])-10)
	_, err := io.ReadFull(r, rest)
	return append(head, rest...), err
}

// raw serves swtpm's protocol; every response is passed through change.
func raw(p *tpmtest.TPM, change func([]byte) []byte) func(net.Conn) error {
	return func(c net.Conn) error {
		for {
			command, err := readTPM(c)
			if err != nil {
				return err
			}
			response, err := exchange(p, command)
			if err != nil {
				return err
			}
			if response = change(response); response == nil {
				return errors.New("hung up")
			}
			if _, err := c.Write(response); err != nil {
				return err
			}
		}
	}
}

// simulator serves the protocol of the reference implementation's simulator in front of a swtpm.
func simulator(p *tpmtest.TPM) func(net.Conn) error {
	return func(c net.Conn) error {
		for {
			var head [4]byte
			if _, err := io.ReadFull(c, head[:]); err != nil || binary.BigEndian.Uint32(head[:]) == 20 {
				return err
			}
			var framing [5]byte
			if _, err := io.ReadFull(c, framing[:]); err != nil {
				return err
			}
			command := make([]byte, binary.BigEndian.Uint32(framing[1:]))
			if _, err := io.ReadFull(c, command); err != nil {
				return err
			}
			response, err := exchange(p, command)
			if err != nil {
				return err
			}
			out := append(binary.BigEndian.AppendUint32(nil, uint32(len(response))), response...)
			if _, err := c.Write(append(out, 0, 0, 0, 0)); err != nil {
				return err
			}
		}
	}
}

// platform serves the simulator's platform, which counts the signals.
func platform(signals *atomic.Int32) func(net.Conn) error {
	return func(c net.Conn) error {
		for {
			var signal [4]byte
			if _, err := io.ReadFull(c, signal[:]); err != nil || binary.BigEndian.Uint32(signal[:]) == 20 {
				return err
			}
			signals.Add(1)
			if _, err := c.Write(make([]byte, 4)); err != nil {
				return err
			}
		}
	}
}

func TestWays(t *testing.T) {
	p := tpmtest.Start(t)
	e := opened(t, p.URL(""))
	name, err := e.Identity()
	require.NoError(t, err)
	_, wrapped, err := e.MakeKey(cose.ES256, seed)
	require.NoError(t, err)
	require.NoError(t, e.Close())

	t.Run("swtpm by TCP", func(t *testing.T) {
		l := listen(t, "127.0.0.1:0", raw(p, func(b []byte) []byte { return b }))
		e := opened(t, "tpm://"+l.Addr().String())
		require.NoError(t, signs(t, e, cose.ES256, wrapped))
	})
	t.Run("the simulator", func(t *testing.T) {
		var signals atomic.Int32
		l, port := simulated(t, p, &signals)
		require.NotNil(t, l)
		e := opened(t, "tpm+mssim://127.0.0.1:"+port)
		again, err := e.Identity()
		require.NoError(t, err)
		require.Equal(t, name, again)
		require.NoError(t, signs(t, e, cose.ES256, wrapped))
		require.Equal(t, int32(2), signals.Load(), "power and NV")
		require.NoError(t, e.Close())
		out, err := exec.Command("tpm2_getcap", "-T", "mssim:host=127.0.0.1,port="+port, "properties-fixed").CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "TPM2_PT_MANUFACTURER", "another program says so too")
	})
	t.Run("one that hangs up in the middle of a command is asked once more", func(t *testing.T) {
		var answers atomic.Int32
		left := int32(1 << 20)
		l := listen(t, "127.0.0.1:0", raw(p, func(b []byte) []byte {
			if n := answers.Add(1); n == atomic.LoadInt32(&left) || atomic.LoadInt32(&left) < 0 {
				return nil
			}
			return b
		}))
		e := opened(t, "tpm://"+l.Addr().String())
		require.NoError(t, signs(t, e, cose.ES256, wrapped))
		for at := range int32(3) {
			atomic.StoreInt32(&left, answers.Load()+at+1)
			require.NoError(t, signs(t, e, cose.ES256, wrapped), at)
		}
		atomic.StoreInt32(&left, -1)
		refused(t, signs(t, e, cose.ES256, wrapped), ctap.ErrOther, "it hung up, twice")
	})
	t.Run("one that talks nonsense", func(t *testing.T) {
		for _, answer := range []string{"\x80\x01\x00\x00\x00\x0a\x00\x00\x01\x01", "\x80\x01\xff\xff\xff\xff\x00\x00\x00\x00",
			"\x80\x01\x00\x00\x00\x09\x00\x00\x00\x00", "\x80\x02\x00\x00\x00\x0c\x00\x00\x00\x00\x00\x00", "\x80\x01\x00\x00\x00\x0a\x00\x00\x00\x00"} {
			l := listen(t, "127.0.0.1:0", raw(p, func([]byte) []byte { return []byte(answer) }))
			e := element(t, "tpm://"+l.Addr().String())
			_, err := e.Identity()
			require.Error(t, err)
			require.NoError(t, e.Close())
		}
	})
}

// simulated returns a simulator on two ports, one after the other, and the first.
func simulated(t testing.TB, p *tpmtest.TPM, signals *atomic.Int32) (net.Listener, string) {
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		port := l.Addr().(*net.TCPAddr).Port
		next, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port+1))
		if err != nil {
			require.NoError(t, l.Close())
			continue
		}
		listenOn(t, next, platform(signals))
		return listenOn(t, l, simulator(p)), strconv.Itoa(port)
	}
	t.Fatal("there are no two ports beside each other")
	return nil, ""
}
