package trail

import (
	"encoding/json"
	"time"
)

// AppendJSON appends the event as the store keeps it: as encoding/json would, but one is written for every call, and a
// marshaller that looks at the struct takes five times as long. The error is that of a time that no JSON can have.
func (e *Event) AppendJSON(b []byte) ([]byte, error) {
	o := object{b: append(b, '{')}
	o.time("t", e.Time)
	o.must("s", e.Source)
	o.must("n", e.Name)
	o.text("g", e.Region)
	o.text("ip", e.IP)
	o.text("ua", e.Agent)
	o.open("w")
	e.Who.members(&o)
	o.close()
	o.text("ec", e.Code)
	o.text("em", e.Message)
	o.raw("rq", e.Request)
	o.raw("rs", e.Response)
	o.raw("x", e.Extra)
	o.text("r", e.RequestID)
	o.must("e", e.EventID)
	o.text("sh", e.SharedID)
	o.flag("ro", e.ReadOnly)
	o.flag("si", e.SignIn)
	o.raw("sd", e.Details)
	o.text("ar", e.Role)
	if e.TLS != nil {
		o.open("tls")
		o.must("v", e.TLS.Version)
		o.must("c", e.TLS.Suite)
		o.must("h", e.TLS.Host)
		o.close()
	}
	o.flag("co", e.Console)
	o.flag("d", e.Data)
	if len(e.About) > 0 {
		about, err := json.Marshal(e.About) // few events have any
		if err != nil {
			return b, err
		}
		o.raw("ab", about)
	}
	o.close()
	return o.b, o.err
}

func (w *Identity) members(o *object) {
	o.must("k", string(w.Kind))
	o.text("p", w.Principal)
	o.text("a", w.ARN)
	o.text("i", w.Key)
	o.text("u", w.User)
	if !w.Since.IsZero() {
		o.time("c", w.Since)
	}
	o.flag("m", w.MFA)
	if i := w.Issuer; i != nil {
		o.open("si")
		o.must("k", i.Kind)
		o.must("p", i.Principal)
		o.must("a", i.ARN)
		o.text("u", i.User)
		o.close()
	}
	o.text("so", w.SourceIdentity)
	o.text("by", w.InvokedBy)
}

// An object is a JSON object that is being written. Names need no escape.
type object struct {
	b   []byte
	err error
}

func (o *object) name(name string) {
	o.b = append(append(append(comma(o.b), '"'), name...), `":`...)
}

// must writes a member whatever its value, text and flag only one that is not zero, raw one that is not nil.
func (o *object) must(name, value string) {
	o.name(name)
	o.b = AppendText(o.b, value)
}

func (o *object) text(name, value string) {
	if value != "" {
		o.must(name, value)
	}
}

func (o *object) flag(name string, value bool) {
	if value {
		o.name(name)
		o.b = append(o.b, "true"...)
	}
}

func (o *object) raw(name string, value json.RawMessage) {
	if len(value) > 0 {
		o.name(name)
		o.b = append(o.b, value...)
	}
}

func (o *object) time(name string, value time.Time) {
	o.name(name)
	o.b = append(o.b, '"')
	var err error
	if o.b, err = value.AppendText(o.b); err != nil {
		o.err = err
	}
	o.b = append(o.b, '"')
}

func (o *object) open(name string) {
	o.name(name)
	o.b = append(o.b, '{')
}

func (o *object) close() { o.b = append(o.b, '}') }
