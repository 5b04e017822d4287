package seedfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mfalab/mfalab/token"
)

// The traditional log format of the YubiKey Personalization Tool (yubikeylogger.cpp, edition
// 3.1.25): these fields, counted from the end, as the local time before them may hold commas.
//
//	eventType, time, slot, public id, private id, key, current and new access code,
//	three flags, HOTP digits, moving factor, five flags
const (
	yubicoFields = 18
	yubicoStart  = "LOGGING START"
	yubicoHOTP   = "OATH-HOTP"
	modhex       = "cbdefghijklnrtuv" // the 16 letters that are on the same key everywhere
	identity     = 6                  // bytes of a public identity
)

// parseYubico reads a log, in which every session begins with a line of its own. Rows that
// are for something else are refused one by one, so that nobody waits for tokens that never come.
func parseYubico(in *reading) error {
	return in.rows(func(line int, fields []string) error {
		if strings.EqualFold(fields[0], yubicoStart) {
			return nil
		}
		r := Record{Type: HOTP}
		return in.add(line, r, r.setYubico(fields))
	})
}

// setYubico reads one event. The access codes, which are secrets too, are read over.
func (r *Record) setYubico(fields []string) (err error) {
	switch kind := fields[0]; {
	case kind == yubicoHOTP:
	case kind == "Yubico OTP":
		return errors.New("it is for Yubico OTP, an AES key; an OATH token cannot use it")
	case strings.HasPrefix(kind, "Static Password"), strings.HasPrefix(kind, "Challenge-Response"):
		return errors.New("it is for a static password or challenge and response; an OATH token cannot use it")
	case kind != "" && strings.Trim(kind, "0123456789") == "":
		return errors.New("it is in the Yubico log format, which tells HOTP from challenge and response in no way; log in the traditional format")
	default:
		return fmt.Errorf("%s is not an event that sets a seed; %s is", shown(kind), yubicoHOTP)
	}
	if len(fields) < yubicoFields {
		return fmt.Errorf("there are %d fields; %d are written", len(fields), yubicoFields)
	}
	fields = fields[len(fields)-yubicoFields:] // from the time on the last is right, before it is the event
	slot, public, key, digits, factor := fields[2], fields[3], fields[5], fields[11], fields[12]
	if r.Serial, err = yubicoSerial(public, slot); err != nil {
		return err
	}
	if r.Seed, err = parseHex(key); err != nil {
		return err
	}
	if r.Digits, err = parseDigits(digits); err != nil {
		return err
	}
	r.Counter, err = strconv.ParseUint(factor, 10, 32)
	if err != nil {
		return fmt.Errorf("moving factor %s is not possible; use 0 to 4294967295", shown(factor))
	}
	return r.checkYubico()
}

// yubicoSerial names the token as privacyIDEA does. The log has no serial, but the public
// identity that the key types before its code.
func yubicoSerial(public, slot string) (string, error) {
	if slot != "1" && slot != "2" {
		return "", fmt.Errorf("slot %s is not possible; use 1 or 2", shown(slot))
	}
	if public == "" || len(public) > 2*identity {
		return "", errors.New("there is no public identity of up to 12 letters, and so no serial; program the key with an OATH token identifier")
	}
	var n uint64
	for _, r := range public {
		digit := strings.IndexRune(modhex, r)
		if digit < 0 {
			return "", fmt.Errorf("public identity %s is not modhex; use the letters %s", shown(public), modhex)
		}
		n = n<<4 | uint64(digit)
	}
	return fmt.Sprintf("UBOM%08d_%s", n, slot), nil
}

// yubicoIdentity is the inverse of yubicoSerial.
func yubicoIdentity(serial string) (public, slot string, err error) {
	number, slot, _ := strings.Cut(strings.TrimPrefix(serial, "UBOM"), "_")
	n, err := strconv.ParseUint(number, 10, 8*identity)
	letters := []byte(fmt.Sprintf("%012x", n))
	for i, digit := range letters {
		letters[i] = modhex[strings.IndexByte("0123456789abcdef", digit)]
	}
	if again, bad := yubicoSerial(string(letters), slot); err != nil || bad != nil || again != serial {
		return "", "", errors.New("a YubiKey has no such serial; use UBOM, a number of 8 digits or more, _ and the slot")
	}
	return string(letters), slot, nil
}

// checkYubico finds what a YubiKey cannot be programmed with.
func (r *Record) checkYubico() error {
	switch {
	case r.Type != HOTP || r.Algorithm != token.SHA1 || r.Digits == 7:
		return fmt.Errorf("a YubiKey knows hotp with SHA1 and 6 or 8 digits, it is %s with %s and %d", r.Type, r.Algorithm, r.Digits)
	case len(r.Seed) != 20:
		return fmt.Errorf("the seed has %d bytes; a YubiKey takes 20", len(r.Seed))
	case r.Counter > 1<<32-1:
		return errors.New("the counter has more than 32 bits")
	}
	return nil
}

// writeYubico leaves the times out: they are local and in the manner of the country, so
// that nobody reads them.
func writeYubico(out *writing) error {
	out.row(yubicoStart, "")
	for i, r := range out.records {
		public, slot, err := yubicoIdentity(r.Serial)
		if err == nil {
			err = r.checkYubico()
		}
		if err != nil {
			out.refuse(i, err)
			continue
		}
		out.row(yubicoHOTP, "", slot, public, "", hex.EncodeToString(r.Seed), "", "", "0", "0", "0",
			strconv.Itoa(r.Digits), strconv.FormatUint(r.Counter, 10), "0", "0", "0", "0", "0")
	}
	return nil
}

// leaveYubico keeps nothing but serial, seed, digits and counter.
func leaveYubico(r *Record) { *r = r.codes() }
