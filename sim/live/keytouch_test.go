package live

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
)

// A program that is killed leaves no key that blinks for ever where the lab's clock stands.
func TestAProgramThatHasGoneWantsNothingAnyMore(t *testing.T) {
	t.Run("sock", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("left out: sock is for unix")
		}
		dir, err := os.MkdirTemp("", "mfalab") // a unix socket's path is short, and a test's own folder need not be
		require.NoError(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		testAProgramThatHasGone(t, "sock:"+filepath.Join(dir, "key.sock"))
	})
	t.Run("tcp", func(t *testing.T) { testAProgramThatHasGone(t, "tcp:127.0.0.1:0") })
}

func testAProgramThatHasGone(t *testing.T, via string) {
	l := opened(t, still())
	require.NoError(t, l.Announce("http://127.0.0.1:1", ""))
	key := keyOf(t, l, KeySpec{Unplugged: true})
	shown, err := l.PlugKey(bg(), key, via)
	require.NoError(t, err)
	network, address, _ := strings.Cut(strings.Replace(shown.Node, viaSock, "unix", 1), ":")
	opens := func() *host {
		conn, err := net.Dial(network, address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return &host{t, conn}
	}
	killed := opens()
	r := killed.send(0xff, 0xff, 0xff, 0xff, 0x86, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8)
	channel := [4]byte(r[15:19])
	r = killed.send(channel[0], channel[1], channel[2], channel[3], 0x90, 0, 1, cmdSelection)
	require.Equal(t, byte(0xbb), r[4], "it is kept alive")
	require.NotNil(t, shownKey(t, l, key).Waiting)

	events := make(chan string, watching)
	begun := make(chan struct{})
	go func() {
		_ = l.WatchKey(t.Context(), key, func() { close(begun) }, func(f Frame) error {
			if f.Event != nil {
				events <- f.Event.Name
			}
			return nil
		})
	}()
	<-begun
	require.Equal(t, Watching, <-events)
	require.NoError(t, killed.conn.Close())
	require.Equal(t, u2f.Cancelled, <-events)
	require.Nil(t, shownKey(t, l, key).Waiting)

	other := opens()
	r = other.send(0xff, 0xff, 0xff, 0xff, 0x86, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8)
	r = other.send(r[15], r[16], r[17], r[18], 0x81, 0, 1, 7)
	require.Equal(t, []byte{0x81, 0, 1, 7}, r[4:8], "the key is free")
	require.NoError(t, l.Close())
}

// Who wants to touch a key that feels no finger is told so.
func TestADeadContactIsToldOf(t *testing.T) {
	l := opened(t, still())
	key := keyOf(t, l, KeySpec{Presence: u2f.Presence{Mode: u2f.Never}})
	blink(t, l, key)
	for _, serial := range []string{"", key} {
		_, err := l.TouchKey(bg(), serial, 0, 0)
		require.ErrorIs(t, err, ErrNothingWaits)
		require.ErrorContains(t, err, "the key \""+key+"\" blinks, and feels no finger: `mfalab key presence "+key+" --touch manual`")
	}
	require.NoError(t, l.Close())
}
