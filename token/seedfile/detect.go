package seedfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// foreign are beginnings of what is no seed file of ours, and what to do with it.
var foreign = []struct{ begins, is string }{
	{"-----begin pgp", "encrypted with PGP; decrypt it first"},
	{"otpauth-migration:", "an export of Google Authenticator, which is not supported; give otpauth URIs"},
	{"# ===== safeword", "a SafeWord .dat file, which is not supported; ask for PSKC"},
	{"pk\x03\x04", "a ZIP archive or a spreadsheet; save it as CSV"},
	{"\x89png", "a picture; read its QR codes first"},
	{"\xff\xd8\xff", "a picture; read its QR codes first"},
}

// Detect returns the format of a file by its beginning. Where two formats look the same
// and mean different codes, as with nothing but serials and seeds, it is an error that
// says which to choose from.
func Detect(data []byte) (Format, error) {
	for _, f := range foreign {
		if head := data[:min(len(data), len(f.begins))]; strings.EqualFold(string(head), f.begins) {
			return "", fmt.Errorf("seedfile: the file is %s", f.is)
		}
	}
	data, err := text(data)
	if err != nil {
		return "", err
	}
	line := first(data)
	lower := strings.ToLower(line)
	switch {
	case line == "":
		return "", errors.New("seedfile: the file is empty")
	case version.Match(bytes.TrimLeft(data, " \t\r\n")):
		return OATHCSV, nil
	case line[0] == '<':
		return detectXML(data)
	case strings.HasPrefix(lower, "otpauth://"):
		return OTPAuth, nil
	}
	return detectCSV(lower, delimiter(data))
}

// detectXML goes by the name of the root alone; whether it is in the right namespace, the
// reader of that format says better.
func detectXML(data []byte) (Format, error) {
	root, err := rootName(data)
	if err != nil {
		return "", err
	}
	switch root {
	case containerRoot:
		return PSKC, nil
	case safeNetRoot:
		return SafeNetXML, nil
	}
	return "", fmt.Errorf("seedfile: the file is XML with the root %.40q; %s (pskc) and %s (safenet-xml) are read",
		root, containerRoot, safeNetRoot)
}

// detectCSV goes by the first line, in lower case.
func detectCSV(line string, delimiter rune) (Format, error) {
	fields := strings.Split(line, string(delimiter))
	for i := range fields {
		fields[i] = strings.Trim(fields[i], "\" \t")
	}
	header := strings.ReplaceAll(line, " ", "")
	third := at(fields, 2)
	switch {
	case strings.Contains(header, "serialnumber") && strings.Contains(header, "secretkey"):
		return EntraCSV, nil
	case fields[0] == strings.ToLower(yubicoStart), fields[0] == strings.ToLower(yubicoHOTP), fields[0] == "yubico otp",
		strings.HasPrefix(fields[0], "static password"), strings.HasPrefix(fields[0], "challenge-response"):
		return YubicoCSV, nil
	case third == "hotp" || third == "totp" || third == "ocra":
		return OATHCSV, nil
	case len(fields) == 3 && third != "" && strings.Trim(third, "0123456789") == "":
		return DuoCSV, nil
	case len(fields) == 2:
		return "", errors.New("seedfile: a file of serials and seeds alone could be oath-csv, which means hotp, or duo-csv; say which")
	}
	return "", fmt.Errorf("seedfile: the file is of no known format; say which it is: %s", formatNames())
}
