package trail

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// secret are the elements of answers that no record may hold, whatever stands in them.
var secret = map[string]bool{"SecretAccessKey": true, "SessionToken": true, "Base32StringSeed": true, "QRCodePNG": true,
	"Password": true, "ServicePassword": true}

// Elements returns an answer as responseElements: v is a struct as encoding/xml writes it inside the result. Its elements
// become members with a small first letter, its lists arrays, its times the service's own form ("Feb 17, 2026 9:44:55
// AM"). Secrets are left out. It returns nil for nil and for what has nothing to tell.
func Elements(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	b, ok := appendElement(nil, "", reflect.ValueOf(v))
	if !ok || string(b) == "{}" {
		return nil
	}
	return b
}

// appendElement appends one value; ok is false for one that there is nothing to say of.
func appendElement(b []byte, name string, v reflect.Value) (out []byte, ok bool) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return b, false
		}
		return appendElement(b, name, v.Elem())
	case reflect.Struct:
		if t := v.Type(); t.NumField() == 1 && t.Field(0).Tag.Get("xml") == "member" {
			return appendElement(b, name, v.Field(0))
		}
		b = append(appendMembers(append(b, '{'), v), '}')
		return b, true
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return b, false // a blob
		}
		b = append(b, '[')
		for i := range v.Len() {
			b, _ = appendElement(comma(b), name, v.Index(i))
		}
		return append(b, ']'), true
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool()), true
	case reflect.Int, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10), true
	case reflect.String:
		return AppendText(b, dated(name, v.String())), true
	}
	return b, false
}

// appendMembers appends the members of a struct, those of a struct that is embedded in it as its own.
func appendMembers(b []byte, v reflect.Value) []byte {
	for i := range v.NumField() {
		f, inner := v.Type().Field(i), v.Field(i)
		if f.Anonymous && inner.Kind() == reflect.Struct {
			b = appendMembers(b, inner)
			continue
		}
		tag, options, _ := strings.Cut(f.Tag.Get("xml"), ",")
		name, _, _ := strings.Cut(tag, ">")
		if name == "" {
			name = f.Name
		}
		if !f.IsExported() || tag == "-" || secret[name] || options == "omitempty" && inner.IsZero() {
			continue
		}
		from := len(b)
		var ok bool
		if b, ok = appendElement(append(AppendText(comma(b), Camel(name)), ':'), name, inner); !ok {
			b = b[:from]
		}
	}
	return b
}

// comma appends what stands between two members or elements.
func comma(b []byte) []byte {
	if c := b[len(b)-1]; c == '{' || c == '[' {
		return b
	}
	return append(b, ',')
}

// dated returns the text of an element, a date in the form in which IAM and STS record theirs (IAM User Guide,
// "Logging IAM and AWS STS API calls with AWS CloudTrail", the samples).
func dated(name, text string) string {
	if !strings.HasSuffix(name, "Date") && name != "Expiration" {
		return text
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return t.UTC().Format("Jan 2, 2006 3:04:05 PM")
}

// Camel returns a parameter's or an element's name as records have it: "userName", "virtualMFADeviceName"; of a name that
// begins with several capitals all but the last become small.
func Camel(name string) string {
	n := 0
	for n < len(name) && 'A' <= name[n] && name[n] <= 'Z' {
		n++
	}
	if n > 1 && n < len(name) {
		n-- // the last capital begins the next word
	}
	return strings.ToLower(name[:n]) + name[n:]
}

// AppendText appends s as a JSON string.
func AppendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic("trail: internal error: " + err.Error()) // a string always marshals
			}
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
