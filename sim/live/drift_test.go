package live

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func span(d time.Duration) *Span { s := Span(d); return &s }

func TestDriftSaysWhatServersMakeOfAFob(t *testing.T) {
	l := opened(t, still())
	fob := fobOf(t, l, FobSpec{PPM: ppm(20)})
	before := saved(t, l)
	d, err := l.Drift(t.Context(), fob)
	require.NoError(t, err)
	require.Equal(t, before, saved(t, l), "who looks changes nothing")
	require.Zero(t, d.Drift)
	require.Equal(t, 20.0, d.Crystal)
	require.InDelta(t, d.Crystal+d.Ageing+d.Temperature, d.PPM, 1e-9)
	require.Equal(t, Span(d.PPM*86.4*float64(time.Millisecond)).String(), d.PerDay.String())
	require.Len(t, d.Windows, 4)
	for i, steps := range []int64{1, 2, 6, 10} {
		require.Equal(t, steps, d.Windows[i].Steps)
		require.True(t, d.Windows[i].Accepts)
	}

	// The forecast comes true: a nanosecond before, every code is inside, and then one is not.
	window := d.Windows[0]
	require.NoError(t, l.Advance(t.Context(), window.From.Sub(start)-1))
	d, err = l.Drift(t.Context(), fob)
	require.NoError(t, err)
	require.LessOrEqual(t, time.Duration(d.Drift), 30*time.Second)
	require.NoError(t, l.Advance(t.Context(), window.Lost.Sub(window.From)+1))
	d, err = l.Drift(t.Context(), fob)
	require.NoError(t, err)
	require.Greater(t, time.Duration(d.Drift), 60*time.Second)
	require.False(t, d.Windows[0].Accepts)
	require.True(t, d.Windows[1].Accepts || d.Steps == 3)
	require.Equal(t, d.Time, d.Windows[0].From, "it is outside already")
}

func TestWindowsAreOfTheFobsOwnSteps(t *testing.T) {
	l := opened(t, still())
	d, err := l.Drift(t.Context(), fobOf(t, l, FobSpec{Profile: "rsa60"}))
	require.NoError(t, err)
	for i, steps := range []int64{1, 2, 3, 5} {
		require.Equal(t, steps, d.Windows[i].Steps)
		require.Equal(t, Span(time.Duration(steps)*time.Minute), d.Windows[i].Window)
	}
	app, err := l.Drift(t.Context(), fobOf(t, l, FobSpec{Profile: "app"}))
	require.NoError(t, err)
	require.Zero(t, app.Windows[0].From, "a phone keeps network time")
}

func TestADriftThatIsSetIsATreatment(t *testing.T) {
	w := newWall()
	opt := durable(t, w)
	l := opened(t, opt)
	fob := fobOf(t, l, FobSpec{Serial: "GAHT00000001", PPM: ppm(0)})
	for _, by := range []time.Duration{90 * time.Second, -45 * time.Second, 0, 90 * time.Second} {
		d, err := l.SetDrift(t.Context(), fob, DriftChange{By: span(by)})
		require.NoError(t, err)
		require.Equal(t, Span(by), d.Drift)
		require.Equal(t, by == 0, d.Windows[0].Accepts, "at the beginning of a step 45 s behind are two steps")
	}
	d, err := l.SetDrift(t.Context(), fob, DriftChange{PPM: ppm(-7.5)})
	require.NoError(t, err)
	require.Equal(t, -7.5, d.Crystal)
	require.Equal(t, Span(90*time.Second), d.Drift, "another crystal goes on from there")
	require.Equal(t, 5, events(l, "fob.drift"))

	// It is on the disk, and in a saved lab.
	crash(t, l)
	l = opened(t, opt)
	again, err := l.Drift(t.Context(), fob)
	require.NoError(t, err)
	require.Equal(t, d, again)
	snapshot, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	_, err = l.SetDrift(t.Context(), fob, DriftChange{By: span(0), PPM: ppm(0)})
	require.NoError(t, err)
	require.NoError(t, l.Load(t.Context(), snapshot))
	again, err = l.Drift(t.Context(), fob)
	require.NoError(t, err)
	require.Equal(t, d, again)
}

func TestDriftsThatCannotBeAreRefused(t *testing.T) {
	l := opened(t, still())
	fob := fobOf(t, l, FobSpec{})
	card := fobOf(t, l, FobSpec{Profile: "ocra-card"})
	dead := fobOf(t, l, FobSpec{})
	_, err := l.Kill(t.Context(), dead)
	require.NoError(t, err)
	before := saved(t, l)
	for _, c := range []struct {
		fob    string
		change DriftChange
		want   string
	}{
		{fob, DriftChange{}, "give by or ppm"},
		{fob, DriftChange{PPM: ppm(1001)}, "wrong by 1001 ppm"},
		{fob, DriftChange{PPM: ppm(math.NaN())}, "wrong by NaN ppm"},
		{fob, DriftChange{By: span(math.MaxInt64)}, "at most 100 years"},
		{fob, DriftChange{By: span(-60 * 365 * 24 * time.Hour)}, "nothing before T0"},
		{card, DriftChange{By: span(0)}, "challenge-based"},
		{dead, DriftChange{By: span(0)}, "is dead"},
		{"GAHT99999999", DriftChange{By: span(0)}, "no such device"},
	} {
		_, err := l.SetDrift(t.Context(), c.fob, c.change)
		require.ErrorContains(t, err, c.want)
		require.Equal(t, before, saved(t, l))
	}
	for fob, want := range map[string]string{card: "no clock makes its codes", dead: "is dead", "GAHT99999999": "no such device"} {
		_, err := l.Drift(t.Context(), fob)
		require.ErrorContains(t, err, want)
	}
}

// A fob of each profile can be had, and those with a clock can be enrolled: their serials are ones that IAM takes.
func TestAFobOfEachProfileIsEnrolled(t *testing.T) {
	l := opened(t, still())
	for i, p := range profiles() {
		t.Run(p.Name, func(t *testing.T) {
			fob := fobOf(t, l, FobSpec{Profile: p.Name})
			require.GreaterOrEqual(t, len(fob), 9, "API_EnableMFADevice")
			user := fmt.Sprint("user-", i)
			asked(t, l, "CreateUser", "UserName", user)
			enrol := func() error {
				codes := []string{"000000", "000000"}
				for i := range codes {
					shown, err := l.Press(t.Context(), Fobs, fob, PressOptions{Next: true})
					if err == nil && shown.Code != "" {
						codes[i] = shown.Code
					}
				}
				return refusal(l, "EnableMFADevice", "UserName", user, "SerialNumber", fob, "AuthenticationCode1", codes[0], "AuthenticationCode2", codes[1])
			}
			switch {
			case timeBased(p) && p.Digits == 6:
				require.NoError(t, enrol())
			case timeBased(p):
				require.ErrorContains(t, enrol(), "authenticationCode1", "IAM takes six digits")
			default:
				require.ErrorContains(t, enrol(), "does not exist", "the factory tells IAM of clocks only")
			}
		})
	}
}
