package seedfile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mfalab/mfalab/token"
)

// From the specification: Section 4, Section 11, and what the lists of the XML
// specifications call the algorithms.
const (
	containerRoot = "KeyContainer"
	pskcSpace     = "urn:ietf:params:xml:ns:keyprov:pskc"
	pskcVersion   = "1.0"
	profile       = pskcSpace + ":" // before hotp or totp: Section 10 of the IANA registry "PSKC Algorithm Profile"
	dateTime      = "2006-01-02T15:04:05.999999999"
)

// A container is a PSKC file while it is read. Section 4: first the keys, then the packages.
type container struct {
	in       *reading
	keys     keys
	packages int
}

// parsePSKC reads a container, a package at a time, so that memory does not grow with the
// elements that are read over.
func parsePSKC(in *reading) error {
	w, err := newWalk(in.data)
	if err != nil {
		return err
	}
	root, err := w.root()
	if err != nil {
		return err
	}
	if root.Name.Local != containerRoot || root.Name.Space != pskcSpace {
		return fmt.Errorf("seedfile: the root of the XML is %.40q in the namespace %.60q; PSKC has %s in %s",
			root.Name.Local, root.Name.Space, containerRoot, pskcSpace)
	}
	head := node{attrs: root.Attr}
	if v := head.attr("Version"); v != pskcVersion {
		return fmt.Errorf("seedfile: PSKC of version %s is not supported; %s is", shown(v), pskcVersion)
	}
	c := &container{in: in}
	if err := w.children(c.child); err != nil {
		return err
	}
	if !c.keys.encrypted() && (in.options.PresharedKey != nil || in.options.Passphrase != nil) && c.packages > 0 {
		in.warn("the file is not encrypted: the key is not used, and everybody who had the file knows the seeds")
	}
	return nil
}

// child reads one child of the container. Those that say how to read the others must come
// first (Section 4), and come once; what is not understood could be such a one, and is refused.
func (c *container) child(n *node) (err error) {
	switch {
	case n.name.Local == "Signature":
		c.in.warn("the signature of the file is not checked; pskctool --verify does that")
		return nil
	case n.name.Space != pskcSpace || n.name.Local == "Extensions":
		return nil
	case n.name.Local == "KeyPackage":
		c.packages++
		r := Record{}
		err := c.setPackage(&r, n)
		return c.in.add(c.packages, r, err)
	case c.packages > 0:
		return fmt.Errorf("seedfile: %.40q follows a KeyPackage; it must come before", n.name.Local)
	case n.name.Local == "EncryptionKey":
		err = c.keys.setEncryption(n, c.in.options)
	case n.name.Local == "MACMethod":
		err = c.keys.setMAC(n)
	default:
		err = fmt.Errorf("%.40q in %s is not supported", n.name.Local, containerRoot)
	}
	if err != nil {
		return fmt.Errorf("seedfile: %w", err)
	}
	return nil
}

// setPackage reads a KeyPackage: Section 4.1 and 4.2.
func (c *container) setPackage(r *Record, n *node) error {
	parts, err := n.in(pskcSpace, "DeviceInfo", "CryptoModuleInfo", "Key")
	if err != nil {
		return err
	}
	key := parts["Key"]
	r.Serial = key.attr("Id")
	device, err := parts["DeviceInfo"].in(pskcSpace, "Manufacturer", "SerialNo", "Model", "IssueNo", "DeviceBinding",
		"StartDate", "ExpiryDate", "UserId")
	if err != nil {
		return err
	}
	if serial := textOf(device["SerialNo"]); serial != "" && serial != r.Serial {
		r.Serial, r.KeyID = serial, r.Serial
	}
	if key == nil {
		return errors.New("there is no Key in the package")
	}
	r.Manufacturer, r.Model, r.Account = textOf(device["Manufacturer"]), textOf(device["Model"]), textOf(device["UserId"])
	if err := r.setDates(device); err != nil {
		return err
	}
	return c.setKey(r, key)
}

// setKey reads a Key: Section 4.2. Without a profile nobody knows how its codes are made.
func (c *container) setKey(r *Record, n *node) (err error) {
	parts, err := n.in(pskcSpace, "Issuer", "AlgorithmParameters", "KeyProfileId", "KeyReference", "FriendlyName", "Data", "UserId", "Policy")
	if err != nil {
		return err
	}
	name, ours := strings.CutPrefix(n.attr("Algorithm"), profile)
	if r.Type, err = parseType(name); !ours || err != nil {
		return fmt.Errorf("the key is for the algorithm %.60q; %shotp and %stotp are supported", n.attr("Algorithm"), profile, profile)
	}
	r.Issuer = textOf(parts["Issuer"])
	if user := textOf(parts["UserId"]); user != "" {
		r.Account = user
	}
	if err := r.setParametersPSKC(parts["AlgorithmParameters"]); err != nil {
		return err
	}
	if err := r.setPolicy(parts["Policy"]); err != nil {
		return err
	}
	if parts["KeyReference"] != nil && parts["Data"] == nil {
		return errors.New("there is no seed but a reference to a key elsewhere")
	}
	return c.setData(r, parts["Data"])
}

// setParametersPSKC reads AlgorithmParameters: Section 4.2. The suite is the HMAC, as in
// HMAC-SHA256; privacyIDEA writes it as an attribute.
func (r *Record) setParametersPSKC(n *node) error {
	parts, err := n.in(pskcSpace, "Suite", "ResponseFormat")
	if err != nil {
		return err
	}
	suite := textOf(parts["Suite"])
	if suite == "" {
		suite = parts["Suite"].attr("hashalgo")
	}
	if suite != "" {
		plain := strings.TrimPrefix(strings.ToUpper(suite), "HMAC-")
		if r.Algorithm, err = token.ParseAlgorithm(plain); err != nil {
			return fmt.Errorf("the suite %.40q is not supported; HMAC-SHA1, HMAC-SHA256 and HMAC-SHA512 are", suite)
		}
	}
	response := parts["ResponseFormat"]
	if r.Digits = defaultDigits; response == nil {
		return nil
	}
	if encoding := response.attr("Encoding"); encoding != "DECIMAL" {
		return fmt.Errorf("responses encoded as %s are not supported; DECIMAL is", shown(encoding))
	}
	if check := response.attr("CheckDigits"); check != "" && check != "false" && check != "0" {
		return errors.New("responses with a check digit are not supported")
	}
	r.Digits, err = parseDigits(response.attr("Length"))
	return err
}

// setPolicy reads what the key may be used for. Section 5: with a policy that is not
// understood, it must be taken to be not permitted.
func (r *Record) setPolicy(n *node) error {
	if n == nil {
		return nil
	}
	otp, uses := false, 0
	plain := &node{name: n.name}
	for _, child := range n.children {
		if child.name.Local == "KeyUsage" && child.name.Space == pskcSpace {
			uses++
			otp = otp || child.text == "OTP"
			continue
		}
		if child.name.Space != pskcSpace || child.name.Local == "Extensions" {
			return fmt.Errorf("the policy has %.40q, which is not understood, so the key must not be used", child.name.Local)
		}
		plain.children = append(plain.children, child)
	}
	if uses > 0 && !otp {
		return errors.New("the policy does not permit the key to be used for OTP")
	}
	parts, err := plain.in(pskcSpace, "StartDate", "ExpiryDate")
	if err != nil {
		return fmt.Errorf("%w; so the key must not be used", err)
	}
	return r.setDates(parts)
}

// setDates reads dates; without a zone they are UTC.
func (r *Record) setDates(parts map[string]*node) error {
	for _, date := range []struct {
		name string
		set  *time.Time
	}{{"StartDate", &r.Starts}, {"ExpiryDate", &r.Expires}} {
		text := textOf(parts[date.name])
		if text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t, err = time.Parse(dateTime, text)
		}
		if err != nil {
			return fmt.Errorf("%s %.40q is not possible; write 2006-01-02T15:04:05Z", date.name, text)
		}
		*date.set = t.UTC()
	}
	return nil
}

// setData reads the seed and what counts. An hotp token does not read the clock's values,
// nor a totp token the counter: files have zeros there. A MAC is checked all the same.
func (c *container) setData(r *Record, n *node) (err error) {
	parts, err := n.in(pskcSpace, "Secret", "Counter", "Time", "TimeInterval", "TimeDrift")
	if err != nil {
		return err
	}
	if r.Seed, err = c.keys.secret(parts["Secret"]); err != nil {
		return err
	}
	number := func(name string, absent int64) (value int64) {
		if err == nil {
			value, err = c.keys.number(parts[name], absent)
		}
		return value
	}
	counter, clock, drift := number("Counter", 0), number("Time", 0), number("TimeDrift", 0)
	interval := number("TimeInterval", int64(defaultStep/time.Second))
	switch {
	case err != nil:
		return err
	case r.Type == HOTP && counter < 0:
		return fmt.Errorf("counter %d is not possible; use 0 or more", counter)
	case r.Type == HOTP:
		r.Counter = uint64(counter)
	default:
		r.Time, r.Drift = clock, drift
		r.Step, err = parseStep(strconv.FormatInt(interval, 10))
	}
	return err
}

// leavePSKC keeps all but what only privacyIDEA has a place for.
func leavePSKC(r *Record) {
	r.Realm, r.Resolver = "", ""
	if r.KeyID == r.Serial {
		r.KeyID = ""
	}
}
