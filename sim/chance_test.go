package sim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const (
	digits = "0123456789"
	lower  = "abcdefghijklmnopqrstuvwxyz"
)

// The values of a seed are kept in saved labs and in journals that tests compare, so they never change. These come from
// Python's hmac and hashlib.
func TestChanceIsTheSameForEver(t *testing.T) {
	c := NewChance([]byte("mfalab"))
	d := c.Derive("fob", "1")
	require.Equal(t, "b97b119604790f26f69b6409ea2d245a41f0d7e31e6f0dde29925b34129dc30fd791f3d97d81d948", hex.EncodeToString(c.Bytes(40)))
	require.Equal(t, "be5a467335b7cf89", hex.EncodeToString(d.Bytes(8)))
	require.Equal(t, "8544e568138ceea6", hex.EncodeToString(NewChance(nil).Bytes(8)))
	require.Equal(t, "884753374672010184879520", d.Text(24, digits))
	require.InDelta(t, -0.7206796882810743, d.Normal(), 1e-15)
}

func TestChanceIsHMAC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := NewChance(rapid.SliceOf(rapid.Byte()).Draw(t, "seed"))
		text := rapid.SliceOfN(rapid.Byte(), 0, 400).Draw(t, "text")
		m := hmac.New(sha256.New, c.key[:])
		m.Write(text)
		sum := c.mac(text)
		require.Equal(t, m.Sum(nil), sum[:])
	})
}

func TestChanceDoesNotDependOnOrder(t *testing.T) {
	labels := rapid.SliceOfN(rapid.SliceOfN(rapid.String(), 0, 3), 1, 8)
	rapid.Check(t, func(t *rapid.T) {
		c := NewChance(rapid.SliceOf(rapid.Byte()).Draw(t, "seed"))
		names := labels.Draw(t, "names")
		want := make([]Chance, len(names))
		for i, n := range names {
			want[i] = c.Derive(n...)
		}
		for _, i := range rapid.Permutation(indices(len(names))).Draw(t, "order") {
			c.Bytes(rapid.IntRange(0, 70).Draw(t, "bytes between"))
			c.Normal()
			require.Equal(t, want[i], c.Derive(names[i]...))
			require.Equal(t, want[i].Text(9, digits), c.Derive(names[i]...).Text(9, digits))
		}
	})
}

func indices(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func TestChanceOfEachNameIsAnother(t *testing.T) {
	c := NewChance([]byte("seed"))
	seen := map[Chance]string{}
	for name, d := range map[string]Chance{
		"the seed":              c,
		"another seed":          NewChance([]byte("seed\x00")),
		"no seed":               NewChance(nil),
		"no name":               c.Derive(),
		"the empty name":        c.Derive(""),
		"twice the empty name":  c.Derive("", ""),
		"ab":                    c.Derive("ab"),
		"a, b":                  c.Derive("a", "b"),
		"b, a":                  c.Derive("b", "a"),
		"a then b":              c.Derive("a").Derive("b"),
		"a with b's length":     c.Derive("a\x00\x00\x00\x00\x00\x00\x00\x01b"),
		"a, nothing, b":         c.Derive("a", "", "b"),
		"the name of a stream":  c.Derive("stream"),
		"stream, counted":       c.Derive("stream\x00\x00\x00\x00\x00\x00\x00\x00"),
		"the first of a stream": {[32]byte(c.Bytes(32))},
	} {
		require.Empty(t, seen[d], "%s has the chance of this", name)
		seen[d] = name
	}
}

func TestBytesAreOneStream(t *testing.T) {
	c := NewChance([]byte("seed"))
	long := c.Bytes(200)
	for n := range 200 {
		require.Equal(t, long[:n], c.Bytes(n))
	}
	long[0]++
	require.NotEqual(t, long[0], c.Bytes(1)[0], "what was handed out may be changed")
}

func TestTextIsOfItsAlphabetAndLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alphabet := string(rapid.SliceOfN(rapid.Byte(), 1, 256).Draw(t, "alphabet"))
		n := rapid.IntRange(0, 100).Draw(t, "length")
		text := NewChance(rapid.SliceOf(rapid.Byte()).Draw(t, "seed")).Text(n, alphabet)
		require.Len(t, text, n)
		for i := range n {
			require.GreaterOrEqual(t, strings.IndexByte(alphabet, text[i]), 0)
		}
	})
}

// Every character is as likely as any other. A plain remainder would draw the first characters of an alphabet of 200
// twice as often; chi-square finds that, and with a fixed seed it never finds what is not there.
func TestTextFavoursNoCharacter(t *testing.T) {
	for _, size := range []int{2, 10, 26, 32, 62, 200, 255, 256} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			alphabet := make([]byte, size)
			for i := range alphabet {
				alphabet[i] = byte(i)
			}
			const each = 400
			count := make([]int, size)
			for i := range each * size / 20 {
				text := NewChance([]byte("fair")).Derive(fmt.Sprint(size, i)).Text(20, string(alphabet))
				for k := range len(text) {
					count[text[k]]++
				}
			}
			chi2 := 0.0
			for _, n := range count {
				chi2 += float64((n-each)*(n-each)) / each
			}
			free := float64(size - 1)
			require.InDelta(t, free, chi2, 4*math.Sqrt(2*free), "beyond four standard deviations")
		})
	}
}

func TestTextOfNoAlphabetIsOurMistake(t *testing.T) {
	for _, alphabet := range []string{"", strings.Repeat("x", 257)} {
		require.PanicsWithValue(t, "sim: internal error: an alphabet has from 1 to 256 characters", func() { Chance{}.Text(1, alphabet) })
	}
}

func TestNormalIsNormal(t *testing.T) {
	const draws = 40_000
	var sum, squares, cubes float64
	within := [4]int{} // of so many standard deviations
	for i := range draws {
		x := NewChance([]byte("crystal")).Derive(fmt.Sprint(i)).Normal()
		sum, squares, cubes = sum+x, squares+x*x, cubes+x*x*x
		for k := range within {
			if math.Abs(x) < float64(k) {
				within[k]++
			}
		}
	}
	// Four standard errors of each.
	e := 4 / math.Sqrt(draws)
	require.InDelta(t, 0, sum/draws, e, "mean")
	require.InDelta(t, 1, squares/draws, e*math.Sqrt2, "variance")
	require.InDelta(t, 0, cubes/draws, e*math.Sqrt(15), "skewness")
	for k, want := range []float64{0, 0.68269, 0.95450, 0.99730} {
		require.InDelta(t, want, float64(within[k])/draws, e/2, "within %d standard deviations", k)
	}
}

func TestChanceComesBackFromItsKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := NewChance(rapid.SliceOf(rapid.Byte()).Draw(t, "seed"))
		b := c.AppendKey([]byte("before"))
		require.Equal(t, "before", string(b[:6]))
		back, err := ParseChance(b[6:])
		require.NoError(t, err)
		require.Equal(t, c, back)
		require.Equal(t, c.Derive("x").Bytes(9), back.Derive("x").Bytes(9))
		b[6]++
		require.Equal(t, c, back, "it keeps no part of what it read")
	})
}

func TestChanceOfAnotherLengthIsRefused(t *testing.T) {
	for _, n := range []int{0, 1, 31, 33, 64} {
		c, err := ParseChance(make([]byte, n))
		require.EqualError(t, err, fmt.Sprintf("a chance has 32 bytes, found %d", n))
		require.Equal(t, Chance{}, c)
	}
}

func TestChanceTellsNobodyItsSeed(t *testing.T) {
	c := NewChance([]byte("seed"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o", "%08x", "%T"} {
		for _, v := range []any{c, &c} {
			require.Contains(t, []string{"chance", "sim.Chance", "*sim.Chance"}, fmt.Sprintf(verb, v), verb)
		}
	}
	require.Equal(t, "chance", c.String())
	require.Equal(t, "chance", c.GoString())
	text, err := json.Marshal(map[string]any{"chance": c})
	require.NoError(t, err)
	require.Equal(t, `{"chance":{}}`, string(text))
}

func TestDeriveAllocatesLittle(t *testing.T) {
	c := NewChance([]byte("seed"))
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { c.Derive("fob", "1") }), 8.0)
}

func BenchmarkDerive(b *testing.B) {
	c := NewChance([]byte("seed"))
	b.ReportAllocs()
	for b.Loop() {
		c.Derive("fob", "1")
	}
}

func BenchmarkText(b *testing.B) {
	c := NewChance([]byte("seed"))
	b.ReportAllocs()
	for b.Loop() {
		c.Text(20, lower)
	}
}
