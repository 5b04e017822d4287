package u2f

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// fixed are the fields that say which model a key is: they are certified when it is made.
var fixed = []string{"name", "aaguid", "quirks"}

// Settable returns the names that [Profile.With] takes: first those of quirks, then the other fields of a profile, as they
// are in JSON.
func Settable() (quirks, fields []string) {
	return names(reflect.TypeFor[Quirks]()), slices.DeleteFunc(names(reflect.TypeFor[Profile]()),
		func(name string) bool { return slices.Contains(fixed, name) })
}

// names returns what the fields of a struct are called in JSON.
func names(t reflect.Type) (list []string) {
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		list = append(list, name)
	}
	return list
}

// With returns p with one quirk or one other field changed. The value is JSON, or what JSON would put quotes round, or the
// elements of a list between commas; none takes a quirk away. The result has passed [Profile.Check].
func (p Profile) With(name, value string) (Profile, error) {
	p, err := p.clone()
	if err != nil {
		return p, err
	}
	quirks, fields := Settable()
	var v reflect.Value
	switch i := slices.Index(quirks, name); {
	case i >= 0:
		v = reflect.ValueOf(&p.Quirks).Elem().Field(i)
	case slices.Contains(fields, name):
		v = reflect.ValueOf(&p).Elem().Field(slices.Index(names(reflect.TypeFor[Profile]()), name))
	case slices.Contains(fixed, name):
		return p, fmt.Errorf("u2f: %q says which model a key is, and cannot be changed; make a new key", name)
	default:
		return p, fmt.Errorf("u2f: there is no quirk or field %q; use one of %s", name, strings.Join(append(quirks, fields...), ", "))
	}
	v.SetZero()
	if value == "" {
		return p, p.Check()
	}
	for _, text := range readings(value) {
		if err = json.Unmarshal(text, v.Addr().Interface()); err == nil {
			return p, p.Check()
		}
		v.SetZero()
	}
	return p, fmt.Errorf("u2f: %.40q is no value for %s, which is %s", value, name, kind(v.Type()))
}

// readings are what a value may mean, as JSON.
func readings(value string) [][]byte {
	quoted, _ := json.Marshal(value) // a string always can
	list := []string{}
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); !json.Valid([]byte(part)) {
			b, _ := json.Marshal(part)
			part = string(b)
		}
		list = append(list, part)
	}
	return [][]byte{[]byte(value), quoted, []byte("[" + strings.Join(list, ",") + "]")}
}

// kind says in words what JSON a field takes.
func kind(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[Duration]():
		return `a duration, as "10s"`
	case t == reflect.TypeFor[Answer]():
		return `an error, as "CTAP2_ERR_NOT_ALLOWED"`
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "a word"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Map, t.Kind() == reflect.Struct:
		return "an object in JSON"
	}
	return "a number"
}

// clone returns a profile that shares nothing with p.
func (p Profile) clone() (q Profile, err error) {
	text, err := json.Marshal(p)
	if err != nil {
		return p, err
	}
	return q, json.Unmarshal(text, &q)
}
