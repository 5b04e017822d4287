package live

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/ctap"
)

func TestAKeyThatIsRemovedIsGone(t *testing.T) {
	opt := durable(t, newWall())
	l := opened(t, opt)
	serial, id := original(t, l)
	other := keyOf(t, l, KeySpec{Serial: "OTHER", Presence: always})
	_, err := l.RemoveKey(bg(), "nobody")
	require.ErrorIs(t, err, ErrNoKey)

	watched, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- l.WatchKey(t.Context(), serial, func() { close(watched) }, func(Frame) error { return nil })
	}()
	<-watched
	gone, err := l.RemoveKey(bg(), serial)
	require.NoError(t, err)
	require.Equal(t, serial, gone.Serial)
	require.True(t, gone.PIN, "it is shown as it was")
	require.ErrorContains(t, <-ended, "was taken away while you watched")

	_, err = l.ShowKey(bg(), serial)
	require.ErrorIs(t, err, ErrNoKey)
	for range 2 {
		images, err := os.ReadDir(filepath.Join(opt.Dir, flashFolder))
		require.NoError(t, err)
		require.Len(t, images, 1, "the other one's")
		require.NoFileExists(t, filepath.Join(opt.Dir, keyFile(serial)))
		require.Len(t, allKeys(t, l), 1)
		require.Equal(t, other, allKeys(t, l)[0].Serial)
		require.NoError(t, l.Close())
		l = opened(t, opt)
	}

	again := keyOf(t, l, KeySpec{Serial: serial, Presence: always})
	require.False(t, shownKey(t, l, again).PIN)
	require.Equal(t, ctap.ErrNoCredentials, asserted(t, l, again, id), "a key of the same serial is another")
}

func TestWhatLiesInAKeyIsSeen(t *testing.T) {
	l := opened(t, still())
	serial := keyOf(t, l, KeySpec{Presence: always})
	list, err := l.KeyCredentials(bg(), serial)
	require.NoError(t, err)
	require.Empty(t, list)
	require.NotNil(t, list)
	_, err = l.UnplugKey(bg(), serial)
	require.NoError(t, err)
	_, err = l.KeyCredentials(bg(), serial)
	require.ErrorContains(t, err, "not plugged in")
	_, err = l.KeyCredentials(bg(), "nobody")
	require.ErrorIs(t, err, ErrNoKey)
}

func allKeys(t testing.TB, l *Lab) []KeyShown {
	t.Helper()
	all, err := l.Keys(bg())
	require.NoError(t, err)
	return all
}
