package u2f

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// A template is an enrolled fingerprint.
type template struct {
	id      [templateIDSize]byte
	finger  string // what the sensor compares with
	name    string // the friendly name, "" for none
	created uint64 // numbers templates in the order they were enrolled
}

// Our choice, as in keys that are sold.
const templateIDSize = 2

// recordTemplate and the id in hexadecimal are the name of a template's record: one for each, so that each change is one
// write.
const recordTemplate = "fp/"

// templateRecord is how a template lies in flash.
type templateRecord struct {
	Finger  string `cbor:"1,keyasint"`
	Name    string `cbor:"2,keyasint,omitempty"`
	Created uint64 `cbor:"3,keyasint"`
}

func (t *template) record() string { return recordTemplate + hex.EncodeToString(t.id[:]) }

func (k *Key) loadTemplates() error {
	k.uv.templates = nil
	names, err := k.flash.Names(recordTemplate)
	if err != nil {
		return fmt.Errorf("u2f: the flash cannot be listed: %w", err)
	}
	for _, name := range names {
		value, err := k.flash.Get(name)
		if err != nil {
			return fmt.Errorf("u2f: record %q cannot be read: %w", name, err)
		}
		t, err := parseTemplate(name, value)
		if err != nil {
			return fmt.Errorf("u2f: record %q is no fingerprint of that name; the flash is damaged", name)
		}
		k.uv.templates = append(k.uv.templates, t)
	}
	slices.SortFunc(k.uv.templates, func(x, y template) int { return cmp.Compare(x.created, y.created) })
	return nil
}

func parseTemplate(name string, value []byte) (t template, err error) {
	var in templateRecord
	if err := cbor.Unmarshal(value, &in); err != nil {
		return t, err
	}
	id, err := hex.DecodeString(name[len(recordTemplate):])
	if err != nil || len(id) != templateIDSize || in.Finger == "" {
		return t, errors.New("u2f: no template")
	}
	return template{[templateIDSize]byte(id), in.Finger, in.Name, in.Created}, nil
}

// keepTemplate writes a template, new or renamed. A write that failed may have happened or not: what is in flash decides.
func (k *Key) keepTemplate(t template) error {
	value, err := cbor.Marshal(templateRecord{t.finger, t.name, t.created})
	if err != nil {
		return err
	}
	if err := k.flash.Put(t.record(), value); err != nil {
		if k.fault = k.loadTemplates(); k.fault != nil {
			return k.fault
		}
		if at := k.templateWithID(t.id[:]); at >= 0 && k.uv.templates[at] == t {
			return err
		}
		return ctap.ErrFPDatabaseFull
	}
	if at := k.templateWithID(t.id[:]); at >= 0 {
		k.uv.templates[at] = t
		return nil
	}
	k.uv.templates = append(k.uv.templates, t)
	return nil
}

// templateWithID returns where the template with that id is, -1 if there is none.
func (k *Key) templateWithID(id []byte) int {
	return slices.IndexFunc(k.uv.templates, func(t template) bool { return string(t.id[:]) == string(id) })
}

// templateOf returns where the template of a finger is, -1 if it is not enrolled.
func (k *Key) templateOf(finger string) int {
	return slices.IndexFunc(k.uv.templates, func(t template) bool { return t.finger == finger })
}

// newTemplateID draws an id that no template has.
func (k *Key) newTemplateID() (id [templateIDSize]byte) {
	for k.random.read(id[:]); k.templateWithID(id[:]) >= 0; {
		k.random.read(id[:])
	}
	return id
}
