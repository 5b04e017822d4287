package iam

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/trail"
)

// Beside is one call to a service beside IAM and STS, such as S3: it uses the account's store, its devices, its journal and
// its trail as an operation of IAM does.
type Beside struct {
	service  *Service
	call     Call
	told     Told
	decision Decision
	refused  *Error // of which something stays: a code that was counted
	trailed  bool   // the event is stored
}

// Told is what a service beside IAM tells the trail of a call: what the caller, the time and the outcome do not say already.
// Nothing secret is in it, no code above all: the records are for everybody who may read the trail.
type Told struct {
	Name              string          // the event's, "" for the call's action
	Request, Response json.RawMessage // requestParameters, responseElements; nil is null
	Extra             json.RawMessage // additionalEventData
	ReadOnly          bool
	Own               bool             // the service leaves events of its own (Records.Leave), and the call none
	Data              bool             // a data event: LookupEvents does not find it
	About             []trail.Resource // what the record lists as its resources
}

// Beside lets f decide a call of a service beside IAM, and records what came of it: in the trail in the transaction of the
// call's change, otherwise before Beside returns; in the journal afterwards. Params are what the journal says of the call,
// told is what the trail says; secrets are in neither. An error of f is returned as it is. Where it is, or wraps, no *Error,
// it is the store's and both say ServiceFailure. A trail that cannot be written is an error, too.
func (s *Service) Beside(ctx context.Context, call Call, params []Fact, told Told, f func(*Beside) error) error {
	b := &Beside{service: s, call: call, told: told, decision: Decision{Call: withoutSecrets(call), Params: params}}
	var err error
	if e := s.permitted(call); e != nil {
		err = e
	} else {
		err = f(b)
	}
	refusal := b.refusal(err)
	if failed := b.leave(ctx, refusal); failed != nil {
		err = errors.Join(err, failed)
		b.decision.Err, b.decision.Cause = s.refuse("ServiceFailure"), err
		err = storeFailure{err}
	}
	if s.record != nil {
		s.record(b.decision)
	}
	s.events.announce()
	return err
}

// storeFailure hides what a failure of the store came with: who asks whether it is an *Error gets no for an answer.
type storeFailure struct{ cause error }

// Error returns the text of the cause.
func (f storeFailure) Error() string { return f.cause.Error() }

// refusal notes in the decision what err means, and returns it: nil where the call was done.
func (b *Beside) refusal(err error) *Error {
	var refusal *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		b.decision.Err = refusal
		if b.decision.Rule == "" {
			b.decision.Rule, b.decision.Section = refusal.Rule, refusal.Section
		}
	default:
		b.decision.Err, b.decision.Cause = b.service.refuse("ServiceFailure"), err
	}
	return b.decision.Err
}

// Leave writes the event of a call that is done before its answer leaves, if it is not written yet. Calls that only read and
// answer inside f have to ask for it: what it returns stops the answer.
func (b *Beside) Leave(ctx context.Context) error { return b.leave(ctx, nil) }

// Told is what the trail is told of the call. It may be changed until the transaction of the call's change ends.
func (b *Beside) Told() *Told { return &b.told }

// leave writes the event of a call that has not left one in a transaction of its own and, now and then, that the caller's
// access key was used. A client that has hung up was here, too.
func (b *Beside) leave(ctx context.Context, refusal *Error) error {
	if b.trailed {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	late := false
	if refusal == nil {
		if err := b.View(ctx, func(tx Tx) (err error) {
			late, err = b.service.usedLongAgo(tx, b.call)
			return err
		}); err != nil {
			return err
		}
	}
	err := b.service.store.Note(ctx, func(tx Tx) error {
		if late {
			if err := b.service.used(tx, b.call); err != nil {
				return err
			}
		}
		return b.putEvent(tx, refusal)
	})
	b.trailed = err == nil
	return err
}

// putEvent writes the event of the call with what has come of it.
func (b *Beside) putEvent(tx Tx, refusal *Error) error {
	if b.told.Own {
		return nil
	}
	e := b.service.eventOf(b.call, refusal)
	e.Name = cmp.Or(b.told.Name, e.Name)
	e.Request, e.Extra, e.ReadOnly, e.Data, e.About = b.told.Request, b.told.Extra, b.told.ReadOnly, b.told.Data, b.told.About
	if refusal == nil {
		e.Response = b.told.Response
	}
	return b.service.note(tx, e, b.call.Now)
}

// Fact adds a fact to the record.
func (b *Beside) Fact(name string, value any) {
	b.decision.Facts = append(b.decision.Facts, Fact{name, value})
}

// View runs f on one consistent snapshot.
func (b *Beside) View(ctx context.Context, f func(Tx) error) error {
	return b.service.store.View(ctx, f)
}

// Records is a transaction of a service beside IAM. Its kinds of records are its own: see kindsBeside.
type Records struct {
	Tx
	o *operating
}

// Draw returns a part of chance that no other draw of the account gets.
func (r *Records) Draw(what string) sim.Chance { return r.o.draw(what) }

// Update runs f in a transaction, which an error undoes.
func (b *Beside) Update(ctx context.Context, f func(*Records) error) error {
	return b.update(ctx, nil, func(o *operating) error { return f(&Records{o.Tx, o}) })
}

// UpdateWithDevice is Update for what needs a code of a device of the caller: the code is judged, and used up, by the
// device's one verifier, in the same transaction, and only then f is run. The errors are NotDeviceOwnerError where the
// device is there and not the caller's, and TokenCodeInvalidError where it is unknown, a security key, or the code is not
// its; S3 API Reference, "Error responses". What f refuses costs the code, too: f refuses before it
// writes.
func (b *Beside) UpdateWithDevice(ctx context.Context, serial, code string, f func(*Records) error) error {
	var rehearsed *judgement
	if b.service.settings.SplitCheck {
		if err := b.service.store.View(ctx, func(tx Tx) error {
			o := b.operating(rehearsal{tx}, nil)
			_ = o.answer(serial, code) // if it fails here it fails again, and says so, in the transaction that writes
			rehearsed = o.judged
			return nil
		}); err != nil {
			return err
		}
	}
	var refused error
	err := b.update(ctx, rehearsed, func(o *operating) error {
		refused = nil
		err := o.answer(serial, code)
		judged := err == nil
		if judged {
			err = f(&Records{o.Tx, o})
		}
		if refusal := (*Error)(nil); errors.As(err, &refusal) && (judged || refusal.counted) {
			refused, b.refused, err = err, refusal, nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return refused
}

func (b *Beside) operating(tx Tx, rehearsed *judgement) *operating {
	b.decision.Rule, b.decision.Section = "", ""
	return &operating{Service: b.service, Tx: tx, Call: b.call, decision: &b.decision, rehearsed: rehearsed}
}

func (b *Beside) update(ctx context.Context, rehearsed *judgement, f func(*operating) error) error {
	err := b.service.store.Update(ctx, func(tx Tx) error {
		o := b.operating(tx, rehearsed)
		b.refused = nil
		if err := f(o); err != nil {
			return err
		}
		if o.failed != nil {
			return o.failed
		}
		if o.account != nil && o.account.Drawn != o.drawn {
			if err := o.putAccount(); err != nil {
				return err
			}
		}
		if err := b.putEvent(tx, b.refused); err != nil || b.refused != nil {
			return err
		}
		return b.service.used(tx, b.call)
	})
	b.trailed = err == nil
	return err
}

// answer has a code judged by the device with that serial number, which must be the caller's.
func (o *operating) answer(serial, code string) error {
	d := &device{}
	found, err := get(o.Tx, kindDevice, serial, d)
	switch {
	case err != nil:
		return err
	case !found || d.Key != nil:
		return o.refuse("TokenCodeInvalid")
	case d.UserID != o.Caller.UserID:
		return o.refuse("NotDeviceOwner", serial)
	}
	err = o.judge(d, "TokenCodeInvalid", func(v *Verifier) Verdict { return v.Login(code, o.Now, &o.settings) })
	if err != nil {
		return err
	}
	return o.putDevice(d)
}

// kindsBeside are the kinds of records of the services beside IAM; a saved account has them, too.
var kindsBeside = []string{
	"bucket",   // S3: the name
	"version",  // S3: bucket, a byte 1, the object's key, a byte 1, the place in the order of versions
	"upload",   // S3: the ID of a multipart upload
	"part",     // S3: the ID of a multipart upload, a space, the part's number
	"instance", // EC2: the ID

	"portalrules",     // the portal: "rules"
	"portaluser",      // the portal: the user's name in small letters
	"portalkey",       // the portal: a credential ID
	"portalsignin",    // the portal: the ID of a sign-in
	"portalassertion", // the portal: the ID of a request to the external identity provider
	"portalsession",   // the portal: the hash of a session's token
	"portalsent",      // the portal: "sms" or "email", a space, the number or the address
}
