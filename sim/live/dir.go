package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Files of a lab's directory; the package comment says what they are.
const (
	lockFile        = "lock"
	ownerFile       = "owner.json"
	labFile         = "lab.json"
	planFile        = "init.json"
	storeFile       = "iam.db"
	journalFile     = "journal.jsonl"
	credentialsFile = "credentials.json"
	pendingFile     = "pending.json"
	fobsFolder      = "fobs"
	appsFolder      = "apps"
	objectsFolder   = "s3"
	ignoreFile      = ".gitignore"
	// LogFile is what a lab in the background prints.
	LogFile = "up.log"
	// ownFolder is the name of a directory that nobody chose; what has another name is somebody's own.
	ownFolder = ".mfalab"
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
		if _, err := os.Stat(filepath.Join(d, ownFolder, lockFile)); err == nil {
			return filepath.Join(d, ownFolder)
		}
		up := filepath.Dir(d)
		if up == d {
			return filepath.Join(cwd, ownFolder)
		}
		d = up
	}
}

// Exists reports whether a lab has been made in dir.
func Exists(dir string) bool {
	for _, name := range []string{labFile, pendingFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// Our choice. Whoever looks with Owned whether a lock is held shares it for some microseconds, and for much longer where the
// machine stops him there: that is no owner, and counts for no attempt.
const (
	claims  = 10 // attempts to get the lock
	between = 2 * time.Millisecond
)

// claim takes the directory's lock, making the directory where it is missing.
func claim(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the lab's directory: %w", err)
	}
	lock := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	for tried := 0; tried < claims; {
		ok, err := lock.TryLock()
		if err != nil {
			return nil, fmt.Errorf("cannot lock the lab's directory: %w", err)
		}
		if ok {
			tried++
			if !inPlace(lock) {
				_ = lock.Unlock() // of a file that is nowhere
				continue
			}
			if err := tidy(dir); err != nil {
				return nil, errors.Join(err, lock.Unlock())
			}
			return lock, nil
		}
		looked, err := lock.TryRLock()
		if err = errors.Join(err, lock.Unlock()); err != nil {
			return nil, fmt.Errorf("cannot lock the lab's directory: %w", err)
		}
		if !looked { // it is nobody who only looks
			tried++
		}
		time.Sleep(between)
	}
	return nil, ErrOwned
}

// inPlace reports whether the file that was locked is the one that others find: an owner that keeps nothing takes it away.
func inPlace(lock *flock.Flock) bool {
	locked, err := lock.Stat()
	if err != nil {
		return false
	}
	found, err := os.Stat(lock.Path())
	return err == nil && os.SameFile(locked, found)
}

// leaveNothing takes away what an owner that keeps nothing has put into a directory that holds no lab: files are what it made
// there. It is called with the lock held, and takes that last.
func leaveNothing(dir string, files []string) error {
	var errs []error
	for _, name := range append(files, LogFile, ignoreFile, lockFile) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if filepath.Base(dir) == ownFolder {
		_ = os.Remove(dir) // what is not empty is not ours
	}
	return errors.Join(errs...)
}

// tidy takes away what an owner that was killed has left, its address above all: another lab may answer there by now.
func tidy(dir string) error {
	if err := os.Remove(filepath.Join(dir, ownerFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, folder := range []string{dir, filepath.Join(dir, fobsFolder), filepath.Join(dir, appsFolder), filepath.Join(dir, keysFolder),
		filepath.Join(dir, flashFolder)} {
		if err := sweep(folder); err != nil {
			return err
		}
	}
	ignore := filepath.Join(dir, ignoreFile)
	if _, err := os.Stat(ignore); errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(ignore, []byte("*\n"), 0o600)
	}
	return nil
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

// Announce publishes how to reach this lab, for the commands that find it owned. Close takes it back. It comes before
// anything that asks for URL or Token. Keys that are plugged in by an address of their own are there from now on.
func (l *Lab) Announce(url, token string) error {
	b, err := json.Marshal(Owner{PID: os.Getpid(), URL: url, Token: token})
	if err != nil {
		return err
	}
	l.url, l.token = url, token
	return errors.Join(l.serveKeys(), l.files.put(file{ownerFile, b}))
}
