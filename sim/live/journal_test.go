package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
)

func event(seq uint64) sim.Event {
	return sim.Event{Seq: seq, Time: start.Add(time.Duration(seq)), Name: "test", Attrs: []sim.Attr{sim.Int("n", int64(seq))}}
}

func journalIn(t testing.TB, path string) *Journal {
	j, err := openJournal(path, kept)
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.close() }) // some tests close it themselves
	return j
}

func seqs(list []sim.Event) (out []uint64) {
	for _, e := range list {
		out = append(out, e.Seq)
	}
	return out
}

func TestAfterGivesWhatIsNewer(t *testing.T) {
	j := journalIn(t, "")
	require.Empty(t, j.After(0, 0))
	for seq := range uint64(5) {
		j.add(event(seq + 3)) // an earlier run's are not in memory
	}
	for _, c := range []struct {
		seq   uint64
		limit int
		want  []uint64
	}{{0, 0, []uint64{3, 4, 5, 6, 7}}, {2, 0, []uint64{3, 4, 5, 6, 7}}, {3, 0, []uint64{4, 5, 6, 7}}, {4, 2, []uint64{5, 6}}, {7, 0, nil}, {1 << 63, 9, nil}} {
		require.Equal(t, c.want, seqs(j.After(c.seq, c.limit)), "%+v", c)
	}
}

func TestTheJournalGoesOnAfterReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j := journalIn(t, path)
	for seq := range uint64(3) {
		j.add(event(seq + 1))
	}
	require.NoError(t, j.close())
	j = journalIn(t, path)
	seq, at := j.end()
	require.Equal(t, uint64(3), seq)
	require.Equal(t, event(3).Time, at)
	j.add(event(4))
	require.Equal(t, []uint64{1, 2, 3, 4}, seqs(j.After(0, 0)))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(lines([]sim.Event{event(1), event(2), event(3), event(4)})), string(b))
}

func TestOnlyTheEndOfALongJournalIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	var all []sim.Event
	for seq := range uint64(40_000) {
		all = append(all, event(seq+1))
	}
	require.NoError(t, os.WriteFile(path, lines(all), 0o600))
	j := journalIn(t, path)
	got := j.After(0, 0)
	require.Less(t, len(got), 40_000)
	require.Greater(t, len(got), 5_000)
	require.Equal(t, all[len(all)-len(got):], got)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, int64(len(lines(all))), info.Size())
}

func TestTheJournalsMemoryIsBounded(t *testing.T) {
	j := journalIn(t, "")
	for seq := range uint64(10 * kept) {
		j.add(event(seq + 1))
	}
	got := j.After(0, 0)
	require.LessOrEqual(t, len(got), kept)
	require.GreaterOrEqual(t, len(got), kept/4*3)
	require.Equal(t, uint64(10*kept), got[len(got)-1].Seq)
	require.LessOrEqual(t, cap(j.events), 2*kept)
	runtime.KeepAlive(j)
}

func TestFollowHandsOverWhatIsThereAndWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := journalIn(t, "")
		j.add(event(1))
		j.add(event(2))
		ctx, cancel := context.WithCancel(t.Context())
		var got []uint64
		flushes := 0
		done := make(chan error, 1)
		go func() {
			done <- j.Follow(ctx, 1, func(e sim.Event) error { got = append(got, e.Seq); return nil }, func() error { flushes++; return nil })
		}()
		synctest.Wait()
		require.Equal(t, []uint64{2}, got)
		require.Equal(t, 1, flushes)
		j.add(event(3))
		synctest.Wait()
		require.Equal(t, []uint64{2, 3}, got)

		require.NoError(t, j.restart([]sim.Event{event(1)}))
		synctest.Wait()
		require.Equal(t, []uint64{2, 3, 1}, got, "a journal that begins anew is handed over from its beginning")
		j.add(event(2))
		synctest.Wait()
		require.Equal(t, []uint64{2, 3, 1, 2}, got)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
}

func TestFollowEndsWithItsReader(t *testing.T) {
	j := journalIn(t, "")
	j.add(event(1))
	enough := errors.New("enough")
	require.ErrorIs(t, j.Follow(t.Context(), 0, func(sim.Event) error { return enough }, nil), enough)
	require.ErrorIs(t, j.Follow(t.Context(), 0, func(sim.Event) error { return nil }, func() error { return enough }), enough)
}

func TestManyFollowWhileManyHappen(t *testing.T) {
	l := opened(t, still())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			var last uint64
			_ = l.Journal().Follow(context.Background(), 0, func(e sim.Event) error {
				require.Equal(t, last+1, e.Seq)
				if last = e.Seq; last == 500 {
					return context.Canceled
				}
				return nil
			}, nil)
		})
	}
	for range 500 {
		require.NoError(t, l.Advance(t.Context(), 1))
	}
	all.Wait()
}

func TestAJournalOnAFullDiskCatchesUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j := journalIn(t, path)
	j.add(event(1))
	whole := j.file
	full, err := os.Open(path) // takes no writes
	require.NoError(t, err)
	j.file = full
	j.add(event(2))
	require.Error(t, j.Err())
	j.add(event(3))
	j.file = whole
	j.add(event(4))
	require.NoError(t, j.Err())
	require.NoError(t, full.Close())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(lines([]sim.Event{event(1), event(2), event(3), event(4)})), string(b))
}

// secrets returns everything in a saved lab that no journal may hold.
func secretsOf(t *testing.T, l *Lab) []string {
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	var list []string
	for _, k := range s.Keys.Users {
		list = append(list, k.SecretAccessKey)
	}
	for _, record := range s.Account {
		for _, value := range record {
			for _, name := range []string{`"secret":"`, `"seed":"`, `"hash":"`, `"tokenHash":"`} {
				if _, rest, ok := strings.Cut(value, name); ok {
					secret, _, _ := strings.Cut(rest, `"`)
					list = append(list, secret)
				}
			}
		}
	}
	return append(list, fmt.Sprintf("%x", s.Chance))
}

func TestNoSecretIsInTheJournal(t *testing.T) {
	opt := Options{Dir: t.TempDir(), Seed: "test", Plan: planOf(t, fullPlan)}
	opt.Plan.Texts = nil
	l := opened(t, opt)
	furnished(t, l)
	list := secretsOf(t, l)
	require.Greater(t, len(list), 8)
	list = append(list, "Correct-Horse-7", "3132333435363738393031323334353637383930")
	fobs, err := l.List(t.Context(), Fobs)
	require.NoError(t, err)
	var codes []string
	for _, f := range fobs {
		for range 5 {
			s, err := l.Press(t.Context(), Fobs, f.Serial, PressOptions{Next: true})
			require.NoError(t, err)
			codes = append(codes, s.Code)
		}
	}
	require.NoError(t, l.Close())
	b, err := os.ReadFile(filepath.Join(opt.Dir, journalFile))
	require.NoError(t, err)
	for _, secret := range list {
		require.NotContains(t, string(b), secret)
	}
	for _, code := range codes {
		require.NotRegexp(t, `[^0-9]`+code+`[^0-9]`, string(b))
	}
}

func TestTheSameCallsGiveTheSameJournal(t *testing.T) {
	var first string
	for i := range 50 {
		opt := still()
		if i%10 == 9 {
			opt.Ephemeral, opt.Dir = false, filepath.Join(t.TempDir(), "lab")
		}
		l := opened(t, opt)
		furnished(t, l)
		_, err := l.As(t.Context(), l.IAM().RootCaller(), "iam", "GetUser", map[string][]string{"UserName": {"nobody"}})
		require.Error(t, err)
		require.NoError(t, l.SetRate(t.Context(), 0))
		_, err = l.AddApp(t.Context(), totp("bob"), "")
		require.NoError(t, err)
		require.NoError(t, l.Wait(t.Context(), time.Hour))
		got := string(lines(l.Journal().After(0, 0)))
		if first == "" {
			first = got
			require.Greater(t, strings.Count(first, "\n"), 15)
		}
		same(t, first, got)
		require.NoError(t, l.Close())
		if !opt.Ephemeral {
			b, err := os.ReadFile(filepath.Join(opt.Dir, journalFile))
			require.NoError(t, err)
			same(t, first, string(b))
		}
	}
}
