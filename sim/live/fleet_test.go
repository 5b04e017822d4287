package live

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/token"
)

// TestAShelvedFleetComesBack: a thousand fobs are enrolled, used for a year and then shelved for three, in a drawer. How
// many does a window of one step then refuse, with the drift that the server learned in that year and without, and how many
// do two codes of a resync not bring back, which are looked for 20 steps either side? What the fobs do is compared with the closed formula: the drift is normally distributed, with the spread of the crystals times
// the time and the mean that ageing and the drawer give, and the step that a code comes from is off by the whole steps in
// it, or one more.
func TestAShelvedFleetComesBack(t *testing.T) {
	const fleet, used, shelved = 1000, 365 * 24 * time.Hour, 3 * 365 * 24 * time.Hour
	start := time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	drawer, err := token.ParseClimate("drawer")
	require.NoError(t, err)
	profile, err := token.ProfileNamed(DefaultProfile)
	require.NoError(t, err)
	rules := iam.Defaults()
	chance := sim.NewChance([]byte("a shelved fleet"))

	back := start.Add(used + shelved)
	lost := map[string]int{}
	for i := range fleet {
		mine := chance.Derive(fmt.Sprint(i))
		seed := mine.Derive("seed").Bytes(seedLength)
		f, err := token.NewFob(token.Config{Profile: profile, Serial: fmt.Sprintf("GAHT%08d", i), Seed: seed, Born: start,
			TolerancePPB: int64(math.Round(crystal(profile, mine.Derive("crystal")) * 1000))})
		require.NoError(t, err)
		f.SetClimate(start, drawer)
		learned, err := iam.NewVerifier(seed, 0, 0, 0)
		require.NoError(t, err)
		naive := learned
		at := start.Add(time.Duration(mine.Uniform() * float64(24*time.Hour)))
		for day := range int(used / (24 * time.Hour)) {
			now := at.Add(time.Duration(day) * 24 * time.Hour)
			require.True(t, learned.Login(codeAt(t, f, now), now, &rules).Accepted, "fob %d, day %d: in daily use nobody is lost", i, day)
		}
		now := back.Add(at.Sub(start))
		for name, v := range map[string]*iam.Verifier{"with": &learned, "without": &naive} {
			if !v.Login(codeAt(t, f, now), now, &rules).Accepted {
				lost[name]++
			}
			// A new pair of steps for each, since those of a login may be burnt.
			now = now.Add(profile.Step)
			first := codeAt(t, f, now)
			now = now.Add(profile.Step)
			second := codeAt(t, f, now)
			if !v.Sync(first, second, now, &rules).Accepted {
				lost[name+", resync"]++
				continue
			}
			now = now.Add(profile.Step)
			require.True(t, v.Login(codeAt(t, f, now), now, &rules).Accepted, "fob %d: what was brought back is back", i)
		}
	}

	// The closed formula, from one crystal without an error of its own.
	perfect, err := token.NewFob(token.Config{Profile: profile, Serial: "GAHT00000000", Seed: make(token.Seed, 20), Born: start})
	require.NoError(t, err)
	perfect.SetClimate(start, drawer)
	mean := func(d time.Duration) float64 { return perfect.Drift(start.Add(d)).Seconds() }
	spread := float64(profile.TolerancePPB) * 1e-9
	// Of two codes the first is one step older when the second is typed: both must be inside.
	window, late, ahead := float64(rules.Window), float64(rules.SyncWindow-1), float64(rules.SyncWindow)
	ever, shelf := mean(used+shelved), mean(used+shelved)-mean(used)
	everSpread, shelfSpread := spread*(used+shelved).Seconds(), spread*shelved.Seconds()
	expect := map[string]float64{
		"without":         fleet * outside(ever, everSpread, window, window),
		"with":            fleet * outside(shelf, shelfSpread, window, window),
		"without, resync": fleet * outside(ever, everSpread, late, ahead),
		"with, resync":    fleet * outside(shelf, shelfSpread, late, ahead),
	}
	for name, want := range expect {
		t.Logf("%s what a year taught: %d of %d are not taken, the formula says %.0f", name, lost[name], fleet, want)
		require.InDelta(t, want, lost[name], 4*math.Sqrt(want*(1-want/fleet))+fleet*0.02, name)
	}
	require.Less(t, lost["with"], lost["without"])
	require.Less(t, lost["with, resync"], lost["without, resync"])
}

// outside returns the part of a normal distribution, in seconds, that a window of so many steps behind and ahead refuses: a
// drift of d steps shows in the steps below and above it, so that it is refused with the chance that the nearer of them is
// outside.
func outside(mean, deviation, behind, ahead float64) float64 {
	const step = 30
	below := func(x float64) float64 { return 0.5 * math.Erfc((mean-x)/deviation/math.Sqrt2) }
	refused := func(steps float64) float64 { return min(max(steps-ahead, -steps-behind, 0), 1) }
	sum := 0.0
	const grid = 0.05
	for x := mean - 6*deviation; x < mean+6*deviation; x += grid * step {
		sum += (below(x+grid*step) - below(x)) * refused((x+grid*step/2)/step)
	}
	return sum
}

// codeAt presses the fob and returns what it shows.
func codeAt(t *testing.T, f *token.Fob, now time.Time) string {
	t.Helper()
	f.Press(now)
	d := f.Display()
	require.True(t, d.Lit)
	return d.Code
}
