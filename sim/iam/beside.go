package iam

import (
	"context"
	"errors"

	"github.com/mfalab/mfalab/sim"
)

// Beside is one call to a service beside IAM and STS, such as S3: it uses the account's store, its devices and its
// journal as an operation of IAM does.
type Beside struct {
	service  *Service
	call     Call
	decision Decision
	wrote    bool
}

// Beside lets f decide a call of a service beside IAM, and records what came of it. Params are what the record says of the
// call; secrets are not among them. An error of f is returned as it is. Where it is, or wraps, no *Error, it is the store's
// and the record says ServiceFailure.
func (s *Service) Beside(ctx context.Context, call Call, params []Fact, f func(*Beside) error) error {
	b := &Beside{service: s, call: call, decision: Decision{Call: withoutSecrets(call), Params: params}}
	err := f(b)
	var refusal *Error
	switch {
	case err == nil:
		if !b.wrote {
			b.decision.Cause = b.use(ctx)
		}
	case errors.As(err, &refusal):
		b.decision.Err = refusal
		if b.decision.Rule == "" {
			b.decision.Rule, b.decision.Section = refusal.Rule, refusal.Section
		}
	default:
		b.decision.Err, b.decision.Cause = s.refuse("ServiceFailure"), err
	}
	if s.record != nil {
		s.record(b.decision)
	}
	return err
}

// use writes down, now and then, that the caller's access key was used by a call that only reads.
func (b *Beside) use(ctx context.Context) error {
	late := false
	err := b.service.store.View(ctx, func(tx Tx) (err error) {
		late, err = b.service.usedLongAgo(tx, b.call)
		return err
	})
	if err != nil || !late {
		return err
	}
	return b.service.store.Update(ctx, func(tx Tx) error { return b.service.used(tx, b.call) })
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
		if err == nil {
			err = f(&Records{o.Tx, o})
			if refusal := (*Error)(nil); errors.As(err, &refusal) {
				refused, err = err, nil
			}
		} else if refusal := (*Error)(nil); errors.As(err, &refusal) && refusal.counted {
			refused, err = err, nil
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
	b.wrote = true
	return b.service.store.Update(ctx, func(tx Tx) error {
		o := b.operating(tx, rehearsed)
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
		return b.service.used(tx, b.call)
	})
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
}
