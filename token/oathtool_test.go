package token

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const oathtool = "/usr/bin/oathtool" // by full path: another may come first in PATH

func TestOathtoolMakesTheSameCodes(t *testing.T) {
	needs(t, oathtool, "oathtool")
	const cases, window = 200, 9
	chance := rand.New(rand.NewPCG(4226, 6238))
	for range cases {
		algorithm := []Algorithm{SHA1, SHA256, SHA512}[chance.IntN(3)]
		digits, step := 6+chance.IntN(3), 1+chance.Int64N(120)
		seed := make(Seed, 1+chance.IntN(150))
		for i := range seed {
			seed[i] = byte(chance.Uint32())
		}
		now, t0 := chance.Int64N(1<<36), int64(0)
		if chance.IntN(2) == 0 {
			t0 = chance.Int64N(now)
		}
		args := []string{"--totp=" + strings.ToLower(algorithm.String()), "-d", fmt.Sprint(digits), "-s", fmt.Sprintf("%ds", step),
			"-S", fmt.Sprintf("@%d", t0), "-N", fmt.Sprintf("@%d", now), "-w", fmt.Sprint(window), "-"}
		run := exec.Command(oathtool, args...)
		run.Stdin = strings.NewReader(fmt.Sprintf("%x\n", []byte(seed)))
		out, err := run.CombinedOutput()
		require.NoError(t, err, "%s: %s", args, out)

		g, err := NewGenerator(seed, algorithm, digits)
		require.NoError(t, err)
		first := Step(time.Unix(now, 0), time.Unix(t0, 0), time.Duration(step)*time.Second)
		var want strings.Builder
		for i := range int64(window + 1) {
			want.WriteString(g.Code(uint64(first+i)) + "\n")
		}
		require.Equal(t, want.String(), string(out), "%s", args)
	}
}

// oathtool knows no OCRA: what the challenge-response card answers is held against the
// vectors of RFC 6287 instead.
func TestAThousandCodesOfEachProfileAreOathtools(t *testing.T) {
	needs(t, oathtool, "oathtool")
	const codes = 1000
	for _, p := range Profiles() {
		if p.Factor == ChallengeResponse {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			f := newFob(t, perfect, func(c *Config) { c.Profile = p; perfect(c) })
			first := f.StepAt(birth)
			kind := []string{"--hotp", "-c", fmt.Sprint(first)}
			if p.Factor == TimeBased {
				kind = []string{"--totp=" + strings.ToLower(p.Algorithm.String()), "-s", p.Step.String(), "-N", fmt.Sprintf("@%d", birth.Unix())}
			}
			run := exec.Command(oathtool, append(kind, "-d", fmt.Sprint(p.Digits), "-w", fmt.Sprint(codes-1), "-")...)
			run.Stdin = strings.NewReader(fmt.Sprintf("%x\n", []byte(rfcSeed)))
			out, err := run.CombinedOutput()
			require.NoError(t, err, "%s", out)
			want := strings.Fields(string(out))
			require.Len(t, want, codes)

			now := birth
			for i, code := range want {
				f.Press(now)
				require.Equal(t, code, f.Display().Code)
				require.Equal(t, first+int64(i), f.Display().Step)
				now = now.Add(max(p.Step, debounce))
			}
		})
	}
}
