package iam

import (
	"slices"
	"strings"
)

const (
	// accessKeysPerUser is from reference_iam-quotas; root has as many.
	accessKeysPerUser = 2
	// secretAlphabet is what secret keys are made of: base64 without padding, 40 characters.
	secretAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	secretLength   = 40
)

// status is the key's as answers have it.
func (k *AccessKey) status() string {
	if k.Inactive {
		return "Inactive"
	}
	return "Active"
}

// accessKeyXML is an access key as answers show it: its secret is in that of CreateAccessKey alone, and in no later
// one.
type accessKeyXML struct {
	UserName        string `xml:",omitempty"` // root has none
	AccessKeyID     string `xml:"AccessKeyId"`
	Status          string
	SecretAccessKey string `xml:",omitempty"` // shown once, when the key is made
	CreateDate      string
}

type accessKeyResult struct{ AccessKey accessKeyXML }

// Credential returns the key and its secret, for the lab itself: it hands them to the clients that it sets up.
func (r accessKeyResult) Credential() (id, secret string) {
	return r.AccessKey.AccessKeyID, r.AccessKey.SecretAccessKey
}

// describeAccessKey leaves the secret out: only the answer that made the key adds it.
func describeAccessKey(u *User, k *AccessKey) accessKeyXML {
	return accessKeyXML{UserName: u.Name, AccessKeyID: k.ID, Status: k.status(), CreateDate: stamp(k.Created)}
}

// createAccessKey implements CreateAccessKey. An inactive key counts against the quota, too.
func (o *operating) createAccessKey() (any, error) {
	u, err := o.subject()
	if err != nil {
		return nil, err
	}
	if len(u.AccessKeys) >= accessKeysPerUser {
		return nil, o.refuse("AccessKeyLimit", accessKeysPerUser)
	}
	k := &AccessKey{
		ID: o.drawID("AKIA", 16), Secret: o.draw("secret").Text(secretLength, secretAlphabet),
		UserID: u.ID, Created: o.today(),
	}
	u.AccessKeys = append(u.AccessKeys, k.ID)
	x := describeAccessKey(u, k)
	x.SecretAccessKey = k.Secret
	if err := put(o.Tx, kindKey, k.ID, k); err != nil {
		return nil, err
	}
	return accessKeyResult{x}, putUser(o.Tx, u)
}

// accessKey returns the key with the call's AccessKeyId and its user, who must be the one that the call is about.
func (o *operating) accessKey() (*User, *AccessKey, error) {
	u, err := o.subject()
	if err != nil {
		return nil, nil, err
	}
	id := o.param("AccessKeyId")
	k := &AccessKey{}
	found, err := get(o.Tx, kindKey, id, k)
	if err == nil && (!found || k.UserID != u.ID) {
		err = o.refuse("NoSuchAccessKey", id)
	}
	return u, k, err
}

// updateAccessKey implements UpdateAccessKey. The model's third status, Expired, is one that only the service sets.
func (o *operating) updateAccessKey() (any, error) {
	_, k, err := o.accessKey()
	if err != nil {
		return nil, err
	}
	status := o.param("Status")
	if status == "Expired" {
		return nil, o.refuse("InvalidKeyStatus", status)
	}
	k.Inactive = status == "Inactive"
	return nil, put(o.Tx, kindKey, k.ID, k)
}

// deleteAccessKey implements DeleteAccessKey. The key may be the one that signed the call.
func (o *operating) deleteAccessKey() (any, error) {
	u, k, err := o.accessKey()
	if err != nil {
		return nil, err
	}
	u.AccessKeys = slices.DeleteFunc(u.AccessKeys, func(id string) bool { return id == k.ID })
	if err := o.Delete(kindKey, k.ID); err != nil {
		return nil, err
	}
	return nil, putUser(o.Tx, u)
}

type listAccessKeysResult struct {
	AccessKeyMetadata list[accessKeyXML]
	tail
}

// listAccessKeys implements ListAccessKeys: the oldest first, by the ID where two are of the same second.
func (o *operating) listAccessKeys() (any, error) {
	u, err := o.subject()
	if err != nil {
		return nil, err
	}
	keys, err := accessKeysOf(o.Tx, u)
	if err != nil {
		return nil, err
	}
	byAge := func(k *AccessKey) string { return stamp(k.Created) + k.ID }
	slices.SortFunc(keys, func(a, b *AccessKey) int { return strings.Compare(byAge(a), byAge(b)) })
	keys, end, err := page(o, keys, byAge)
	var out []accessKeyXML
	for _, k := range keys {
		out = append(out, describeAccessKey(u, k))
	}
	return listAccessKeysResult{list[accessKeyXML]{out}, end}, err
}

// accessKeysOf returns the keys of u, the oldest first.
func accessKeysOf(tx Tx, u *User) ([]*AccessKey, error) {
	var keys []*AccessKey
	for _, id := range u.AccessKeys {
		k := &AccessKey{}
		found, err := get(tx, kindKey, id, k)
		if err != nil {
			return nil, err
		}
		if found {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

type lastUsedResult struct {
	UserName          string `xml:",omitempty"`
	AccessKeyLastUsed lastUsedXML
}

type lastUsedXML struct {
	LastUsedDate string `xml:",omitempty"`
	ServiceName  string
	Region       string
}

// getAccessKeyLastUsed implements GetAccessKeyLastUsed. A key that is not there is answered as one of another account
// would be, which tells nobody whether it exists (recorded).
func (o *operating) getAccessKeyLastUsed() (any, error) {
	id := o.param("AccessKeyId")
	k := &AccessKey{}
	found, err := get(o.Tx, kindKey, id, k)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, o.refuse("ForeignAccessKey", o.Caller.ARN, id)
	}
	u, err := userWithID(o.Tx, k.UserID)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, o.refuse("ForeignAccessKey", o.Caller.ARN, id)
	}
	used := lastUsedXML{LastUsedDate: stamp(k.LastUsed), ServiceName: k.LastUsedService, Region: k.LastUsedRegion}
	if k.LastUsed.IsZero() {
		used.ServiceName, used.Region = notApplicable, notApplicable
	}
	return lastUsedResult{u.Name, used}, nil
}
