package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/tpm"
)

// A KeyElement says which secure element a key has. The zero value is software.
type KeyElement struct {
	// Element is the address of a TPM, as package u2f/tpm has it.
	Element string `json:"element,omitempty"`
	// ElementAuthFile is the file with the password of the TPM's owner, an absolute path. It stays with the directory: no
	// exported key and no saved lab has it, lest a file of somebody else's makes this program read one and send it away.
	ElementAuthFile string `json:"elementAuthFile,omitempty"`
}

// ElementShown is what can be seen of a key's secure element.
type ElementShown struct {
	Address string `json:"address"`
	// State is how it stands, of a key that has power and is asked about.
	*tpm.State
	// Trouble is why its state cannot be told.
	Trouble string `json:"trouble,omitempty"`
}

// mostPassword bounds the file of a password. Our choice: no TPM takes more than a digest, of 64 bytes at most.
const mostPassword = 128

// check reports what makes e unfit.
func (e KeyElement) check() error {
	switch {
	case e.Element == "" && e.ElementAuthFile != "":
		return errors.New("the key has a file with a password for its secure element, and no secure element: give both, or neither")
	case e.Element == "":
		return nil
	case e.ElementAuthFile != "" && !filepath.IsAbs(e.ElementAuthFile):
		return fmt.Errorf("%q, with the password for a secure element, is no absolute path", e.ElementAuthFile)
	}
	_, err := tpm.ParseAddress(e.Element)
	return err
}

// open returns the element, which is nil for software. Nothing is reached for yet.
func (e KeyElement) open() (u2f.Element, error) {
	if err := e.check(); err != nil || e.Element == "" {
		return nil, err
	}
	address, err := tpm.ParseAddress(e.Element)
	if err != nil {
		return nil, err
	}
	return tpm.New(address, e.password), nil
}

// password reads the file with the password of the TPM's owner, without its last line feed.
func (e KeyElement) password() ([]byte, error) {
	if e.ElementAuthFile == "" {
		return nil, nil
	}
	f, err := os.Open(e.ElementAuthFile)
	if err != nil {
		return nil, fmt.Errorf("the password of the TPM's owner: %w; name another file: --element-auth-file, empty for no password", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostPassword+2))
	if err != nil {
		return nil, fmt.Errorf("the password of the TPM's owner: %w", err)
	}
	if text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r")); len(text) > mostPassword {
		return nil, fmt.Errorf("the file %s has more than %d bytes, which is no password of a TPM's owner", e.ElementAuthFile, mostPassword)
	}
	return text, nil
}

// portable returns the element as an exported key or a saved lab has it.
func (e KeyElement) portable() KeyElement { return KeyElement{Element: e.Element} }

// shown returns what can be seen of a key's element, its state included where that is asked for.
func (k *key) elementShown(state bool) *ElementShown {
	if k.element.Element == "" {
		return nil
	}
	s := &ElementShown{Address: k.element.Element}
	in, is := k.inside.(*tpm.Element)
	if !state || !is || k.port == nil || k.port.exported() && !k.port.lent {
		return s
	}
	now, err := in.State()
	if err != nil {
		s.Trouble = err.Error()
		return s
	}
	s.State = &now
	return s
}

// SetElementAuthFile says where the password of the owner of a key's TPM is, "" where there is none any more. The key is to be
// plugged in again.
func (l *Lab) SetElementAuthFile(ctx context.Context, serial, file string) error {
	_, err := l.saveAfter(ctx, serial, func(w *sim.World, k *key) error {
		e := KeyElement{k.element.Element, file}
		if err := e.check(); err != nil {
			return err
		}
		if k.port != nil {
			return fmt.Errorf("the key %q is plugged in: pull it out first", k.serial)
		}
		k.element = e
		l.bench.unsavedKeys[k] = true
		return k.refit(w)
	})
	return err
}

// refit gives a key without power its element anew.
func (k *key) refit(w *sim.World) error {
	core, err := k.lab.newCore(k, k.profile.Key, k.flash)
	if err != nil {
		return err
	}
	fingers := k.core.Fingers()
	k.core = core
	k.core.SetPresence(w.Now(), k.presence)
	return k.core.SetFingers(w.Now(), fingers)
}
