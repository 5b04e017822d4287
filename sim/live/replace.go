package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
)

// A replacement is everything that a lab is to be from now on: the new content of every file, and of the store. It is on
// the disk, as pending.json, before the first of them is touched, so that a load, a reset or a first start that loses its
// power has happened or not.
//
//	pending.json ──▶ the store, which remembers the number ──▶ files ──▶ lab.json with the number ──▶ no pending.json
//
// Each arrow is crossed when what is left of it is on the disk; opening the lab goes on from where it was.
type replacement struct {
	Version int    `json:"version"`
	Number  uint64 `json:"number"` // labState.Replaced when it is done
	// Files is the content of every file but the store's, lab.json included; null takes a file away.
	Files map[string]json.RawMessage `json:"files"`
	// Box says that Files are those of a box of fobs, which come all together, and that every other file stays.
	Box bool `json:"box,omitempty"`
	// Account is what the relying party is to hold, and Events what the journal begins with. Both are nil where the clock
	// was reset, or a box came, and nothing else: then store and journal go on.
	Account iam.Snapshot `json:"account,omitempty"`
	Events  []sim.Event  `json:"events,omitempty"`
}

// Load replaces the whole lab by a snapshot, the plan for later resets included; the rules of that plan hold when the lab
// is opened next. A snapshot that is refused changes nothing.
func (l *Lab) Load(ctx context.Context, s *Snapshot) error {
	if err := s.check(); err != nil {
		return err
	}
	if l.opt.WallOnly {
		return ErrTravel
	}
	for i := range s.SecurityKeys {
		s.SecurityKeys[i].KeyElement = s.SecurityKeys[i].portable()
	}
	l.saving.Lock()
	defer l.saving.Unlock()
	return l.replace(ctx, s, reading{Lab: s.Saved, Wall: strip(l.opt.Wall()), Rate: s.Rate}, loaded(s))
}

// loaded is what the journal of a loaded lab begins with.
func loaded(s *Snapshot) []sim.Event {
	return []sim.Event{{Seq: 1, Time: s.Saved, Name: "lab.loaded",
		Attrs: []sim.Attr{sim.Int("fobs", int64(len(s.Fobs))), sim.Int("apps", int64(len(s.Apps)))}}}
}

// Reset makes the lab what it was when it was new: the same seed and plan give the same administrator again. The clock is
// the wall's again, or that of the plan.
func (l *Lab) Reset(ctx context.Context) error {
	l.saving.Lock()
	defer l.saving.Unlock()
	at := l.firstReading()
	s, events, err := l.draft(ctx, l.service.Account(), at)
	if err != nil {
		return err
	}
	return l.replace(ctx, s, at, events)
}

// replace puts a snapshot in the place of the lab, which it then owns, for whoever holds saving. An error changes
// nothing, unless it says that the lab cannot be stored.
func (l *Lab) replace(ctx context.Context, s *Snapshot, at reading, events []sim.Event) error {
	// What an earlier call left undone is done first, lest this one's note take its place.
	if err := l.finish(); err != nil {
		return unstored(err)
	}
	number, err := mark(ctx, l.store)
	if err != nil {
		return err
	}
	number = max(number, l.state.Replaced) + 1
	events = numbered(events, number)
	// Who has seen a BLOB of the lab's takes none with a lower number.
	s.Publishing.Number = max(s.Publishing.Number, l.state.Publishing.Number)
	r, state, err := s.replacement(at, number, events)
	if err != nil {
		return err
	}
	// What objects consist of comes before the records that name it, and those of before stay until the lab is opened next.
	if err := l.objects.Add(s.Objects); err != nil {
		return unstored(err)
	}
	if err := l.announce(r); err != nil {
		return unstored(err)
	}
	// From here on no caller's patience counts.
	ctx = context.WithoutCancel(ctx)
	done := false
	err = l.Do(ctx, func(w *sim.World) error {
		chance, err := state.check()
		if err == nil {
			err = l.service.Restore(marked(ctx, r.Number), s.Account, chance, at.Lab)
		}
		if err != nil {
			return err
		}
		done = true
		l.chance, l.state, l.plan, l.credents = chance, state, s.Plan, s.Keys
		return l.furnish(w, s, at, events)
	})
	if !done {
		return errors.Join(err, l.withdraw())
	}
	if unfinished := l.finish(); unfinished != nil {
		err = errors.Join(err, unstored(unfinished))
	}
	return err
}

// numbered writes the number of a replacement into the first event, from the second on: so a journal that begins like the
// one before it can be told from that.
func numbered(events []sim.Event, number uint64) []sim.Event {
	if number > 1 {
		events[0].Attrs = append(events[0].Attrs, sim.Int("replaced", int64(number-1)))
	}
	return events
}

func unstored(err error) error {
	return fmt.Errorf("the lab cannot be stored: %w; see whether its disk is full or may not be written to", err)
}

// withdraw takes back what announce wrote.
func (l *Lab) withdraw() error {
	l.unfinished = nil
	if l.opt.Ephemeral {
		return nil
	}
	return errors.Join(l.files.remove(pendingFile), syncDir(l.dir))
}

// replacement returns what a lab has to be to be s, with its clock at a reading, as the number of a replacement, and the
// new lab.json.
func (s *Snapshot) replacement(at reading, number uint64, events []sim.Event) (*replacement, labState, error) {
	state := labState{Version: stateVersion, Chance: s.Chance, Clock: at, Now: at.Lab, Made: s.Made, Replaced: number, Metadata: s.Metadata,
		Publishing: s.Publishing.copied()}
	r := &replacement{Version: stateVersion, Number: number, Account: s.Account, Events: events, Files: map[string]json.RawMessage{}}
	return r, state, errors.Join(r.add(labFile, state), r.add(credentialsFile, s.Keys), r.add(planFile, s.Plan),
		r.addAll(Fobs, s.Fobs), r.addAll(Apps, s.Apps), r.addKeys(s.SecurityKeys))
}

// rebasement is the replacement that a reset of the clock amounts to: only clock and devices change, but all at once.
func (l *Lab) rebasement(w *sim.World) (*replacement, error) {
	l.state.Replaced++
	f, err := l.labFile(w)
	if err != nil {
		return nil, err
	}
	r := &replacement{Version: stateVersion, Number: l.state.Replaced, Files: map[string]json.RawMessage{f.name: f.content}}
	for _, d := range l.bench.all() {
		err = errors.Join(err, r.add(deviceFile(d.shelf, d.Serial()), d.saved()))
	}
	for _, k := range l.bench.allKeys() {
		err = errors.Join(err, r.add(keyFile(k.serial), k.saved()))
	}
	return r, err
}

// boxed is the replacement that the files which are out of date amount to, where a box of fobs is among them.
func (l *Lab) boxed(w *sim.World) (*replacement, error) {
	l.state.Replaced++
	l.unsaved = true
	files, err := l.outOfDate(w)
	r := &replacement{Version: stateVersion, Number: l.state.Replaced, Files: map[string]json.RawMessage{}, Box: true}
	for _, f := range files {
		r.Files[f.name] = f.content
	}
	return r, err
}

func (r *replacement) add(name string, v any) error {
	b, err := json.Marshal(v)
	r.Files[name] = b
	return err
}

func (r *replacement) addAll(shelf Shelf, list []Device) (err error) {
	for _, d := range list {
		err = errors.Join(err, r.add(deviceFile(shelf, d.Fob.Serial()), d))
	}
	return err
}

// addKeys gives the keys of a snapshot images of their own number.
func (r *replacement) addKeys(list []SecurityKey) (err error) {
	for i := range list {
		list[i].Image = r.Number<<32 | uint64(i)
		err = errors.Join(err, r.add(keyFile(list[i].Serial), list[i]))
	}
	return err
}

// furnish makes the world in memory that of a snapshot.
func (l *Lab) furnish(w *sim.World, s *Snapshot, at reading, events []sim.Event) error {
	for _, d := range l.bench.all() {
		l.bench.take(d)
	}
	for _, k := range l.bench.allKeys() {
		if err := l.bench.drop(k); err != nil {
			return err
		}
	}
	l.unsaved, l.rebased = false, false
	w.Set(at.Lab)
	l.clock.set(at.Lab, at.Rate)
	for shelf, list := range map[Shelf][]Device{Fobs: s.Fobs, Apps: s.Apps} {
		for _, d := range list {
			l.bench.put(shelf, d)
		}
	}
	for _, k := range s.SecurityKeys {
		if err := l.furnishKey(w, k); err != nil {
			return err
		}
	}
	w.Resume(uint64(len(events)))
	l.requests.Store(newRequests(l.chance, 0))
	return l.journal.restart(events)
}

// announce writes down that a replacement is under way.
func (l *Lab) announce(r *replacement) error {
	if l.opt.Ephemeral {
		return nil
	}
	f, err := encode(pendingFile, r)
	if err != nil {
		return err
	}
	if err := l.files.put(f); err != nil {
		return errors.Join(err, l.withdraw()) // it may stand there all the same
	}
	l.unfinished = r
	return nil
}

// finish puts the files of an announced replacement in place. The note of it need not be gone for good: its number tells
// that it is done.
func (l *Lab) finish() error {
	if l.unfinished == nil {
		return nil
	}
	if err := l.unfinished.putFiles(l.files); err != nil {
		return err
	}
	l.unfinished = nil
	return l.files.remove(pendingFile)
}

// deviceFolders are those whose files are devices'.
var deviceFolders = []string{appsFolder, fobsFolder, keysFolder}

// putFiles writes the files of r, lab.json last, and removes those of devices that there are no more.
func (r *replacement) putFiles(in folder) error {
	var files []file
	gone, err := r.gone(in)
	if err != nil {
		return err
	}
	for name, content := range r.Files {
		switch {
		case name == labFile:
		case string(content) == "null":
			gone = append(gone, name)
		default:
			files = append(files, file{name, append(content, '\n')})
		}
	}
	// By name, so that each folder's are together and made durable together.
	slices.SortFunc(files, func(a, b file) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	if err := in.put(files...); err != nil {
		return err
	}
	for _, name := range gone {
		if err := in.remove(name); err != nil {
			return err
		}
	}
	if len(gone) > 0 {
		for _, folder := range deviceFolders {
			if err := syncDir(in.join(folder)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return in.put(file{labFile, append(r.Files[labFile], '\n')})
}

// gone are the files of devices that r has not.
func (r *replacement) gone(in folder) (gone []string, err error) {
	if r.Box {
		return nil, nil
	}
	for _, folder := range deviceFolders {
		names, err := in.list(folder)
		if err != nil {
			return nil, err
		}
		gone = slices.DeleteFunc(append(gone, names...), func(name string) bool { return r.Files[name] != nil })
	}
	return gone, nil
}
