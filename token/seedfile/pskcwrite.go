package seedfile

import (
	"bytes"
	"crypto/aes"
	"crypto/pbkdf2"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// A lock encrypts values while a file is written; nil writes them in the clear.
type lock struct {
	keys
	random io.Reader
}

// writePSKC writes a container that pskctool validates: Section 4. Encrypted are the
// seeds, as in the figures 6 and 7, and the other values of Data where the options say so.
func writePSKC(out *writing) error {
	out.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + `<KeyContainer Version="` + pskcVersion + `" xmlns="` + pskcSpace + `"`)
	l, err := out.lock()
	if err != nil {
		return err
	}
	for i, r := range out.records {
		if r.Counter > math.MaxInt64 {
			out.refuse(i, fmt.Errorf("counter %d has more than 63 bits, which is what PSKC holds", r.Counter))
			continue
		}
		if err := out.keyPackage(r, l); err != nil {
			return err
		}
	}
	out.raw("</KeyContainer>\n")
	return nil
}

// lock ends the tag of the container, and writes EncryptionKey and MACMethod where the
// options have a key.
func (out *writing) lock() (*lock, error) {
	o := out.options
	if o.PresharedKey == nil && o.Passphrase == nil {
		out.raw(">\n")
		return nil, nil
	}
	switch {
	case o.PresharedKey != nil && o.Passphrase != nil:
		return nil, errors.New("seedfile: there are a pre-shared key and a passphrase; give one")
	case o.Random == nil:
		return nil, errors.New("seedfile: encryption needs randomness; give a source")
	case o.PresharedKey != nil && len(o.PresharedKey) != keyLength:
		return nil, fmt.Errorf("seedfile: the pre-shared key has %d bytes; AES-128 has %d", len(o.PresharedKey), keyLength)
	case o.PresharedKey == nil && len(o.Passphrase) == 0:
		return nil, errors.New("seedfile: the passphrase is empty")
	case o.Iterations < 0 || o.Iterations > maxIterations:
		return nil, fmt.Errorf("seedfile: %d iterations are not possible; use 1 to %d", o.Iterations, maxIterations)
	}
	if err := checkText("name of the key", o.KeyName); err != nil {
		return nil, fmt.Errorf("seedfile: %w", err)
	}
	out.raw("\n xmlns:ds=\"" + dsSpace + "\" xmlns:xenc=\"" + xencSpace + "\"")
	l := &lock{keys{encryption: o.PresharedKey}, o.Random}
	if o.PresharedKey != nil {
		if o.KeyName == "" {
			o.KeyName = "Pre-shared-key" // as figure 6 has it
		}
		out.raw(">\n<EncryptionKey>")
		out.leaf("ds:KeyName", o.KeyName)
	} else if err := out.derivation(l, o); err != nil {
		return nil, err
	}
	mac := make([]byte, ourMACKey)
	if _, err := io.ReadFull(o.Random, mac); err != nil {
		return nil, fmt.Errorf("seedfile: there is not enough randomness: %w", err)
	}
	out.raw("</EncryptionKey>\n<MACMethod Algorithm=\"" + hmacSHA1 + "\"><MACKey>")
	if _, err := out.sealed(l, mac); err != nil {
		return nil, err
	}
	out.raw("</MACKey></MACMethod>\n")
	l.mac = mac
	return l, nil
}

// derivation writes how the key comes from the passphrase, as figure 7 does: Section 6.2.
func (out *writing) derivation(l *lock, o Options) (err error) {
	if o.Iterations == 0 {
		o.Iterations = ourIterations
	}
	salt := make([]byte, ourSalt)
	if _, err := io.ReadFull(o.Random, salt); err != nil {
		return fmt.Errorf("seedfile: there is not enough randomness: %w", err)
	}
	if l.encryption, err = pbkdf2.Key(sha1.New, string(o.Passphrase), salt, o.Iterations, keyLength); err != nil {
		return fmt.Errorf("seedfile: the key cannot be derived: %w", err)
	}
	out.raw("\n xmlns:xenc11=\"" + xenc11Space + "\" xmlns:pkcs5=\"" + pkcs5Space + "\">\n<EncryptionKey><xenc11:DerivedKey>" +
		`<xenc11:KeyDerivationMethod Algorithm="` + pkcs5Space + `pbkdf2"><pkcs5:PBKDF2-params>` + "<Salt xmlns=\"\">")
	out.leaf("Specified", base64.StdEncoding.EncodeToString(salt))
	out.raw("</Salt><IterationCount xmlns=\"\">" + strconv.Itoa(o.Iterations) + "</IterationCount><KeyLength xmlns=\"\">" +
		strconv.Itoa(keyLength) + "</KeyLength></pkcs5:PBKDF2-params></xenc11:KeyDerivationMethod>")
	out.leaf("xenc11:MasterKeyName", o.KeyName)
	out.raw("</xenc11:DerivedKey>")
	return nil
}

// sealed writes plain encrypted, and returns IV and ciphertext.
func (out *writing) sealed(l *lock, plain []byte) ([]byte, error) {
	iv := make([]byte, aes.BlockSize)
	if _, err := io.ReadFull(l.random, iv); err != nil {
		return nil, fmt.Errorf("seedfile: there is not enough randomness: %w", err)
	}
	box, err := seal(l.encryption, iv, plain)
	if err != nil {
		return nil, fmt.Errorf("seedfile: the value cannot be encrypted: %w", err)
	}
	out.raw(`<xenc:EncryptionMethod Algorithm="` + aes128CBC + `"/><xenc:CipherData>`)
	out.leaf("xenc:CipherValue", base64.StdEncoding.EncodeToString(box))
	out.raw("</xenc:CipherData>")
	return box, nil
}

// keyPackage writes one token. The order of the elements is that of the schema: Section 11.
func (out *writing) keyPackage(r Record, l *lock) error {
	out.raw("<KeyPackage><DeviceInfo>")
	out.leaf("Manufacturer", r.Manufacturer)
	out.leaf("SerialNo", r.Serial)
	out.leaf("Model", r.Model)
	out.raw("</DeviceInfo>\n<Key Id=\"")
	if leavePSKC(&r); r.KeyID != "" {
		out.b = escaped(out.b, r.KeyID)
	} else {
		out.b = escaped(out.b, r.Serial)
	}
	out.raw(`" Algorithm="` + profile + r.Type.String() + "\">")
	out.leaf("Issuer", r.Issuer)
	out.raw("<AlgorithmParameters>")
	if r.Algorithm != 0 {
		out.leaf("Suite", "HMAC-"+r.Algorithm.String())
	}
	out.raw(`<ResponseFormat Encoding="DECIMAL" Length="` + strconv.Itoa(r.Digits) + "\"/></AlgorithmParameters>\n<Data><Secret>")
	if err := out.secret(r, l); err != nil {
		return err
	}
	out.raw("</Secret>")
	if err := out.counts(r, l); err != nil {
		return err
	}
	out.raw("</Data>")
	out.leaf("UserId", r.Account)
	out.policy(r)
	out.raw("</Key></KeyPackage>\n")
	return nil
}

// secret writes the seed, with its MAC where it is encrypted.
func (out *writing) secret(r Record, l *lock) error {
	if l == nil {
		out.leaf("PlainValue", base64.StdEncoding.EncodeToString(r.Seed))
		return nil
	}
	return out.encrypted(l, r.Seed)
}

// encrypted writes a value and its MAC: Section 6.1.
func (out *writing) encrypted(l *lock, plain []byte) error {
	out.raw("<EncryptedValue>")
	box, err := out.sealed(l, plain)
	if err != nil {
		return err
	}
	out.raw("</EncryptedValue>")
	out.leaf("ValueMAC", base64.StdEncoding.EncodeToString(l.sum(box)))
	return nil
}

// counts writes what a token counts, in the order of the schema.
func (out *writing) counts(r Record, l *lock) error {
	if !out.options.EncryptAll {
		l = nil
	}
	if r.Type == HOTP {
		return out.number("Counter", int64(r.Counter), l)
	}
	err := errors.Join(out.number("Time", r.Time, l), out.number("TimeInterval", int64(r.Step/time.Second), l))
	if r.Drift != 0 {
		err = errors.Join(err, out.number("TimeDrift", r.Drift, l))
	}
	return err
}

// number writes an integer, in the clear as the figures do where there is no lock: it opens no door.
func (out *writing) number(name string, value int64, l *lock) (err error) {
	out.raw("<" + name + ">")
	if l == nil {
		out.leaf("PlainValue", strconv.FormatInt(value, 10))
	} else {
		err = out.encrypted(l, numberBytes(value))
	}
	out.raw("</" + name + ">")
	return err
}

// numberBytes is an integer as it is encrypted: eight big-endian bytes, which python-pskc reads as well. Those that look
// like decimal digits would be read as such, and bytes have no sign: there it is decimal.
func numberBytes(value int64) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(value))
	if value < 0 || bytes.Trim(b, "0123456789") == nil {
		return strconv.AppendInt(nil, value, 10)
	}
	return b
}

// policy writes how long the key may be used: Section 5.
func (out *writing) policy(r Record) {
	if r.Starts.IsZero() && r.Expires.IsZero() {
		return
	}
	out.raw("<Policy>")
	for _, date := range []struct {
		name string
		t    time.Time
	}{{"StartDate", r.Starts}, {"ExpiryDate", r.Expires}} {
		if !date.t.IsZero() {
			out.leaf(date.name, date.t.UTC().Format(time.RFC3339Nano))
		}
	}
	out.raw("</Policy>")
}
