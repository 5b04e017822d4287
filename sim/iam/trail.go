package iam

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mfalab/mfalab/sim/trail"
)

// The trail is a row of the store for every call, under the number of the event:
//
//	a call that changes something   in the transaction of the change: it is done and recorded, or neither
//	a call that reads, or is refused   before its answer leaves, by a Note: the disk has it with the next change
//
// Either way a trail that cannot be written stops the call. Calls whose signature is not believed leave none, as with the
// real service, which records authenticated requests (IAM User Guide, cloudtrail-integration); nor does an action that
// there is not.

// From the specification: how far back LookupEvents looks.
const trailAge = 90 * 24 * time.Hour

// Our choices about the trail.
const (
	// trailKept bounds the rows: as many as the journal keeps in memory, some 10 MB.
	trailKept = 20_000
	// Every trailEvery-th event looks at the oldest one and, where that is too much or too old, at trailSwept of them: the
	// dead go twice as fast as events come.
	trailEvery, trailSwept = 64, 128
	// trailRead is how many events a search reads at a time.
	trailRead = 256
)

// trailed is what the service knows of its trail.
type trailed struct {
	mu    sync.Mutex
	found bool   // next is known
	next  uint64 // the number of the next event
	heard chan struct{}
}

// restart forgets where the trail ends: the store has another one.
func (t *trailed) restart() {
	t.mu.Lock()
	t.found = false
	t.mu.Unlock()
	t.announce()
}

// announce wakes who follows the trail.
func (t *trailed) announce() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.heard != nil {
		close(t.heard)
		t.heard = nil
	}
}

// more returns a channel that is closed with the next event.
func (t *trailed) more() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.heard == nil {
		t.heard = make(chan struct{})
	}
	return t.heard
}

// number returns the number of the event that tx is about to write.
func (t *trailed) number(tx Tx) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.found {
		last, err := lastEvent(tx)
		if err != nil {
			return 0, err
		}
		t.next, t.found = last+1, true
	}
	n := t.next
	t.next++
	return n, nil
}

// lastEvent finds the number of the newest event, 0 where there is none, without reading them all: an event with a greater
// number is there or not.
func lastEvent(tx Tx) (uint64, error) {
	var failed error
	after := func(n uint64) (newer uint64) {
		records, err := tx.Scan(kindTrail, "", eventKey(n), 1)
		if err != nil {
			failed = err
		}
		if len(records) == 0 {
			return 0
		}
		n, err = strconv.ParseUint(records[0].Key, 16, 64)
		if err != nil {
			failed = damaged(kindTrail, records[0].Key, err)
		}
		return n
	}
	low := after(0) // there, or 0
	for step := uint64(1); low != 0 && failed == nil; {
		n := after(low + step - 1)
		switch {
		case n != 0:
			low, step = n, step*2
		case step == 1:
			return low, failed
		default:
			step /= 2
		}
	}
	return low, failed
}

func eventKey(n uint64) string { return fmt.Sprintf("%016x", n) }

// leaveTrail writes the event of a call that has not left one in its own transaction.
func (c *deciding) leaveTrail(ctx context.Context) error {
	if c.trailed {
		return nil
	}
	return c.store.Note(ctx, func(tx Tx) error {
		if c.late && c.refusal == nil {
			if err := c.used(tx, c.call); err != nil {
				return err
			}
		}
		return c.putEvent(tx)
	})
}

// putEvent writes the event of the call with what has come of it.
func (c *deciding) putEvent(tx Tx) error {
	e := c.event()
	var besides []*trail.Event
	if c.op.service == signInService {
		tell := signInEvents[c.op.name]
		if tell == nil {
			return nil
		}
		besides = tell(c, e)
	}
	for _, e := range append([]*trail.Event{e}, besides...) {
		if e.Name == "" {
			continue
		}
		if err := c.note(tx, e, c.call.Now); err != nil {
			return err
		}
	}
	return nil
}

// note writes one event of the call.
func (s *Service) note(tx Tx, e *trail.Event, now time.Time) error {
	n, err := s.events.number(tx)
	if err != nil {
		return err
	}
	s.identify(e, n)
	b, err := e.AppendJSON(nil)
	if err != nil {
		return err
	}
	if err := tx.Put(kindTrail, eventKey(n), b); err != nil || n%trailEvery != 0 {
		return err
	}
	return s.sweep(tx, n, now)
}

// identify gives the n-th event its ID, which a lab of the same seed gives again, and a call of the lab itself the ID of a
// request.
func (s *Service) identify(e *trail.Event, n uint64) {
	id := func(what string) string { return s.chance().Derive("trail", what, strconv.FormatUint(n, 10)).UUID() }
	e.EventID = id("event")
	if e.RequestID == "" {
		e.RequestID = id("request")
	}
}

// sweep removes the oldest events where there are too many, or they are too old; n is the newest one's number.
func (s *Service) sweep(tx Tx, n uint64, now time.Time) error {
	for limit := 1; ; limit = trailSwept {
		records, err := tx.Scan(kindTrail, "", "", limit)
		if err != nil {
			return err
		}
		swept := 0
		for _, r := range records {
			number, err := strconv.ParseUint(r.Key, 16, 64)
			if err != nil {
				return damaged(kindTrail, r.Key, err)
			}
			e, err := trail.Parse(r.Value)
			if err != nil {
				return damaged(kindTrail, r.Key, err)
			}
			if n-number < trailKept && now.Sub(e.Time) <= trailAge {
				return nil
			}
			if limit == 1 {
				swept++
				break
			}
			if err := tx.Delete(kindTrail, r.Key); err != nil {
				return err
			}
		}
		if limit != 1 || swept == 0 {
			return nil
		}
	}
}

// eventOf returns what every event of a call says: who called what, when, from where, and why it was refused.
func (s *Service) eventOf(call Call, refusal *Error) *trail.Event {
	e := &trail.Event{Time: call.Now.UTC().Truncate(time.Second), Source: call.Service, Name: call.Action, Region: call.Region,
		IP: call.SourceIP, Agent: call.UserAgent, Who: s.identity(call.Caller), RequestID: call.RequestID, TLS: call.TLS}
	e.Console = call.Caller.Session != nil && call.Caller.Session.Console
	if refusal != nil {
		e.Code, e.Message = trailCode(call.Service, refusal), refusal.Message
	}
	return e
}

// event returns the event of the call as far as it is known.
func (c *deciding) event() *trail.Event {
	e := c.eventOf(c.call, c.refusal)
	e.ReadOnly, e.Request = c.op.readOnly(), c.op.request(c.call)
	if c.refusal == nil && c.op.tells() {
		e.Response = trail.Elements(c.result)
		if _, assumed := c.result.(assumeRoleResult); assumed {
			e.Role = c.call.Params.Get("RoleArn")
		}
	}
	return e
}

// reading are the first words of operations that change nothing.
var reading = []string{"Get", "List", "Simulate", "Generate", "Decode", "Lookup", "Describe", "AssumeRole"}

func (op *operation) readOnly() bool {
	return slices.ContainsFunc(reading, func(verb string) bool { return strings.HasPrefix(op.name, verb) })
}

// tells reports whether records have the operation's answer: those that change something do, and those that hand out
// credentials, which the real service calls read only.
func (op *operation) tells() bool {
	return op.service != signInService && (!op.readOnly() || op.writes && op.service == "sts")
}

// request returns requestParameters: what was given of the parameters that the operation knows, without the secret ones.
// Nil, which is null, where nothing was given.
func (op *operation) request(call Call) json.RawMessage {
	if op.asked != nil {
		return op.asked(call)
	}
	b := []byte{'{'}
	for _, p := range op.params {
		if p.shape.secret {
			continue
		}
		mark := len(b)
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(trail.AppendText(b, trail.Camel(p.name)), ':')
		var given bool
		if b, given = appendParam(b, p, call); !given {
			b = b[:mark]
		}
	}
	if len(b) == 1 {
		return nil
	}
	return append(b, '}')
}

// appendParam appends one parameter of the call; given is false where it is left out.
func appendParam(b []byte, p param, call Call) (out []byte, given bool) {
	if v, ok := call.Params[p.name]; ok {
		_, err := strconv.ParseInt(v[0], 10, 32)
		if p.shape.kind == number && err == nil || p.shape.kind == boolean && (v[0] == "true" || v[0] == "false") {
			return append(b, v[0]...), true
		}
		return trail.AppendText(b, v[0]), true
	}
	if p.shape.kind == plain || p.shape.kind == number || p.shape.kind == boolean {
		return b, false
	}
	return appendList(b, p.name+".member.", call)
}

// appendList appends the elements prefix1, prefix2 and so on: texts, or structures of texts.
func appendList(b []byte, prefix string, call Call) (out []byte, given bool) {
	b = append(b, '[')
	for i := 1; ; i++ {
		at := prefix + strconv.Itoa(i)
		element, ok := call.Params[at]
		fields := map[string]string{}
		var names []string
		for name, v := range call.Params {
			if rest, found := strings.CutPrefix(name, at+"."); found {
				names = append(names, rest)
				fields[rest] = v[0]
			}
		}
		if !ok && len(names) == 0 {
			return append(b, ']'), i > 1
		}
		if i > 1 {
			b = append(b, ',')
		}
		if ok {
			b = trail.AppendText(b, element[0])
			continue
		}
		slices.Sort(names)
		b = append(b, '{')
		for n, name := range names {
			if n > 0 {
				b = append(b, ',')
			}
			b = append(trail.AppendText(b, trail.Camel(name)), ':')
			b = trail.AppendText(b, fields[name])
		}
		b = append(b, '}')
	}
}

// trailCodes are the codes that records name otherwise than answers: by the shape of the service model (Section 7; seen).
// What is not here has "Exception" behind its code, in IAM's records.
var trailCodes = map[string]string{"AccessDenied": "AccessDenied", "ValidationError": "ValidationException",
	"ReportNotPresent": "CredentialReportNotPresentException", "ReportExpired": "CredentialReportExpiredException",
	"ReportInProgress": "CredentialReportNotReadyException", "InvalidClientTokenId": "InvalidClientTokenId",
	"ExpiredToken": "ExpiredToken", "InvalidAuthorizationMessageException": "InvalidAuthorizationMessageException"}

// trailCode returns a refusal's code as records name it.
func trailCode(service string, refusal *Error) string {
	code := refusal.Code
	switch {
	case service == "ec2" && refusal.Status >= 500: // EC2 API Reference, "Error codes": whose fault it was
		return "Server." + code
	case service == "ec2":
		return "Client." + code
	}
	if known, ok := trailCodes[code]; ok {
		return known
	}
	if (service == "iam" || service == "sts") && !strings.HasSuffix(code, "Exception") {
		return code + "Exception"
	}
	return code
}
