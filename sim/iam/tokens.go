package iam

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"time"
)

// From API_GetSessionToken: how long a session lasts, in seconds.
const (
	defaultSession = 43200
	rootSession    = 3600 // both the default and the maximum of root
)

// Our choices about sessions.
const (
	// sessionGrace is how long an expired session is kept, so that who still uses it is told that it expired.
	sessionGrace = 90 * 24 * time.Hour
	// Every pruneEvery-th session or so looks at pruned old sessions: that is two for a new one, so that the dead are fewer
	// than the living in the long run.
	pruned, pruneEvery = 16, 8
	// usedDelay is how far behind the record of an access key's last use may be, so that not every call has to write it.
	// The real one is late, too.
	usedDelay = 15 * time.Minute
)

// tokenOperations are the operations of STS (API version 2011-06-15).
var tokenOperations = []*operation{
	{service: "sts", name: "GetSessionToken", free: true, writes: true, bare: true, run: (*operating).getSessionToken, params: []param{
		{"DurationSeconds", sessionSecondsShape, false}, {"SerialNumber", tokenSerialNumberShape, false},
		{"TokenCode", tokenCodeShape, false}}},
	{service: "sts", name: "GetCallerIdentity", free: true, run: (*operating).getCallerIdentity},
	{service: "sts", name: "GetAccessKeyInfo", run: (*operating).getAccessKeyInfo, params: []param{
		{"AccessKeyId", tokenAccessKeyIDShape, true}}},
}

// tokenAccessKeyIDShape differs from IAM's in its pattern, which refusals quote.
var tokenAccessKeyIDShape = newShape(16, 128, `[\w]*`, `[\w]*`)

// credentialsXML is the only place in which a session's keys are shown.
type credentialsXML struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

// sessionResult answers GetSessionToken.
type sessionResult struct{ Credentials credentialsXML }

// getSessionToken begins a session, with a code or without. The order of the refusals is: one of the two without the
// other, the serial number, the code.
func (o *operating) getSessionToken() (any, error) {
	length, err := o.sessionLength()
	if err != nil {
		return nil, err
	}
	serial := o.param("SerialNumber")
	if (serial == "") != (o.param("TokenCode") == "") {
		return nil, o.refuse("SerialAndCode")
	}
	if serial != "" {
		if err := o.login(serial); err != nil {
			return nil, err
		}
	}
	x, token, err := o.newSession(o.Caller.UserID, serial, length)
	if err != nil {
		return nil, err
	}
	return sessionResult{credentialsXML{x.AccessKeyID, x.Secret, token, stamp(o.Wall.Add(length))}}, nil
}

// newSession begins a session of a user, with the MFA device of that serial number or, where it is "", without, and
// returns it with its token.
func (o *operating) newSession(userID, serial string, length time.Duration) (x *Session, token string, err error) {
	if x, token, err = o.draftSession(userID, serial, length); err != nil {
		return nil, "", err
	}
	return x, token, put(o.Tx, kindSession, x.AccessKeyID, x)
}

// draftSession is newSession without storing the session.
func (o *operating) draftSession(userID, serial string, length time.Duration) (x *Session, token string, err error) {
	// The prefix is the one that real tokens have; nothing depends on it.
	token = "FwoGZXIvYXdzE" + base64.StdEncoding.EncodeToString(o.draw("token").Bytes(192))
	x = &Session{AccessKeyID: o.drawID("ASIA", 16), Secret: o.draw("secret").Text(secretLength, secretAlphabet),
		TokenHash: tokenHash(token), UserID: userID, Created: o.Now.Round(0).UTC(),
		Expires: o.Now.Round(0).UTC().Add(length), MFA: serial != "", MFASerial: serial}
	return x, token, o.prune(x.AccessKeyID)
}

// sessionLength returns how long the session is to last. A session of root lasts an hour at most, whatever it asks for.
func (o *operating) sessionLength() (time.Duration, error) {
	seconds, err := o.seconds(defaultSession)
	if err != nil {
		return 0, err
	}
	if o.Caller.IsRoot() {
		seconds = min(seconds, rootSession)
	}
	return time.Duration(seconds) * time.Second, nil
}

// login has the call's code judged by the device with that serial number, which must be the caller's.
func (o *operating) login(serial string) error {
	d := &device{}
	found, err := o.readDevice(serial, d)
	if err != nil {
		return err
	}
	if !found || d.UserID != o.Caller.UserID || d.Key != nil { // a security key shows no code
		return o.refuse("InvalidSerial")
	}
	if err := o.judge(d, "InvalidCode", func(v *Verifier) Verdict {
		return v.Login(o.param("TokenCode"), o.Now, &o.settings)
	}); err != nil {
		return err
	}
	if o.sound {
		// A device takes a step once, whoever has it. One that is made anew under its serial has another seed.
		o.once = []string{"step", o.Caller.UserID, serial, string(d.Seed), strconv.FormatInt(d.Last, 10)}
	}
	return o.putDevice(d)
}

// prune looks, now and then, at the sessions that come after id, which is random, and removes those that expired long ago.
func (o *operating) prune(id string) error {
	if len(id) > 0 && id[len(id)-1]%pruneEvery != 0 {
		return nil
	}
	records, err := o.Scan(kindSession, "", id, pruned)
	if err != nil {
		return err
	}
	for _, r := range records {
		expires, err := expiry(r.Value)
		if err != nil {
			return damaged(kindSession, r.Key, err)
		}
		if o.Now.Before(expires.Add(sessionGrace)) {
			continue
		}
		if err := o.Delete(kindSession, r.Key); err != nil {
			return err
		}
	}
	return nil
}

// expiry returns when the session of a record expires. No more of it is read than that, and nothing else in it is called so.
func expiry(record []byte) (time.Time, error) {
	_, rest, _ := bytes.Cut(record, []byte(`"expires":"`))
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	return time.Parse(time.RFC3339, string(text))
}

// identityResult answers GetCallerIdentity.
type identityResult struct {
	UserID  string `xml:"UserId"`
	Account string
	Arn     string
}

// getCallerIdentity is open to every credential; root's user ID is the account's number.
func (o *operating) getCallerIdentity() (any, error) {
	id := o.Caller.UserID
	if o.Caller.IsRoot() {
		id = o.account.ID
	}
	return identityResult{id, o.account.ID, o.Caller.ARN}, nil
}

// accessKeyInfoResult answers GetAccessKeyInfo.
type accessKeyInfoResult struct{ Account string }

// getAccessKeyInfo says whose account an access key or a session is of: of this one, or of none.
func (o *operating) getAccessKeyInfo() (any, error) {
	id := o.param("AccessKeyId")
	for _, kind := range []string{kindKey, kindSession} {
		b, err := o.Get(kind, id)
		if err != nil {
			return nil, err
		}
		if b != nil {
			return accessKeyInfoResult{o.account.ID}, nil
		}
	}
	return nil, o.refuse("UnknownAccessKey", id)
}

// used records that the caller's access key was used. A call that writes records it with what it writes.
func (s *Service) used(tx Tx, call Call) error {
	if k, ok := s.known.signer(call.Caller.AccessKeyID); ok && !k.key.overdue(call) {
		return nil
	}
	k, err := keyOf(tx, call)
	if err != nil || k == nil || !k.overdue(call) {
		return err
	}
	k.LastUsed, k.LastUsedRegion, k.LastUsedService = call.Now.UTC().Truncate(time.Second), call.Region, call.Service
	return put(tx, kindKey, k.ID, k)
}

// usedLongAgo reports whether the record of the last use of the caller's access key is too far behind.
func (s *Service) usedLongAgo(tx Tx, call Call) (bool, error) {
	if k, ok := s.known.signer(call.Caller.AccessKeyID); ok {
		return k.key.longAgo(call.Now), nil
	}
	k, err := keyOf(tx, call)
	if err != nil || k == nil {
		return false, err
	}
	return k.longAgo(call.Now), nil
}

// longAgo reports whether the last use that is written down is too far behind now.
func (k *AccessKey) longAgo(now time.Time) bool {
	behind := now.Sub(k.LastUsed)
	return behind < 0 || behind >= usedDelay
}

// overdue reports whether a call that writes has to write down as well that it used the key.
func (k *AccessKey) overdue(call Call) bool {
	return k.longAgo(call.Now) || k.LastUsedRegion != call.Region || k.LastUsedService != call.Service
}

// keyOf returns the long-term access key that signed the call, or nil for a session and for a key that is gone.
func keyOf(tx Tx, call Call) (*AccessKey, error) {
	if call.Caller.Session != nil || call.Caller.AccessKeyID == "" {
		return nil, nil
	}
	k := &AccessKey{}
	found, err := get(tx, kindKey, call.Caller.AccessKeyID, k)
	if err != nil || !found {
		return nil, err
	}
	return k, nil
}
