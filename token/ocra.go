package token

import (
	"crypto/hmac"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// From the specification.
const (
	ocraVersion    = "OCRA-1"
	questionSize   = 128 // OCRA Section 5.1: Q is padded to 128 bytes
	minQuestion    = 4   // OCRA Section 6.3: xx is 04 to 64
	maxQuestion    = 64
	maxSession     = 512 // OCRA Section 6.3: nnn is at most 512
	defaultSession = 64  // OCRA Section 6.3: S alone is S064
	minAnswer      = 4   // OCRA Section 5.3: t is 0 or 4 to 10
	maxAnswer      = 10
)

// A Suite is an OCRA suite: what goes into a response, how it is computed and how long it
// is. See OCRA Section 6. The zero Suite is no suite.
type Suite struct {
	text      string
	algorithm Algorithm
	digits    int // 0: the whole HMAC in hexadecimal digits
	counter   bool
	format    byte // of the question: 'A', 'N' or 'H'
	most      int  // characters in a question that one side chooses
	pin       bool
	pinHash   Algorithm
	session   int           // bytes of session information; 0: none
	step      time.Duration // 0: no time
}

// A DataInput is what goes into a response besides the suite and the seed. What the suite
// does not ask for is ignored. See OCRA Section 5.1.
type DataInput struct {
	Counter  uint64
	Question string // the challenge; for mutual authentication both, one after the other (OCRA Section 7.2)
	PINHash  []byte // the hash of the PIN, by the suite's hash
	Session  []byte // session information; shorter ones are padded with zeros on the left
	Step     uint64 // the number of time steps since 1970
}

// ParseSuite reads a suite such as "OCRA-1:HOTP-SHA1-6:QN08". The text is taken as the
// specification writes it: upper case, and all parts in their order.
func ParseSuite(text string) (Suite, error) {
	s := Suite{text: text}
	parts := strings.Split(text, ":")
	if len(parts) != 3 || parts[0] != ocraVersion {
		return Suite{}, fmt.Errorf("token: OCRA suite %.60q is not of the form OCRA-1:HOTP-SHA1-6:QN08", text)
	}
	if err := s.parseFunction(parts[1]); err != nil {
		return Suite{}, fmt.Errorf("token: OCRA suite %.60q: %w", text, err)
	}
	if err := s.parseInput(strings.Split(parts[2], "-")); err != nil {
		return Suite{}, fmt.Errorf("token: OCRA suite %.60q: %w", text, err)
	}
	return s, nil
}

// parseFunction reads "HOTP-SHA1-6". See OCRA Section 6.2.
func (s *Suite) parseFunction(text string) error {
	parts := strings.Split(text, "-")
	if len(parts) != 3 || parts[0] != "HOTP" {
		return fmt.Errorf("its function is not of the form HOTP-SHA1-6")
	}
	var err error
	if s.algorithm, err = suiteHash(parts[1]); err != nil {
		return err
	}
	s.digits, err = strconv.Atoi(parts[2])
	if err != nil || strconv.Itoa(s.digits) != parts[2] || s.digits != 0 && (s.digits < minAnswer || s.digits > maxAnswer) {
		return fmt.Errorf("an answer of %.10q digits is not possible; use 0 or %d to %d", parts[2], minAnswer, maxAnswer)
	}
	return nil
}

// suiteHash is stricter than ParseAlgorithm: a suite is hashed as it is written.
func suiteHash(name string) (Algorithm, error) {
	alg, err := ParseAlgorithm(name)
	if err == nil && alg.String() != name {
		err = fmt.Errorf("hash %.20q is not known; use SHA1, SHA256 or SHA512", name)
	}
	return alg, err
}

// parseInput reads "C-QN08-PSHA1-S064-T1M". See OCRA Section 6.3.
func (s *Suite) parseInput(parts []string) error {
	if parts[0] == "C" {
		s.counter, parts = true, parts[1:]
	}
	if len(parts) == 0 || !strings.HasPrefix(parts[0], "Q") {
		return fmt.Errorf("it asks no question; write QN08 or the like")
	}
	if err := s.parseQuestion(parts[0]); err != nil {
		return err
	}
	parts = parts[1:]
	for _, optional := range []func(string) (bool, error){s.parsePIN, s.parseSession, s.parseTime} {
		if len(parts) == 0 {
			return nil
		}
		taken, err := optional(parts[0])
		if err != nil {
			return err
		}
		if taken {
			parts = parts[1:]
		}
	}
	if len(parts) > 0 {
		return fmt.Errorf("its input %.20q is unknown or out of order; write C, Q, P, S, T", parts[0])
	}
	return nil
}

func (s *Suite) parseQuestion(text string) error {
	if len(text) == 4 && strings.ContainsRune("ANH", rune(text[1])) {
		s.format = text[1]
		s.most, _ = strconv.Atoi(text[2:])
	}
	if s.most < minQuestion || s.most > maxQuestion || fmt.Sprintf("Q%c%02d", s.format, s.most) != text {
		return fmt.Errorf("its question %.10q is not possible; use QA, QN or QH and %02d to %d", text, minQuestion, maxQuestion)
	}
	return nil
}

func (s *Suite) parsePIN(text string) (taken bool, err error) {
	if s.pin = strings.HasPrefix(text, "P"); s.pin {
		s.pinHash, err = suiteHash(text[1:])
	}
	return s.pin, err
}

func (s *Suite) parseSession(text string) (taken bool, err error) {
	if !strings.HasPrefix(text, "S") {
		return false, nil
	}
	s.session = defaultSession
	if text != "S" {
		s.session, _ = strconv.Atoi(text[1:])
		if s.session < 1 || s.session > maxSession || fmt.Sprintf("S%03d", s.session) != text {
			return false, fmt.Errorf("its session %.10q is not possible; use S001 to S%d", text, maxSession)
		}
	}
	return true, nil
}

// parseTime reads T1M and the like: 1 to 59 seconds or minutes, 0 to 48 hours.
func (s *Suite) parseTime(text string) (taken bool, err error) {
	if !strings.HasPrefix(text, "T") {
		return false, nil
	}
	for unit, limit := range map[string]struct {
		most int
		unit time.Duration
	}{"S": {59, time.Second}, "M": {59, time.Minute}, "H": {48, time.Hour}} {
		number, found := strings.CutSuffix(text[1:], unit)
		n, err := strconv.Atoi(number)
		if found && err == nil && strconv.Itoa(n) == number && n >= 1 && n <= limit.most {
			s.step = time.Duration(n) * limit.unit
			return true, nil
		}
	}
	return false, fmt.Errorf("its time step %.10q is not possible; use T1S to T59S, T1M to T59M or T1H to T48H", text)
}

// String returns the suite as it was parsed.
func (s Suite) String() string { return s.text }

// checkTyped reports what a keypad card of this suite does not take.
func (s Suite) checkTyped(challenge string) error {
	if challenge == "" || len(challenge) > s.most || strings.Trim(challenge, "0123456789") != "" {
		return fmt.Errorf("token: challenge %.20q is not 1 to %d digits", challenge, s.most)
	}
	return nil
}

// Response computes the answer to a challenge. See OCRA Section 5.2. An error says what in
// the input the suite cannot use; it does not show the seed or the PIN.
func (s Suite) Response(seed Seed, in DataInput) (string, error) {
	if s.text == "" || len(seed) == 0 {
		return "", fmt.Errorf("token: a response needs a suite and a seed of at least one byte; use ParseSuite")
	}
	data, err := s.dataInput(in)
	if err != nil {
		return "", err
	}
	mac := hmac.New(s.algorithm.hash(), seed)
	mac.Write(data)
	sum := mac.Sum(nil)
	if s.digits == 0 {
		return hex.EncodeToString(sum), nil
	}
	// HOTP Section 5.3, with up to ten digits: 31 bits then begin with a 0, 1 or 2.
	offset := sum[len(sum)-1] & 0x0f
	code := strconv.FormatUint(uint64(binary.BigEndian.Uint32(sum[offset:])&0x7fff_ffff), 10)
	code = strings.Repeat("0", maxAnswer-len(code)) + code
	return code[maxAnswer-s.digits:], nil
}

// dataInput lays the input out:
//
//	suite ‖ 00 ‖ C (8 bytes) ‖ Q (128) ‖ P (the size of its hash) ‖ S (nnn) ‖ T (8)
func (s Suite) dataInput(in DataInput) ([]byte, error) {
	data := append([]byte(s.text), 0)
	if s.counter {
		data = binary.BigEndian.AppendUint64(data, in.Counter)
	}
	question, err := s.question(in.Question)
	if err != nil {
		return nil, err
	}
	data = append(data, question...)
	data = append(data, make([]byte, questionSize-len(question))...)
	if s.pin {
		if size := newHash(s.pinHash).Size(); len(in.PINHash) != size {
			return nil, fmt.Errorf("token: the PIN's hash has %d bytes; %s makes %d", len(in.PINHash), s.pinHash, size)
		}
		data = append(data, in.PINHash...)
	}
	if len(in.Session) > s.session && s.session > 0 {
		return nil, fmt.Errorf("token: session information of %d bytes is too long; use at most %d", len(in.Session), s.session)
	}
	if s.session > 0 {
		data = append(append(data, make([]byte, s.session-len(in.Session))...), in.Session...)
	}
	if s.step > 0 {
		data = binary.BigEndian.AppendUint64(data, in.Step)
	}
	return data, nil
}

func newHash(a Algorithm) hash.Hash { return a.hash()() }

// question returns the challenge as bytes: text as it is, hexadecimal digits and numbers as
// hexadecimal digits from the left. See OCRA Section 5.1 and the reference code of OCRA
// Appendix A.
func (s Suite) question(text string) ([]byte, error) {
	if text == "" || len(text) > questionSize {
		return nil, fmt.Errorf("token: a challenge has 1 to %d characters, not %d", questionSize, len(text))
	}
	switch s.format {
	case 'A':
		return []byte(text), nil
	case 'N':
		number, ok := new(big.Int).SetString(text, 10)
		if !ok || strings.Trim(text, "0123456789") != "" {
			return nil, fmt.Errorf("token: challenge %.20q is not a number", text)
		}
		text = strings.ToUpper(number.Text(16))
	}
	if len(text)%2 == 1 {
		text += "0"
	}
	question, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("token: challenge %.20q is not hexadecimal", text)
	}
	return question, nil
}
