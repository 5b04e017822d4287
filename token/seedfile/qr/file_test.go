package qr

import (
	"bytes"
	"image/png"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func pictureFile(t testing.TB, text string) []byte {
	picture, err := Write(text, 2)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, picture))
	return b.Bytes()
}

func TestAFileIsReadWithinItsBounds(t *testing.T) {
	file := pictureFile(t, short)
	text, err := ReadFile(file, MaxPixels)
	require.NoError(t, err)
	require.Equal(t, short, text)
	_, err = ReadFile(file, 1000)
	require.ErrorContains(t, err, "which is too many")
	_, err = ReadFile([]byte("GIF89a"), MaxPixels)
	require.ErrorIs(t, err, ErrFormat)
}

// FuzzReadFile: whatever the bytes are, there is a text or an error, and the error does not repeat what was read.
func FuzzReadFile(f *testing.F) {
	good := pictureFile(f, short)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte("\xff\xd8\xff\xda"))
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := ReadFile(b, 1<<14)
		if err != nil {
			require.Empty(t, text)
			require.False(t, strings.Contains(err.Error(), "otpauth"))
		}
	})
}
