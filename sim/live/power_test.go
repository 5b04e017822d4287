package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
)

// errPower is what every write gets once the power is gone.
var errPower = errors.New("the power is gone")

// supply is a power supply that fails at the nth write of a file or of the store, for good; 0: never.
type supply struct {
	fails int
	taken int
	steps []string
}

func (s *supply) before(step string) error {
	s.taken++
	s.steps = append(s.steps, step)
	if s.fails > 0 && s.taken >= s.fails {
		return errPower
	}
	return nil
}

func (s *supply) out() bool { return s.fails > 0 && s.taken >= s.fails }

// fragile is a store on that supply. The power may also go after a transaction is on the disk and before anybody hears.
type fragile struct {
	iam.Store
	supply *supply
}

func (f fragile) Update(ctx context.Context, do func(iam.Tx) error) error {
	if err := f.supply.before("commit"); err != nil {
		return err
	}
	if err := f.Store.Update(ctx, do); err != nil {
		return err
	}
	return f.supply.before("hear of commit")
}

func (fragile) Close() error { return nil }

// A deed is something that is done to a lab while the power fails.
type deed struct {
	prepare func(t *testing.T, l *Lab)
	do      func(l *Lab) error
	// between reports whether a state that is neither the old nor the new one is in order all the same.
	between func(t *testing.T, l *Lab) bool
}

const fobA, fobB = "GAHT00000001", "GAHT00000002"

func bg() context.Context { return context.Background() }

func prepareFobs(t *testing.T, l *Lab) {
	fobOf(t, l, FobSpec{Serial: fobA, PPM: ppm(20)})
	fobOf(t, l, FobSpec{Serial: fobB, PPM: ppm(-20)})
	require.NoError(t, l.Advance(t.Context(), 100*time.Hour))
	press(t, l, fobA, PressOptions{Next: true})
	press(t, l, fobB, PressOptions{Next: true})
}

// cut does the deed in labs that lose their power at the first write, at the second, and so on until none is left. After
// each the lab is opened again, and must be the old one or the new one.
func cut(t *testing.T, d deed) {
	t.Helper()
	run := func(fails int) (old, now string, power *supply, err error) {
		w, s := newWall(), memory.New()
		opt := durable(t, w)
		power = &supply{}
		opt.open = func(string) (iam.Store, error) { return fragile{s, power}, nil }
		opt.before = func(step string) error { return power.before(step) }
		l := opened(t, opt)
		if d.prepare != nil {
			d.prepare(t, l)
		}
		old = saved(t, l)
		*power = supply{fails: fails}
		err = d.do(l)
		if fails == 0 {
			require.NoError(t, err)
			return old, saved(t, l), power, nil
		}
		if !power.out() {
			return old, "", power, err
		}
		crash(t, l)
		steps := power.steps
		*power = supply{}
		opt.Seed = "" // a loaded lab has another
		l = opened(t, opt)
		now = saved(t, l)
		if d.between != nil && d.between(t, l) {
			now = "between"
		}
		again := saved(t, l)
		crash(t, l)
		l = opened(t, opt)
		same(t, again, saved(t, l), "and stays so")
		crash(t, l)
		return old, now, &supply{fails: fails, taken: fails, steps: steps}, err
	}
	_, done, _, err := run(0)
	require.NoError(t, err)
	for n := 1; ; n++ {
		old, now, power, err := run(n)
		if !power.out() {
			require.Greater(t, n, 2, "the deed writes nothing")
			return
		}
		at := fmt.Sprintf("power gone at write %d: %s", n, strings.Join(power.steps, ", "))
		switch {
		case now == "between" || now == done:
		case err == nil:
			t.Fatalf("what was said to be done is not: %s", at)
		default:
			same(t, old, now, at)
		}
	}
}

func TestAPowerCutLeavesTheOldOrTheNewLab(t *testing.T) {
	var handed Shown
	onlyTheClockMoved := func(t *testing.T, l *Lab) bool {
		a, err := l.Show(t.Context(), Fobs, fobA)
		require.NoError(t, err)
		require.Equal(t, labTime(l.Clock()), a.Time)
		require.LessOrEqual(t, a.Left, Span(31*time.Second), "the fob lives in the lab's time")
		require.Less(t, time.Duration(a.Drift).Abs(), 10*time.Second)
		next := press(t, l, fobA, PressOptions{Next: true})
		require.Greater(t, next.Step, handed.Step, "no step is handed out twice")
		return true
	}
	other := savedElsewhere(t)
	for name, d := range map[string]deed{
		"a press": {prepareFobs, func(l *Lab) error { _, err := l.Press(bg(), Fobs, fobA, PressOptions{}); return err }, nil},
		"a press for the next code": {prepareFobs, func(l *Lab) (err error) {
			handed, err = l.Press(bg(), Fobs, fobA, PressOptions{Next: true})
			return err
		}, onlyTheClockMoved},
		"a temperature":          {prepareFobs, func(l *Lab) error { return l.Heat(bg(), fobA, -20) }, nil},
		"an advance":             {prepareFobs, func(l *Lab) error { return l.Advance(bg(), time.Hour) }, nil},
		"a rate":                 {prepareFobs, func(l *Lab) error { return l.SetRate(bg(), 0) }, nil},
		"a reset of the clock":   {prepareFobs, func(l *Lab) error { return l.ResetClock(bg()) }, nil},
		"a reset":                {prepareFobs, func(l *Lab) error { return l.Reset(bg()) }, nil},
		"a load":                 {prepareFobs, func(l *Lab) error { return l.Load(bg(), other(t)) }, nil},
		"a load of an empty lab": {nil, func(l *Lab) error { return l.Load(bg(), other(t)) }, nil},
		"a scan":                 {prepareFobs, func(l *Lab) error { _, err := l.AddApp(bg(), totp("alice"), ""); return err }, nil},
	} {
		t.Run(name, func(t *testing.T) { cut(t, d) })
	}
}

// savedElsewhere returns what gives copies of another lab.
func savedElsewhere(t *testing.T) func(t *testing.T) *Snapshot {
	opt := durable(t, newWall())
	opt.Seed, opt.Plan = "elsewhere", &Plan{Account: "999999999999"}
	l := opened(t, opt)
	fobOf(t, l, FobSpec{Serial: "GAHT00000009"})
	_, err := l.AddApp(t.Context(), totp("bob"), "")
	require.NoError(t, err)
	text := saved(t, l)
	return func(t *testing.T) *Snapshot {
		s, err := ParseSnapshot([]byte(text))
		require.NoError(t, err)
		return s
	}
}

func TestAPowerCutWhileAFobIsMadeLosesAFobAtMost(t *testing.T) {
	for n := 1; ; n++ {
		s, power := memory.New(), &supply{}
		opt := durable(t, newWall())
		opt.open = func(string) (iam.Store, error) { return fragile{s, power}, nil }
		opt.before = func(step string) error { return power.before(step) }
		l := opened(t, opt)
		*power = supply{fails: n}
		made, err := l.NewFob(bg(), FobSpec{})
		if !power.out() {
			require.NoError(t, err)
			require.Greater(t, n, 5)
			return
		}
		crash(t, l)
		*power = supply{}
		l = opened(t, opt)
		list, err2 := l.List(bg(), Fobs)
		require.NoError(t, err2)
		if err == nil {
			require.Equal(t, made.Serial, list[0].Serial)
		}
		for _, f := range list {
			asked(t, l, "CreateUser", "UserName", "u")
			a, b := press(t, l, f.Serial, PressOptions{Next: true}), press(t, l, f.Serial, PressOptions{Next: true})
			asked(t, l, "EnableMFADevice", "UserName", "u", "SerialNumber", f.Serial, "AuthenticationCode1", a.Code, "AuthenticationCode2", b.Code)
		}
		fobOf(t, l, FobSpec{}) // the next one can be made
		crash(t, l)
	}
}

func TestAPowerCutLeavesAllOfABoxOrNone(t *testing.T) {
	const size = 3
	for name, come := range map[string]func(l *Lab) error{
		"that the factory makes": func(l *Lab) error { _, err := l.NewFobs(bg(), FobSpec{}, size); return err },
		"that is taken in":       func(l *Lab) error { _, err := l.Import(bg(), Shipment{Fobs: box(size)}); return err },
	} {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				s, power := memory.New(), &supply{}
				opt := durable(t, newWall())
				opt.open = func(string) (iam.Store, error) { return fragile{s, power}, nil }
				opt.before = func(step string) error { return power.before(step) }
				l := opened(t, opt)
				fobOf(t, l, FobSpec{Serial: fobA})
				*power = supply{fails: n}
				err := come(l)
				if !power.out() {
					require.NoError(t, err)
					require.Greater(t, n, 8)
					return
				}
				crash(t, l)
				steps := strings.Join(power.steps, ", ")
				*power = supply{}
				l = opened(t, opt)
				list, err2 := l.List(bg(), Fobs)
				require.NoError(t, err2)
				require.Contains(t, []int{1, 1 + size}, len(list), "power gone at write %d: %s", n, steps)
				if err == nil {
					require.Len(t, list, 1+size, steps)
				}
				fobOf(t, l, FobSpec{}) // the next one can be made
				crash(t, l)
			}
		})
	}
}

func TestAPowerCutAtTheFirstStartLeavesALabOrNone(t *testing.T) {
	plan := func() *Plan {
		return &Plan{Account: "111111111111", Alias: "lab", Fobs: []PlanFob{{FobSpec: FobSpec{Serial: fobA}}}, Users: []PlanUser{{Name: "alice", AccessKey: true, Fobs: []string{fobA}}}}
	}
	whole := ""
	for n := 0; ; n++ {
		s, power := memory.New(), &supply{fails: n}
		opt := durable(t, newWall())
		opt.Plan = plan()
		opt.open = func(string) (iam.Store, error) { return fragile{s, power}, nil }
		opt.before = func(step string) error { return power.before(step) }
		l, err := Open(bg(), opt)
		if n == 0 {
			require.NoError(t, err)
			whole = saved(t, l)
			crash(t, l)
			continue
		}
		if !power.out() {
			require.NoError(t, err)
			require.Greater(t, n, 8)
			crash(t, l)
			return
		}
		if err == nil {
			crash(t, l)
		}
		*power = supply{}
		if !Exists(opt.Dir) {
			opt.Plan.Account = "222222222222" // begun anew, it may be another
			l = opened(t, opt)
			require.Equal(t, "222222222222", l.IAM().Account())
		} else {
			l = opened(t, opt)
			same(t, whole, saved(t, l))
			require.NoError(t, l.Reset(bg()))
			same(t, whole, saved(t, l))
		}
		crash(t, l)
	}
}

func TestADiskThatRecoversGetsEverything(t *testing.T) {
	for name, do := range map[string]func(l *Lab) error{
		"after a press":              func(l *Lab) error { _, err := l.Press(bg(), Fobs, fobA, PressOptions{Next: true}); return err },
		"after a reset of the clock": func(l *Lab) error { return l.ResetClock(bg()) },
		"after a load":               func(l *Lab) error { return l.Load(bg(), savedElsewhere(t)(t)) },
		"after a box":                func(l *Lab) error { _, err := l.NewFobs(bg(), FobSpec{}, 3); return err },
		"after a fob":                func(l *Lab) error { _, err := l.NewFob(bg(), FobSpec{}); return err },
		"after a scan":               func(l *Lab) error { _, err := l.AddApp(bg(), totp("alice"), ""); return err },
	} {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				var full *supply
				opt := durable(t, newWall())
				opt.before = func(step string) error {
					if full == nil || strings.HasPrefix(step, "remove") {
						return nil
					}
					return full.before(step)
				}
				l := opened(t, opt)
				prepareFobs(t, l)
				full = &supply{fails: n}
				err := do(l)
				if !full.out() {
					require.NoError(t, err)
					return
				}
				require.ErrorContains(t, err, "cannot be stored")
				require.ErrorIs(t, err, errPower)
				full = nil
				_, err = l.AddApp(bg(), totp("carol"), "")
				require.NoError(t, err, "there is room again")
				now := saved(t, l)
				crash(t, l)
				opt.Seed = ""
				l = opened(t, opt)
				same(t, now, saved(t, l))
				crash(t, l)
			}
		})
	}
}

func TestWhatTheRelyingPartyDidAfterALoadIsNotUndone(t *testing.T) {
	// The load is on its way: the store is filled, the files are not written, and the power goes later.
	full := false
	opt := durable(t, newWall())
	opt.before = func(step string) error {
		if full && strings.HasSuffix(step, labFile) {
			return errPower
		}
		return nil
	}
	l := opened(t, opt)
	full = true
	require.ErrorContains(t, l.Load(bg(), savedElsewhere(t)(t)), "cannot be stored")
	asked(t, l, "CreateUser", "UserName", "later")
	crash(t, l)
	full, opt.Seed = false, ""
	l = opened(t, opt)
	asked(t, l, "GetUser", "UserName", "later")
	require.Equal(t, "999999999999", l.IAM().Account())
	require.Contains(t, names(l), "lab.loaded iam.call")
}
