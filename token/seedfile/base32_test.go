package seedfile

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseBase32(t *testing.T) {
	long := strings.Repeat(hello, 4)
	for _, test := range []struct{ name, text, want string }{
		{"the 64 characters of an IAM seed", long, strings.Repeat(string(helloSeed), 4)},
		{"a line end after them", long + "\n", strings.Repeat(string(helloSeed), 4)},
		{"a line end of the other kind", long + "\r\n", strings.Repeat(string(helloSeed), 4)},
		{"groups in lower case", "jbsw y3dp ehpk 3pxp", string(helloSeed)},
		{"padding", "AA======", "\x00"},
		{"no padding", "AA", "\x00"},
		{"bits left over", "AB", "\x00"},
	} {
		t.Run(test.name, func(t *testing.T) {
			seed, err := ParseBase32(test.text)
			require.NoError(t, err)
			require.Equal(t, test.want, string(seed))
		})
	}
}

func TestParseBase32Refuses(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", "no secret"},
		{"white space only", " \n", "no secret"},
		{"one character", "J", "1 characters is cut off"},
		{"three characters", "JBS", "3 characters is cut off"},
		{"six characters", "JBSWY3", "6 characters is cut off"},
		{"a zero, which is no O", "JBSW 0", "character 5"},
		{"padding in the middle", "AA======AA", "character 3"},
		{"hyphens between groups", "JBSW-Y3DP", "character 5"},
		{"hex", "3132333435363738393031", "character 2"},
		{"broken UTF-8", "JB\xff", "character 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseBase32(test.text)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "JBS")
		})
	}
}

func FuzzParseBase32(f *testing.F) {
	f.Add(hello)
	f.Add("jbsw y3dp ehpk 3pxp\r\n")
	f.Add("AA======")
	f.Add("ſ")
	f.Fuzz(func(t *testing.T, text string) {
		seed, err := ParseBase32(text)
		if err != nil {
			require.Nil(t, seed)
			return
		}
		again, err := ParseBase32(encoding.EncodeToString(seed))
		require.NoError(t, err)
		require.Equal(t, []byte(seed), []byte(again))
	})
}
