package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// An Event is one thing that happened: one line of the journal. It holds no secret: no seed, no code, no key.
type Event struct {
	Seq   uint64    // from 1, without gaps
	Time  time.Time // the world's time, in the years 0 to 9999
	Name  string    // "fob.pressed"
	Attrs []Attr
}

// An Attr is one named fact of an event. Its value is a string, an int64 or a bool.
type Attr struct {
	Key   string // any text but seq, time and event, and used once in an event
	Value any
}

// String returns an Attr with a text.
func String(key, value string) Attr { return Attr{key, value} }

// Int returns an Attr with a whole number.
func Int(key string, value int64) Attr { return Attr{key, value} }

// Bool returns an Attr that is true or false.
func Bool(key string, value bool) Attr { return Attr{key, value} }

// Duration returns an Attr that is written as Go writes durations, such as "30s".
func Duration(key string, value time.Duration) Attr { return Attr{key, value.String()} }

// Text returns the text of the attribute key, or "" where it is missing or not a text.
func (e Event) Text(key string) string {
	for _, a := range e.Attrs {
		if s, ok := a.Value.(string); ok && a.Key == key {
			return s
		}
	}
	return ""
}

// Number returns the whole number of the attribute key, or 0 where it is missing or not a number.
func (e Event) Number(key string) int64 {
	for _, a := range e.Attrs {
		if n, ok := a.Value.(int64); ok && a.Key == key {
			return n
		}
	}
	return 0
}

// AppendJSON appends the event as one JSON object without a line end: seq, time, event, then the attributes in their
// order. The same event always gives the same bytes.
func (e Event) AppendJSON(b []byte) []byte {
	b = append(b, `{"seq":`...)
	b = strconv.AppendUint(b, e.Seq, 10)
	b = append(b, `,"time":"`...)
	b = e.Time.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","event":`...)
	b = appendText(b, e.Name)
	for _, a := range e.Attrs {
		b = append(b, ',')
		b = appendText(b, a.Key)
		b = append(b, ':')
		switch v := a.Value.(type) {
		case int64:
			b = strconv.AppendInt(b, v, 10)
		case bool:
			b = strconv.AppendBool(b, v)
		case string:
			b = appendText(b, v)
		default:
			panic("sim: internal error: an attribute is a string, an int64 or a bool")
		}
	}
	return append(b, '}')
}

// appendText appends s as a JSON string. Bytes that are no text are written as U+FFFD, here, because the encoder of one
// Go release writes that character out and that of another its number.
func appendText(b []byte, s string) []byte {
	if plain(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	q, err := json.Marshal(strings.ToValidUTF8(s, "\ufffd"))
	if err != nil {
		panic("sim: internal error: a string did not marshal")
	}
	return append(b, q...)
}

// plain reports whether a JSON string is s between quotes, as almost all are: to marshal those costs ten times as much.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&': // the last three are escaped for HTML's sake
			return false
		}
	}
	return true
}

// MarshalJSON is AppendJSON.
func (e Event) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

// head holds the members that every event begins with, in their order.
var head = [...]string{"seq", "time", "event"}

// UnmarshalJSON reads what AppendJSON wrote: seq, time and event first, then attributes that are a text, a whole number of
// 64 bits or a bool. Anything else is refused and leaves e as it was.
func (e *Event) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("an event is a JSON object")
	}
	var got Event
	n := 0
	for ; d.More(); n++ {
		key, err := d.Token()
		if err != nil {
			return err
		}
		value, err := d.Token()
		if err != nil {
			return err
		}
		if err := got.set(n, fmt.Sprint(key), value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if n < len(head) {
		return fmt.Errorf("an event begins with seq, time and event, and this one has no %s", head[n])
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("an event is one JSON object, and more follows")
	}
	*e = got
	return nil
}

// set takes the n-th member of an event. What comes after the head is an attribute, whatever its key.
func (e *Event) set(n int, key string, value any) error {
	if n < len(head) && key != head[n] {
		return fmt.Errorf("an event begins with seq, time and event, found %q in the place of %s", key, head[n])
	}
	ok := true
	switch n {
	case 0:
		number, _ := value.(json.Number) // of another kind: no digits, which is no number either
		seq, err := strconv.ParseUint(number.String(), 10, 64)
		e.Seq, ok = seq, err == nil
	case 1:
		text, _ := value.(string)
		t, err := time.Parse(time.RFC3339Nano, text)
		e.Time = t.UTC()
		// What AppendJSON does not write it would not write back: another zone, a comma, a zero at the end.
		ok = err == nil && e.Time.Format(time.RFC3339Nano) == text
	case 2:
		e.Name, ok = value.(string)
	default:
		a := Attr{key, value}
		switch v := value.(type) {
		case string, bool:
		case json.Number:
			whole, err := v.Int64()
			a.Value, ok = whole, err == nil
		default:
			ok = false
		}
		e.Attrs = append(e.Attrs, a)
	}
	if !ok {
		return fmt.Errorf("an event cannot have %.80q as %q", fmt.Sprint(value), key)
	}
	return nil
}

// Record writes an event at the world's present time into its journal.
func (w *World) Record(name string, attrs ...Attr) {
	w.events++
	w.record(Event{Seq: w.events, Time: w.now, Name: name, Attrs: attrs})
}

// Recorded returns the number of events so far.
func (w *World) Recorded() uint64 { return w.events }

// Resume continues the numbering of a journal that already holds n events.
func (w *World) Resume(n uint64) { w.events = n }
