package endpoint

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/sigv4"
)

// Beside is a service beside IAM, such as S3, with a protocol of its own.
type Beside interface {
	// ServeCall answers a call. Where err is not nil the request was refused already, by a *sigv4.Error or an *iam.Error,
	// and is answered in the words of the service. The caller of a request that is not signed is the zero Caller. The
	// body gives what the signature covers, and an error where something else came.
	ServeCall(w http.ResponseWriter, r *http.Request, call iam.Call, err error)
}

// uploadTime is how long a client may take to send a body. Our choice: the longest object over a slow line.
const uploadTime = 10 * time.Minute

// s3Names are the names of S3, also with a bucket before them: Amazon S3 User Guide, "Virtual hosting of buckets", and the
// endpoint rule sets of botocore 1.43.11.
var s3Names = regexp.MustCompile(`^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\.)?s3(-fips)?([.-](dualstack\.)?[a-z]{2}(-[a-z]{1,16}){1,3}-\d{1,2})?\.amazonaws\.com(\.cn)?$`)

// beside returns the service beside IAM that a request is for, by its host's name or by what it is signed for.
func (e *Endpoint) beside(r *http.Request) (string, Beside) {
	if len(e.cfg.Beside) == 0 {
		return "", nil
	}
	name := hostname(r.Host)
	for service, b := range e.cfg.Beside {
		if names := served[service]; names != nil && names.MatchString(name) {
			return service, b
		}
	}
	if servedName(name) {
		return "", nil
	}
	// Also of a signature that is none: a client understands a refusal of the service that it meant alone.
	scope := r.Header.Get("Authorization")
	if scope == "" {
		scope = r.URL.Query().Get("X-Amz-Credential")
	}
	for service, b := range e.cfg.Beside {
		if strings.Contains(scope, "/"+service+"/aws4_request") {
			return service, b
		}
	}
	return "", nil
}

// serveBeside checks the signature and hands the request over.
func (e *Endpoint) serveBeside(w http.ResponseWriter, r *http.Request, service string, b Beside) {
	call := iam.Call{Service: service, RequestID: e.cfg.RequestID(), UserAgent: r.UserAgent(), SourceIP: sourceIP(r), Secure: r.TLS != nil, TLS: tlsDetails(r)}
	call.Now, call.Wall = e.cfg.Clock()
	control := http.NewResponseController(w)
	// Not every ResponseWriter can, and then the body is in memory already.
	_ = control.SetReadDeadline(time.Now().Add(uploadTime))
	defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	err := e.admit(r, &call)
	if err != nil {
		e.cfg.IAM.Rejected(call, e.rejection(err))
	}
	b.ServeCall(w, r, call, err)
}

// admit checks the signature of r, fills in the caller, and puts the checked content in the place of the body. S3's bodies
// are checked as they are read; others are forms, and read first.
func (e *Endpoint) admit(r *http.Request, call *iam.Call) error {
	secret := func(s sigv4.Signature) (secret string, err error) {
		secret, call.Caller, err = e.cfg.IAM.Credential(r.Context(), s.AccessKeyID, s.SessionToken, call.Now)
		return secret, err
	}
	if !sigv4.Signed(r) {
		if call.Service == "s3" { // a bucket may be open to everybody
			return nil
		}
		return e.cfg.IAM.Refuse("MissingAuthenticationToken")
	}
	if call.Service == "s3" {
		s, payload, err := e.keys.VerifyStream(r, "s3", call.Wall, secret)
		if err != nil {
			return err
		}
		call.Region, r.Body, r.ContentLength = s.Region, payload, payload.Length
		return nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
			return e.cfg.IAM.Refuse("RequestTooLarge", maxBody)
		}
		return e.cfg.IAM.Refuse("MalformedQueryString")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s, err := e.keys.Verify(r, call.Service, sha256.Sum256(body), call.Wall, secret)
	if err != nil {
		return err
	}
	call.Region = s.Region
	return nil
}

// rejection is what the journal is told of a request that a service beside IAM refuses in words of its own.
func (e *Endpoint) rejection(err error) *iam.Error {
	if s, ok := errors.AsType[*sigv4.Error](err); ok {
		return &iam.Error{Code: s.ID, Status: http.StatusForbidden, Message: s.Error(), Rule: "signature", Section: "Signature Version 4"}
	}
	return e.refusal(err)
}
