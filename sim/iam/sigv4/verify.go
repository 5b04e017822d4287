package sigv4

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// From what the real services answer.
const (
	// skew is how far a client's clock may be off: "(... - 5 min.)" in the refusals of IAM.
	skew = 5 * time.Minute
	// presignedLife is how long a presigned request is good, whatever its X-Amz-Expires: STS takes one for 15 minutes
	// (README of kubernetes-sigs/aws-iam-authenticator).
	presignedLife = 15 * time.Minute
	// farSkew is how far S3 lets a client's clock be off: S3 API Reference, "Error responses", RequestTimeTooSkewed.
	farSkew = 15 * time.Minute
)

// rules are where services differ.
type rules struct {
	pathAsSent      bool // the path is signed as it is sent
	unsignedPayload bool // the body need not be signed
	expires         bool // X-Amz-Expires is obeyed
	skew            time.Duration
}

// services are those that differ from the rest. Section "Create a canonical request"; S3 API Reference, "Authenticating
// Requests".
var services = map[string]rules{"s3": {pathAsSent: true, unsignedPayload: true, expires: true, skew: farSkew}}

func rulesOf(service string) rules {
	r := services[service]
	if r.skew == 0 {
		r.skew = skew
	}
	return r
}

// Keys checks signatures and remembers the signing keys that it derived. The zero value is ready; a nil one remembers
// nothing. It may be used by many goroutines.
type Keys struct {
	mu   sync.Mutex
	keys map[[sha256.Size]byte][]byte
}

// maxKeys bounds the memory. Our choice: a key lives for a day of one credential, region and service, and a lab has few.
const maxKeys = 512

// Verify parses the signature of r and checks all of it: when it was made by the wall clock, that it is for service, what
// it has to cover, and that it was made with the secret of its access key. body is the SHA-256 of the body that came.
// secret looks the access key up; it is asked after everything that can be refused without it, and an error of its own
// is returned as it is. Any other error is an *Error.
func (k *Keys) Verify(r *http.Request, service string, body [sha256.Size]byte, wall time.Time,
	secret func(Signature) (string, error)) (Signature, error) {
	s, err := Parse(r)
	if err != nil {
		return Signature{}, err
	}
	key, err := s.checkAll(r, service, wall, secret)
	if err != nil {
		return Signature{}, err
	}
	payload, err := payloadOf(r, s)
	if err != nil {
		return Signature{}, err
	}
	// What the client says of its body is never believed: the body that came is hashed, and has to fit.
	if payload != unsigned {
		sum := hex.EncodeToString(body[:])
		if payload != "" && payload != sum {
			return Signature{}, mismatch("")
		}
		payload = sum
	}
	if err := k.compare(r, s, payload, key); err != nil {
		return Signature{}, err
	}
	return s, nil
}

// VerifyStream is Verify for a body that has not been read, as S3 takes them: the signature must be that of the body that
// the client says it sends. What it returns in place of the body checks that, and gives an *Error at the end, or in
// midst, where it is not so; nothing that was read is to be believed before.
func (k *Keys) VerifyStream(r *http.Request, service string, wall time.Time,
	secret func(Signature) (string, error)) (Signature, *Payload, error) {
	s, err := Parse(r)
	if err != nil {
		return Signature{}, nil, err
	}
	key, err := s.checkAll(r, service, wall, secret)
	if err != nil {
		return Signature{}, nil, err
	}
	payload, err := payloadOf(r, s)
	if err == nil && payload == "" {
		err = &Error{ID: "MissingContentSHA256"}
	}
	if err == nil {
		err = k.compare(r, s, payload, key)
	}
	if err != nil {
		return Signature{}, nil, err
	}
	p, err := newPayload(r, s, payload, k.key(key, s))
	return s, p, err
}

// checkAll checks everything that can be checked without the body, in the order in which the real services refuse: a
// wrong scope is said before an unknown key. It returns the secret.
func (s Signature) checkAll(r *http.Request, service string, wall time.Time, secret func(Signature) (string, error)) (string, error) {
	if err := cmp.Or(s.checkTime(rulesOf(service), wall), s.checkCoverage(r), s.checkScope(service)); err != nil {
		return "", err
	}
	return secret(s)
}

// checkTime refuses a signature that is too old or from the future. The ends of the interval are good.
func (s Signature) checkTime(rules rules, wall time.Time) error {
	wall = wall.UTC().Truncate(time.Second)
	life := rules.skew
	switch {
	case s.Presigned && rules.expires:
		life = s.Expires
	case s.Presigned:
		life = presignedLife
	}
	t, now := s.Time.Format(basicTime), wall.Format(basicTime)
	if oldest := wall.Add(-life); s.Time.Before(oldest) {
		e := &Error{ID: "SignatureExpired", Args: []any{t, oldest.Format(basicTime), now}}
		if s.Presigned {
			e.Message = fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %d min.)",
				t, oldest.Format(basicTime), now, life/time.Minute)
		}
		return e
	}
	if newest := wall.Add(rules.skew); s.Time.After(newest) {
		return &Error{ID: "SignatureEarly", Args: []any{t, newest.Format(basicTime), now}}
	}
	return nil
}

// checkCoverage refuses a signature that leaves out what would let a request be sent elsewhere or later, or with another
// session. Section "Create a canonical request", "Canonical headers".
func (s Signature) checkCoverage(r *http.Request) error {
	covers := func(name string) bool { return slices.Contains(s.SignedHeaders, name) }
	if !covers("host") {
		return mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for _, name := range []string{"X-Amz-Date", "X-Amz-Security-Token"} {
		values, present := r.Header[name]
		if present && !covers(strings.ToLower(name)) || len(values) > 1 {
			return mismatch("'%s' must be a 'SignedHeader' in the AWS Authorization.", name)
		}
	}
	return nil
}

// checkScope refuses a credential scope that is not of this service and this day, all that is wrong with it at once.
func (s Signature) checkScope(service string) error {
	var wrong strings.Builder
	if s.Service != service {
		fmt.Fprintf(&wrong, "Credential should be scoped to correct service: '%s'. ", service)
	}
	date := s.Time.Format(basicDate)
	if s.terminator == terminator && s.Date == date {
		if wrong.Len() == 0 {
			return nil
		}
		return &Error{ID: "SignatureScope", Args: []any{service}}
	}
	if s.terminator != terminator {
		fmt.Fprintf(&wrong, "Credential should be scoped with a valid terminator: '%s', not '%s'. ", terminator, s.terminator)
	}
	if s.Date != date {
		fmt.Fprintf(&wrong, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "+
			"'%s' != '%s', from '%s'. ", s.Date, date, s.Time.Format(basicTime))
	}
	return mismatch("%s", wrong.String())
}

// payloadOf returns what the client says of its body: a hash, that it is not signed, or how its chunks are; "" where it
// says nothing. S3 API Reference, "Authenticating Requests".
func payloadOf(r *http.Request, s Signature) (string, error) {
	rules := services[s.Service]
	said, ok := r.Header["X-Amz-Content-Sha256"]
	switch {
	case ok && len(said) != 1:
		return "", mismatch("")
	case ok && !rules.unsignedPayload && len(said[0]) != 2*sha256.Size:
		return "", mismatch("")
	case ok:
		return said[0], nil
	case s.Presigned && rules.unsignedPayload:
		return unsigned, nil
	}
	return "", nil
}

// compare computes the signature and compares it in constant time.
func (k *Keys) compare(r *http.Request, s Signature, payload, secret string) error {
	key := k.key(secret, s)
	for _, path := range paths(r, services[s.Service].pathAsSent) {
		canonical, err := s.appendCanonical(make([]byte, 0, 1024), r, path, payload)
		if err != nil {
			return err
		}
		want := hex.EncodeToString(mac(key, s.appendStringToSign(nil, canonical)))
		if subtle.ConstantTimeCompare([]byte(want), []byte(s.hex)) == 1 {
			return nil
		}
	}
	return mismatch("")
}

// key derives the signing key, or takes the remembered one. Section "Derive a signing key".
func (k *Keys) key(secret string, s Signature) []byte {
	derive := func() []byte {
		b := mac([]byte("AWS4"+secret), []byte(s.Date))
		b = mac(b, []byte(s.Region))
		b = mac(b, []byte(s.Service))
		return mac(b, []byte(terminator))
	}
	if k == nil {
		return derive()
	}
	// A hash of it all: what is remembered holds no secret that outlives its day. None of the parts has a slash.
	name := sha256.Sum256([]byte(s.Date + "/" + s.Region + "/" + s.Service + "/" + secret))
	k.mu.Lock()
	defer k.mu.Unlock()
	b, ok := k.keys[name]
	if !ok {
		if k.keys == nil || len(k.keys) >= maxKeys {
			k.keys = map[[sha256.Size]byte][]byte{}
		}
		b = derive()
		k.keys[name] = b
	}
	return b
}

// Format writes nothing of the keys, whatever the verb.
func (k *Keys) Format(f fmt.State, _ rune) { fmt.Fprint(f, "signing keys") }

func mac(key, data []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(data)
	return m.Sum(nil)
}
