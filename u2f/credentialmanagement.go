package u2f

import (
	"slices"
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// managing is one row of the table of Section 6.8: what a subcommand needs, and what it does with a request that has it
// and is authorized.
type managing struct {
	name    string
	section string
	bare    bool // no pinUvAuthParam: it goes on with what a begin has left behind
	rp      bool // the token may be bound to a relying party: the one concerned
	reads   bool // a token that lasts is good for it: permission pcmr, 2.3 Section 6.8
	needs   func(r *ctap.CredentialManagementRequest) bool
	run     func(k *Key, now time.Time, r *ctap.CredentialManagementRequest) (ctap.CredentialManagementResponse, error)
}

var managements = [...]managing{
	ctap.GetCredsMetadata:      {name: "getCredsMetadata", section: "6.8.2", reads: true, run: (*Key).credsMetadata},
	ctap.EnumerateRPsBegin:     {name: "enumerateRPsBegin", section: "6.8.3", reads: true, run: (*Key).listRPs},
	ctap.EnumerateRPsGetNextRP: {name: "enumerateRPsGetNextRP", section: "6.8.3", bare: true, run: (*Key).nextRP},
	ctap.EnumerateCredentialsBegin: {name: "enumerateCredentialsBegin", section: "6.8.4", rp: true, reads: true, run: (*Key).listCredentials,
		needs: func(r *ctap.CredentialManagementRequest) bool { return r.RPIDHash != nil }},
	ctap.EnumerateCredentialsGetNextCredential: {name: "enumerateCredentialsGetNextCredential", section: "6.8.4", bare: true,
		run: (*Key).nextCredential},
	ctap.DeleteCredential: {name: "deleteCredential", section: "6.8.5", rp: true, run: (*Key).deleteCredential,
		needs: func(r *ctap.CredentialManagementRequest) bool { return r.CredentialID != nil }},
	ctap.UpdateUserInformation: {name: "updateUserInformation", section: "6.8.6", rp: true, run: (*Key).updateUser,
		needs: func(r *ctap.CredentialManagementRequest) bool { return r.CredentialID != nil && r.User != nil }},
}

// A listing is what enumerateRPsBegin or enumerateCredentialsBegin leaves behind. It belongs to its channel, and any other
// command ends it. See Sections 6.8.3 and 6.8.4.
type listing struct {
	rps         bool // relying parties, not credentials
	persistent  bool // by a token that lasts, 2.3
	credentials []resident
	channel     uint32
	until       time.Time
}

// credentialManagement implements authenticatorCredentialManagement. See Section 6.8, whose order of checks is that of the
// errors.
func (k *Key) credentialManagement(now time.Time, req []byte) ([]byte, error) {
	left := k.listing
	k.listing = nil
	r, err := ctap.ParseCredentialManagementRequest(req)
	if err != nil {
		return nil, err
	}
	if r.Subcommand >= ctap.CredentialManagementSubcommand(len(managements)) || managements[r.Subcommand].run == nil {
		return nil, k.profile.SubcommandError
	}
	m := &managements[r.Subcommand]
	switch {
	case m.bare:
		k.listing = left
	case m.needs != nil && !m.needs(&r):
		return nil, ctap.ErrMissingParameter
	default:
		if err := k.authorizeManagement(now, m, &r); err != nil {
			return nil, err
		}
	}
	answer, err := m.run(k, now, &r)
	if err != nil {
		return k.emptied(r.Subcommand, err)
	}
	return answer.Append(nil), nil
}

// authorizeManagement checks pinUvAuthParam: its permission, and that the token is bound to no other relying party. See
// Section 6.8.2, steps 1 to 5, and their like in Sections 6.8.3 to 6.8.6.
func (k *Key) authorizeManagement(now time.Time, m *managing, r *ctap.CredentialManagementRequest) error {
	switch {
	case r.UVAuthParam == nil:
		return ctap.ErrPUATRequired
	case r.Protocol == nil:
		return ctap.ErrMissingParameter
	case !slices.Contains(k.profile.PINUVAuthProtocols, *r.Protocol):
		return ctap.ErrInvalidParameter
	}
	message := []byte{byte(r.Subcommand)}
	if m.rp {
		message = append(message, r.Params...)
	}
	k.persistent = m.reads && k.verifyPersistent(pinuv.Protocol(*r.Protocol), message, r.UVAuthParam)
	if k.persistent {
		return nil
	}
	t := &k.token
	if !k.tokenInUse(now) || t.protocol != pinuv.Protocol(*r.Protocol) || !t.protocol.Verify(t.value[:], message, r.UVAuthParam) ||
		k.profile.Permissions && t.permissions&ctap.PermissionCM == 0 || t.rpID != nil && (!m.rp || !k.concerns(r, *t.rpID)) {
		return ctap.ErrPINAuthInvalid
	}
	t.phase = usedToken
	return nil
}

// concerns reports whether a request is about the relying party rpID.
func (k *Key) concerns(r *ctap.CredentialManagementRequest, rpID string) bool {
	hash := sha256Sum([]byte(rpID))
	if r.RPIDHash != nil {
		return string(r.RPIDHash) == string(hash[:])
	}
	at := k.residentWithID(r.CredentialID)
	return at >= 0 && k.residents[at].rpIDHash == hash
}

// credsMetadata implements getCredsMetadata. See Section 6.8.2.
func (k *Key) credsMetadata(time.Time, *ctap.CredentialManagementRequest) (ctap.CredentialManagementResponse, error) {
	existing := uint64(len(k.residents))
	remaining := uint64(max(0, k.profile.ResidentSlots-len(k.residents)))
	return ctap.CredentialManagementResponse{Existing: &existing, Remaining: &remaining}, nil
}

// listRPs implements enumerateRPsBegin. See Section 6.8.3.
func (k *Key) listRPs(now time.Time, _ *ctap.CredentialManagementRequest) (ctap.CredentialManagementResponse, error) {
	var one []resident // of each relying party
	for i := range k.residents {
		r := &k.residents[i]
		if !slices.ContainsFunc(one, func(other resident) bool { return other.rpIDHash == r.rpIDHash }) {
			one = append(one, r.resident())
		}
	}
	k.listing = &listing{rps: true, persistent: k.persistent, credentials: one, channel: k.channel}
	answer, err := k.nextListed(now, true)
	answer.TotalRPs = uint64(len(one))
	return answer, err
}

// nextRP implements enumerateRPsGetNextRP. See Section 6.8.3.
func (k *Key) nextRP(now time.Time, _ *ctap.CredentialManagementRequest) (ctap.CredentialManagementResponse, error) {
	if err := k.listed(now, true); err != nil {
		return ctap.CredentialManagementResponse{}, err
	}
	return k.nextListed(now, true)
}

// listCredentials implements enumerateCredentialsBegin. See Section 6.8.4.
func (k *Key) listCredentials(now time.Time, r *ctap.CredentialManagementRequest) (ctap.CredentialManagementResponse, error) {
	var all []resident
	for i := range k.residents {
		if c := &k.residents[i]; string(c.rpIDHash[:]) == string(r.RPIDHash) {
			all = append(all, c.resident())
		}
	}
	k.listing = &listing{persistent: k.persistent, credentials: all, channel: k.channel}
	answer, err := k.nextListed(now, false)
	answer.TotalCredentials = uint64(len(all))
	return answer, err
}

// nextCredential implements enumerateCredentialsGetNextCredential. See Section 6.8.4.
func (k *Key) nextCredential(now time.Time, _ *ctap.CredentialManagementRequest) (ctap.CredentialManagementResponse, error) {
	if err := k.listed(now, false); err != nil {
		return ctap.CredentialManagementResponse{}, err
	}
	return k.nextListed(now, false)
}

// listed reports why there is nothing to go on with.
func (k *Key) listed(now time.Time, rps bool) error {
	l := k.listing
	switch {
	case l == nil || l.rps != rps || l.channel != k.channel:
		return ctap.ErrNotAllowed
	case !now.Before(l.until) || !l.persistent && !k.tokenInUse(now):
		k.listing = nil
		return ctap.ErrNotAllowed
	}
	return nil
}

// nextListed answers with the next of a listing.
func (k *Key) nextListed(now time.Time, rps bool) (answer ctap.CredentialManagementResponse, err error) {
	l := k.listing
	if len(l.credentials) == 0 {
		k.listing = nil
		return answer, ctap.ErrNoCredentials
	}
	c := l.credentials[0]
	l.credentials, l.until = l.credentials[1:], now.Add(time.Duration(k.profile.NextAssertion))
	if len(l.credentials) == 0 {
		k.listing = nil
	}
	if rps {
		answer.RPID, answer.RPIDHash = c.rpID, c.rpIDHash[:]
		return answer, nil
	}
	if answer.PublicKey = c.public; c.public == nil {
		key, err := k.privateKey(&c.credential)
		if err != nil {
			return answer, err
		}
		answer.PublicKey = key.AppendPublicKey(nil)
	}
	answer.User, answer.CredentialID, answer.CredProtect = &c.user, c.outward(), uint64(c.protect)
	if c.has(flagLargeBlobKey) {
		answer.LargeBlobKey = k.largeBlobKey(&c.credential)
	}
	if k.profile.extends(ctap.ThirdPartyPayment) {
		third := c.has(flagThirdParty)
		answer.ThirdParty = &third
	}
	return answer, nil
}

// deleteCredential implements deleteCredential: one write. See Section 6.8.5.
func (k *Key) deleteCredential(now time.Time, r *ctap.CredentialManagementRequest) (none ctap.CredentialManagementResponse, err error) {
	at := k.residentWithID(r.CredentialID)
	if at < 0 {
		return none, ctap.ErrNoCredentials
	}
	gone := k.residents[at].resident()
	if err := k.flash.Delete(gone.name()); err != nil {
		k.fault = k.loadResidents() // it may have happened or not
		return none, err
	}
	k.dropResident(at)
	k.observe(Event{Name: Deleted, At: now, Command: nameCredentialManagement, RP: gone.rpID})
	return none, nil
}

// updateUser implements updateUserInformation: one write. A name that is left out is forgotten. See Section 6.8.6.
func (k *Key) updateUser(_ time.Time, r *ctap.CredentialManagementRequest) (none ctap.CredentialManagementResponse, err error) {
	at := k.residentWithID(r.CredentialID)
	if at < 0 {
		return none, ctap.ErrNoCredentials
	}
	changed := k.residents[at].resident()
	if string(changed.user.ID) != string(r.User.ID) {
		return none, ctap.ErrInvalidParameter
	}
	changed.user = ctap.User{ID: changed.user.ID, Name: r.User.Name, DisplayName: r.User.DisplayName}
	return none, k.replace(at, changed)
}
