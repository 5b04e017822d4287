package iam

import "cmp"

// judgement is what a verifier decided and what it knows from then on.
type judgement struct {
	verifier Verifier
	verdict  Verdict
}

// judge lets the verifier of d judge codes. Where it accepts, the caller stores d and whatever else the call changes, all
// in this one transaction. Where it refuses, the count of failures is stored and nothing else, and the error, with the
// text of that ID, says that the count has to stay. The Decision hears what was looked at either way.
func (o *operating) judge(d *device, text string, codes func(*Verifier) Verdict) error {
	j := o.rehearsed
	if j == nil {
		v, err := o.throttled(d, codes)
		if err != nil {
			return err
		}
		j = &judgement{d.Verifier, v}
	}
	d.Verifier, o.judged = j.verifier, j
	v := j.verdict
	o.decision.Rule, o.decision.Section, o.decision.Facts = v.Rule, v.Section, o.facts(j)
	if v.Accepted {
		return nil
	}
	if err := o.putDevice(d); err != nil {
		return err
	}
	e := o.refuse(text)
	e.Rule, e.Section, e.counted = v.Rule, v.Section, !o.settings.RollbackCount
	return e
}

// throttled judges under the device's own count of failures, or, with the weakness count-per-session, under a count that
// every access key and session has for itself, and every sign-in.
func (o *operating) throttled(d *device, codes func(*Verifier) Verdict) (Verdict, error) {
	if !o.settings.CountPerSession {
		return codes(&d.Verifier), nil
	}
	key := d.Serial + " " + cmp.Or(o.Caller.AccessKeyID, o.param("SignInId")) // nobody has a session before the end of a sign-in
	d.Throttle = Throttle{}
	if _, err := get(o.Tx, kindThrottle, key, &d.Throttle); err != nil {
		return Verdict{}, err
	}
	v := codes(&d.Verifier)
	return v, put(o.Tx, kindThrottle, key, d.Throttle)
}

// facts are what a verifier looked at, in steps. A code that is nobody's has neither step nor distance.
func (o *operating) facts(j *judgement) []Fact {
	v, state := j.verdict, j.verifier
	var out []Fact
	if v.Known {
		out = append(out, Fact{"step", v.Step}, Fact{"distance", v.Distance()})
	}
	out = append(out, Fact{"expected", v.Expected}, Fact{"offset", state.Offset})
	if v.Accepted {
		return append(out, Fact{"learned", v.Learned})
	}
	out = append(out, Fact{"last", state.Last}, Fact{"failures", state.Failures})
	if state.Failures >= o.settings.ResyncPrompt {
		out = append(out, Fact{"resync", true})
	}
	return out
}

// rehearsal is a transaction in which nothing is written. With the weakness split-check a call runs in it first, and what
// it decides about the codes is taken over by the transaction that writes, whatever has been burnt in between.
type rehearsal struct{ Tx }

// Put does nothing.
func (rehearsal) Put(_, _ string, _ []byte) error { return nil }

// Delete does nothing.
func (rehearsal) Delete(_, _ string) error { return nil }
