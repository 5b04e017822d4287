// Package tpm is the secure element of a security key in a TPM 2.0: private keys of credentials are made and used in the
// TPM, and what flash holds of the key's other secrets only that TPM can open.
//
// It follows Trusted Platform Module Library, Family 2.0, Level 00, Revision 1.59; sections are those of its Part 1 unless
// they say otherwise.
//
// One address says where the TPM is, and how it is used:
//
//	tpm:///dev/tpmrm0              a device of Linux
//	tpm://127.0.0.1:2321           swtpm, by TCP
//	tpm+unix:///run/swtpm.sock     swtpm, by a unix socket
//	tpm+mssim://127.0.0.1:2321     the simulator of the reference implementation; its platform's port is the next
//
//	?parent=0x81000001             a storage key that lies in the TPM, instead of the one that it makes each time
//	?pcrs=0,7                      secrets open while these PCRs of the bank SHA-256 stay as they are
//	?counter=nv                    the signature counter is one of the TPM's NV memory
//
// Under the storage key, which TPM2_CreatePrimary makes of the owner's seed where none is named, lie objects that flash
// keeps in the TPM's wrapping: private keys, whose authorization is derived from the key's master secret and the relying
// party; the master secret itself, sealed, to PCRs where asked; and a sealed object whose authorization is the PIN, so that
// the TPM counts wrong ones. The private keys that attest for the model are imported at the factory. Signatures are authorized
// by password, in one command. Where a secret travels, at sealing and unsealing, its parameter is encrypted in a session salted
// with the storage key (Section 21).
//
// A swtpm serves one program at a time, so that it is let go of, and what was loaded into it is flushed, when a second has
// passed without a command. What it has lost is loaded again.
package tpm

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The ways to a TPM.
const (
	schemeDirect = "tpm"
	schemeUnix   = "tpm+unix"
	schemeMSSim  = "tpm+mssim"
)

// From the specification.
const (
	pcrs            = 24         // PC Client Platform TPM Profile 1.05, Section 4.6: of a bank
	firstPersistent = 0x81000000 // Part 2, Section 7.4: handles of what lies in the TPM
	lastPersistent  = 0x81FFFFFF
)

// longestAddress is our choice.
const longestAddress = 1024

// An Address says where a TPM is, and how it is used.
type Address struct {
	scheme  string
	place   string // a path, or host:port
	parent  uint32 // 0: made each time
	pcrs    []uint // in ascending order
	counter bool
}

// ParseAddress reads an address in the form that the package comment gives.
func ParseAddress(text string) (a Address, err error) {
	if len(text) > longestAddress {
		return a, fmt.Errorf("tpm: an address of %d bytes; give %d or fewer", len(text), longestAddress)
	}
	u, err := url.Parse(text)
	if err == nil && u.User != nil {
		return a, errors.New("tpm: an address of a TPM has no password, nor who it is of; write it without what is before the @")
	}
	if err != nil || u.Opaque != "" || u.Fragment != "" {
		return a, fmt.Errorf("tpm: %q is no address of a TPM; write it as tpm:///dev/tpmrm0, tpm+unix:///run/swtpm.sock or tpm://127.0.0.1:2321", text)
	}
	a.scheme = u.Scheme
	switch file := u.Host == "" && len(u.Path) > 1; {
	case u.Scheme == schemeUnix && file, u.Scheme == schemeDirect && file:
		a.place = u.Path
	case (u.Scheme == schemeMSSim || u.Scheme == schemeDirect) && u.Host != "" && (u.Path == "" || u.Path == "/"):
		a.place = u.Host
		err = checkHost(u.Host, u.Scheme == schemeMSSim)
	default:
		err = errors.New("it is tpm:// with a path or host:port, tpm+unix:// with a path, or tpm+mssim:// with host:port")
	}
	if err == nil {
		err = a.parameters(u)
	}
	if err != nil {
		return Address{}, fmt.Errorf("tpm: %q is no address of a TPM: %w", text, err)
	}
	return a, nil
}

// checkHost wants a host and a port, and with a platform's beside it one that is not the last.
func checkHost(host string, platform bool) error {
	name, port, err := net.SplitHostPort(host)
	if err != nil || name == "" {
		return fmt.Errorf("%q is no host:port", host)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || platform && n == 1<<16-1 {
		return fmt.Errorf("%q is no port; give a number from 1 to 65535", port)
	}
	return nil
}

// parameters reads what follows the question mark.
func (a *Address) parameters(u *url.URL) error {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("what follows the question mark cannot be read")
	}
	for name, values := range query {
		if len(values) != 1 {
			return fmt.Errorf("%s is there twice", name)
		}
		switch value := values[0]; name {
		case "parent":
			n, err := strconv.ParseUint(value, 0, 32)
			if err != nil || n < firstPersistent || n > lastPersistent {
				return fmt.Errorf("parent=%s is no persistent handle; give 0x81000000 to 0x81FFFFFF", value)
			}
			a.parent = uint32(n)
		case "pcrs":
			if a.pcrs, err = parsePCRs(value); err != nil {
				return err
			}
		case "counter":
			if value != "nv" {
				return fmt.Errorf("counter=%s is not known; give counter=nv, or leave it out", value)
			}
			a.counter = true
		default:
			return fmt.Errorf("there is no parameter %q; use parent, pcrs or counter", name)
		}
	}
	return nil
}

// parsePCRs reads numbers between commas.
func parsePCRs(text string) (list []uint, err error) {
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil || n >= pcrs || slices.Contains(list, uint(n)) {
			return nil, fmt.Errorf("pcrs=%s is no list of PCRs; give numbers from 0 to %d between commas, each once", text, pcrs-1)
		}
		list = append(list, uint(n))
	}
	slices.Sort(list)
	return list, nil
}

// String returns the address as ParseAddress reads it.
func (a Address) String() string {
	var parameters []string
	if a.parent != 0 {
		parameters = append(parameters, fmt.Sprintf("parent=0x%08x", a.parent))
	}
	if len(a.pcrs) > 0 {
		parameters = append(parameters, "pcrs="+a.pcrList())
	}
	if a.counter {
		parameters = append(parameters, "counter=nv")
	}
	text := a.where()
	if len(parameters) > 0 {
		text += "?" + strings.Join(parameters, "&")
	}
	return text
}

// where is the address without parameters.
func (a Address) where() string {
	if a.scheme == schemeUnix || a.device() {
		return (&url.URL{Scheme: a.scheme, Path: a.place, OmitHost: false}).String()
	}
	return a.scheme + "://" + a.place
}

// device reports whether it is a device file, which more than one program can have open.
func (a Address) device() bool { return a.scheme == schemeDirect && strings.HasPrefix(a.place, "/") }

func (a Address) pcrList() string {
	parts := make([]string, len(a.pcrs))
	for i, n := range a.pcrs {
		parts[i] = strconv.FormatUint(uint64(n), 10)
	}
	return strings.Join(parts, ",")
}
