package u2f

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// maxName is how many bytes of a name the key keeps. See Section 6.1.2, step 17, and Web Authentication Level 2, Section
// 5.4.1: at least 64.
const maxName = 64

// making is a credential that waits for consent.
type making struct {
	request ctap.MakeCredentialRequest
	credential
	uv         bool
	present    bool        // the user has touched the key already, to be verified
	sayProtect bool        // credProtect was asked for, or the key says it unasked
	enterprise bool        // the attestation is to be an enterprise's
	extensions *makingMore // nil if none was asked for
}

// makeCredential implements authenticatorMakeCredential. See Section 6.1.2, whose order of steps is that of the errors.
func (k *Key) makeCredential(now time.Time, req []byte) ([]byte, error) {
	r, err := ctap.ParseMakeCredentialRequest(req)
	if err != nil {
		return nil, err
	}
	if err := k.strangeMaking(&r, req); err != nil {
		return nil, err
	}
	what := Request{Command: nameMakeCredential, RP: r.RP.ID}
	if k.probes(r.UVAuthParam) {
		return k.probe(now, what)
	}
	m := making{request: r}
	if err := k.plan(&m); err != nil {
		return nil, err
	}
	if m.request.Options.UV == ctap.True && r.UVAuthParam == nil {
		return k.performBuiltInUV(now, what, k.profile.Sensor.InternalAttempts, func(now time.Time, err error) ([]byte, error) {
			if err != nil {
				return nil, k.uvError(err)
			}
			m.uv, m.present = true, true
			return k.making(now, what, &m)
		})
	}
	m.uv, err = k.verified(now, r.UVAuthParam, r.Protocol, r.ClientDataHash, ctap.PermissionMC, r.RP.ID)
	if err != nil {
		return nil, err
	}
	m.present = m.uv && k.tokenPresent(now)
	return k.making(now, what, &m)
}

// making goes on when the user is verified, or need not be: Section 6.1.2, steps 12 to 14.
func (k *Key) making(now time.Time, what Request, m *making) ([]byte, error) {
	switch {
	case k.excluded(m) && m.present:
		return nil, ctap.ErrCredentialExcluded
	case k.excluded(m):
		return k.awaitOr(now, what, ctap.ErrCredentialExcluded, func(time.Time) ([]byte, error) {
			return nil, ctap.ErrCredentialExcluded
		})
	case m.present:
		k.tokenUsedUp(now)
		return k.create(now, m)
	}
	return k.await(now, what, func(now time.Time) ([]byte, error) {
		k.tokenUsedUp(now)
		return k.create(now, m)
	})
}

// plan decides what the credential will be: Section 6.1.2, steps 2 to 10.
func (k *Key) plan(m *making) error {
	r := &m.request
	if err := k.checkProtocol(r.UVAuthParam, r.Protocol); err != nil {
		return err
	}
	if err := k.chooseAlgorithm(m); err != nil {
		return err
	}
	if err := k.checkUV(r.Options.UV, r.UVAuthParam); err != nil {
		return err
	}
	m.resident = r.Options.RK == ctap.True
	always := k.alwaysUV(&r.Options, r.UVAuthParam)
	switch {
	case r.Options.RK == ctap.True && k.profile.ResidentSlots == 0:
		return ctap.ErrUnsupportedOption
	case r.Options.UP == ctap.False:
		return ctap.ErrInvalidOption
	case always != nil: // step 6
		return always
	case k.protected() && r.UVAuthParam == nil && r.Options.UV != ctap.True && (m.resident || !k.uvNotRequired()):
		return k.unverified() // steps 7 and 8
	}
	if err := k.planEnterprise(m); err != nil {
		return err
	}
	if err := k.checkList(r.ExcludeList); err != nil {
		return err
	}
	m.rpIDHash = sha256Sum([]byte(r.RP.ID))
	return k.planExtensions(m)
}

// planEnterprise decides whether the attestation is an enterprise's: Section 6.1.2, step 9, and Section 7.1. With type 1
// it is for the relying parties that the maker has put on a list, with type 2 for whom the platform lets have it.
func (k *Key) planEnterprise(m *making) error {
	kind := m.request.EnterpriseAttestation
	switch {
	case kind == nil:
		return nil
	case !k.settings.Enterprise:
		return ctap.ErrInvalidParameter
	case *kind != vendorFacilitated && *kind != platformManaged:
		return ctap.ErrInvalidOption
	}
	m.enterprise = k.factory.enterprise != nil &&
		(*kind == platformManaged || slices.Contains(k.profile.EnterpriseRPs, m.request.RP.ID))
	return nil
}

// From the specification: Section 7.1.
const (
	vendorFacilitated = 1
	platformManaged   = 2
)

// chooseAlgorithm takes the first parameter that the key supports, once all of them are known to be sound. See Section
// 6.1.2, step 3.
func (k *Key) chooseAlgorithm(m *making) error {
	if err := m.request.CheckParams(); err != nil {
		return err
	}
	for _, p := range m.request.Params {
		if p.Type == ctap.PublicKey && slices.Contains(k.algorithms(), cose.Algorithm(p.Alg)) {
			m.alg = cose.Algorithm(p.Alg)
			return nil
		}
	}
	return ctap.ErrUnsupportedAlgorithm
}

// excluded reports whether a credential of the excludeList lives here. One that needs user verification does not show
// itself without. See Section 6.1.2, step 12.
func (k *Key) excluded(m *making) bool {
	for _, d := range m.request.ExcludeList {
		if c, found := k.find(m.rpIDHash, d); found && (c.protect != protectRequired || m.uv) {
			return true
		}
	}
	return false
}

// create makes the credential: Section 6.1.2, steps 15 to 19. It is stored last, when nothing else can fail, and before
// the answer leaves.
func (k *Key) create(now time.Time, m *making) ([]byte, error) {
	r := &m.request
	k.reprotect(m)
	m.user = ctap.User{ID: slices.Clone(r.User.ID), Name: k.shorten(r.User.Name), DisplayName: k.shorten(r.User.DisplayName)}
	if m.resident && k.full(m.rpIDHash, m.user.ID) {
		return nil, ctap.ErrKeyStoreFull
	}
	c, err := k.newCredential(m.credential)
	if err != nil {
		return nil, err
	}
	key, err := k.privateKey(&c)
	if err != nil {
		return nil, err
	}
	outputs, err := k.makingOutputs(now, m, &c)
	if err != nil {
		return nil, err
	}
	authData := ctap.AuthData{RPIDHash: c.rpIDHash, Flags: ctap.FlagUP | k.backup(&c), Counter: k.newCounter(), AAGUID: k.profile.AAGUID,
		CredentialID: c.outward(), PublicKey: key.AppendPublicKey(nil), Extensions: k.extra(outputs)}
	if m.uv {
		authData.Flags |= ctap.FlagUV
	}
	var answer ctap.MakeCredentialResponse
	answer.AuthData = authData.Append(make([]byte, 0, 256+len(r.ClientDataHash)))
	kind := k.attestation(r.Formats)
	if m.enterprise {
		kind, answer.EPAtt = enterprisePacked, true
	}
	made, err := k.attest(now, kind, key, answer.AuthData, r.ClientDataHash)
	if err != nil {
		return nil, err
	}
	answer.Format, answer.AuthData, answer.Statement = made.Format, made.AuthData, made.Statement
	k.sayBlobs(m, &c, &answer)
	if m.resident {
		if err := k.keep(resident{credential: c, rpID: r.RP.ID, public: slices.Clone(authData.PublicKey)}); err != nil {
			return nil, err
		}
	}
	k.observe(Event{Name: Registered, At: now, Command: nameMakeCredential, RP: r.RP.ID, Counter: authData.Counter})
	answer.EPAtt = answer.EPAtt || k.profile.Quirks.AlwaysEnterprise
	return answer.Append(make([]byte, 0, 128+len(answer.AuthData)+len(answer.Statement))), nil
}

// shorten cuts a name to what the key keeps, between two characters.
func shorten(name string) string {
	if len(name) <= maxName {
		return name
	}
	end := maxName
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}
