package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
)

// where returns the directory of the lab that is meant.
func (c *cli) where() string { return live.Find(c.folder, c.env("MFALAB_DIR"), c.std.dir) }

// errNoLab is returned by commands that only make sense where there is a lab.
func errNoLab(dir string) error {
	return hinted{fmt.Errorf("there is no lab in %s", dir), "`mfalab up` starts one; `mfalab fob new` and `mfalab key new` make one with a device in it"}
}

// making says whether a command may make a lab where there is none.
type making bool

const (
	mayMake making = true
	mustBe  making = false
)

// patience is how long a command waits for another that holds the directory for a moment. Our choice: far longer than
// any command takes, on a machine with much else to do as well, and short enough for a person.
const patience = time.Minute

// with runs f with a client of the lab: the one that a living owner serves, else one of its own that is saved and
// released afterwards.
func (c *cli) with(cmd *cobra.Command, make making, f func(ctx context.Context, lab *control.Client) error) error {
	ctx, dir := cmd.Context(), c.where()
	deadline := time.Now().Add(patience)
	for {
		client, done, err := c.reach(ctx, dir, make)
		switch {
		case err == nil:
			return errors.Join(f(ctx, client), done())
		case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
			return hinted{err, "even a look at a lab is written into its directory: copy it to where you may write, and give --dir"}
		case !errors.Is(err, live.ErrOwned):
			return err
		case time.Now().After(deadline):
			owner, _ := live.ReadOwner(dir) // without its number the sentence is still true
			return fmt.Errorf("the lab in %s is owned by process %d, which does not answer: end that process", dir, owner.PID)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// reach returns a client of the lab in dir and what to do with the lab when the client is done.
func (c *cli) reach(ctx context.Context, dir string, make making) (*control.Client, func() error, error) {
	if owner, err := live.ReadOwner(dir); err == nil && owner.URL != "" && live.Owned(dir) {
		client := control.Dial(owner.URL, owner.Token)
		if client.Get(ctx, "/healthz", nil) == nil {
			return client, func() error { return nil }, nil
		}
		return nil, nil, live.ErrOwned
	}
	if !live.Exists(dir) && !bool(make) && !live.Owned(dir) {
		return nil, nil, errNoLab(dir)
	}
	lab, err := live.Open(ctx, live.Options{Dir: dir})
	if err != nil {
		return nil, nil, err
	}
	return control.Local(control.New(lab, nil)), lab.Close, nil
}
