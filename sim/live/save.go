package live

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/mfalab/mfalab/sim"
)

// Save writes what has changed into the directory. An ephemeral lab has nothing to write.
func (l *Lab) Save(ctx context.Context) error {
	if l.opt.Ephemeral {
		return nil
	}
	l.saving.Lock()
	defer l.saving.Unlock()
	return l.save(ctx, false)
}

// save is Save for whoever holds saving, in a lab that is not ephemeral; together says that the files that are out of date come
// all or not at all.
func (l *Lab) save(ctx context.Context, together bool) error {
	if err := l.finish(); err != nil {
		return unstored(err)
	}
	var files []file
	var all *replacement
	err := l.Do(ctx, func(w *sim.World) (err error) {
		switch {
		case l.rebased:
			all, err = l.rebasement(w)
		case together:
			all, err = l.boxed(w)
		default:
			files, err = l.outOfDate(w)
		}
		if err == nil {
			l.unsaved, l.rebased = false, false
			clear(l.bench.unsaved)
			clear(l.bench.unsavedKeys)
		}
		return err
	})
	if err != nil {
		return err
	}
	if all != nil {
		if err = l.announce(all); err == nil {
			err = l.finish()
		}
		if err != nil && all.Box {
			err = errors.Join(err, l.withdraw()) // who has sent the box takes it back
		}
	} else {
		err = l.files.put(files...)
	}
	if err != nil {
		return l.unsavable(err, all != nil && l.unfinished == nil)
	}
	return nil
}

// outOfDate returns the files that have to be written. The clock comes first: a device is the same whenever it is stepped
// to a later time, but it cannot have lived ahead of the clock.
func (l *Lab) outOfDate(w *sim.World) ([]file, error) {
	var files []file
	for d := range l.bench.unsaved {
		f, err := encode(deviceFile(d.shelf, d.Serial()), d.saved())
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	for k := range l.bench.unsavedKeys {
		if l.bench.keys[k.serial] != k {
			continue // it was taken off the bench, and has no file any more
		}
		f, err := encode(keyFile(k.serial), k.saved())
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	// The files of a folder stand together, to be made durable together.
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	if !l.unsaved {
		return files, nil
	}
	f, err := l.labFile(w)
	return append([]file{f}, files...), err
}

func (l *Lab) labFile(w *sim.World) (file, error) {
	l.state.Clock, l.state.Now = l.clock.reading(), w.Now()
	return encode(labFile, l.state)
}

// unsavable makes the next Save try everything again.
func (l *Lab) unsavable(err error, rebased bool) error {
	again := l.Do(context.Background(), func(*sim.World) error {
		l.unsaved, l.rebased = true, l.rebased || rebased
		for _, d := range l.bench.all() {
			l.bench.unsaved[d] = true
		}
		for _, k := range l.bench.keys {
			l.bench.unsavedKeys[k] = true
		}
		return nil
	})
	return errors.Join(unstored(err), onlyUnexpected(again))
}
