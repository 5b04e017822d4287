package iam

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"

	"golang.org/x/crypto/ssh"
)

// sshBits is the least length of a key: API_UploadSSHPublicKey.
const sshBits = 2048

// sshOperations are the operations on SSH public keys, which AWS CodeCommit takes.
var sshOperations = []*operation{
	{service: "iam", name: "UploadSSHPublicKey", on: onUser, writes: true, run: (*operating).uploadSSHKey, params: []param{
		{"UserName", userNameShape, true}, {"SSHPublicKeyBody", bodyShape, true}}},
	{service: "iam", name: "GetSSHPublicKey", on: onUser, run: (*operating).getSSHKey, params: []param{
		{"UserName", userNameShape, true}, {"SSHPublicKeyId", publicKeyIDShape, true}, {"Encoding", encodingShape, true}}},
	{service: "iam", name: "UpdateSSHPublicKey", on: onUser, writes: true, run: (*operating).updateSSHKey, params: []param{
		{"UserName", userNameShape, true}, {"SSHPublicKeyId", publicKeyIDShape, true}, {"Status", keyStatusShape, true}}},
	{service: "iam", name: "DeleteSSHPublicKey", on: onUser, writes: true, run: (*operating).deleteSSHKey, params: []param{
		{"UserName", userNameShape, true}, {"SSHPublicKeyId", publicKeyIDShape, true}}},
	{service: "iam", name: "ListSSHPublicKeys", on: onUser, run: (*operating).listSSHKeys, params: []param{
		{"UserName", userNameShape, false}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
}

// sshKey is the record of an SSH public key.
type sshKey struct {
	belonging
	Body string `json:"body"` // as it was uploaded
}

// sshKeyXML is an SSH public key as answers show it: lists are without what identifies it.
type sshKeyXML struct {
	UserName         string
	SSHPublicKeyID   string `xml:"SSHPublicKeyId"`
	Fingerprint      string `xml:",omitempty"`
	SSHPublicKeyBody string `xml:",omitempty"`
	Status           string
	UploadDate       string
}

type sshKeyResult struct{ SSHPublicKey sshKeyXML }

// parseSSHKey reads a public key in the form of ssh-rsa or of PEM, the two that API_UploadSSHPublicKey names; ok is false for
// every other. short is true for one that is RSA and not long enough.
func parseSSHKey(body string) (key ssh.PublicKey, rsaKey *rsa.PublicKey, ok bool) {
	if block, _ := pem.Decode([]byte(body)); block != nil {
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if rsaKey, ok = parsed.(*rsa.PublicKey); err != nil || !ok {
			return nil, nil, false
		}
		key, err = ssh.NewPublicKey(rsaKey)
		return key, rsaKey, err == nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(body))
	if err != nil || key.Type() != ssh.KeyAlgoRSA {
		return nil, nil, false
	}
	rsaKey, ok = key.(ssh.CryptoPublicKey).CryptoPublicKey().(*rsa.PublicKey)
	return key, rsaKey, ok
}

// describeSSHKey returns k in one of the encodings of the service model, "" for the one in which it came. Body and
// fingerprint are those of a key that has been parsed once already.
func describeSSHKey(u *User, k *sshKey, encoding string) sshKeyXML {
	x := sshKeyXML{UserName: u.Name, SSHPublicKeyID: k.ID, SSHPublicKeyBody: k.Body, Status: k.status(), UploadDate: stamp(k.Created)}
	key, rsaKey, ok := parseSSHKey(k.Body)
	if !ok {
		return x
	}
	x.Fingerprint = ssh.FingerprintLegacyMD5(key)
	isPEM := strings.HasPrefix(strings.TrimSpace(k.Body), "-----BEGIN")
	switch {
	case encoding == "SSH" && isPEM:
		x.SSHPublicKeyBody = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	case encoding == "PEM" && !isPEM:
		if der, err := x509.MarshalPKIXPublicKey(rsaKey); err == nil {
			x.SSHPublicKeyBody = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		}
	}
	return x
}

// uploadSSHKey implements UploadSSHPublicKey. That one user has a key twice is refused by the key itself, not by the text
// that carries it.
func (o *operating) uploadSSHKey() (any, error) {
	u, err := o.subject()
	if err != nil {
		return nil, err
	}
	body := o.param("SSHPublicKeyBody")
	key, rsaKey, ok := parseSSHKey(body)
	switch {
	case !ok:
		return nil, o.refuse("UnrecognizedPublicKey")
	case rsaKey.N.BitLen() < sshBits:
		return nil, o.refuse("InvalidPublicKey", sshBits)
	}
	others, err := belongingsOf[sshKey](o.Tx, kindSSHKey, u.ID)
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		if same, _, ok := parseSSHKey(other.Body); ok && string(same.Marshal()) == string(key.Marshal()) {
			return nil, o.refuse("DuplicatePublicKey")
		}
	}
	if len(others) >= sshKeysPerUser {
		return nil, o.refuse("QuotaExceeded", "SSHPublicKeysPerUser", sshKeysPerUser)
	}
	k := &sshKey{belonging{ID: o.drawID("APKA", 17), UserID: u.ID, Created: o.today()}, body}
	return sshKeyResult{describeSSHKey(u, k, "")}, put(o.Tx, kindSSHKey, k.key(), k)
}

// getSSHKey implements GetSSHPublicKey.
func (o *operating) getSSHKey() (any, error) {
	k := &sshKey{}
	u, err := sshKeys.named(o, k)
	if err != nil {
		return nil, err
	}
	return sshKeyResult{describeSSHKey(u, k, o.param("Encoding"))}, nil
}

// updateSSHKey implements UpdateSSHPublicKey.
func (o *operating) updateSSHKey() (any, error) { return sshKeys.update(o, &sshKey{}) }

// deleteSSHKey implements DeleteSSHPublicKey.
func (o *operating) deleteSSHKey() (any, error) { return sshKeys.remove(o) }

type listSSHKeysResult struct {
	SSHPublicKeys list[sshKeyXML]
	tail
}

// listSSHKeys implements ListSSHPublicKeys.
func (o *operating) listSSHKeys() (any, error) {
	u, err := o.subject()
	if err != nil {
		return nil, err
	}
	keys, err := belongingsOf[sshKey](o.Tx, kindSSHKey, u.ID)
	if err != nil {
		return nil, err
	}
	keys, end, err := page(o, keys, func(k *sshKey) string { return k.ID })
	var out []sshKeyXML
	for _, k := range keys {
		out = append(out, sshKeyXML{UserName: u.Name, SSHPublicKeyID: k.ID, Status: k.status(), UploadDate: stamp(k.Created)})
	}
	return listSSHKeysResult{list[sshKeyXML]{out}, end}, err
}
