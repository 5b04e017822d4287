package u2f

import (
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// asking is what an assertion is made for. It keeps nothing of the request, because authenticatorGetNextAssertion goes
// on with it.
type asking struct {
	rpID     string
	rpIDHash [32]byte
	hash     [32]byte // clientDataHash
	up, uv   bool
	token    bool // uv comes from a pinUvAuthToken
	listed   int  // how many credentials the allowList had
	present  bool // the user has touched the key already, to be verified

	extensions *askingMore // nil if none was asked for
}

// assertions are what authenticatorGetAssertion leaves behind for authenticatorGetNextAssertion. See Section 6.2.2, step
// 12.2.2.
type assertions struct {
	asking
	left    []credential // the next one first
	several bool
	channel uint32
	until   time.Time
}

// getAssertion implements authenticatorGetAssertion. See Section 6.2.2, whose order of steps is that of the errors.
func (k *Key) getAssertion(now time.Time, req []byte) ([]byte, error) {
	r, err := ctap.ParseGetAssertionRequest(req)
	if err != nil {
		return nil, err
	}
	if err := k.strangeAsking(&r); err != nil {
		return nil, err
	}
	what := Request{Command: nameGetAssertion, RP: r.RPID}
	if k.probes(r.UVAuthParam) {
		return k.probe(now, what)
	}
	a, err := k.ask(now, &r)
	if err != nil {
		return nil, err
	}
	if r.Options.UV == ctap.True && r.UVAuthParam == nil {
		return k.assertVerified(now, what, a, r.AllowList)
	}
	return k.asserting(now, what, a, r.AllowList)
}

// assertVerified verifies the user first: Section 6.2.2, step 6.2. The finger is a touch too, whether one was asked for or
// not (step 8).
func (k *Key) assertVerified(now time.Time, what Request, a asking, allowList []ctap.Descriptor) ([]byte, error) {
	return k.performBuiltInUV(now, what, k.profile.Sensor.InternalAttempts, func(now time.Time, err error) ([]byte, error) {
		if err != nil {
			return nil, k.uvError(err)
		}
		a.uv, a.up, a.present = true, true, true
		return k.asserting(now, what, a, allowList)
	})
}

// asserting goes on when the user is verified, or need not be: Section 6.2.2, steps 7 to 9.
func (k *Key) asserting(now time.Time, what Request, a asking, allowList []ctap.Descriptor) ([]byte, error) {
	list := k.applicable(&a, allowList)
	if len(list) == 0 {
		return k.noCredentials(now, what, a.up)
	}
	several := len(allowList) == 0 && len(list) > 1
	switch {
	case a.present:
		k.tokenUsedUp(now)
		return k.assert(now, &a, list, several)
	case !a.up:
		return k.assert(now, &a, list, several)
	}
	return k.await(now, what, func(now time.Time) ([]byte, error) {
		k.tokenUsedUp(now)
		return k.assert(now, &a, list, several)
	})
}

// ask decides what is asked for: Section 6.2.2, steps 2 to 6.
func (k *Key) ask(now time.Time, r *ctap.GetAssertionRequest) (a asking, err error) {
	if err := k.checkProtocol(r.UVAuthParam, r.Protocol); err != nil {
		return a, err
	}
	if err := k.checkUV(r.Options.UV, r.UVAuthParam); err != nil {
		return a, err
	}
	if r.Options.UP != ctap.False || k.profile.Quirks.AlwaysUVForUPFalse {
		if err := k.alwaysUV(&r.Options, r.UVAuthParam); err != nil { // step 5
			return a, err
		}
	}
	if r.Options.RK != ctap.Absent {
		return a, ctap.ErrUnsupportedOption
	}
	if err := k.checkList(r.AllowList); err != nil {
		return a, err
	}
	a = asking{rpID: r.RPID, rpIDHash: sha256Sum([]byte(r.RPID)), hash: [32]byte(r.ClientDataHash),
		up: r.Options.UP != ctap.False, token: r.UVAuthParam != nil, listed: len(r.AllowList)}
	if a.extensions, err = k.askedExtensions(r.Extensions); err != nil {
		return a, err
	}
	a.uv, err = k.verified(now, r.UVAuthParam, r.Protocol, r.ClientDataHash, ctap.PermissionGA, r.RPID)
	a.present = a.up && a.uv && k.tokenPresent(now)
	return a, err
}

// applicable returns the credentials that may answer, the newest first: with an allowList the first that it names, and
// without one all that are discoverable. See Section 6.2.2, steps 7, 11 and 12; credProtect is Section 12.1.
func (k *Key) applicable(a *asking, allowList []ctap.Descriptor) []credential {
	for _, d := range allowList {
		if c, found := k.find(a.rpIDHash, d); found && (c.protect != protectRequired || a.uv) && !k.overlooked(&c) {
			return []credential{c}
		}
	}
	if len(allowList) > 0 {
		return nil
	}
	var list []credential
	for i := len(k.residents) - 1; i >= 0; i-- {
		if r := &k.residents[i]; r.rpIDHash == a.rpIDHash && (r.protect() == protectOptional || a.uv) {
			list = append(list, r.credential())
		}
	}
	return list
}

// noCredentials answers at once, so that a platform learns quickly which key to use; a key of 2.0 asks for a touch
// first. See Section 6.2.2, step 7.6, and 2.0 Section 5.2, step 8.
func (k *Key) noCredentials(now time.Time, what Request, up bool) ([]byte, error) {
	if k.profile.Quirks.ImmediateInvalidCredential {
		return nil, ctap.ErrInvalidCredential
	}
	if !up || !k.profile.TouchBeforeNoCredentials {
		return nil, ctap.ErrNoCredentials
	}
	return k.await(now, what, func(time.Time) ([]byte, error) { return nil, ctap.ErrNoCredentials })
}

// assert signs with the first of list and remembers the others: Section 6.2.2, steps 10 to 13.
func (k *Key) assert(now time.Time, a *asking, list []credential, several bool) ([]byte, error) {
	answer, err := k.sign(now, nameGetAssertion, a, &list[0], several)
	if err != nil {
		return nil, err
	}
	answer.UserSelected = several && k.profile.Quirks.InternalAccountChooser
	if several && !answer.UserSelected {
		answer.NumberOfCredentials = uint64(len(list))
		k.next = &assertions{asking: *a, left: list[1:], several: true, channel: k.channel,
			until: now.Add(time.Duration(k.profile.NextAssertion))}
	}
	k.body = answer.Append(k.body[:0])
	return k.body, nil
}

// sign makes one assertion. The counter is stored before the answer leaves, after all that can be wrong with the
// request.
func (k *Key) sign(now time.Time, command string, a *asking, c *credential, several bool) (
	answer ctap.GetAssertionResponse, err error) {
	data := ctap.AuthData{RPIDHash: a.rpIDHash, Flags: k.backup(c)}
	if data.Extensions, err = k.assertExtensions(now, a, c); err != nil {
		return answer, err
	}
	key, err := k.privateKey(c)
	if err != nil {
		return answer, err
	}
	data.Extensions = k.extra(data.Extensions)
	k.credentialInAssertion(&data, c, key)
	if data.Counter, err = k.count(c); err != nil {
		return answer, err
	}
	if a.up {
		data.Flags |= ctap.FlagUP
	}
	if a.uv {
		data.Flags |= ctap.FlagUV
	}
	answer.CredentialID = c.outward()
	k.signed = data.Append(k.signed[:0])
	answer.AuthData = k.signed
	k.signed = append(k.signed, a.hash[:]...)
	if answer.Signature, err = key.Sign(k.signed); err != nil {
		return answer, err
	}
	answer.User = identity(c, a.uv && several)
	k.trim(&answer, a.listed)
	if err := k.answerBlobs(a, c, &answer); err != nil {
		return answer, err
	}
	k.observe(Event{Name: Signed, At: now, Command: command, RP: a.rpID, Counter: data.Counter})
	return answer, nil
}

// identity returns what is said of the user: nothing for a credential that is not discoverable, otherwise the id, and
// the names where a verified user has to choose between accounts. See Section 6.2.2, step 12.3.
func identity(c *credential, names bool) *ctap.User {
	switch {
	case !c.resident:
		return nil
	case names:
		return &c.user
	}
	return &ctap.User{ID: c.user.ID}
}

// getNextAssertion implements authenticatorGetNextAssertion: it goes on where authenticatorGetAssertion stopped, on the
// same channel, as long as no other command came in between, the timer has not run out and the pinUvAuthToken lives.
// See Sections 6 and 6.3.
func (k *Key) getNextAssertion(now time.Time, _ []byte) ([]byte, error) {
	n := k.next
	if n == nil || n.channel != k.channel {
		return nil, ctap.ErrNotAllowed
	}
	if !now.Before(n.until) || n.token && !k.tokenInUse(now) {
		k.next = nil
		return nil, ctap.ErrNotAllowed
	}
	answer, err := k.sign(now, nameGetNextAssertion, &n.asking, &n.left[0], n.several)
	if err != nil {
		k.next = nil
		return nil, err
	}
	n.until = now.Add(time.Duration(k.profile.NextAssertion))
	if n.left = n.left[1:]; len(n.left) == 0 {
		k.next = nil
	}
	k.body = answer.Append(k.body[:0])
	return k.body, nil
}
