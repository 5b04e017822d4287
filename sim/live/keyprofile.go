package live

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
)

// ParseKeyProfile reads a profile that a user wrote, and nothing else. What it leaves out is as in the profile that its
// "base" names, or as in the default one. An error says in which line of the file, and which field, it is about.
func ParseKeyProfile(b []byte) (*KeyProfile, error) {
	p, err := parseKeyProfile(b)
	if err != nil {
		if line := lineOf(b, err); line > 0 {
			return nil, fmt.Errorf("this is no profile of a key: line %d: %w", line, err)
		}
		return nil, fmt.Errorf("this is no profile of a key: %w", err)
	}
	return p, nil
}

func parseKeyProfile(b []byte) (*KeyProfile, error) {
	var named struct{ Base string }
	if err := json.Unmarshal(b, &named); err != nil {
		return nil, err
	}
	base, err := KeyProfileNamed(cmp.Or(named.Base, DefaultKeyProfile))
	if err != nil {
		return nil, err
	}
	in := struct {
		Base string `json:"base"`
		*KeyProfile
	}{KeyProfile: &base}
	if err := strict(b, &in); err != nil {
		return nil, err
	}
	return &base, base.check()
}

// What a message about a profile calls a field, and what it quotes.
var (
	fieldIn  = regexp.MustCompile(`[a-z][a-z0-9_]*`)
	quotedIn = regexp.MustCompile(`"[^"]+"`)
)

// lineOf returns in which line of a profile's text the error is, 0 where that cannot be told: where JSON says, else at the
// first field that the message names, else at what it quotes.
func lineOf(b []byte, err error) int {
	at := -1
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = int(e.Offset)
	} else if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		at = int(e.Offset)
	}
	for _, word := range fieldIn.FindAllString(err.Error(), -1) {
		if at < 0 && word != "key" && word != "name" {
			at = bytes.Index(b, []byte(`"`+word+`":`))
		}
	}
	for _, word := range quotedIn.FindAllString(err.Error(), -1) {
		if at < 0 {
			at = bytes.Index(b, []byte(word))
		}
	}
	if at < 0 {
		return 0
	}
	return 1 + bytes.Count(b[:min(at, len(b))], []byte{'\n'})
}

// KeyProfileOf returns the profile of a key as it stands, quirks included.
func (l *Lab) KeyProfileOf(ctx context.Context, serial string) (p KeyProfile, err error) {
	_, err = l.onKey(ctx, serial, func(_ *sim.World, k *key) error {
		p = k.profile
		return nil
	})
	return p, err
}

// SetKeyQuirks changes quirks and other fields of a key's profile at once, while it runs: all of them or none. The names
// and values are those of [u2f.Profile.With].
func (l *Lab) SetKeyQuirks(ctx context.Context, serial string, changes map[string]string) (KeyShown, error) {
	return l.saveAfter(ctx, serial, func(w *sim.World, k *key) (err error) {
		p := k.profile.Key
		for _, name := range slices.Sorted(maps.Keys(changes)) {
			if p, err = p.With(name, changes[name]); err != nil {
				return err
			}
		}
		if err := k.core.SetProfile(w.Now(), p); err != nil {
			return err
		}
		k.profile.Key = p
		l.bench.unsavedKeys[k] = true
		for _, name := range slices.Sorted(maps.Keys(changes)) {
			w.Record("key.quirk", sim.String("serial", k.serial), sim.String("name", name), sim.String("value", changes[name]))
		}
		return nil
	})
}

// Fields returns the fields of p, by their names, with their values in JSON.
func Fields(p u2f.Profile) map[string]json.RawMessage { return valuesOf(p) }

// Quirks returns the quirks that are set in p, by their names, with their values in JSON.
func Quirks(p u2f.Quirks) map[string]json.RawMessage { return valuesOf(p) }

func valuesOf(p any) map[string]json.RawMessage {
	text, _ := json.Marshal(p) // bools, words and numbers always can
	set := map[string]json.RawMessage{}
	_ = json.Unmarshal(text, &set)
	return set
}
