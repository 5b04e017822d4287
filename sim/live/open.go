package live

import (
	"context"
	"fmt"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
	"github.com/mfalab/mfalab/sim/portal"
	"github.com/mfalab/mfalab/sim/s3"
)

// openInDir opens the lab of the directory: what was under way is finished, and a lab is made where there is none.
func (l *Lab) openInDir(ctx context.Context) error {
	store, err := l.opt.open(l.files.join(storeFile))
	if err != nil {
		return err
	}
	l.store = markingStore{store}
	if err := l.goOn(ctx); err != nil {
		return err
	}
	found, err := l.readState()
	if err == nil && !found {
		l.fresh = true
		err = l.makeInDir(ctx)
	}
	if err != nil {
		return err
	}
	if l.opt.Virtual && l.state.Clock.Rate != 0 {
		wall := strip(l.opt.Wall())
		l.state.Clock, l.unsaved = reading{Lab: l.state.Clock.lab(wall), Wall: wall}, true
	}
	if l.journal, err = openJournal(l.files.join(journalFile), kept); err != nil {
		return err
	}
	if err := l.assemble(ctx, l.opt.account()); err != nil {
		return err
	}
	if err := l.readBench(); err != nil {
		return err
	}
	if err := l.beginLife(ctx); err != nil {
		return err
	}
	if err := l.readKeys(l.world); err != nil {
		return err
	}
	if err := s3.Sweep(ctx, l.store, l.objects); err != nil {
		return err
	}
	go l.run()
	return nil
}

// makeInDir makes the lab of a directory that has none: it announces it, and goes on from there as after a loss of power.
func (l *Lab) makeInDir(ctx context.Context) error {
	number, err := mark(ctx, l.store)
	if err != nil {
		return err
	}
	if number != 0 {
		return fmt.Errorf("%s is missing, and the lab's account is there: put a copy of it back, or move the directory away",
			l.files.join(labFile))
	}
	s, at, events, err := l.first(ctx)
	if err != nil {
		return err
	}
	r, _, err := s.replacement(at, 1, events)
	if err != nil {
		return err
	}
	if err := l.objects.Add(s.Objects); err != nil {
		return unstored(err)
	}
	if err := l.announce(r); err != nil {
		return unstored(err)
	}
	l.unfinished = nil // goOn reads it from the disk
	if err := l.goOn(ctx); err != nil {
		return err
	}
	_, err = l.readState()
	return err
}

// openInMemory makes a lab that keeps nothing.
func (l *Lab) openInMemory(ctx context.Context) error {
	l.fresh = true
	s, at, events, err := l.first(ctx)
	if err != nil {
		return err
	}
	l.store, l.state = markingStore{memory.New()}, labState{Clock: at, Now: at.Lab}
	if l.journal, err = openJournal("", kept); err != nil {
		return err
	}
	if err := l.assemble(ctx, l.opt.account()); err != nil {
		return err
	}
	go l.run()
	l.saving.Lock()
	defer l.saving.Unlock()
	if err := l.replace(ctx, s, at, events); err != nil {
		l.stop()
		return err
	}
	return nil
}

// first returns what a new lab begins with, and when.
func (l *Lab) first(ctx context.Context) (s *Snapshot, at reading, events []sim.Event, err error) {
	if l.chance, err = newChance(l.opt.Seed); err != nil {
		return nil, at, nil, err
	}
	at = l.firstReading()
	if s = l.opt.Saved; s != nil {
		at.Lab, at.Rate = s.Saved, s.Rate
		err = l.checkSaved(ctx, s)
	}
	if err == nil {
		err = at.check()
	}
	if err == nil {
		err = l.checkWall(at)
	}
	if s == nil && err == nil {
		s, events, err = l.draft(ctx, l.opt.account(), at)
	} else if err == nil {
		events = loaded(s)
	}
	return s, at, events, err
}

// account is the account number that was asked for, "" where none was.
func (o Options) account() string {
	if o.Plan == nil {
		return ""
	}
	return o.Plan.Account
}

// checkSaved reports what makes a saved lab unfit to begin with.
func (l *Lab) checkSaved(ctx context.Context, s *Snapshot) error {
	if err := s.check(); err != nil {
		return err
	}
	service, err := iam.New(ctx, iam.Config{Store: memory.New()}, s.Saved)
	if err != nil {
		return err
	}
	if err := service.Restore(ctx, s.Account, l.chance, s.Saved); err != nil {
		return err
	}
	return l.checkAccount(service)
}

func (l *Lab) checkAccount(service *iam.Service) error {
	if a := l.opt.account(); a != "" && a != service.Account() {
		return fmt.Errorf("the account of this lab is %s, not %s: leave the account out, or give another --dir", service.Account(), a)
	}
	return nil
}

// assemble makes the world and the relying party of a lab whose state, store and journal are there.
func (l *Lab) assemble(ctx context.Context, account string) error {
	// The clock goes on from what anybody saw of it, even where somebody set the wall clock back while no lab ran.
	start := l.state.Now
	seq, newest := l.journal.end()
	if newest.After(start) {
		start = newest
	}
	l.clock = &Clock{wall: l.opt.Wall, at: l.state.Clock}
	l.clock.forward(start, l.state.Clock.Rate)
	l.world = sim.NewWorld(start, l.chance, l.journal.add)
	l.world.Resume(seq)
	l.bench = newBench(l.world)
	l.requests.Store(newRequests(l.chance, seq))
	cfg := iam.Config{Store: l.store, Account: account, Chance: l.chance, Record: l.decided, Root: rootCertificate, Metadata: l.lookUp}
	set, weaken := l.opt.Set, l.opt.Weaken
	var origin []string
	if l.opt.Port != 0 {
		origin = []string{fmt.Sprintf("rp-origin=http://localhost:%d", l.opt.Port)}
	}
	if p := l.plan; p != nil {
		cfg.Texts = p.Texts
		set, weaken = append(p.Set[:len(p.Set):len(p.Set)], set...), append(p.Weaken[:len(p.Weaken):len(p.Weaken)], weaken...)
	}
	var err error
	if cfg.Settings, err = Settings(append(origin, set...), weaken); err != nil {
		return err
	}
	if l.service, err = iam.New(ctx, cfg, start); err != nil {
		return err
	}
	l.portal = portal.New(l.service)
	if l.opt.Ephemeral {
		return nil
	}
	return l.checkAccount(l.service)
}
