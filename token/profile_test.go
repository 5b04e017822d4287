package token

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryProfileMakesFobs(t *testing.T) {
	require.NotEmpty(t, Profiles())
	for _, p := range Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			named, err := ProfileNamed(p.Name)
			require.NoError(t, err)
			require.Equal(t, p, named)
			require.NotEmpty(t, p.Title)
			require.NotEmpty(t, p.Source)
			serial, err := p.Serial(1)
			require.NoError(t, err)
			f := newFob(t, func(c *Config) { c.Profile, c.Serial = p, serial })
			require.Equal(t, p, f.Profile())
			require.Equal(t, p, clone(t, f).Profile())
		})
	}
}

func TestProfilesAreACopy(t *testing.T) {
	Profiles()[0].Digits = 8
	require.Equal(t, 6, Profiles()[0].Digits)
}

func TestUnknownProfileNamesTheKnown(t *testing.T) {
	_, err := ProfileNamed("EZIO")
	require.EqualError(t, err, "token: profile \"EZIO\" is not known; use one of ezio, app, display-card, govcloud, event, rsa60, sha256-8, "+
		"programmable, programmable-restricted, ocra-card")
}

func TestSerialNumbersAreThoseOfTheFactory(t *testing.T) {
	p, err := ProfileNamed("ezio")
	require.NoError(t, err)
	for n, want := range map[uint64]string{0: "GAHT00000000", 12345678: "GAHT12345678", 99999999: "GAHT99999999"} {
		got, err := p.Serial(n)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err = p.Serial(100_000_000)
	require.ErrorContains(t, err, "at most 8 digits")
}

func TestSerialNumbersOfIAMAreAccepted(t *testing.T) {
	for _, serial := range []string{"GAHT12345678", "ABCD12345678", "20899872", "arn:aws:iam::123456789012:mfa/alice", "a_+=/:,.@-Z"} {
		require.NoError(t, checkSerial(serial))
	}
	for _, serial := range []string{"GAHT 1", "GAHT\x00", "ＧＡＨＴ", "<b>", "\xff"} {
		require.ErrorContains(t, checkSerial(serial), "the character", serial)
	}
}
