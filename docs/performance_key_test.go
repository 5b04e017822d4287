package docs_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/ctaphid"
	"github.com/mfalab/mfalab/hid/plug"
	"github.com/mfalab/mfalab/hid/sock"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
)

var keyFigures = []figure{{
	what:    "getAssertion with ES256, no touch awaited",
	against: "one P-256 signature",
	bound:   atMost(1.4, "1.4x"),
	show:    span,
	how: "From the host's framing through the device's to the key and back, packet by packet, in one goroutine; the flash is in\n" +
		"memory, the counter is stored before the answer. The allowList names the credential. Against `ecdsa.PrivateKey.Sign` with\n" +
		"a nil reader (RFC 6979), which is the signature that the answer holds.",
	measure: func(t *testing.T) measured { return measured{samples: alternately(t, assertion, signature)} },
}, {
	what:    "makeCredential with ES256 and packed attestation",
	against: "one P-256 key and one signature",
	bound:   atMost(1.4, "1.4x"),
	show:    span,
	how:     "Likewise; the attestation is the batch certificate's. Against `ecdsa.GenerateKey` and one signature.",
	measure: func(t *testing.T) measured { return measured{samples: alternately(t, registration, keyAndSignature)} },
}, {
	what:    "getAssertion over the unix socket",
	against: "the same in process, and 1.5 times its packets alone over that socket",
	bound:   atMost(1, "1x"),
	show:    span,
	how: "A key behind the socket of a bus, as programs under `mfalab exec` have it, with its goroutine and its timer. Against the\n" +
		"getAssertion of the first row and 1.5 times what as many bare packets take over the same socket, to a peer that sends\n" +
		"back what the key would, unread.",
	measure: overSocket,
}, {
	what:  "57-byte PING in process",
	bound: below(1000, "1 µs"),
	show:  span,
	how:   "Host framing to device framing and back.",
	measure: func(t *testing.T) measured {
		return repeatedly(t, func(t *testing.T) float64 { return perOp(benchmark(t, ping)) })
	},
}, {
	what:  "allocations of that PING",
	bound: bound{"0", func(v float64) bool { return v == 0 }},
	show:  number,
	how:   "As the Go runtime counts them for an operation of the same benchmark.",
	measure: func(t *testing.T) measured {
		return measured{samples: []sample{{value: float64(benchmark(t, ping).AllocsPerOp())}}}
	},
}, {
	what:  "heap of a key, 1,000 of them plugged into one process",
	bound: below(32<<10, "32 KiB"),
	show:  bytesOf,
	how: "What the heap holds more, after a collection, with 1,000 keys of a lab on its bus than with none: key, flash in memory,\n" +
		"framing and socket. The goroutines' stacks are not part of a heap.",
	measure: keyHeap,
}, {
	what:  "CPU of 1,000 idle keys in a second",
	bound: below(10e6, "10 ms"),
	show:  span,
	how: "User and system time of the process, by `getrusage`, in a second in which nobody speaks to its 1,000 keys: no key has a\n" +
		"timer of its own. Our reach; the runtime itself takes a little.",
	measure: idleKeys,
}, {
	what:    "getAssertion with file flash, durable counter",
	against: "one fsync'ed append of a record of that size",
	bound:   atMost(1.5, "1.5x"),
	show:    span,
	how: "As the first row, with the key's flash in a file. Against `write` and `fsync` of 33 bytes at the end of another file in\n" +
		"the same folder, in turn call by call.",
	measure: durableAssertion,
}}

var keyTime = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// A desk is a key with its framing and a host at the other end of the cable, in one goroutine, where time stands still.
type desk struct {
	device *ctaphid.Device
	host   ctaphid.Host
	report hid.Report
}

// newDesk returns a desk with a key that is touched at once, and a channel.
func newDesk(t testing.TB, f u2f.Flash) *desk {
	key := newKey(t, f)
	d := &desk{device: ctaphid.NewDevice(key, ctaphid.Config{})}
	d.host.Open([8]byte{1})
	d.carry()
	_, err := d.host.Answer()
	require.NoError(t, err)
	return d
}

func newKey(t testing.TB, f u2f.Flash) *u2f.Key {
	profile, err := u2f.ProfileNamed(live.DefaultKeyProfile)
	require.NoError(t, err)
	return keyOf(t, profile, f)
}

// keyOf returns a key that is touched at once.
func keyOf(t testing.TB, profile u2f.Profile, f u2f.Flash) *u2f.Key {
	key, err := u2f.New(u2f.Config{Profile: profile, Flash: f})
	require.NoError(t, err)
	require.NoError(t, key.PowerUp(keyTime, bytes.Repeat([]byte{7}, 32)))
	key.SetPresence(keyTime, u2f.Presence{Mode: u2f.Auto})
	return key
}

// carry takes reports to and fro until both ends are silent, and returns how many there were each way.
func (d *desk) carry() (there, back int) {
	for d.host.Transmit(&d.report) {
		d.device.Receive(keyTime, &d.report)
		there++
	}
	for d.device.Transmit(keyTime, &d.report) {
		d.host.Receive(&d.report)
		back++
	}
	return there, back
}

// ask sends a CTAP2 request and returns the answer, which must not be a refusal.
func (d *desk) ask(t testing.TB, request []byte) []byte {
	if err := d.host.Send(ctaphid.CmdCBOR, request); err != nil {
		t.Fatal(err)
	}
	d.carry()
	answer, err := d.host.Answer()
	if err != nil || answer[0] != 0 {
		t.Fatalf("%v %x", err, answer)
	}
	return answer[1:]
}

const relyingParty = "example.com"

var clientData = sha256.Sum256([]byte("client data"))

// registering is a request for a credential.
func registering() []byte {
	m := ctap.MakeCredentialRequest{ClientDataHash: clientData[:], RP: ctap.RelyingParty{ID: relyingParty, Name: "Example"},
		User:   ctap.User{ID: []byte("u1"), Name: "alice", DisplayName: "Alice"},
		Params: []ctap.CredentialParameter{{Type: ctap.PublicKey, Alg: int64(cose.ES256)}}}
	return m.Append([]byte{1})
}

// asserting is a request for an assertion of the credential that answer made.
func asserting(t testing.TB, answer []byte) []byte {
	m, err := ctap.ParseMakeCredentialResponse(answer)
	require.NoError(t, err)
	data, err := ctap.ParseAuthData(m.AuthData)
	require.NoError(t, err)
	g := ctap.GetAssertionRequest{RPID: relyingParty, ClientDataHash: clientData[:],
		AllowList: []ctap.Descriptor{{Type: ctap.PublicKey, ID: data.CredentialID}}}
	return g.Append([]byte{2})
}

func assertion(b *testing.B) {
	d := newDesk(b, &flash.Memory{})
	request := asserting(b, d.ask(b, registering()))
	for b.Loop() {
		d.ask(b, request)
	}
}

func registration(b *testing.B) {
	d, request := newDesk(b, &flash.Memory{}), registering()
	for b.Loop() {
		d.ask(b, request)
	}
}

func signature(b *testing.B) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(b, err)
	for b.Loop() {
		if _, err := key.Sign(nil, clientData[:], crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	}
}

func keyAndSignature(b *testing.B) {
	attestation, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(b, err)
	for b.Loop() {
		if _, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			b.Fatal(err)
		}
		if _, err := attestation.Sign(nil, clientData[:], crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	}
}

func ping(b *testing.B) {
	d, message := newDesk(b, &flash.Memory{}), make([]byte, 57)
	b.ReportAllocs()
	for b.Loop() {
		if err := d.host.Send(ctaphid.CmdPing, message); err != nil {
			b.Fatal(err)
		}
		d.carry()
		if _, err := d.host.Answer(); err != nil {
			b.Fatal(err)
		}
	}
}

func overSocket(t *testing.T) measured {
	there, back := assertionPackets(t)
	var m measured
	for range rounds {
		took := perOp(benchmark(t, socketAssertion))
		bare := perOp(benchmark(t, func(b *testing.B) { barePackets(b, there, back) }))
		m.samples = append(m.samples, sample{took, perOp(benchmark(t, assertion)) + 1.5*bare})
		m.aside = fmt.Sprintf("%d packets there and %d back took %s alone.", there, back, span(bare))
	}
	return m
}

// assertionPackets returns how many packets an assertion takes each way.
func assertionPackets(t *testing.T) (there, back int) {
	d := newDesk(t, &flash.Memory{})
	require.NoError(t, d.host.Send(ctaphid.CmdCBOR, asserting(t, d.ask(t, registering()))))
	return d.carry()
}

// onBus plugs a device into a bus of its own and returns the client's end.
func onBus(b *testing.B, serve func(ctx context.Context, s *sock.Socket) error) *net.UnixConn {
	// A unix socket's path is short, and a test's own folder need not be.
	dir, err := os.MkdirTemp("", "mfalab")
	require.NoError(b, err)
	bus, err := sock.Open(dir)
	require.NoError(b, err)
	socket, err := bus.Plug(hid.Identity{Name: "mfalab"})
	require.NoError(b, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, socket) }()
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: socket.Path(), Net: "unixpacket"})
	require.NoError(b, err)
	for socket.Openers() == 0 {
		runtime.Gosched()
	}
	b.Cleanup(func() {
		conn.Close()
		stop()
		bus.Close()
		<-ended
		os.RemoveAll(dir)
	})
	return conn
}

func socketAssertion(b *testing.B) {
	device := ctaphid.NewDevice(newKey(b, &flash.Memory{}), ctaphid.Config{})
	conn := onBus(b, func(ctx context.Context, s *sock.Socket) error { return plug.Serve(ctx, s, device, nil) })
	d := &desk{}
	d.host.Open([8]byte{1})
	d.over(b, conn)
	require.NoError(b, d.host.Send(ctaphid.CmdCBOR, registering()))
	made := d.over(b, conn)
	request := asserting(b, made[1:])
	for b.Loop() {
		if err := d.host.Send(ctaphid.CmdCBOR, request); err != nil {
			b.Fatal(err)
		}
		if answer := d.over(b, conn); answer[0] != 0 {
			b.Fatalf("%x", answer)
		}
	}
}

// over has the host speak over a socket until it has its answer.
func (d *desk) over(b *testing.B, conn *net.UnixConn) []byte {
	for d.host.Transmit(&d.report) {
		if _, err := conn.Write(d.report[:]); err != nil {
			b.Fatal(err)
		}
	}
	for !d.host.Done() {
		if _, err := conn.Read(d.report[:]); err != nil {
			b.Fatal(err)
		}
		d.host.Receive(&d.report)
	}
	answer, err := d.host.Answer()
	if err != nil {
		b.Fatal(err)
	}
	return answer
}

func barePackets(b *testing.B, there, back int) {
	conn := onBus(b, func(_ context.Context, s *sock.Socket) error {
		var r hid.Report
		for {
			for range there {
				if err := s.ReadReport(&r); err != nil {
					return err
				}
			}
			for range back {
				if err := s.WriteReport(&r); err != nil {
					return err
				}
			}
		}
	})
	var r hid.Report
	for b.Loop() {
		for range there {
			if _, err := conn.Write(r[:]); err != nil {
				b.Fatal(err)
			}
		}
		for range back {
			if _, err := conn.Read(r[:]); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// manyKeys is how many keys a process has plugged in.
const manyKeys = 1000

// manyPlugged returns a lab with that many keys on its bus.
func manyPlugged(t *testing.T, n int) *live.Lab {
	dir, err := os.MkdirTemp("", "mfalab")
	require.NoError(t, err)
	lab := opened(t, live.Options{Dir: dir, Ephemeral: true, Seed: "performance"})
	t.Cleanup(func() {
		require.NoError(t, lab.Close())
		os.RemoveAll(dir)
	})
	require.NoError(t, lab.OpenBus(t.Context()))
	for range n {
		_, err := lab.NewKey(t.Context(), live.KeySpec{})
		require.NoError(t, err)
	}
	return lab
}

func keyHeap(t *testing.T) measured {
	before := inUse()
	lab := manyPlugged(t, manyKeys)
	after := inUse()
	runtime.KeepAlive(lab)
	return measured{samples: []sample{{value: (after - before) / manyKeys}}}
}

// inUse returns what the heap holds after a collection.
func inUse() float64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return float64(s.HeapAlloc)
}

func idleKeys(t *testing.T) measured {
	manyPlugged(t, manyKeys)
	return repeatedly(t, func(*testing.T) float64 {
		before := cpuTime(t)
		<-time.After(time.Second)
		return float64(cpuTime(t) - before)
	})
}

func durableAssertion(t *testing.T) measured {
	dir := t.TempDir()
	f, err := flash.OpenFile(filepath.Join(dir, "flash"))
	require.NoError(t, err)
	defer f.Close()
	bare, err := os.Create(filepath.Join(dir, "bare"))
	require.NoError(t, err)
	defer bare.Close()
	record := make([]byte, 33)
	var m measured
	d := newDesk(t, f)
	made := d.ask(t, registering())
	request := asserting(t, made)
	for range rounds {
		var took, limit time.Duration
		for range 100 {
			began := time.Now()
			d.ask(t, request)
			signed := time.Now()
			_, err := bare.Write(record)
			require.NoError(t, err)
			require.NoError(t, bare.Sync())
			took, limit = took+signed.Sub(began), limit+time.Since(signed)
		}
		m.samples = append(m.samples, sample{float64(took) / 100, float64(limit) / 100})
	}
	return m
}
