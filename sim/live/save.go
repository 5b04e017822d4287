package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mfalab/mfalab/sim"
)

// Save writes what has changed into the directory. An ephemeral lab has nothing to write.
func (l *Lab) Save(ctx context.Context) error {
	if l.opt.Ephemeral {
		return nil
	}
	l.saving.Lock()
	defer l.saving.Unlock()
	files := map[string][]byte{}
	err := l.Do(ctx, func(w *sim.World) error { return l.collect(w, files) })
	if err != nil {
		return err
	}
	for name, b := range files {
		if err := write(l.path(name), b); err != nil {
			return l.unsavable(err)
		}
	}
	return nil
}

// unsavable makes the next Save try everything again.
func (l *Lab) unsavable(err error) error {
	again := l.Do(context.Background(), func(*sim.World) error {
		l.unsaved = true
		for _, d := range l.bench.all() {
			d.unsaved = true
		}
		return nil
	})
	return errors.Join(fmt.Errorf("the lab cannot be stored: %w", err), again)
}

// collect puts the content of every file that is out of date into files. Writing them is not its business: a slow disk
// must not hold up the world.
func (l *Lab) collect(w *sim.World, files map[string][]byte) error {
	for _, d := range l.bench.all() {
		if !d.unsaved {
			continue
		}
		b, err := json.Marshal(d.Fob)
		if err != nil {
			return err
		}
		files[filepath.Join(d.shelf.folder(), fileName(d.Serial()))], d.unsaved = b, false
	}
	if len(files) > 0 || l.unsaved {
		l.state.Clock, l.state.Now = l.clock.reading(), w.Now()
		b, err := json.Marshal(l.state)
		if err != nil {
			return err
		}
		files[labFile], l.unsaved = b, false
	}
	return nil
}

// readJSON reads a file into v and reports whether it is there.
func readJSON(path string, v any) (bool, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return true, nil
}

// folders makes the folders of the devices.
func (l *Lab) folders() error {
	return errors.Join(os.MkdirAll(l.path(fobsFolder), 0o700), os.MkdirAll(l.path(appsFolder), 0o700))
}
