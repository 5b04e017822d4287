package endpoint

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/sigv4"
)

// Our choice.
const (
	// maxBody is the longest form: the real services take ten times as much, and nothing in IAM needs it.
	maxBody = 1 << 20
	// bodyTime is how long a client may take to send it.
	bodyTime = 30 * time.Second
)

// serveQuery answers one request of the AWS query protocol.
func (e *Endpoint) serveQuery(w http.ResponseWriter, r *http.Request) {
	id := e.cfg.RequestID()
	if isJSON(r) {
		e.serveJSON(w, r, id)
		return
	}
	call := iam.Call{RequestID: id, UserAgent: r.UserAgent(), SourceIP: sourceIP(r), Secure: r.TLS != nil,
		TLS: tlsDetails(r)}
	call.Now, call.Wall = e.cfg.Clock()
	result, refusal := e.decide(w, r, &call)
	// Of a service that is not there neither the action nor the version is known.
	if refusal != nil && call.Service == "" && unserved(r) != "" {
		e.refuseService(w, r, id)
		return
	}
	namespace := namespaces[call.Service]
	var body []byte
	if refusal == nil {
		var err error
		if body, err = appendResult(nil, namespace, call.Action, id, result); err != nil {
			refusal = e.cfg.IAM.Refuse("ServiceFailure")
		}
	}
	if refusal != nil {
		e.writeError(w, id, namespace, refusal)
		return
	}
	writeXML(w, id, http.StatusOK, body)
}

// decide takes a request through the checks in the order of the real services: the form, because nothing can be said
// about one that cannot be read; the action and version, because they name the service that the signature has to be for
// (and in the recordings these two are refused by the front end, in a namespace of its own, before any service is asked);
// the signature; then, in iam.Service, what the credential may do, the constraints and the operation.
func (e *Endpoint) decide(w http.ResponseWriter, r *http.Request, call *iam.Call) (any, *iam.Error) {
	body, form, refusal := e.readForm(w, r)
	if refusal == nil {
		call.Service, refusal = e.operation(form)
	}
	if refusal == nil {
		call.Action, call.Params = form.Get("Action"), parameters(form)
		refusal = e.authenticate(r, body, call)
		if unsigned[call.Action] && !sigv4.Signed(r) {
			refusal = e.cfg.IAM.Refuse("NoIdentityProvider")
		}
	}
	if refusal != nil {
		e.cfg.IAM.Rejected(*call, refusal)
		return nil, refusal
	}
	result, err := e.cfg.IAM.Do(r.Context(), *call)
	return result, e.refusal(err)
}

// unsigned are the actions that are not signed, but vouched for by an identity provider. The lab has none.
var unsigned = map[string]bool{"AssumeRoleWithSAML": true, "AssumeRoleWithWebIdentity": true}

// readBody returns the body of a request, whatever it is.
func (e *Endpoint) readBody(w http.ResponseWriter, r *http.Request) ([]byte, *iam.Error) {
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close")
		return nil, e.cfg.IAM.Refuse("RequestTooLarge", maxBody)
	}
	control := http.NewResponseController(w)
	// Not every ResponseWriter can, and then the body is in memory already.
	_ = control.SetReadDeadline(time.Now().Add(bodyTime))
	body, err := readAll(http.MaxBytesReader(w, r.Body, maxBody), r.ContentLength)
	_ = control.SetReadDeadline(time.Time{})
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, e.cfg.IAM.Refuse("RequestTooLarge", maxBody)
	}
	if err != nil {
		return nil, e.cfg.IAM.Refuse("MalformedQueryString")
	}
	return body, nil
}

// readAll is io.ReadAll with room for so many bytes; -1 is not known.
func readAll(r io.Reader, length int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(max(length, 0)) + bytes.MinRead)
	_, err := b.ReadFrom(r)
	return b.Bytes(), err
}

// readForm returns the body as it came and all parameters, of the query and of the form in the body.
func (e *Endpoint) readForm(w http.ResponseWriter, r *http.Request) ([]byte, url.Values, *iam.Error) {
	body, refusal := e.readBody(w, r)
	if refusal != nil {
		return nil, nil, refusal
	}
	// The signature covers the query and the body alike, so parameters may stand in either.
	raw := r.URL.RawQuery
	// A body that does not say it is a form is none, as recorded from STS: the request then lacks its action.
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/x-www-form-urlencoded" && len(body) > 0 {
		raw = strings.Trim(raw+"&"+string(body), "&")
	}
	form, bad := parseForm(raw)
	if bad != nil {
		return nil, nil, e.cfg.IAM.Refuse("MalformedQueryString")
	}
	return body, form, nil
}

// parseForm parses a query string or a form. It takes UTF-8 only: an answer in XML could not name anything else.
func parseForm(raw string) (url.Values, error) {
	form, err := url.ParseQuery(raw)
	if err != nil {
		return nil, err
	}
	for name, values := range form {
		for _, v := range append(values, name) {
			if !utf8.ValidString(v) {
				return nil, fmt.Errorf("the parameter %q is not UTF-8", name)
			}
		}
	}
	return form, nil
}

// operation returns the service that has the action of form. Each version is of one service. Of a parameter that comes twice
// the real services take the first, here and in iam.Service.
func (e *Endpoint) operation(form url.Values) (string, *iam.Error) {
	action, version := form.Get("Action"), form.Get("Version")
	if !form.Has("Action") {
		return "", e.cfg.IAM.Refuse("MissingAction")
	}
	for service := range namespaces {
		switch {
		case version != iam.Version(service):
		case e.operations[service+":"+action]:
			return service, nil
		case iam.Lacks(service, action):
			return "", e.cfg.IAM.Refuse("NotInTheLab", service, action)
		}
	}
	if !form.Has("Version") {
		version = "NO_VERSION_SPECIFIED" // recorded from STS
	}
	return "", e.cfg.IAM.Refuse("InvalidAction", action, version)
}

// parameters returns form without what belongs to the protocol and to the signature.
func parameters(form url.Values) url.Values {
	p := url.Values{}
	for name, values := range form {
		if name != "Action" && name != "Version" && !strings.HasPrefix(name, "X-Amz-") {
			p[name] = values
		}
	}
	return p
}

// authenticate checks the signature of r and fills in the caller.
func (e *Endpoint) authenticate(r *http.Request, body []byte, call *iam.Call) *iam.Error {
	secret := func(s sigv4.Signature) (secret string, err error) {
		secret, call.Caller, err = e.cfg.IAM.Credential(r.Context(), s.AccessKeyID, s.SessionToken, call.Now)
		return secret, err
	}
	s, err := e.keys.Verify(r, call.Service, sha256.Sum256(body), call.Wall, secret)
	call.Region = s.Region
	return e.refusal(err)
}

// refusal returns the answer that err means, nil for nil.
func (e *Endpoint) refusal(err error) *iam.Error {
	if err == nil {
		return nil
	}
	if decided, ok := errors.AsType[*iam.Error](err); ok {
		return decided
	}
	if s, ok := errors.AsType[*sigv4.Error](err); ok {
		refusal := *e.cfg.IAM.Refuse(s.ID, s.Args...)
		if s.Message != "" {
			refusal.Message = s.Message
		}
		return &refusal
	}
	return e.cfg.IAM.Refuse("ServiceFailure")
}

// sourceIP returns the client's address without the port.
func sourceIP(r *http.Request) string {
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return a.Addr().Unmap().String()
	}
	return r.RemoteAddr
}
