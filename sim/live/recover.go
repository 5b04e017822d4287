package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
)

// goOn finishes, in a lab that is being opened, what was under way when its last owner ended.
func (l *Lab) goOn(ctx context.Context) error {
	r := &replacement{}
	found, err := l.files.read(pendingFile, r)
	if err != nil || !found {
		return err
	}
	var state, was labState
	if r.Version != stateVersion || json.Unmarshal(r.Files[labFile], &state) != nil {
		return l.files.damaged(pendingFile, errors.New("it is no lab of this version"))
	}
	chance, err := state.check()
	if err != nil {
		return l.files.damaged(pendingFile, err)
	}
	if _, err := l.files.read(labFile, &was); err != nil {
		return err
	}
	if was.Replaced >= r.Number {
		return l.files.remove(pendingFile)
	}
	if r.Account != nil {
		if err := l.goOnStore(ctx, r, chance, state); err != nil {
			return err
		}
	}
	if err := r.putFiles(l.files); err != nil {
		return err
	}
	return l.files.remove(pendingFile)
}

// goOnStore brings store and journal to where r says, unless they have got there already.
func (l *Lab) goOnStore(ctx context.Context, r *replacement, chance sim.Chance, state labState) error {
	number, err := mark(ctx, l.store)
	if err != nil {
		return err
	}
	begin := lines(r.Events)
	if number == r.Number {
		b, err := os.ReadFile(l.files.join(journalFile))
		if err == nil && bytes.HasPrefix(b, begin) {
			return nil // and events that came later may follow
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return l.files.put(file{journalFile, begin})
	}
	service, err := iam.New(ctx, iam.Config{Store: l.store, Chance: chance}, state.Now)
	if err != nil {
		return err
	}
	if err := service.Restore(marked(ctx, r.Number), r.Account, chance, state.Now); err != nil {
		return err
	}
	return l.files.put(file{journalFile, begin})
}

// lines is events as the journal's file has them.
func lines(events []sim.Event) []byte {
	var b []byte
	for _, e := range events {
		b = append(e.AppendJSON(b), '\n')
	}
	return b
}
