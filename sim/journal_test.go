package sim

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestEventAsJSON(t *testing.T) {
	for _, c := range []struct {
		name string
		e    Event
		want string
	}{
		{"an event without attributes", Event{Seq: 1, Time: start, Name: "lab.made"},
			`{"seq":1,"time":"2026-03-01T09:00:00Z","event":"lab.made"}`},
		{"every kind of attribute, in the order given", Event{Seq: 2, Time: start.Add(time.Nanosecond), Name: "fob.pressed",
			Attrs: []Attr{String("serial", "GAHT12345678"), Int("step", -7), Bool("lit", true), Duration("for", 90*time.Second)}},
			`{"seq":2,"time":"2026-03-01T09:00:00.000000001Z","event":"fob.pressed","serial":"GAHT12345678","step":-7,"lit":true,"for":"1m30s"}`},
		{"a time elsewhere is written in UTC", Event{Time: start.In(time.FixedZone("there", 3600)), Name: "x"},
			`{"seq":0,"time":"2026-03-01T09:00:00Z","event":"x"}`},
		{"texts that would break a line or a page", Event{Time: start, Name: "a\nb", Attrs: []Attr{String(`"`, "<\u2028\x00>")}},
			`{"seq":0,"time":"2026-03-01T09:00:00Z","event":"a\nb","\"":"\u003c\u2028\u0000\u003e"}`},
		{"bytes that are no text", Event{Time: start, Name: "\xff"}, `{"seq":0,"time":"2026-03-01T09:00:00Z","event":"�"}`},
		{"the largest numbers", Event{Seq: math.MaxUint64, Time: start, Attrs: []Attr{Int("most", math.MaxInt64), Int("least", math.MinInt64)}},
			`{"seq":18446744073709551615,"time":"2026-03-01T09:00:00Z","event":"","most":9223372036854775807,"least":-9223372036854775808}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, string(c.e.AppendJSON(nil)))
			require.Equal(t, "before "+c.want, string(c.e.AppendJSON([]byte("before "))))
			marshalled, err := json.Marshal(c.e)
			require.NoError(t, err)
			require.JSONEq(t, c.want, string(marshalled))
			var back Event
			require.NoError(t, json.Unmarshal([]byte(c.want), &back))
			require.Equal(t, c.want, string(back.AppendJSON(nil)))
		})
	}
}

func TestEventOfAnotherKindOfValueIsOurMistake(t *testing.T) {
	require.PanicsWithValue(t, "sim: internal error: an attribute is a string, an int64 or a bool", func() {
		Event{Attrs: []Attr{{"step", 7}}}.AppendJSON(nil)
	})
}

func TestEventFacts(t *testing.T) {
	e := Event{Attrs: []Attr{Int("a", 1), String("a", "one"), String("a", "two"), Bool("b", true), String("c", "3"), Int("d", 4), Int("d", 5)}}
	for _, c := range []struct {
		key    string
		text   string
		number int64
	}{
		{"a", "one", 1}, {"b", "", 0}, {"c", "3", 0}, {"d", "", 4}, {"missing", "", 0},
	} {
		require.Equal(t, c.text, e.Text(c.key), c.key)
		require.Equal(t, c.number, e.Number(c.key), c.key)
	}
}

func TestEventIsReadFromAnySpacing(t *testing.T) {
	e := Event{Seq: 9, Name: "before", Attrs: []Attr{Int("a", 1)}}
	require.NoError(t, json.Unmarshal([]byte(" {\n\"seq\": 3, \"time\":\"2026-03-01T09:00:00Z\",\t\"event\" : \"x\", \"seq\": \"s\", \"\": false } "), &e))
	require.Equal(t, Event{Seq: 3, Time: start, Name: "x", Attrs: []Attr{String("seq", "s"), Bool("", false)}}, e)
}

// refused are texts that are no event, and what is said of them.
var refused = []struct{ name, text, says string }{
	{"nothing", ``, "an event is a JSON object"},
	{"an array", `[]`, "an event is a JSON object"},
	{"a text", `"seq"`, "an event is a JSON object"},
	{"null", `null`, "an event is a JSON object"},
	{"an empty object", `{}`, "this one has no seq"},
	{"an event without a time", `{"seq":1}`, "this one has no time"},
	{"an event without a name", `{"seq":1,"time":"2026-03-01T09:00:00Z"}`, "this one has no event"},
	{"another order", `{"time":"2026-03-01T09:00:00Z","seq":1,"event":"x"}`, `found "time" in the place of seq`},
	{"an attribute before the head is whole", `{"seq":1,"serial":"x","time":"2026-03-01T09:00:00Z","event":"x"}`, `found "serial" in the place of time`},
	{"a number that is a text", `{"seq":"1"}`, `"1" as "seq"`},
	{"a number below zero", `{"seq":-1}`, `"-1" as "seq"`},
	{"a number with a fraction", `{"seq":1.0}`, `"1.0" as "seq"`},
	{"a number beyond 64 bits", `{"seq":18446744073709551616}`, `"18446744073709551616" as "seq"`},
	{"a time that is a number", `{"seq":1,"time":1}`, `"1" as "time"`},
	{"a time in words", `{"seq":1,"time":"noon"}`, `"noon" as "time"`},
	{"a time in another zone", `{"seq":1,"time":"2026-03-01T10:00:00+01:00"}`, `"2026-03-01T10:00:00+01:00" as "time"`},
	{"a time with a comma", `{"seq":1,"time":"2026-03-01T09:00:00,5Z"}`, `"2026-03-01T09:00:00,5Z" as "time"`},
	{"a time with an idle zero", `{"seq":1,"time":"2026-03-01T09:00:00.50Z"}`, `"2026-03-01T09:00:00.50Z" as "time"`},
	{"a name that is a number", headJSON[:strings.LastIndex(headJSON, `"x"`)] + `5}`, `"5" as "event"`},
	{"an object inside", headJSON + `,"a":{"b":1}}`, `"{" as "a"`},
	{"a list inside", headJSON + `,"a":[1]}`, `"[" as "a"`},
	{"an object as the name", headJSON[:strings.LastIndex(headJSON, `"x"`)] + `{}}`, `"{" as "event"`},
	{"nothing as a value", headJSON + `,"a":null}`, `"<nil>" as "a"`},
	{"a fraction", headJSON + `,"a":1.5}`, `"1.5" as "a"`},
	{"an exponent", headJSON + `,"a":1e3}`, `"1e3" as "a"`},
	{"a whole number beyond 64 bits", headJSON + `,"a":9223372036854775808}`, `"9223372036854775808" as "a"`},
	{"a whole number below 64 bits", headJSON + `,"a":-9223372036854775809}`, `"-9223372036854775809" as "a"`},
	{"a number of a thousand digits, cut short in the answer", headJSON + `,"a":` + strings.Repeat("9", 1000) + `}`, `"` + strings.Repeat("9", 80) + `" as "a"`},
	{"an exponent without end", headJSON + `,"a":1e99999999999}`, `"1e99999999999" as "a"`},
	{"an end in the middle", headJSON, "EOF"},
	{"an end inside a text", headJSON + `,"a":"b`, "EOF"},
	{"a comma before the end", headJSON + `,}`, "invalid character"},
	{"a key that is none", headJSON + `,5:1}`, "invalid character"},
	{"the wrong bracket", headJSON + `]`, "invalid character"},
	{"two events", headJSON + `}{}`, "more follows"},
	{"rubbish behind", headJSON + `}x`, "more follows"},
}

// headJSON begins an event.
const headJSON = `{"seq":1,"time":"2026-03-01T09:00:00Z","event":"x"`

func TestWhatIsNoEventIsRefusedAndChangesNothing(t *testing.T) {
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			e := Event{Seq: 9, Time: at(9), Name: "before", Attrs: []Attr{Int("a", 1)}}
			before := string(e.AppendJSON(nil))
			require.ErrorContains(t, e.UnmarshalJSON([]byte(c.text)), c.says)
			require.Equal(t, before, string(e.AppendJSON(nil)))
			require.Error(t, json.Unmarshal([]byte(c.text), &e), "through encoding/json")
		})
	}
}

func FuzzEvent(f *testing.F) {
	for _, c := range refused {
		f.Add([]byte(c.text))
	}
	f.Add([]byte(headJSON + `}`))
	f.Add([]byte(headJSON + `,"a":-0,"a":"\ud800","":true,"time":9223372036854775807}`))
	f.Add([]byte(`{"seq":1,"time":"9999-12-31T23:59:59-23:59","event":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := Event{Seq: 9, Time: at(9), Name: "before", Attrs: []Attr{Int("a", 1)}}
		before := string(e.AppendJSON(nil))
		if e.UnmarshalJSON(b) != nil {
			require.Equal(t, before, string(e.AppendJSON(nil)), "an error changes nothing")
			return
		}
		written := e.AppendJSON(nil)
		require.True(t, json.Valid(written))
		var again Event
		require.NoError(t, again.UnmarshalJSON(written), "what was written is read")
		require.Equal(t, e, again)
		require.Equal(t, string(written), string(again.AppendJSON(nil)))
	})
}

func TestEventComesBackByteForByte(t *testing.T) {
	attr := rapid.Custom(func(t *rapid.T) Attr {
		key := rapid.String().Draw(t, "key")
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return String(key, rapid.String().Draw(t, "text"))
		case 1:
			return Int(key, rapid.Int64().Draw(t, "number"))
		case 2:
			return Duration(key, time.Duration(rapid.Int64().Draw(t, "duration")))
		default:
			return Bool(key, rapid.Bool().Draw(t, "bool"))
		}
	})
	last := time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC).Unix()
	rapid.Check(t, func(t *rapid.T) {
		e := Event{
			Seq:   rapid.Uint64().Draw(t, "seq"),
			Time:  time.Unix(rapid.Int64Range(-62167219200, last).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).UTC(),
			Name:  rapid.String().Draw(t, "name"),
			Attrs: rapid.SliceOf(attr).Draw(t, "attributes"),
		}
		if len(e.Attrs) == 0 {
			e.Attrs = nil
		}
		var back Event
		require.NoError(t, back.UnmarshalJSON(e.AppendJSON(nil)))
		require.Equal(t, e, back)
	})
}

func TestJournalIsNumberedWithoutGaps(t *testing.T) {
	var got []Event
	w := NewWorld(start, Chance{}, func(e Event) { got = append(got, e) })
	w.Record("first", Int("a", 1))
	w.AdvanceTo(at(1))
	w.Record("second")
	require.Equal(t, uint64(2), w.Recorded())
	w.Resume(41)
	require.Equal(t, uint64(41), w.Recorded())
	w.Record("answer")
	require.Equal(t, []Event{
		{Seq: 1, Time: start, Name: "first", Attrs: []Attr{Int("a", 1)}},
		{Seq: 2, Time: at(1), Name: "second"},
		{Seq: 42, Time: at(1), Name: "answer"},
	}, got)
}

func TestJournalThatNobodyKeepsIsCounted(t *testing.T) {
	w := NewWorld(start, Chance{}, nil)
	w.Record("unheard")
	require.Equal(t, uint64(1), w.Recorded())
}

func BenchmarkEventAppendJSON(b *testing.B) {
	e := Event{Seq: 1, Time: start, Name: "fob.pressed", Attrs: []Attr{String("serial", "GAHT12345678"), Int("step", 59_000_000)}}
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		line = e.AppendJSON(line[:0])
	}
	b.SetBytes(int64(len(line)))
}
