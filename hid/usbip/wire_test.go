package usbip

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:embed testdata/protocol.txt
var example string

// captured returns a header of the example.
func captured(t testing.TB, name string) *[headerSize]byte {
	t.Helper()
	for line := range strings.Lines(example) {
		if words, ok := strings.CutPrefix(line, name+":"); ok {
			b, err := hex.DecodeString(strings.Join(strings.Fields(words), ""))
			require.NoError(t, err)
			return (*[headerSize]byte)(b)
		}
	}
	t.Fatalf("no %s in the example", name)
	return nil
}

func TestTheExampleOfTheProtocol(t *testing.T) {
	in, err := parseCommand(captured(t, "CmdIntrIN"))
	require.NoError(t, err)
	require.Equal(t, command{kind: cmdSubmit, number: 0xd05, device: 1<<16 | 15, in: true, endpoint: 1, flags: 0x200, length: 64,
		interval: 4}, in)
	require.Zero(t, in.data())
	out, err := parseCommand(captured(t, "CmdIntrOUT"))
	require.NoError(t, err)
	require.Equal(t, command{kind: cmdSubmit, number: 0xd06, device: 1<<16 | 15, endpoint: 1, length: 64, interval: 4}, out)
	require.Equal(t, 64, out.data())
	for name, want := range map[string]reply{
		"RetIntrIn":  {kind: retSubmit, number: 0xd05, length: 64},
		"RetIntrOut": {kind: retSubmit, number: 0xd06, length: 64},
	} {
		got, err := parseReply(captured(t, name))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// words is a header of twelve words.
func words(w ...uint32) *[headerSize]byte {
	var b [headerSize]byte
	for n, v := range w {
		binary.BigEndian.PutUint32(b[4*n:], v)
	}
	return &b
}

func TestCommandsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		head *[headerSize]byte
		want string
	}{
		{"all zeros", words(), "command 0x0 is neither a submit nor an unlink"},
		{"a reply", words(3, 1), "command 0x3 is neither a submit nor an unlink"},
		{"a third direction", words(1, 1, 0, 2, 1), "direction 0x2 is neither out nor in"},
		{"a length below zero", words(1, 1, 0, 0, 1, 0, 0xffffffff), "a transfer of 4294967295 bytes is longer than 65535"},
		{"one byte too long", words(1, 1, 0, 1, 0, 0, 0x10000), "a transfer of 65536 bytes is longer than 65535"},
		{"isochronous packets", words(1, 1, 0, 0, 1, 0, 64, 0, 8), "a transfer of 8 isochronous packets"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseCommand(c.head)
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := parseReply(words(1))
	require.ErrorContains(t, err, "reply 0x1 is to neither")
}

func TestTexts(t *testing.T) {
	s, err := parseText([]byte("1-1\x00rubbish"))
	require.NoError(t, err)
	require.Equal(t, "1-1", s)
	_, err = parseText(bytes.Repeat([]byte("x"), busIDSize))
	require.ErrorContains(t, err, "does not end within 32 bytes")
	require.Panics(t, func() { appendText(nil, strings.Repeat("x", busIDSize), busIDSize) })

	var b [deviceSize]byte
	copy(b[:], bytes.Repeat([]byte("x"), deviceSize))
	_, err = parseExported(&b)
	require.ErrorContains(t, err, "path ")
	b[10] = 0
	_, err = parseExported(&b)
	require.ErrorContains(t, err, "bus ID ")
}

func FuzzCommand(f *testing.F) {
	f.Add(captured(f, "CmdIntrIN")[:])
	f.Add(captured(f, "CmdIntrOUT")[:])
	f.Add(appendCommand(nil, command{kind: cmdUnlink, number: 2, device: 0x10001, target: 1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < headerSize {
			return
		}
		c, err := parseCommand((*[headerSize]byte)(b))
		if err != nil {
			return
		}
		require.LessOrEqual(t, c.data(), maxTransfer)
		again := appendCommand(nil, c)
		require.Len(t, again, headerSize)
		got, err := parseCommand((*[headerSize]byte)(again))
		require.NoError(t, err)
		require.Equal(t, c, got)
	})
}

func FuzzReply(f *testing.F) {
	f.Add(captured(f, "RetIntrIn")[:])
	f.Add(appendReply(nil, reply{kind: retUnlink, number: 7, status: unlinked}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < headerSize {
			return
		}
		r, err := parseReply((*[headerSize]byte)(b))
		if err != nil {
			return
		}
		again := appendReply(nil, r)
		require.Len(t, again, headerSize)
		got, err := parseReply((*[headerSize]byte)(again))
		require.NoError(t, err)
		require.Equal(t, r, got)
	})
}

func FuzzExported(f *testing.F) {
	f.Add(appendExported(nil, newDevice(nil, 1, labKey).shown))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < deviceSize {
			return
		}
		e, err := parseExported((*[deviceSize]byte)(b))
		if err != nil {
			return
		}
		again := appendExported(nil, e)
		require.Len(t, again, deviceSize)
		got, err := parseExported((*[deviceSize]byte)(again))
		require.NoError(t, err)
		require.Equal(t, e, got)
	})
}
