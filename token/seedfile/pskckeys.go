package seedfile

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mfalab/mfalab/token"
)

// From the specifications: Section 6, XML Encryption 1.1, XML Signature.
const (
	dsSpace     = "http://www.w3.org/2000/09/xmldsig#"
	xencSpace   = "http://www.w3.org/2001/04/xmlenc#"
	xenc11Space = "http://www.w3.org/2009/xmlenc11#"
	pkcs5Space  = "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#"
	aes128CBC   = xencSpace + "aes128-cbc"
	hmacSHA1    = dsSpace + "hmac-sha1"
	keyLength   = 16 // AES-128
)

// Our choice: bounds for what a stranger's file makes us compute, and what we write. The
// iterations are those of the OWASP Password Storage Cheat Sheet (2023) for HMAC-SHA1.
const (
	maxIterations = 10_000_000 // some seconds
	maxSalt       = 1024
	ourIterations = 1_300_000
	ourSalt       = 16
	ourMACKey     = sha1.Size
)

// keys are what protects the values of a container: Section 6.
type keys struct {
	encryption []byte // nil: the file is in the clear
	mac        []byte // nil: the encryption key, Section 6.1.1
	method     bool   // there is a MACMethod
}

// encrypted reports whether seeds must be encrypted. From then on one in the clear is no seed
// of the maker, who would have encrypted it.
func (k *keys) encrypted() bool { return k.encryption != nil }

// setEncryption reads EncryptionKey: a name for a pre-shared key (Section 6.1) or the
// derivation from a passphrase (Section 6.2).
func (k *keys) setEncryption(n *node, o Options) (err error) {
	if k.encryption != nil {
		return errors.New("the file has two encryption keys")
	}
	var name, derived *node
	for _, child := range n.children {
		switch child.name {
		case (xml.Name{Space: dsSpace, Local: "KeyName"}):
			name = child
		case (xml.Name{Space: xenc11Space, Local: "DerivedKey"}):
			derived = child
		default:
			return fmt.Errorf("the file is encrypted for %.40q, which is not supported; KeyName (a pre-shared key) and DerivedKey (a passphrase) are",
				child.name.Local)
		}
	}
	switch {
	case derived != nil:
		k.encryption, err = derive(derived, o.Passphrase)
		return err
	case len(o.PresharedKey) == 0: // python-pskc leaves an empty name out
		return fmt.Errorf("the file is encrypted with the pre-shared key %.40q; give it", textOf(name))
	case len(o.PresharedKey) != keyLength:
		return fmt.Errorf("the pre-shared key has %d bytes; AES-128 has %d", len(o.PresharedKey), keyLength)
	}
	k.encryption = o.PresharedKey
	return nil
}

// derive computes the key by PBKDF2. Whether its parameters are in a namespace is a matter
// on which Section 6.2 and later files differ.
func derive(n *node, passphrase Secret) ([]byte, error) {
	method := only(n, "KeyDerivationMethod")
	switch algorithm := method.attr("Algorithm"); algorithm {
	case pkcs5Space + "pbkdf2", xenc11Space + "pbkdf2":
	default:
		return nil, fmt.Errorf("the key is derived by %.100q, which is not supported; PBKDF2 is", algorithm)
	}
	parameters := only(method, "PBKDF2-params")
	if prf := only(parameters, "PRF").attr("Algorithm"); prf != "" && prf != hmacSHA1 && prf != pkcs5Space+"hmac-sha1" {
		return nil, fmt.Errorf("the key is derived with %.100q, which is not supported; HMAC-SHA1 is", prf)
	}
	salt, err := decode64(only(only(parameters, "Salt"), "Specified"))
	if err != nil || len(salt) == 0 || len(salt) > maxSalt {
		return nil, fmt.Errorf("the salt of the key derivation is not base64 text of 1 to %d bytes", maxSalt)
	}
	iterations, err := strconv.Atoi(textOf(only(parameters, "IterationCount")))
	if err != nil || iterations < 1 || iterations > maxIterations {
		return nil, fmt.Errorf("an iteration count of %.20q is not possible; use 1 to %d", textOf(only(parameters, "IterationCount")), maxIterations)
	}
	if length := textOf(only(parameters, "KeyLength")); length != "" && length != strconv.Itoa(keyLength) {
		return nil, fmt.Errorf("a derived key of %.20q bytes is not supported; %d is, for AES-128", length, keyLength)
	}
	if len(passphrase) == 0 {
		return nil, fmt.Errorf("the file is encrypted with the passphrase %.40q; give it", textOf(only(n, "MasterKeyName")))
	}
	return pbkdf2.Key(sha1.New, string(passphrase), salt, iterations, keyLength)
}

// setMAC reads MACMethod: Section 6.1.1. Without a MACKey the encryption key serves.
func (k *keys) setMAC(n *node) error {
	if k.method {
		return errors.New("the file has two MAC methods")
	}
	if algorithm := n.attr("Algorithm"); algorithm != hmacSHA1 {
		return fmt.Errorf("the MAC is %.100q, which is not supported; %s is", algorithm, hmacSHA1)
	}
	parts, err := n.in(pskcSpace, "MACKey", "MACKeyReference")
	if err != nil {
		return err
	}
	if parts["MACKeyReference"] != nil {
		return errors.New("the MAC key is one from elsewhere, which is not supported; put it in the file, encrypted")
	}
	k.method = true
	if parts["MACKey"] == nil {
		return nil
	}
	if !k.encrypted() {
		return errors.New("the file has a MAC key, and no encryption key that it is encrypted with")
	}
	sealed, err := ciphertext(parts["MACKey"])
	if err != nil {
		return err
	}
	if k.mac, err = open(k.encryption, sealed); err != nil || len(k.mac) == 0 {
		return errors.New("the MAC key cannot be decrypted; the key or passphrase is wrong, or the file was changed")
	}
	return nil
}

// value returns what is inside a value that is plain or encrypted, and whether it was
// encrypted. The MAC is checked before anything is decrypted.
func (k *keys) value(n *node) (plain string, opened []byte, err error) {
	parts, err := n.in(pskcSpace, "PlainValue", "EncryptedValue", "ValueMAC")
	if err != nil {
		return "", nil, err
	}
	name := n.name.Local
	sealed, mac := parts["EncryptedValue"], parts["ValueMAC"]
	switch {
	case sealed == nil && parts["PlainValue"] == nil:
		return "", nil, fmt.Errorf("%s has no value", name)
	case sealed != nil && parts["PlainValue"] != nil:
		return "", nil, fmt.Errorf("%s has a plain and an encrypted value", name)
	case sealed == nil && mac != nil: // Section 6.1.1 has a MAC over ciphertext only
		return "", nil, fmt.Errorf("%s is in the clear with a MAC, which cannot be checked", name)
	case sealed == nil:
		return parts["PlainValue"].text, nil, nil
	case !k.encrypted():
		return "", nil, fmt.Errorf("%s is encrypted, and the file has no encryption key", name)
	case !k.method || mac == nil:
		return "", nil, fmt.Errorf("%s is encrypted without a MAC, and could have been changed; ask for a file with MACMethod and ValueMAC", name)
	}
	box, err := ciphertext(sealed)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", name, err)
	}
	sum, err := decode64(mac)
	if err != nil {
		return "", nil, fmt.Errorf("the MAC of %s is not base64 text", name)
	}
	if !hmac.Equal(sum, k.sum(box)) { // of the full length: a cut off MAC is a wrong one
		return "", nil, fmt.Errorf("the MAC of %s is wrong; the key or passphrase is wrong, or the file was changed", name)
	}
	if opened, err = open(k.encryption, box); err != nil {
		return "", nil, fmt.Errorf("%s: %w", name, err)
	}
	return "", opened, nil
}

// sum returns the MAC of IV and ciphertext.
func (k *keys) sum(box []byte) []byte {
	key := k.mac
	if key == nil {
		key = k.encryption
	}
	h := hmac.New(sha1.New, key)
	h.Write(box)
	return h.Sum(nil)
}

// secret reads a seed.
func (k *keys) secret(n *node) (token.Seed, error) {
	if n == nil {
		return nil, errors.New("there is no seed")
	}
	plain, opened, err := k.value(n)
	switch {
	case err != nil:
		return nil, err
	case opened != nil:
		return opened, nil
	case k.encrypted():
		return nil, errors.New("the seed is in the clear, in a file that has an encryption key; anybody could have put it there")
	}
	seed, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(plain), ""))
	if err != nil { // which quotes nothing, but tells where
		return nil, errors.New("the seed is not base64 text")
	}
	return seed, nil
}

// number reads an integer, which in the clear is decimal. Encrypted, it is decimal too in
// some files and big-endian bytes in others (python-pskc); digits are taken to be decimal.
func (k *keys) number(n *node, absent int64) (int64, error) {
	if n == nil {
		return absent, nil
	}
	plain, opened, err := k.value(n)
	if err != nil {
		return 0, err
	}
	if opened != nil {
		plain = string(opened)
		if digits := strings.TrimPrefix(plain, "-"); (digits == "" || strings.Trim(digits, "0123456789") != "") && len(opened) <= 8 {
			var value uint64
			for _, b := range opened {
				value = value<<8 | uint64(b)
			}
			plain = strconv.FormatUint(value, 10)
		}
	}
	value, err := strconv.ParseInt(plain, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is not a number of 63 bits", n.name.Local)
	}
	return value, nil
}

// ciphertext reads an xenc:EncryptedData.
func ciphertext(n *node) ([]byte, error) {
	if algorithm := only(n, "EncryptionMethod").attr("Algorithm"); algorithm != aes128CBC {
		return nil, fmt.Errorf("it is encrypted with %.100q, which is not supported; %s is", algorithm, aes128CBC)
	}
	box, err := decode64(only(only(n, "CipherData"), "CipherValue"))
	if err != nil {
		return nil, errors.New("the encrypted value is not base64 text")
	}
	if len(box) < 2*aes.BlockSize || len(box)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("the encrypted value has %d bytes, which are not an IV and whole blocks of %d", len(box), aes.BlockSize)
	}
	return box, nil
}

// open decrypts IV and blocks. Only the last byte of the padding means something (XML
// Encryption, Section 5.2).
func open(key, box []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(box)-aes.BlockSize)
	cipher.NewCBCDecrypter(block, box[:aes.BlockSize]).CryptBlocks(plain, box[aes.BlockSize:])
	padding := int(plain[len(plain)-1])
	if padding < 1 || padding > aes.BlockSize {
		return nil, errors.New("the padding is wrong; the key or passphrase is wrong")
	}
	return plain[:len(plain)-padding], nil
}

// seal is the inverse of open.
func seal(key, iv, plain []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	padding := aes.BlockSize - len(plain)%aes.BlockSize
	padded := append(append([]byte{}, plain...), strings.Repeat(string(rune(padding)), padding)...)
	box := append(append(make([]byte, 0, len(iv)+len(padded)), iv...), padded...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(box[len(iv):], padded)
	return box, nil
}

// only returns the one child of that local name; nil where there is none or more than one.
func only(n *node, local string) (found *node) {
	if n == nil {
		return nil
	}
	for _, child := range n.children {
		if child.name.Local == local {
			if found != nil {
				return nil
			}
			found = child
		}
	}
	return found
}

// decode64 reads base64 text with line ends and spaces anywhere.
func decode64(n *node) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(textOf(n)), ""))
}
