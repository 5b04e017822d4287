package iam

import (
	"encoding/json"
	"time"
)

// What a user has besides access keys and a password: SSH public keys and credentials for other services, and signing
// certificates. Nothing in the lab takes them. They are here because the policies that people use to make MFA compulsory
// name them ("AWS: Allows MFA-authenticated IAM users to manage their own credentials"), so that each statement of those
// policies has a call that it allows or denies; and because a user who has one cannot be deleted.
//
// Each is a record of its own, under the user's ID, a space and its own ID, and not a part of the user: the user's record is
// read with every call that the user makes, and an SSH key may have 16 KiB.

// belonging is what the three kinds have in common.
type belonging struct {
	ID       string    `json:"id"`
	UserID   string    `json:"userId"`
	Created  time.Time `json:"created"`
	Inactive bool      `json:"inactive,omitempty"`
}

// status is the belonging's as answers have it.
func (b *belonging) status() string { return (&AccessKey{Inactive: b.Inactive}).status() }

// key is the record's.
func (b *belonging) key() string { return b.UserID + " " + b.ID }

// Belongings of users: what is drawn for their IDs, and how many a user may have (reference_iam-quotas; for service-specific
// credentials id_credentials_service-specific-creds, for each service).
const (
	sshKeysPerUser           = 5
	certificatesPerUser      = 2
	serviceCredentialsPerOne = 2
)

// belongingsOf returns the records of a kind that a user has, in the order of their IDs.
func belongingsOf[T any](tx Tx, kind, userID string) ([]*T, error) {
	records, err := tx.Scan(kind, userID+" ", "", 0)
	if err != nil {
		return nil, err
	}
	list := make([]*T, len(records))
	for i, r := range records {
		list[i] = new(T)
		if err := json.Unmarshal(r.Value, list[i]); err != nil {
			return nil, damaged(kind, r.Key, err)
		}
	}
	return list, nil
}

// its returns b, of whichever kind it is.
func (b *belonging) its() *belonging { return b }

// A belongingKind is one of the three: its records, the parameter that names one, and the refusal of what is not there.
type belongingKind struct{ records, parameter, missing string }

var (
	sshKeys            = belongingKind{kindSSHKey, "SSHPublicKeyId", "NoSuchPublicKey"}
	certificates       = belongingKind{kindCertificate, "CertificateId", "NoSuchCertificate"}
	serviceCredentials = belongingKind{kindServiceCredential, "ServiceSpecificCredentialId", "NoSuchServiceCredential"}
)

// named reads the call's user and, into v, the record that the parameter names: one of that user's. The user is looked for
// first (recorded).
func (k belongingKind) named(o *operating, v any) (*User, error) {
	u, err := o.subject()
	if err != nil {
		return nil, err
	}
	id := o.param(k.parameter)
	found, err := get(o.Tx, k.records, u.ID+" "+id, v)
	if err == nil && !found {
		err = o.refuse(k.missing, id)
	}
	return u, err
}

// update takes the call's Status over into the record that the call names and v is read from.
func (k belongingKind) update(o *operating, v interface{ its() *belonging }) (any, error) {
	if _, err := k.named(o, v); err != nil {
		return nil, err
	}
	if err := o.setStatus(v.its()); err != nil {
		return nil, err
	}
	return nil, put(o.Tx, k.records, v.its().key(), v)
}

// remove deletes the record that the call names.
func (k belongingKind) remove(o *operating) (any, error) {
	b := &belonging{}
	if _, err := k.named(o, b); err != nil {
		return nil, err
	}
	return nil, o.Delete(k.records, b.key())
}

// setStatus takes the call's Status over. The model's third, Expired, is one that only the service sets.
func (o *operating) setStatus(b *belonging) error {
	status := o.param("Status")
	if status == "Expired" {
		return o.refuse("InvalidKeyStatus", status)
	}
	b.Inactive = status == "Inactive"
	return nil
}

// checkBelongings refuses to delete a user who has any of them. The text is recorded for service-specific credentials; the
// real service's order is not.
func (o *operating) checkBelongings(userID string) error {
	for _, kind := range []string{kindServiceCredential, kindCertificate, kindSSHKey} {
		records, err := o.Scan(kind, userID+" ", "", 1)
		if err != nil {
			return err
		}
		if len(records) > 0 {
			return o.refuse("UserIsReferenced")
		}
	}
	return nil
}
