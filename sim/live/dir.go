package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// Files of a lab's directory.
const (
	lockFile        = "lock"
	ownerFile       = "owner.json"
	labFile         = "lab.json"
	planFile        = "init.json"
	storeFile       = "iam.db"
	journalFile     = "journal.jsonl"
	credentialsFile = "credentials.json"
	fobsFolder      = "fobs"
	appsFolder      = "apps"
)

// ErrOwned is returned by Open where another process owns the directory.
var ErrOwned = errors.New("the lab is owned by another process")

// An Owner says who runs the lab of a directory.
type Owner struct {
	PID int `json:"pid"`
	// URL is where the lab answers, such as "http://127.0.0.1:6325"; empty for a command that owns it for a moment.
	URL string `json:"url"`
	// Token is asked for by the control API of a lab that listens beyond loopback; empty otherwise.
	Token string `json:"token,omitempty"`
}

// Find returns the directory of the lab that a command started in cwd means: explicit, else that of the environment,
// else the nearest parent's .mfalab, else cwd's own.
func Find(explicit, environment, cwd string) string {
	for _, d := range []string{explicit, environment} {
		if d != "" {
			if filepath.IsAbs(d) {
				return d
			}
			return filepath.Join(cwd, d)
		}
	}
	for d := cwd; ; {
		if _, err := os.Stat(filepath.Join(d, ".mfalab", lockFile)); err == nil {
			return filepath.Join(d, ".mfalab")
		}
		up := filepath.Dir(d)
		if up == d {
			return filepath.Join(cwd, ".mfalab")
		}
		d = up
	}
}

// Exists reports whether a lab has been made in dir.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, labFile))
	return err == nil
}

// claim takes the directory's lock, making the directory where it is missing.
func claim(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the lab's directory: %w", err)
	}
	lock := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("cannot lock the lab's directory: %w", err)
	}
	if !ok {
		return nil, ErrOwned
	}
	ignore := filepath.Join(dir, ".gitignore")
	if _, err := os.Stat(ignore); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(ignore, []byte("*\n"), 0o600); err != nil {
			return nil, errors.Join(err, lock.Unlock())
		}
	}
	return lock, nil
}

// ReadOwner returns what the owner of dir has said of itself. It may be stale: only the lock tells whether it lives.
func ReadOwner(dir string) (Owner, error) {
	var o Owner
	b, err := os.ReadFile(filepath.Join(dir, ownerFile))
	if err != nil {
		return o, err
	}
	return o, json.Unmarshal(b, &o)
}

// Owned reports whether a living process owns dir.
func Owned(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, lockFile)); err != nil {
		return false
	}
	lock := flock.New(filepath.Join(dir, lockFile))
	ok, err := lock.TryRLock()
	if err != nil || !ok {
		return true
	}
	_ = lock.Unlock() // a lock that was just taken
	return false
}

// Announce publishes how to reach this lab, for the commands that find it owned. Close takes it back.
func (l *Lab) Announce(url, token string) error {
	b, err := json.Marshal(Owner{PID: os.Getpid(), URL: url, Token: token})
	if err != nil {
		return err
	}
	l.url, l.token = url, token
	return write(filepath.Join(l.dir, ownerFile), b)
}

// write replaces a file by one that only its owner may read: after a loss of power the old or the new content is there.
func write(path string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the error that matters is the first
		}
	}()
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// fileName returns the name of a device's file: a serial or an app's name may hold characters that no file name may.
func fileName(name string) string {
	escaped := strings.NewReplacer("*", "%2A", ":", "%3A", ".", "%2E").Replace(url.PathEscape(name))
	return escaped + ".json"
}

// File returns a file that the lab's commands keep beside it, which make makes where it is missing.
func (l *Lab) File(name string, make func() ([]byte, error)) ([]byte, error) {
	b, err := os.ReadFile(l.path(name))
	if !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	if b, err = make(); err != nil {
		return nil, err
	}
	return b, write(l.path(name), b)
}
