package u2f

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// A VirtualCredential is a credential with its secret, in the JSON shape of the browsers' virtual authenticators: the
// Credential Parameters of Web Authentication Level 3, Section 11.5 (WebDriver), and, but for the alphabet of Base64,
// WebAuthn.Credential of the Chrome DevTools Protocol. Its text forms other than JSON say nothing of the secret.
type VirtualCredential struct {
	ID                Base64URL `json:"credentialId"` // 1 to 1023 bytes
	Resident          bool      `json:"isResidentCredential"`
	RPID              string    `json:"rpId"`
	PrivateKey        Base64URL `json:"privateKey"`           // PKCS#8
	UserHandle        Base64URL `json:"userHandle,omitempty"` // 1 to 64 bytes of a discoverable credential
	UserName          string    `json:"userName,omitempty"`
	UserDisplayName   string    `json:"userDisplayName,omitempty"`
	SignCount         int64     `json:"signCount"`           // that went out last; -1 is none, which counts as 0
	LargeBlob         Base64URL `json:"largeBlob,omitempty"` // not compressed; of a discoverable credential
	BackupEligibility bool      `json:"backupEligibility"`
	BackupState       bool      `json:"backupState"`
}

// Base64URL is bytes that are Base64 of the alphabet of URLs without padding in JSON, and are read from either alphabet,
// with or without padding.
type Base64URL []byte

// MarshalText writes WebDriver's form.
func (b Base64URL) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText reads both forms; the error does not quote what may be a secret.
func (b *Base64URL) UnmarshalText(text []byte) error {
	plain := strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(string(text), "="))
	out, err := base64.RawURLEncoding.DecodeString(plain)
	if err != nil {
		return errors.New("this is no Base64")
	}
	*b = out
	return nil
}

// From the specification.
const (
	mostCredentialID = 1023 // Web Authentication Level 3, Section 4: bytes of a credential id
	mostUserHandle   = 64   // Section 5.4.3: bytes of a user handle
)

// Our choice: bounds of what is read.
const (
	mostRPID        = 253     // characters of a domain name
	mostPrivateKey  = 4096    // bytes of PKCS#8; RSA of 2048 bits has 1219
	mostUserName    = 1024    // bytes; the key keeps fewer
	mostVirtualBlob = 1 << 20 // bytes, before they are compressed
	mostVirtuals    = 10_000  // credentials in a file
	mostVirtualText = 1 << 26 // bytes of it
)

// ParseVirtualCredentials reads one credential, an array of them, or what WebAuthn.getCredentials of the Chrome DevTools
// Protocol answers: an object with credentials. Errors say nothing of the secrets.
func ParseVirtualCredentials(text []byte) ([]VirtualCredential, error) {
	if len(text) > mostVirtualText {
		return nil, fmt.Errorf("u2f: %d bytes of credentials; give %d or fewer at a time", len(text), mostVirtualText)
	}
	var list []VirtualCredential
	var one struct {
		VirtualCredential
		Credentials []VirtualCredential `json:"credentials"`
	}
	var err error
	switch trimmed := strings.TrimLeft(string(text[:min(len(text), 64)]), " \t\r\n"); {
	case strings.HasPrefix(trimmed, "["):
		err = json.Unmarshal(text, &list)
	default:
		if err = json.Unmarshal(text, &one); one.Credentials != nil {
			list = one.Credentials
		} else {
			list = []VirtualCredential{one.VirtualCredential}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("u2f: these are no credentials of a virtual authenticator: %w", err)
	}
	if len(list) > mostVirtuals {
		return nil, fmt.Errorf("u2f: %d credentials; give %d or fewer at a time", len(list), mostVirtuals)
	}
	for i := range list {
		if err := list[i].check(); err != nil {
			return nil, fmt.Errorf("u2f: credential %d: %w", i+1, err)
		}
	}
	return list, nil
}

// check reports what no credential can be like.
func (c *VirtualCredential) check() error {
	for _, v := range []struct {
		field       string
		size, least int
		most        int
	}{
		{"credentialId", len(c.ID), 1, mostCredentialID}, {"rpId", len(c.RPID), 1, mostRPID},
		{"privateKey", len(c.PrivateKey), 1, mostPrivateKey}, {"userHandle", len(c.UserHandle), 0, mostUserHandle},
		{"userName", len(c.UserName), 0, mostUserName}, {"userDisplayName", len(c.UserDisplayName), 0, mostUserName},
		{"largeBlob", len(c.LargeBlob), 0, mostVirtualBlob},
	} {
		if v.size < v.least || v.size > v.most {
			return fmt.Errorf("%s has %d bytes instead of %d to %d", v.field, v.size, v.least, v.most)
		}
	}
	switch {
	case c.Resident && len(c.UserHandle) == 0:
		return errors.New("it is discoverable and has no userHandle; give that, or isResidentCredential false")
	case !c.Resident && c.LargeBlob != nil:
		return errors.New("it has a largeBlob, which only discoverable credentials have; leave that out")
	case c.BackupState && !c.BackupEligibility:
		return errors.New("it has backupState without backupEligibility; give both or neither")
	case c.SignCount < -1 || c.SignCount > 1<<32-1:
		return fmt.Errorf("it has the signCount %d, which is no 32-bit number; give 0 or more", c.SignCount)
	case c.SignCount == 1<<32-1:
		return errors.New("its signCount is used up: there is no higher one; give a lower one")
	}
	return nil
}

// String returns what the credential is for.
func (c VirtualCredential) String() string { return fmt.Sprintf("u2f.VirtualCredential(%q)", c.RPID) }

// GoString is like String, so that %#v does not show the secret.
func (c VirtualCredential) GoString() string { return c.String() }

// Format is like String for every verb.
func (c VirtualCredential) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// LogValue is like String, for log/slog.
func (c VirtualCredential) LogValue() slog.Value { return slog.StringValue(c.String()) }
