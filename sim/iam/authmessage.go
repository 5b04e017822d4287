package iam

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"

	"github.com/mfalab/mfalab/sim/iam/policy"
)

// messageOperations are those on the messages that some services, such as EC2, answer a denial with.
var messageOperations = []*operation{
	{service: "sts", name: "DecodeAuthorizationMessage", run: (*operating).decodeAuthorizationMessage, params: []param{
		{"EncodedMessage", shape{min: 1, max: 10240}, true}}},
}

// maxMessage bounds a decoded message. Our choice: ten times the longest encoded one.
const maxMessage = 100 << 10

// A message is what is in an encoded message: API_DecodeAuthorizationMessage, the sample. Lists are objects with items.
type message struct {
	Allowed           bool             `json:"allowed"`
	ExplicitDeny      bool             `json:"explicitDeny"`
	MatchedStatements items[statement] `json:"matchedStatements"`
	Failures          items[failure]   `json:"failures"`
	Context           messageContext   `json:"context"`
}

// items is a list as the message has it.
type items[T any] struct {
	Items []T `json:"items"`
}

type value struct {
	Value string `json:"value"`
}

type statement struct {
	StatementID     string           `json:"statementId"`
	Effect          string           `json:"effect"`
	Principals      items[value]     `json:"principals"`
	PrincipalGroups items[value]     `json:"principalGroups"`
	Actions         items[value]     `json:"actions"`
	Resources       items[value]     `json:"resources"`
	Conditions      items[condition] `json:"conditions"`
}

type condition struct {
	Key    string       `json:"key"`
	Values items[value] `json:"values"`
}

// A failure is a key that was missing: ours, the service's own list is empty.
type failure struct {
	Key string `json:"key"`
}

type messageContext struct {
	Principal struct {
		ID   string `json:"id"`
		Name string `json:"name,omitempty"`
		ARN  string `json:"arn"`
	} `json:"principal"`
	Action     string           `json:"action"`
	Resource   string           `json:"resource"`
	Conditions items[condition] `json:"conditions"`
}

// EncodeDenial returns what DecodeAuthorizationMessage of this account decodes: why d denied r. Nobody else can read it, and
// no other account's lab decodes it. Its conditions are all that was known of the request, the caller's MFA above all. Do not
// call it inside a transaction.
func (s *Service) EncodeDenial(ctx context.Context, r Request, d policy.Decision) (string, error) {
	m := message{Allowed: d.Outcome == policy.Allowed, ExplicitDeny: d.Outcome == policy.ExplicitDeny,
		MatchedStatements: items[statement]{[]statement{}}, Failures: items[failure]{[]failure{}}}
	if st := d.Statement; st != nil && m.ExplicitDeny {
		m.MatchedStatements.Items = append(m.MatchedStatements.Items, statement{StatementID: st.Sid, Effect: "DENY",
			Principals: values(r.Caller.UserID), PrincipalGroups: values(), Actions: values(st.Actions...),
			Resources: values(st.Resources...), Conditions: conditions(st.Conditions)})
	}
	if d.Absent && d.Condition != nil {
		m.Failures.Items = append(m.Failures.Items, failure{string(d.Condition.Key)})
	}
	m.Context.Principal.ID, m.Context.Principal.Name, m.Context.Principal.ARN = r.Caller.UserID, r.Caller.UserName, r.Caller.ARN
	m.Context.Action, m.Context.Resource = r.Action, r.Resource
	m.Context.Conditions = items[condition]{[]condition{}}
	st, err := s.standingOf(ctx, r.Caller)
	if err != nil {
		return "", err
	}
	p := s.principal(r.Caller)
	if st != nil && p.Type != policy.User {
		p.Base = st.arn
	}
	known := s.contextOf(&r, st, &p)
	for _, k := range known.Keys() {
		m.Context.Conditions.Items = append(m.Context.Conditions.Items, condition{string(k), values(known.Get(k)...)})
	}
	plain, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	return s.seal(plain)
}

// values are texts as the message has them.
func values(list ...string) items[value] {
	out := items[value]{[]value{}}
	for _, v := range list {
		out.Items = append(out.Items, value{v})
	}
	return out
}

// conditions are those of a statement as the message has them: it leaves out the operators.
func conditions(list []policy.Condition) items[condition] {
	out := items[condition]{[]condition{}}
	for _, c := range list {
		out.Items = append(out.Items, condition{string(c.Key), values(c.Values...)})
	}
	return out
}

// sealer is the account's own key for messages. It grows from the account's chance, so that a lab that is loaded again can still
// decode what it has sealed.
func (s *Service) sealer() (cipher.AEAD, error) {
	block, err := aes.NewCipher(s.chance().Derive("iam", "authorization-message", s.Account()).Bytes(32))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal encrypts a message. The nonce is the hash of what is in it, so that the same denial gives the same message, and a script
// the same journal; one key never meets the same nonce with two texts. It is compressed because it goes out inside an error
// message, where the real one has some hundred characters as well.
func (s *Service) seal(plain []byte) (string, error) {
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(plain); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	box, err := s.sealer()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(plain)
	nonce := sum[:box.NonceSize()]
	return base64.RawURLEncoding.EncodeToString(box.Seal(nonce, nonce, packed.Bytes(), nil)), nil
}

// open decrypts what seal made; ok is false for everything else.
func (s *Service) open(text string) (plain []byte, ok bool) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	box, failed := s.sealer()
	if err != nil || failed != nil || len(sealed) < box.NonceSize() {
		return nil, false
	}
	packed, err := box.Open(nil, sealed[:box.NonceSize()], sealed[box.NonceSize():], nil)
	if err != nil {
		return nil, false
	}
	plain, err = io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxMessage))
	return plain, err == nil
}

// decodedResult answers DecodeAuthorizationMessage.
type decodedResult struct{ DecodedMessage string }

// decodeAuthorizationMessage implements DecodeAuthorizationMessage. Whoever has the permission may read every
// message of the account: what is in it is about the policies, and that is why it is encoded at all.
func (o *operating) decodeAuthorizationMessage() (any, error) {
	plain, ok := o.open(o.param("EncodedMessage"))
	if !ok {
		return nil, o.refuse("InvalidMessage")
	}
	return decodedResult{string(plain)}, nil
}
