package flash

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A story is an image and what it held after each of its records.
type story struct {
	image  []byte
	ends   []int               // where the snapshot and each record behind it ends
	states []map[string][]byte // at each of these ends
}

// tell makes a story of a key's day: a snapshot, then counters, a credential that comes and goes, and an empty record.
func tell() story {
	m := &Memory{}
	m.put("counter", []byte{0, 0, 0, 1})
	m.put("master", bytes.Repeat([]byte{0x5a}, 32))
	s := story{image: appendSnapshot(nil, m)}
	s.mark(m)
	for _, r := range []record{
		{kindPut, "counter", []byte{0, 0, 0, 2}},
		{kindPut, "rk/a/1", bytes.Repeat([]byte{1, 0}, 20)},
		{kindPut, "counter", []byte{0, 0, 1, 0}},
		{kindDelete, "rk/a/1", nil},
		{kindPut, "reset", nil},
		{kindPut, "zeros", make([]byte, 30)},
	} {
		s.image = appendRecord(s.image, r)
		m.apply(r)
		s.mark(m)
	}
	return s
}

func (s *story) mark(m *Memory) {
	s.ends = append(s.ends, len(s.image))
	s.states = append(s.states, records(m))
}

// records returns what a memory holds.
func records(m *Memory) map[string][]byte {
	held := map[string][]byte{}
	for _, p := range m.places {
		held[string(m.name(p))] = append([]byte{}, m.value(p)...)
	}
	return held
}

// before returns what the story held when its image was n bytes long, and where its last whole record ended.
func (s *story) before(n int) (state map[string][]byte, end int) {
	for i, e := range s.ends {
		if e <= n {
			state, end = s.states[i], e
		}
	}
	return state, end
}

func TestImageCutAtEveryByte(t *testing.T) {
	s := tell()
	for n := range len(s.image) + 1 {
		for name, tail := range map[string][]byte{"cut": nil, "a zero": {0}, "zeros": make([]byte, 100)} {
			m, end, err := parseImage(append(bytes.Clone(s.image[:n]), tail...))
			if n < s.ends[0] {
				var damage *DamageError
				require.ErrorAs(t, err, &damage, "%d, %s: the snapshot was whole once", n, name)
				require.LessOrEqual(t, damage.Offset, int64(n))
				continue
			}
			require.NoError(t, err, "%d, %s", n, name)
			state, last := s.before(n)
			require.Equal(t, last, end, "%d, %s", n, name)
			require.Equal(t, state, records(m), "%d, %s", n, name)
		}
	}
}

// One bit anywhere is found, or it is in the last record and that counts as torn.
func TestImageWithEveryBitFlipped(t *testing.T) {
	s := tell()
	torn := 0
	for bit := range 8 * len(s.image) {
		image := bytes.Clone(s.image)
		image[bit/8] ^= 1 << (bit % 8)
		m, _, err := parseImage(image)
		if err == nil {
			torn++
			require.GreaterOrEqual(t, bit/8, s.ends[len(s.ends)-2])
			require.Equal(t, s.states[len(s.states)-2], records(m))
			continue
		}
		var damage *DamageError
		require.ErrorAs(t, err, &damage)
		require.LessOrEqual(t, damage.Offset, int64(bit/8))
		require.Contains(t, damage.Error(), fmt.Sprintf("at byte %d", damage.Offset))
	}
	require.Zero(t, torn, "the commit byte is not zero after one flip, nor is any length believed")
}

func TestDamage(t *testing.T) {
	s := tell()
	sealed := func(change func(body []byte)) []byte { // a record whose checksums are right and whose body is not
		b := appendRecord(nil, record{kindPut, "pin", []byte("v")})
		change(b[recordHead:])
		b = append(appendSum(b[:len(b)-recordTail], b[:len(b)-recordTail]), commit)
		return append(bytes.Clone(s.image), b...)
	}
	text := bytes.Replace(s.image, []byte("\r\n"), []byte("\n"), 1)
	for name, tt := range map[string]struct {
		image  []byte
		offset int
	}{
		"nothing":                {nil, 0},
		"another file":           {[]byte("SQLite format 3\x00 and so on and on"), 0},
		"a copy in text mode":    {text, 0},
		"a later format":         {bytes.Replace(s.image, []byte("flash 1"), []byte("flash 2"), 1), 0},
		"only a header":          {s.image[:headerSize], headerSize},
		"bytes behind the log":   {append(bytes.Clone(s.image), bytes.Repeat([]byte{1}, 40)...), len(s.image)},
		"a record of no kind":    {sealed(func(b []byte) { b[0] = 'X' }), len(s.image)},
		"a name past the record": {sealed(func(b []byte) { b[1] = 200 }), len(s.image)},
		"a name that cannot be":  {sealed(func(b []byte) { b[2] = ' ' }), len(s.image)},
		"no name":                {sealed(func(b []byte) { b[1] = 0 }), len(s.image)},
		"a delete with a value":  {sealed(func(b []byte) { b[0] = kindDelete }), len(s.image)},
	} {
		t.Run(name, func(t *testing.T) {
			m, _, err := parseImage(tt.image)
			require.Nil(t, m)
			var damage *DamageError
			require.ErrorAs(t, err, &damage)
			require.Equal(t, int64(tt.offset), damage.Offset)
		})
	}
}

// An image that was cut, overwritten and lengthened anywhere is found out, or holds what it once held: never half of
// one state and half of another, never a byte that nobody wrote.
func FuzzAlteredImage(f *testing.F) {
	s := tell()
	f.Add(len(s.image), 0, []byte{}, []byte{})
	f.Add(len(s.image), 60, []byte{0x80}, []byte{})
	f.Add(s.ends[2]+5, s.ends[2], []byte{}, make([]byte, 12))
	f.Add(s.ends[1], s.ends[0], []byte{1, 2, 3}, []byte{0, 0, 0, 9})
	f.Fuzz(func(t *testing.T, cut, at int, mask, tail []byte) {
		image := bytes.Clone(s.image)
		for i, b := range mask {
			if p := at + i; p >= 0 && p < len(image) {
				image[p] ^= b
			}
		}
		image = append(image[:min(max(cut, 0), len(image))], tail...)
		m, end, err := parseImage(image)
		if err != nil {
			require.Nil(t, m)
			return
		}
		if bytes.HasPrefix(image, s.image) {
			return // whoever can write whole records can write what he likes
		}
		require.LessOrEqual(t, end, len(image))
		require.Contains(t, s.states, records(m))
	})
}

// Whatever an image is: what is read from it and written again reads the same.
func FuzzImage(f *testing.F) {
	s := tell()
	f.Add(s.image)
	f.Add(appendSnapshot(nil, &Memory{}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, image []byte) {
		m, end, err := parseImage(image)
		if err != nil {
			require.Nil(t, m)
			return
		}
		require.LessOrEqual(t, end, len(image))
		again := appendSnapshot(nil, m)
		m2, end2, err := parseImage(again)
		require.NoError(t, err)
		require.Len(t, again, end2)
		require.Equal(t, m.live, m2.live)
		require.True(t, equal(records(m), records(m2)))
	})
}

func equal(a, b map[string][]byte) bool {
	for name, v := range a {
		if w, ok := b[name]; !ok || !bytes.Equal(v, w) {
			return false
		}
	}
	return len(a) == len(b)
}
