package docs_test

import (
	"crypto/sha1"
	"fmt"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/token"
)

var codeFigures = []figure{{
	what:    "one SHA-1 code from a prepared fob",
	against: "`sha1.Sum` of 119 bytes",
	bound:   atMost(1.8, "1.8x"),
	show:    span,
	how: "`token.Generator.AppendCode` with one counter after another, against the hash of as many blocks as the two halves of\n" +
		"an HMAC that starts from nothing.",
	measure: func(t *testing.T) measured {
		m := measured{samples: alternately(t, oneCode, twoBlocks)}
		m.aside = "In the same run pquerna/otp took " + span(perOp(benchmark(t, pquernaCode))) + " for a code."
		return m
	},
}, {
	what:  "allocations of that code",
	bound: bound{"0", func(v float64) bool { return v == 0 }},
	show:  number,
	how:   "As the Go runtime counts them for an operation of the same benchmark.",
	measure: func(t *testing.T) measured {
		return measured{samples: []sample{{value: float64(benchmark(t, oneCode).AllocsPerOp())}}}
	},
}, {
	what:    "five years of one fob, one login a day",
	against: "the pquerna/otp calls alone",
	bound:   atMost(1.3, "1.3x"),
	show:    span,
	how: "A new ezio fob with a crystal 10 ppm fast is pressed once on each of 1,826 days, at a time of day that looks random;\n" +
		"what its LCD shows is typed five seconds later and judged by the relying party's `Verifier`, which learns the drift.\n" +
		"There is no store. Every login is accepted. Against the same calls of pquerna/otp, three a login, with the same seed and\n" +
		"the same steps.",
	measure: fiveYears,
}}

var seed = token.Seed("twenty bytes of seed")

func oneCode(b *testing.B) {
	b.ReportAllocs()
	g, err := token.NewGenerator(seed, token.SHA1, 6)
	require.NoError(b, err)
	code, counter := make([]byte, 0, 6), uint64(0)
	for b.Loop() {
		code = g.AppendCode(code[:0], counter)
		counter++
	}
}

func twoBlocks(b *testing.B) {
	var message [119]byte
	for b.Loop() {
		sha1.Sum(message[:])
	}
}

var pquernaOptions = hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}

func pquernaCode(b *testing.B) {
	text, counter := string(iam.NewSeed(seed)), uint64(0)
	for b.Loop() {
		if _, err := hotp.GenerateCodeCustom(text, counter, pquernaOptions); err != nil {
			b.Fatal(err)
		}
		counter++
	}
}

var birth = time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)

// pressed returns when the fob is pressed on a day: at a time that looks random and is always the same.
func pressed(day int) time.Time {
	second := uint32(day) * 2654435761 >> 8 % 86400
	return birth.Add(time.Duration(day)*24*time.Hour + time.Duration(second)*time.Second)
}

const (
	days   = 5*365 + 1
	typing = 5 * time.Second
)

// lifeOfAFob lets a fob and its relying party live for five years and appends its verdicts.
func lifeOfAFob(tb testing.TB, verdicts []iam.Verdict) []iam.Verdict {
	profile, err := token.ProfileNamed("ezio")
	require.NoError(tb, err)
	profile.Life = 0 // its battery would not last to the last day
	fob, err := token.NewFob(token.Config{Profile: profile, Serial: "GAHT00000001", Seed: seed, TolerancePPB: 10_000, Born: birth})
	require.NoError(tb, err)
	verifier, err := iam.NewVerifier(seed, otp.AlgorithmSHA1, 6, profile.Step)
	require.NoError(tb, err)
	verifier.Anchor = birth // enrolled on the first day
	settings := iam.Defaults()
	for day := range days {
		now := pressed(day)
		fob.Press(now)
		verdicts = append(verdicts, verifier.Login(fob.Display().Code, now.Add(typing), &settings))
	}
	return verdicts
}

func fiveYears(t *testing.T) measured {
	verdicts := lifeOfAFob(t, nil)
	last := verdicts[days-1]
	for day, v := range verdicts {
		require.True(t, v.Accepted, "day %d: %s", day, v.Rule)
	}
	ahead := last.Step - pressed(days-1).Unix()/30
	require.Greater(t, ahead, int64(50), "the fob did not drift")
	text := string(iam.NewSeed(seed))
	return measured{aside: fmt.Sprintf("On the last day the fob is %d steps ahead.", ahead), samples: alternately(t,
		func(b *testing.B) {
			again := make([]iam.Verdict, 0, days)
			for b.Loop() {
				again = lifeOfAFob(b, again[:0])
			}
		},
		func(b *testing.B) {
			for b.Loop() {
				for _, v := range verdicts {
					for step := v.Expected - 1; step <= v.Expected+1; step++ {
						if _, err := hotp.GenerateCodeCustom(text, uint64(step), pquernaOptions); err != nil {
							b.Fatal(err)
						}
					}
				}
			}
		})}
}
