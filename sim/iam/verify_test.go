package iam_test

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mfalab/mfalab/sim/iam"
)

var rfcSeed = []byte("12345678901234567890")

// codeOf is a device's code by the definition of RFC 4226, Section 5.3: this package's tests have their own, so that they
// do not believe the library that the verifier uses.
func codeOf(seed []byte, step int64) string {
	m := hmac.New(sha1.New, seed)
	_ = binary.Write(m, binary.BigEndian, step)
	sum := m.Sum(nil)
	at := sum[19] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&math.MaxInt32%1_000_000)
}

func verifier(t require.TestingT, seed []byte) iam.Verifier {
	v, err := iam.NewVerifier(seed, otp.AlgorithmSHA1, 6, 30*time.Second)
	require.NoError(t, err)
	return v
}

// during returns a time in the middle of a step.
func during(step int64) time.Time { return time.Unix(step*30+15, 0).UTC() }

// vectors reads testdata/codes.txt.
func vectors(t *testing.T, each func(t *testing.T, seed []byte, alg otp.Algorithm, step int64, code string)) {
	f, err := os.Open("testdata/codes.txt")
	require.NoError(t, err)
	defer f.Close()
	algorithms := map[string]otp.Algorithm{"SHA1": otp.AlgorithmSHA1, "SHA256": otp.AlgorithmSHA256, "SHA512": otp.AlgorithmSHA512}
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		var alg, seed, code string
		var digits int
		var step int64
		_, err := fmt.Sscan(s.Text(), &alg, &digits, &seed, &step, &code)
		require.NoError(t, err, s.Text())
		key, err := hex.DecodeString(seed)
		require.NoError(t, err)
		require.Len(t, code, digits)
		t.Run(fmt.Sprint(alg, " ", step, " ", code), func(t *testing.T) { each(t, key, algorithms[alg], step, code) })
		n++
	}
	require.Greater(t, n, 40)
}

func TestPublishedCodesAreAcceptedInTheirStep(t *testing.T) {
	s := iam.Defaults()
	vectors(t, func(t *testing.T, seed []byte, alg otp.Algorithm, step int64, code string) {
		v, err := iam.NewVerifier(seed, alg, len(code), 0)
		require.NoError(t, err)
		d := v.Login(code, during(step), &s)
		require.True(t, d.Accepted, d.Rule)
		require.Equal(t, step, d.Step)
		require.Equal(t, step, v.Last)
	})
}

func TestEqualCodes(t *testing.T) {
	s := iam.Defaults()
	t.Run("the same digits in the next step are another code", func(t *testing.T) {
		v := verifier(t, rfcSeed)
		require.Equal(t, int64(59061240), v.Login("963181", during(59061240), &s).Step)
		require.Equal(t, int64(59061241), v.Login("963181", during(59061241), &s).Step)
		require.Equal(t, "replay", v.Login("963181", during(59061241), &s).Rule)
	})
	t.Run("two equal codes of consecutive steps enrol a device", func(t *testing.T) {
		v := verifier(t, rfcSeed)
		d := v.Sync("251166", "251166", during(57766336), &s)
		require.True(t, d.Accepted, d.Rule)
		require.Equal(t, int64(57766336), v.Last)
		require.Zero(t, v.Offset)
	})
	t.Run("of two hits as near the later one counts", func(t *testing.T) {
		v := verifier(t, rfcSeed)
		require.Equal(t, int64(57017784), v.Login("882938", during(57017783), &s).Step)
		require.Equal(t, "replay", v.Login("882938", during(57017783), &s).Rule, "the digits must not be good twice")
	})
	t.Run("of two hits the nearer one counts", func(t *testing.T) {
		v := verifier(t, rfcSeed)
		require.Equal(t, int64(57766335), v.Login("251166", during(57766335), &s).Step)
		v = verifier(t, rfcSeed)
		require.Equal(t, int64(57766336), v.Login("251166", during(57766336), &s).Step)
	})
	t.Run("a hit that is burnt gives way to one that is not", func(t *testing.T) {
		v := verifier(t, rfcSeed)
		v.Last = 57367617
		require.Equal(t, int64(57367619), v.Login("601887", during(57367618), &s).Step)
	})
}

// The grid of verifiers: at step n a code is sent, and then another one. A row is the first code, a column the second;
// "+" is accepted.
func TestGrid(t *testing.T) {
	const n = 59_000_000
	want := map[int64][]string{
		0: { // the second code in the same step:  n-3 ... n+3
			/* n-3 refused  */ "..+++..",
			/* n-2 refused  */ "..+++..",
			/* n-1 accepted */ "...+...",
			/* n   accepted */ "....+..",
			/* n+1 accepted */ ".....+.",
			/* n+2 refused  */ "..+++..",
			/* n+3 refused  */ "..+++..",
		},
		1: { // the second code a step later
			"...+++.",
			"...+++.",
			"...++..",
			"....++.",
			".....++",
			"...+++.",
			"...+++.",
		},
		-1: { // the server's clock has gone back by a step
			".+++...",
			".+++...",
			".......",
			".......",
			".......",
			".+++...",
			".+++...",
		},
	}
	for delta, rows := range want {
		for i, row := range rows {
			for k, cell := range row {
				first, second := int64(n-3+i), int64(n-3+k)
				t.Run(fmt.Sprintf("code n%+d, %d steps later n%+d", first-n, delta, second-n), func(t *testing.T) {
					gridCell(t, n, first, second, delta, cell == '+')
				})
			}
		}
	}
}

func gridCell(t *testing.T, n, first, second, delta int64, accepted bool) {
	s := iam.Defaults()
	v := verifier(t, rfcSeed)
	v.Anchor = during(n)
	require.Equal(t, first >= n-1 && first <= n+1, v.Login(codeOf(rfcSeed, first), during(n), &s).Accepted)
	require.Equal(t, accepted, v.Login(codeOf(rfcSeed, second), during(n+delta), &s).Accepted)
}

// The same for two codes in one request, which have a wider window and must come in order.
func TestGridOfPairs(t *testing.T) {
	const n = 59_000_000
	s := iam.Defaults()
	for a := int64(n - 23); a <= n+23; a++ {
		for b := a - 3; b <= a+3; b++ {
			v := verifier(t, rfcSeed)
			d := v.Sync(codeOf(rfcSeed, a), codeOf(rfcSeed, b), during(n), &s)
			want := b == a+1 && a >= n-20 && b <= n+20
			require.Equal(t, want, d.Accepted, "codes n%+d and n%+d: %s", a-n, b-n, d.Rule)
			switch {
			case want:
				require.Equal(t, []int64{b, b - n, b - n}, []int64{v.Last, v.Offset, d.Learned})
			case b == a+1:
				require.Equal(t, "sync-window", d.Rule)
			case b == a-1:
				require.Equal(t, "order", d.Rule)
			default:
				require.Equal(t, "consecutive", d.Rule)
			}
		}
	}
}

func TestMalformedCodes(t *testing.T) {
	s := iam.Defaults()
	n := int64(44) // 000152
	for name, code := range map[string]string{
		"empty": "", "too short": "00152", "too long": "0000152", "without leading zeros": "152", "spaced": "000 152",
		"led by a space": " 00152", "ended by a line": "00152\n", "led by a space too many": " 000152",
		"signed": "+00152", "negative": "-00152", "full-width": "０００１５２", "Arabic": "٠٠٠١٥٢", "with a zero byte": "000152\x00",
		"a number in another base": "0x0098", "a fraction": "0152.0",
	} {
		t.Run("a code that is "+name+" is refused", func(t *testing.T) {
			v := verifier(t, rfcSeed)
			d := v.Login(code, during(n), &s)
			require.Equal(t, []any{false, "digits", "RFC 4226, Section 5.3"}, []any{d.Accepted, d.Rule, d.Section})
			d = v.Sync(codeOf(rfcSeed, n-1), code, during(n), &s)
			require.Equal(t, []any{false, "digits"}, []any{d.Accepted, d.Rule})
			require.EqualValues(t, 2, v.Failures)
		})
	}
}

func TestVerdictsNameTheRule(t *testing.T) {
	const n = 59_000_000
	s := iam.Defaults()
	code := func(step int64) string { return codeOf(rfcSeed, step) }
	v := verifier(t, rfcSeed)
	v.Last = n - 1
	old := verifier(t, rfcSeed)
	old.Last = n - 9
	wrong := "000000"
	for name, c := range map[string]struct {
		verdict iam.Verdict
		rule    string
		step    int64
	}{
		"a wrong code":                       {v.Login(wrong, during(n), &s), "code", 0},
		"a code of the last accepted step":   {v.Login(code(n-1), during(n), &s), "replay", n - 1},
		"an older code":                      {v.Login(code(n-9), during(n), &s), "replay", n - 9},
		"the last accepted code, long ago":   {old.Login(code(n-9), during(n), &s), "replay", n - 9},
		"a code from too far in the future":  {v.Login(code(n+2), during(n), &s), "window", n + 2},
		"a resync with one wrong code":       {v.Sync(code(n), wrong, during(n), &s), "code", 0},
		"a resync with one code twice":       {v.Sync(code(n), code(n), during(n), &s), "consecutive", 0},
		"a resync with a gap":                {v.Sync(code(n), code(n+2), during(n), &s), "consecutive", 0},
		"a resync the wrong way round":       {v.Sync(code(n+1), code(n), during(n), &s), "order", 0},
		"a resync with a code that was used": {v.Sync(code(n-1), code(n), during(n), &s), "replay", n},
		"a resync with codes long used":      {v.Sync(code(n-40), code(n-39), during(n), &s), "replay", n - 39},
		"a resync with codes from the moon":  {v.Sync(code(n+40), code(n+41), during(n), &s), "sync-window", n + 41},
	} {
		t.Run(name, func(t *testing.T) {
			require.False(t, c.verdict.Accepted)
			require.Equal(t, c.rule, c.verdict.Rule)
			require.NotEmpty(t, c.verdict.Section)
			require.Equal(t, c.step, c.verdict.Step)
			require.Equal(t, c.step != 0, c.verdict.Known)
			require.EqualValues(t, n, c.verdict.Expected)
		})
	}
	require.EqualValues(t, 11, v.Failures)
}

func TestDriftIsLearnedAndBounded(t *testing.T) {
	const n = 59_000_000
	s := iam.Defaults()
	enrolled := func() iam.Verifier {
		v := verifier(t, rfcSeed)
		require.True(t, v.Sync(codeOf(rfcSeed, n+4), codeOf(rfcSeed, n+5), during(n), &s).Accepted)
		return v
	}
	t.Run("a resync stores where the device is", func(t *testing.T) {
		v := enrolled()
		require.EqualValues(t, 5, v.Offset)
		require.True(t, v.Login(codeOf(rfcSeed, n+16), during(n+10), &s).Accepted)
	})
	t.Run("a step at a time, and one step only in a week", func(t *testing.T) {
		v := enrolled()
		for i := range int64(3) {
			at := n + 100 + 10*i
			require.Equal(t, i < 2, v.Login(codeOf(rfcSeed, at+6+i), during(at), &s).Accepted)
		}
		require.EqualValues(t, 6, v.Offset)
	})
	t.Run("a step at a time, however wide the window and long ago the anchor", func(t *testing.T) {
		wide := s
		require.NoError(t, wide.Set("window=5"))
		v := enrolled()
		require.EqualValues(t, 1, v.Login(codeOf(rfcSeed, n+1_000_010), during(n+1_000_000), &wide).Learned)
		require.EqualValues(t, -1, v.Login(codeOf(rfcSeed, n+2_000_001), during(n+2_000_000), &wide).Learned)
	})
	t.Run("a fob of 40 ppm is followed for years", func(t *testing.T) {
		v := enrolled()
		for day := int64(1); day < 5*365; day++ {
			at := n + day*2880
			device := at + 5 + day*2880*40/1_000_000
			require.True(t, v.Login(codeOf(rfcSeed, device), during(at), &s).Accepted, "day %d", day)
		}
	})
	t.Run("a fob of 100 ppm is lost after a while, and a resync finds it", func(t *testing.T) {
		v := enrolled()
		day, device, at := int64(1), int64(0), int64(0)
		for ; day < 365; day++ {
			at = n + day*2880
			device = at + 5 + day*2880*100/1_000_000
			if !v.Login(codeOf(rfcSeed, device), during(at), &s).Accepted {
				break
			}
		}
		require.Greater(t, day, int64(10))
		require.Less(t, day, int64(60))
		require.True(t, v.Sync(codeOf(rfcSeed, device), codeOf(rfcSeed, device+1), during(at), &s).Accepted)
		require.True(t, v.Login(codeOf(rfcSeed, device+2), during(at+1), &s).Accepted)
	})
}

func TestLockout(t *testing.T) {
	const n = 59_000_000
	s := iam.Defaults()
	require.NoError(t, s.Set("lockout=3"))
	require.NoError(t, s.Set("lockout-time=1m"))
	v := verifier(t, rfcSeed)
	good := func(now time.Time) iam.Verdict {
		w := v // a copy: to try changes nothing
		return w.Login(codeOf(rfcSeed, now.Unix()/30), now, &s)
	}
	now := during(n)
	for range 2 {
		require.Equal(t, "code", v.Login("000000", now, &s).Rule)
	}
	require.True(t, good(now).Accepted, "two failures are below the limit")
	require.Equal(t, "code", v.Login("000000", now, &s).Rule)
	for i := range time.Duration(3) {
		locked := v
		end := now.Add((i + 1) * time.Minute)
		require.Equal(t, "lockout", good(end.Add(-1)).Rule, "lock %d", i)
		require.Equal(t, "lockout", v.Sync(codeOf(rfcSeed, n), codeOf(rfcSeed, n+1), end.Add(-1), &s).Rule)
		require.Equal(t, locked, v, "what is locked counts nothing")
		require.True(t, good(end).Accepted, "lock %d", i)
		now = end
		require.Equal(t, "code", v.Login("000000", now, &s).Rule)
	}
	now = now.Add(time.Hour)
	require.True(t, v.Login(codeOf(rfcSeed, now.Unix()/30), now, &s).Accepted)
	require.Equal(t, iam.Throttle{}, v.Throttle, "success forgets the failures")
}

func TestTimesBeforeTheFirstStep(t *testing.T) {
	s := iam.Defaults()
	v := verifier(t, rfcSeed)
	before := time.Unix(-15, 0) // step -1
	require.False(t, v.Login(codeOf(rfcSeed, -1), before, &s).Accepted)
	require.EqualValues(t, -1, v.Login("x", before, &s).Expected)
	require.True(t, v.Login(codeOf(rfcSeed, 0), before, &s).Accepted)
}

func TestNewVerifierRefuses(t *testing.T) {
	for name, err := range map[string]error{
		"no seed":          newVerifier(nil, 0, 6, 30*time.Second),
		"MD5":              newVerifier(rfcSeed, otp.AlgorithmMD5, 6, 0),
		"five digits":      newVerifier(rfcSeed, 0, 5, 0),
		"nine digits":      newVerifier(rfcSeed, 0, 9, 0),
		"half a second":    newVerifier(rfcSeed, 0, 6, time.Second/2),
		"a negative step":  newVerifier(rfcSeed, 0, 6, -30*time.Second),
		"a second, 1.5 of": newVerifier(rfcSeed, 0, 6, 1500*time.Millisecond),
	} {
		require.Error(t, err, name)
	}
}

func newVerifier(seed []byte, alg otp.Algorithm, digits int, period time.Duration) error {
	_, err := iam.NewVerifier(seed, alg, digits, period)
	return err
}

func TestSeedsAreNotPrinted(t *testing.T) {
	v := verifier(t, rfcSeed)
	secret := string(v.Seed)
	require.Len(t, secret, 32)
	h := iam.HardwareDevice{Serial: "GAHT00000001", Seed: rfcSeed}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out := fmt.Sprintf(verb+verb+verb+verb, v, &v, v.Seed, h)
		require.NotContains(t, out, secret)
		require.NotContains(t, out, hex.EncodeToString([]byte(secret)))
		require.NotContains(t, out, string(rfcSeed))
		require.NotContains(t, out, "49 50 51")
	}
	b, err := json.Marshal(v)
	require.NoError(t, err)
	var back iam.Verifier
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, v, back, "a store keeps all of it")
}

// Whatever happens, and wherever the clock goes: no step is accepted twice, what was accepted last never goes back, the
// offset stays within its bound, and a refusal changes nothing but the count of failures.
func TestVerifierInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := iam.Defaults()
		s.Window = rapid.Int64Range(0, 5).Draw(t, "window")
		s.Lockout = rapid.SampledFrom([]int64{0, 0, 3}).Draw(t, "lockout")
		now := during(59_000_000)
		v := verifier(t, rfcSeed)
		v.Anchor = now
		for range rapid.IntRange(1, 60).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.Int64Range(-100, 1000).Draw(t, "seconds")) * time.Second)
			if rapid.IntRange(0, 9).Draw(t, "leap") == 0 {
				now = now.Add(time.Duration(rapid.Int64Range(-40, 400).Draw(t, "days")) * 24 * time.Hour)
			}
			step := now.Unix()/30 + v.Offset + rapid.Int64Range(-7, 7).Draw(t, "ahead")
			before := v
			if rapid.Bool().Draw(t, "login") {
				checkVerdict(t, before, &v, v.Login(codeOf(rfcSeed, step), now, &s))
			} else {
				next := step + rapid.SampledFrom([]int64{1, 1, 1, 0, -1, 2}).Draw(t, "next")
				checkVerdict(t, before, &v, v.Sync(codeOf(rfcSeed, step), codeOf(rfcSeed, next), now, &s))
			}
		}
	})
}

func checkVerdict(t *rapid.T, before iam.Verifier, after *iam.Verifier, d iam.Verdict) {
	if !d.Accepted {
		require.NotEmpty(t, d.Rule)
		before.Throttle = after.Throttle
		require.Equal(t, before, *after)
		return
	}
	require.Empty(t, d.Rule)
	require.Greater(t, d.Step, before.Last)
	require.Equal(t, d.Step, after.Last)
	require.Zero(t, after.Failures)
	require.False(t, after.At.Before(before.At))
	elapsed := max(0, after.At.Sub(after.Anchor).Seconds())
	require.LessOrEqual(t, math.Abs(float64(after.Offset-after.AnchorOffset)), 1+50e-6*elapsed/30)
}

// BenchmarkFiveYears compares a login a day for five years with the calls into pquerna/otp that it cannot do without.
func BenchmarkFiveYears(b *testing.B) {
	const days, n = 5 * 365, int64(59_000_000)
	s := iam.Defaults()
	opts := hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}
	seed := []byte(strings.Repeat("seed", 10))
	var codes [days]string
	for day := range codes {
		codes[day] = codeOf(seed, n+int64(day)*2880)
	}
	var ours, theirs time.Duration
	b.ReportAllocs()
	for b.Loop() {
		v := verifier(b, seed)
		v.Anchor = during(n)
		start := time.Now()
		for day, code := range codes {
			if !v.Login(code, during(n+int64(day)*2880), &s).Accepted {
				b.Fatal("refused")
			}
		}
		middle := time.Now()
		for day := range codes {
			for i := int64(-1); i <= 1; i++ {
				if _, err := hotp.GenerateCodeCustom(string(v.Seed), uint64(n+int64(day)*2880+i), opts); err != nil {
					b.Fatal(err)
				}
			}
		}
		ours, theirs = ours+middle.Sub(start), theirs+time.Since(middle)
	}
	b.ReportMetric(float64(ours)/float64(theirs), "x-pquerna")
}
