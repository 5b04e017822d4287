package token

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const oathtool = "/usr/bin/oathtool" // by full path: another may come first in PATH

func TestOathtoolMakesTheSameCodes(t *testing.T) {
	if _, err := os.Stat(oathtool); err != nil {
		if os.Getenv("MFALAB_CLIENTS") == "required" {
			t.Fatalf("%s is required; install the package oathtool", oathtool)
		}
		t.Skipf("no %s; install the package oathtool", oathtool)
	}
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
