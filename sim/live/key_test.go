package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// From CTAP 2.1, Section 6: commands that the tests send.
const (
	cmdMakeCredential = 0x01
	cmdGetAssertion   = 0x02
	cmdSelection      = 0x0b
)

// keyOf makes a key.
func keyOf(t testing.TB, l *Lab, spec KeySpec) string {
	t.Helper()
	shown, err := l.NewKey(bg(), spec)
	require.NoError(t, err)
	return shown.Serial
}

// always is a user who is always there.
var always = u2f.Presence{Mode: u2f.Auto}

// registered makes a credential and returns its id.
func registered(t testing.TB, l *Lab, serial string) []byte {
	t.Helper()
	req := ctap.MakeCredentialRequest{ClientDataHash: make([]byte, 32), RP: ctap.RelyingParty{ID: "example.org"},
		User: ctap.User{ID: []byte("alice")}, Params: []ctap.CredentialParameter{{Type: ctap.PublicKey, Alg: -7}}}
	reply, err := l.AskKey(bg(), serial, req.Append([]byte{cmdMakeCredential}))
	require.NoError(t, err)
	require.Equal(t, ctap.OK, ctap.Status(reply[0]))
	m, err := ctap.ParseMakeCredentialResponse(reply[1:])
	require.NoError(t, err)
	data, err := ctap.ParseAuthData(m.AuthData)
	require.NoError(t, err)
	return data.CredentialID
}

// asserted uses a credential and returns the key's status.
func asserted(t testing.TB, l *Lab, serial string, id []byte) ctap.Status {
	t.Helper()
	req := ctap.GetAssertionRequest{RPID: "example.org", ClientDataHash: make([]byte, 32),
		AllowList: []ctap.Descriptor{{Type: ctap.PublicKey, ID: id}}}
	reply, err := l.AskKey(bg(), serial, req.Append([]byte{cmdGetAssertion}))
	require.NoError(t, err)
	return ctap.Status(reply[0])
}

// shownKey is what can be seen of a key.
func shownKey(t testing.TB, l *Lab, serial string) KeyShown {
	t.Helper()
	s, err := l.ShowKey(bg(), serial)
	require.NoError(t, err)
	return s
}

// blink has a key wait for a touch, as a program would.
func blink(t testing.TB, l *Lab, serial string) {
	t.Helper()
	require.NoError(t, l.Do(bg(), func(w *sim.World) error {
		k := l.bench.keys[serial]
		k.at = w.Now()
		k.core.CBOR(k.at, 7, []byte{cmdSelection})
		k.settle(w)
		return nil
	}))
}

func TestAKeyComesBackWithItsLab(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, l *Lab){
		"closed":        func(t *testing.T, l *Lab) { require.NoError(t, l.Close()) },
		"without power": func(t *testing.T, l *Lab) { crash(t, l); require.NoError(t, l.closeKeys()) },
	} {
		t.Run(name, func(t *testing.T) {
			opt := durable(t, newWall())
			l := opened(t, opt)
			key := keyOf(t, l, KeySpec{Serial: "lower.case-1", Presence: always})
			drawer := keyOf(t, l, KeySpec{Profile: "ctap2.0", Unplugged: true})
			id := registered(t, l, key)
			require.Equal(t, ctap.OK, asserted(t, l, key, id))
			_, err := l.SetKeyPIN(bg(), key, "", "1234")
			require.NoError(t, err)
			want := shownKey(t, l, key)
			end(t, l)

			l = opened(t, opt)
			require.Equal(t, want, shownKey(t, l, key))
			require.Equal(t, uint32(1), want.Counter)
			require.True(t, want.PIN)
			require.False(t, shownKey(t, l, drawer).Plugged)
			require.Equal(t, ctap.OK, asserted(t, l, key, id))
			_, err = l.SetKeyPIN(bg(), key, "", "5678")
			require.ErrorContains(t, err, "has a PIN already")
			_, err = l.SetKeyPIN(bg(), key, "4321", "5678")
			require.ErrorContains(t, err, "CTAP2_ERR_PIN_INVALID")
			require.Equal(t, 7, shownKey(t, l, key).PINRetries)
			_, err = l.ResetKey(bg(), key)
			require.NoError(t, err)
			require.Equal(t, ctap.ErrNoCredentials, asserted(t, l, key, id))
			require.False(t, shownKey(t, l, key).PIN)
			require.NoError(t, l.Close())
		})
	}
}

func TestTheSameSeedGivesTheSameKeys(t *testing.T) {
	story := func(seed string) string {
		opt := still()
		opt.Seed = seed
		l := opened(t, opt)
		a, b := keyOf(t, l, KeySpec{Presence: always}), keyOf(t, l, KeySpec{})
		first := registered(t, l, a)
		_, err := l.UnplugKey(bg(), a)
		require.NoError(t, err)
		_, err = l.PlugKey(bg(), a, "")
		require.NoError(t, err)
		second := registered(t, l, a)
		require.NotEqual(t, first, second)
		return fmt.Sprintf("%s %s %x %x %x %s", a, b, first, second, registered(t, l, b), saved(t, l))
	}
	require.Equal(t, story("one"), story("one"))
	require.NotEqual(t, story("one"), story("two"))
}

func TestASeededLabThatIsOpenedAgainGivesKeysNewChance(t *testing.T) {
	opt := durable(t, newWall())
	l := opened(t, opt)
	key := keyOf(t, l, KeySpec{Presence: always})
	ids := map[string]bool{string(registered(t, l, key)): true}
	for range 3 {
		require.NoError(t, l.Close())
		l = opened(t, opt)
		ids[string(registered(t, l, key))] = true
	}
	require.Len(t, ids, 4, "two power cycles had the same chance")
}

// TestASeededLabThatIsKilledGivesKeysNewChance opens what a lab that was killed after a power cycle left on disk.
func TestASeededLabThatIsKilledGivesKeysNewChance(t *testing.T) {
	opt := durable(t, newWall())
	l := opened(t, opt)
	key := keyOf(t, l, KeySpec{Presence: always})
	require.NoError(t, l.Close())

	ids := map[string]bool{}
	for range 2 {
		l = opened(t, opt)
		before, err := os.ReadFile(filepath.Join(opt.Dir, labFile))
		require.NoError(t, err)
		ids[string(registered(t, l, key))] = true
		require.NoError(t, l.Close())
		require.NoError(t, os.WriteFile(filepath.Join(opt.Dir, labFile), before, 0o600))
	}
	require.Len(t, ids, 2, "two power cycles had the same chance")
}

func TestKeysAreSavedAndLoaded(t *testing.T) {
	for name, to := range map[string]Options{"in memory": still(), "in a directory": {Virtual: true, Start: start}} {
		t.Run(name, func(t *testing.T) {
			l := opened(t, still())
			key := keyOf(t, l, KeySpec{Presence: always})
			id := registered(t, l, key)
			require.Equal(t, ctap.OK, asserted(t, l, key, id))
			s, err := l.Snapshot(bg())
			require.NoError(t, err)
			require.Equal(t, ctap.OK, asserted(t, l, key, id))

			to.Dir = filepath.Join(t.TempDir(), "lab")
			l = opened(t, to)
			keyOf(t, l, KeySpec{Serial: "gone"})
			require.NoError(t, l.Load(bg(), s))
			require.Equal(t, uint32(1), shownKey(t, l, key).Counter, "it is that of the moment of saving")
			_, err = l.ShowKey(bg(), "gone")
			require.ErrorIs(t, err, ErrNoKey)
			require.Equal(t, ctap.OK, asserted(t, l, key, id))
			if to.Ephemeral {
				return
			}
			require.NoError(t, l.Close())
			l = opened(t, to)
			require.Equal(t, uint32(2), shownKey(t, l, key).Counter)
			require.Equal(t, ctap.OK, asserted(t, l, key, id))
			require.NoError(t, l.Reset(bg()))
			all, err := l.Keys(bg())
			require.NoError(t, err)
			require.Empty(t, all)
			require.NoError(t, l.Close())
			opened(t, to)
			images, err := os.ReadDir(filepath.Join(to.Dir, flashFolder))
			require.NoError(t, err)
			require.Empty(t, images)
		})
	}
}

func TestAResetOfTheClockTakesNothingFromAKey(t *testing.T) {
	l := opened(t, still())
	key := keyOf(t, l, KeySpec{})
	id := registered(t, l, key)
	require.NoError(t, l.Advance(bg(), 100_000*time.Hour))
	_, err := l.SetKeyPresence(bg(), key, always)
	require.NoError(t, err)
	blink(t, l, key)
	require.NoError(t, l.ResetClock(bg()))
	require.Nil(t, shownKey(t, l, key).Waiting)
	blink(t, l, key)
	require.Nil(t, shownKey(t, l, key).Waiting, "who touches it does so by the new clock")
	require.Equal(t, ctap.OK, asserted(t, l, key, id))
}

func TestATouchWaitsForTheNextBlink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t, Options{})
		one, two := keyOf(t, l, KeySpec{}), keyOf(t, l, KeySpec{})
		_, err := l.TouchKey(bg(), "", 0, 0)
		require.ErrorIs(t, err, ErrNothingWaits)
		_, err = l.TouchKey(bg(), one, 0, time.Second)
		require.ErrorContains(t, err, "does not blink")
		_, err = l.TouchKey(bg(), "nobody", 0, time.Second)
		require.ErrorIs(t, err, ErrNoKey)
		_, err = l.DenyKey(bg(), "")
		require.ErrorIs(t, err, ErrNothingWaits)
		_, err = l.DenyKey(bg(), "nobody")
		require.ErrorIs(t, err, ErrNoKey)

		touches := make(chan Touch)
		for _, serial := range []string{two, "", one} {
			go func() {
				touch, err := l.TouchKey(bg(), serial, 0, time.Minute)
				if err == nil {
					touches <- touch
				}
			}()
			synctest.Wait()
		}
		blink(t, l, one) // whoever came first for any key
		require.Equal(t, one, (<-touches).Serial)
		blink(t, l, two)
		require.Equal(t, two, (<-touches).Serial)
		blink(t, l, one)
		last := <-touches
		require.Equal(t, one, last.Serial)
		require.Equal(t, "authenticatorSelection", last.Command)

		// A finger that is there too late touches nothing, nor does one that gave up.
		ctx, cancel := context.WithCancel(bg())
		cancel()
		_, err = l.TouchKey(ctx, "", 0, time.Minute)
		require.ErrorIs(t, err, context.Canceled)
		blink(t, l, one)
		require.NotNil(t, shownKey(t, l, one).Waiting)
		denied, err := l.DenyKey(bg(), one)
		require.NoError(t, err)
		require.Equal(t, one, denied.Serial)
		blink(t, l, one)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		require.Nil(t, shownKey(t, l, one).Waiting, "it does not blink for ever")
		require.Equal(t, 1, events(l, "key.timed-out"))
		require.NoError(t, l.Close())
	})
}

func TestADeadContactKeepsWhoWaitsToTouch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t, Options{})
		key := keyOf(t, l, KeySpec{Presence: u2f.Presence{Mode: u2f.Never}})
		touched := make(chan error, 1)
		go func() {
			_, err := l.TouchKey(bg(), key, 0, time.Minute)
			touched <- err
		}()
		synctest.Wait()
		blink(t, l, key)
		synctest.Wait()
		require.Empty(t, touched)
		_, err := l.SetKeyPresence(bg(), key, u2f.Presence{})
		require.NoError(t, err)
		require.NoError(t, <-touched)
		require.NoError(t, l.Close())
	})
}

func TestWatchersSeeAKeyUntilItGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t, Options{})
		key := keyOf(t, l, KeySpec{})
		require.ErrorIs(t, l.WatchKey(bg(), "nobody", func() {}, nil), ErrNoKey)
		watch := func(ctx context.Context, each func(Frame) error) chan error {
			ended := make(chan error, 1)
			go func() { ended <- l.WatchKey(ctx, key, func() {}, each) }()
			synctest.Wait()
			return ended
		}
		var seen []string
		all := watch(bg(), func(f Frame) error { seen = append(seen, f.Event.Name); return nil })
		full := errors.New("full")
		one := watch(bg(), func(f Frame) error {
			if f.Event.Name == u2f.Touched {
				return full
			}
			return nil
		})
		ctx, cancel := context.WithCancel(bg())
		gone := watch(ctx, func(Frame) error { return nil })
		blink(t, l, key)
		_, err := l.TouchKey(bg(), key, 0, 0)
		require.NoError(t, err)
		require.ErrorIs(t, <-one, full)
		cancel()
		require.ErrorIs(t, <-gone, context.Canceled)
		synctest.Wait()
		require.Equal(t, []string{Watching, u2f.Waiting, u2f.Touched}, seen)
		require.NoError(t, l.Reset(bg()))
		require.ErrorIs(t, <-all, ErrNoKey)
		require.NoError(t, l.Close())
	})
}

func TestAWatcherThatIsLateHearsOfAllThatWasBeforeTheKeyWent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t, Options{})
		key := keyOf(t, l, KeySpec{})
		late := make(chan struct{})
		var seen []string
		ended := make(chan error, 1)
		go func() {
			ended <- l.WatchKey(bg(), key, func() {}, func(f Frame) error {
				<-late
				seen = append(seen, f.Event.Name)
				return nil
			})
		}()
		synctest.Wait()
		want := []string{Watching}
		for range 20 {
			blink(t, l, key)
			_, err := l.TouchKey(bg(), key, 0, 0)
			require.NoError(t, err)
			want = append(want, u2f.Waiting, u2f.Touched)
		}
		require.NoError(t, l.Reset(bg()))
		close(late)
		require.ErrorIs(t, <-ended, ErrNoKey)
		require.Equal(t, want, seen)
		require.NoError(t, l.Close())
	})
}

// A host is a program at the other end of a key's TCP port.
type host struct {
	t    testing.TB
	conn net.Conn
}

func dial(t testing.TB, node string) *host {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(node, "tcp:"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &host{t, conn}
}

// send writes one report, filled with zeroes, and reads one.
func (h *host) send(b ...byte) hid.Report {
	h.t.Helper()
	var r hid.Report
	copy(r[:], b)
	_, err := h.conn.Write(r[:])
	require.NoError(h.t, err)
	_, err = io.ReadFull(h.conn, r[:])
	require.NoError(h.t, err)
	return r
}

func TestAKeyWithAnAddressOfItsOwnIsThereAsLongAsTheLab(t *testing.T) {
	opt := durable(t, newWall())
	l := opened(t, opt)
	key := keyOf(t, l, KeySpec{Unplugged: true})
	_, err := l.PlugKey(bg(), key, "carrier pigeon")
	require.ErrorContains(t, err, `via "carrier pigeon"`)
	shown, err := l.PlugKey(bg(), key, "tcp:127.0.0.1:0")
	require.NoError(t, err)
	require.Empty(t, shown.Node, "nobody serves the lab")
	_, err = l.PlugKey(bg(), key, "")
	require.ErrorContains(t, err, "plugged in already")
	require.NoError(t, l.Close())

	l = opened(t, opt)
	require.NoError(t, l.Announce("http://127.0.0.1:1", ""))
	h := dial(t, shownKey(t, l, key).Node)
	frames := make(chan Frame, watching)
	watched, cancel := context.WithCancel(bg())
	begun, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- l.WatchKey(watched, key, func() { close(begun) }, func(f Frame) error { frames <- f; return nil })
	}()
	<-begun
	r := h.send(0xff, 0xff, 0xff, 0xff, 0x86, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8)
	require.Equal(t, []byte{1, 2, 3, 4, 5, 6, 7, 8}, r[7:15])
	channel := r[15:19]
	r = h.send(append(bytes.Clone(channel), 0x90, 0, 1, 0x04)...)
	require.Equal(t, byte(ctap.OK), r[7])
	require.Equal(t, Watching, (<-frames).Event.Name)
	require.Equal(t, Frame{At: start, Channel: 0xffffffff, Command: "CTAPHID_INIT", Length: 8, Text: "0102030405060708"}, <-frames)
	require.True(t, (<-frames).ToHost)
	asks := <-frames
	require.Equal(t, "authenticatorGetInfo", asks.Text)

	_, err = l.UnplugKey(bg(), key)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, h.conn)
	require.NoError(t, err, "the program sees it go")
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.NoError(t, l.Close())
}

// Whoever does something to a key while others do, and while programs talk to it, waits for his turn: with the race
// detector.
func TestManyAtOnce(t *testing.T) {
	l := opened(t, still())
	require.NoError(t, l.Announce("http://127.0.0.1:1", ""))
	key := keyOf(t, l, KeySpec{Unplugged: true})
	shown, err := l.PlugKey(bg(), key, "tcp:127.0.0.1:0")
	require.NoError(t, err)
	other := keyOf(t, l, KeySpec{})
	watched, cancel := context.WithCancel(bg())
	var all, watchers sync.WaitGroup
	for range 3 {
		watchers.Go(func() { _ = l.WatchKey(watched, key, func() {}, func(Frame) error { return nil }) })
	}
	for range 4 {
		h := dial(t, shown.Node)
		all.Go(func() {
			for range 50 {
				h.send(0xff, 0xff, 0xff, 0xff, 0x86, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8)
			}
		})
	}
	for _, f := range []func() error{
		func() error { _, err := l.TouchKey(bg(), "", 0, time.Millisecond); return err },
		func() error { _, err := l.DenyKey(bg(), ""); return err },
		func() error { blink(t, l, other); return nil },
		func() error { _, err := l.Keys(bg()); return err },
		func() error { _, err := l.Snapshot(bg()); return err },
		func() error { return l.Advance(bg(), time.Second) },
	} {
		all.Go(func() {
			for range 50 {
				if err := f(); err != nil && !errors.Is(err, ErrNothingWaits) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	cancel()
	watchers.Wait()
	require.NoError(t, l.Close())
}

func TestALabThatEndsWaitsForItsPrograms(t *testing.T) {
	l := opened(t, still())
	detach, err := l.Attach()
	require.NoError(t, err)
	require.Equal(t, 1, l.Users())
	ctx, cancel := context.WithCancel(bg())
	cancel()
	l.Alone(ctx) // whoever has no patience goes
	alone := make(chan struct{})
	go func() { l.Alone(bg()); close(alone) }()
	detach()
	detach()
	<-alone
	require.Zero(t, l.Users())
	_, err = l.Attach()
	require.ErrorIs(t, err, ErrClosed)
}

func TestAKeyThatAProgramUsesIsLeftToIt(t *testing.T) {
	l := opened(t, still())
	require.NoError(t, l.Announce("http://127.0.0.1:1", ""))
	key := keyOf(t, l, KeySpec{Unplugged: true})
	shown, err := l.PlugKey(bg(), key, "tcp:127.0.0.1:0")
	require.NoError(t, err)
	h := dial(t, shown.Node)
	r := h.send(0xff, 0xff, 0xff, 0xff, 0x86, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8)
	r = h.send(append(bytes.Clone(r[15:19]), 0x90, 0, 1, cmdSelection)...)
	require.Equal(t, byte(0xbb), r[4], "it is kept alive")
	ctx, cancel := context.WithCancel(bg())
	set := make(chan error, 1)
	go func() {
		_, err := l.SetKeyPIN(ctx, key, "", "1234")
		set <- err
	}()
	cancel()
	require.Error(t, <-set)
	go func() {
		_, err := l.SetKeyPIN(bg(), key, "", "1234")
		set <- err
	}()
	_, err = l.TouchKey(bg(), key, 0, 0)
	require.NoError(t, err)
	require.NoError(t, <-set)
	require.True(t, shownKey(t, l, key).PIN)
	_, err = l.SetKeyPIN(bg(), key, "1234", "123")
	require.ErrorContains(t, err, "a PIN of 3 characters is too short: this key wants 4 or more")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s %q %x", PIN("1234"), PIN("1234"), PIN("1234"), PIN("1234"), PIN("1234"), PIN("1234")), "1234")
}

func TestADamagedFlashKeepsOnlyItsKeyFromStarting(t *testing.T) {
	opt := durable(t, newWall())
	l := opened(t, opt)
	key, other := keyOf(t, l, KeySpec{}), keyOf(t, l, KeySpec{})
	registered(t, l, key)
	require.NoError(t, l.Close())
	images, err := filepath.Glob(filepath.Join(opt.Dir, flashFolder, key+".*"))
	require.NoError(t, err)
	require.Len(t, images, 1)
	whole, err := os.ReadFile(images[0])
	require.NoError(t, err)
	for name, damage := range map[string]func() error{
		"a bit": func() error {
			b := bytes.Clone(whole)
			b[len(b)/2] ^= 1
			return os.WriteFile(images[0], b, 0o600)
		},
		"all of it": func() error { return os.Remove(images[0]) },
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, damage())
			l := opened(t, opt)
			require.NotEmpty(t, shownKey(t, l, key).Trouble)
			require.False(t, shownKey(t, l, key).Plugged)
			require.True(t, shownKey(t, l, other).Plugged)
			_, err := l.PlugKey(bg(), key, "")
			require.Error(t, err)
			_, err = l.Snapshot(bg())
			require.ErrorContains(t, err, "cannot be saved")
			require.NoError(t, l.Close())
			require.NoError(t, os.WriteFile(images[0], whole, 0o600))
			l = opened(t, opt)
			require.Empty(t, shownKey(t, l, key).Trouble, "mended, it is as it was")
			require.NoError(t, l.Close())
		})
	}
}

func TestWhatAKeyCannotBe(t *testing.T) {
	l := opened(t, still())
	keyOf(t, l, KeySpec{Serial: "KEY001"})
	for why, spec := range map[string]KeySpec{
		"lies on the bench already": {Serial: "KEY001"},
		"cannot have the serial":    {Serial: "../KEY002"},
		"letters, digits":           {Serial: strings.Repeat("1", 65)},
		"there is no key profile":   {Profile: "ctap9"},
		"give one of them":          {Profile: "u2f", Custom: &KeyProfile{}},
	} {
		_, err := l.NewKey(bg(), spec)
		require.ErrorContains(t, err, why)
	}
	list, err := l.Keys(bg())
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Error(t, SecurityKey{Serial: "../../KEY001", Profile: KeyProfiles()[0]}.check(), "a saved lab that somebody wrote")
	require.Error(t, SecurityKey{Serial: "KEY001", Via: "pigeon", Profile: KeyProfiles()[0]}.check())
}
