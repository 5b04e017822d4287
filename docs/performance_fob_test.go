package docs_test

import (
	"encoding/hex"
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/token"
)

var fobFigures = []figure{{
	what:  "a million fob-years of drift",
	bound: below(1e9, "1 s"),
	show:  span,
	how: "10,000 fobs, each with another crystal and carried about in another random climate that changes four times a day, are\n" +
		"asked for their drift after each of 100 years, on one core. The closed form goes from one answer to the next without the\n" +
		"146,000 changes of temperature between.",
	measure: fobYears,
}, {
	what:  "heap of one fob on a bench of 10,000",
	bound: below(2048, "2 KiB"),
	show:  bytesOf,
	how: "What the heap of a process holds more, after a collection, when it has opened a stored lab with 10,000 fobs than when it\n" +
		"has opened one without any, for each of them: fob, bench, the wake-ups of the world and the file's name.",
	measure: heap,
}, {
	what:     "a press through the API on a bench of 10,000",
	against:  "on a bench of one",
	absolute: true,
	bound:    below(2e6, "2 ms"),
	show:     span,
	how: "`POST /v1/fobs/SERIAL/press` over HTTP on loopback, each in a step of its own, in a lab that goes by the wall's clock and\n" +
		"stores what happens before it answers. The reach is on the time itself.",
	measure: presses,
}, {
	what:  "10,000 fobs imported into a durable lab",
	bound: below(2e9, "2 s"),
	show:  span,
	how: "`POST /v1/shipments` with an OATH CSV of 10,000 rows, without a network: from the file's first byte until every fob is on\n" +
		"the disk and the relying party's inventory has it, which is one transaction. Each round begins with a new lab.",
	measure: imports,
}}

// boxed is how many fobs a box has.
const boxed = 10_000

func fobYears(t *testing.T) measured {
	const years, year = 100, 365 * 24 * time.Hour
	profile, err := token.ProfileNamed("ezio")
	require.NoError(t, err)
	profile.Life = 0 // no battery lasts that long
	fobs := make([]*token.Fob, boxed)
	for i := range fobs {
		fobs[i], err = token.NewFob(token.Config{Profile: profile, Serial: serialOf(i), Seed: seed, TolerancePPB: int64(i - boxed/2), Born: birth})
		require.NoError(t, err)
		climate, err := token.ParseClimate(fmt.Sprint("random:", i))
		require.NoError(t, err)
		fobs[i].SetClimate(birth, climate)
	}
	var sum float64 // seconds
	m := repeatedly(t, func(*testing.T) float64 {
		began := time.Now()
		for _, f := range fobs {
			for n := range years {
				sum += f.Drift(birth.Add(time.Duration(n+1) * year)).Abs().Seconds()
			}
		}
		return float64(time.Since(began).Nanoseconds())
	})
	require.NotZero(t, sum)
	m.aside = fmt.Sprintf("On average a clock was %s off.", span(sum*1e9/float64(len(m.samples)*boxed*years)))
	return m
}

func bytesOf(v float64) string { return number(v) + " B" }

// storedLab returns the options of a lab in a directory of its own whose clock stands until it is moved.
func storedLab(t *testing.T) live.Options {
	return live.Options{Dir: t.TempDir(), Seed: "performance", Virtual: true, Start: birth}
}

func opened(t *testing.T, o live.Options) *live.Lab {
	lab, err := live.Open(t.Context(), o)
	require.NoError(t, err)
	return lab
}

// boxOf returns a box of fobs and its seed file.
func boxOf(n int) control.Shipment {
	var rows strings.Builder
	for i := range n {
		fmt.Fprintf(&rows, "%s, %s, TOTP, 6, 30\n", serialOf(i), hex.EncodeToString(fmt.Appendf(nil, "%020d", i)))
	}
	return control.Shipment{Format: "oath-csv", File: []byte(rows.String())}
}

// takeIn imports a box into a lab.
func takeIn(t *testing.T, lab *live.Lab, box control.Shipment, want int) {
	var out control.Shipped
	require.NoError(t, control.Local(control.New(lab, nil)).Post(t.Context(), "/v1/shipments", box, &out))
	require.Equal(t, want, out.Fobs)
}

func heap(t *testing.T) measured {
	none, full := storedLab(t), storedLab(t)
	require.NoError(t, opened(t, none).Close())
	lab := opened(t, full)
	takeIn(t, lab, boxOf(boxed), boxed)
	require.NoError(t, lab.Close())
	holds := func(o live.Options) float64 {
		lab := opened(t, o)
		defer func() { require.NoError(t, lab.Close()) }()
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // what the first has only marked as done with, such as pools
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	return repeatedly(t, func(*testing.T) float64 { return (holds(full) - holds(none)) / boxed })
}

func presses(t *testing.T) measured {
	press := func(others int) func(b *testing.B) {
		var now atomic.Int64
		now.Store(birth.UnixNano())
		lab := opened(t, live.Options{Dir: t.TempDir(), Seed: "performance", Wall: func() time.Time { return time.Unix(0, now.Load()).UTC() }})
		t.Cleanup(func() { require.NoError(t, lab.Close()) })
		if others > 0 {
			takeIn(t, lab, boxOf(others), others)
		}
		// An app has no battery to run down.
		fob, err := lab.NewFob(t.Context(), live.FobSpec{Profile: "app"})
		require.NoError(t, err)
		server := httptest.NewServer(control.New(lab, nil))
		t.Cleanup(server.Close)
		api := control.Dial(server.URL, "")
		return func(b *testing.B) {
			var shown live.Shown
			for b.Loop() {
				now.Add(int64(30 * time.Second))
				if err := api.Post(b.Context(), "/v1/fobs/"+fob.Serial+"/press", nil, &shown); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	return measured{samples: alternately(t, press(boxed-1), press(0))}
}

func imports(t *testing.T) measured {
	box := boxOf(boxed)
	return repeatedly(t, func(t *testing.T) float64 {
		lab := opened(t, storedLab(t))
		defer func() { require.NoError(t, lab.Close()) }()
		began := time.Now()
		takeIn(t, lab, box, boxed)
		return float64(time.Since(began).Nanoseconds())
	})
}
