package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// An Event is one thing that happened: one line of the journal. It holds no secret: no seed, no code, no key.
type Event struct {
	Seq   uint64    // from 1, without gaps
	Time  time.Time // the world's time
	Name  string    // "fob.pressed"
	Attrs []Attr
}

// An Attr is one named fact of an event. Its value is a string, an int64 or a bool.
type Attr struct {
	Key   string
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

func appendText(b []byte, s string) []byte {
	q, err := json.Marshal(s)
	if err != nil {
		panic("sim: internal error: a string did not marshal")
	}
	return append(b, q...)
}

// MarshalJSON is AppendJSON.
func (e Event) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

// UnmarshalJSON reads what AppendJSON wrote; an object with values of another kind is refused and leaves e as it was.
func (e *Event) UnmarshalJSON(b []byte) error {
	var got Event
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("an event is a JSON object")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		value, err := d.Token()
		if err != nil {
			return err
		}
		if err := got.set(key.(string), value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	*e = got
	return nil
}

func (e *Event) set(key string, value any) error {
	text, isText := value.(string)
	switch {
	case key == "seq":
		n, ok := value.(json.Number)
		if !ok {
			return errors.New("an event's seq is a number")
		}
		seq, err := strconv.ParseUint(n.String(), 10, 64)
		e.Seq = seq
		return err
	case key == "time":
		t, err := time.Parse(time.RFC3339Nano, text)
		e.Time = t.UTC()
		return err
	case key == "event":
		e.Name = text
	case isText:
		e.Attrs = append(e.Attrs, String(key, text))
	default:
		switch v := value.(type) {
		case bool:
			e.Attrs = append(e.Attrs, Bool(key, v))
		case json.Number:
			n, err := v.Int64()
			if err != nil {
				return err
			}
			e.Attrs = append(e.Attrs, Int(key, n))
		default:
			return errors.New("the attribute " + strconv.Quote(key) + " of an event is no string, whole number or bool")
		}
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
