package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
)

func (c *cli) status() *cobra.Command {
	cmd := &cobra.Command{Use: "status", Short: "Show what the lab is and how it stands", Example: "  mfalab status --json", Args: cobra.NoArgs}
	cmd.RunE = func(*cobra.Command, []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var st control.Status
			if err := lab.Get(ctx, "/v1/status", &st); err != nil {
				return err
			}
			return c.print(st, func(w io.Writer) {
				if st.URL == "" {
					fmt.Fprintln(w, "not running; `mfalab up` starts it")
				} else {
					fmt.Fprintf(w, "running at %s, process %d\n", st.URL, st.PID)
				}
				if len(st.Weakened) > 0 {
					fmt.Fprintf(w, "WEAKENED ON PURPOSE: %s\n", strings.Join(st.Weakened, ", "))
				}
				fmt.Fprintf(w, "account %s, %s, %s, %s, %s\n", st.Account, several(st.Fobs, "fob"), several(st.Keys, "key"),
					several(st.Apps, "app account"), several(int(st.Events), "event"))
				fmt.Fprintf(w, "clock   %s, rate %g\n", st.Clock.Lab.Format(time.DateTime), st.Clock.Rate)
				fmt.Fprintf(w, "dir     %s\n", st.Dir)
				if st.Trouble != "" {
					fmt.Fprintln(w, "TROUBLE:", st.Trouble)
				}
			})
		})
	}
	return cmd
}

// several counts things for people.
func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (c *cli) down() *cobra.Command {
	cmd := &cobra.Command{Use: "down", Short: "End the lab that runs here; what it holds is kept", Example: "  mfalab down", Args: cobra.NoArgs}
	cmd.RunE = func(*cobra.Command, []string) error {
		dir := c.where()
		owner, err := live.ReadOwner(dir)
		if err != nil || owner.URL == "" || !live.Owned(dir) {
			return hinted{fmt.Errorf("no lab runs in %s", dir), "`mfalab status` shows which directory is meant; --dir gives another"}
		}
		if err := control.Dial(owner.URL, owner.Token).Post(cmd.Context(), "/v1/down", nil, nil); err != nil {
			return err
		}
		for deadline := time.Now().Add(patience); live.Owned(dir); {
			if time.Now().After(deadline) {
				return fmt.Errorf("process %d was told to end the lab and has not: end that process", owner.PID)
			}
			time.Sleep(5 * time.Millisecond)
		}
		return nil
	}
	return cmd
}

func (c *cli) reset() *cobra.Command {
	cmd := &cobra.Command{Use: "reset", Short: "Make the lab new: same seed, same administrator, nothing else",
		Example: "  mfalab reset", Args: cobra.NoArgs}
	cmd.RunE = func(*cobra.Command, []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			return lab.Post(ctx, "/v1/reset", nil, nil)
		})
	}
	return cmd
}

func (c *cli) save() *cobra.Command {
	cmd := &cobra.Command{Use: "save FILE", Short: "Save the whole lab, clock and secrets included, as one file (- for standard output)",
		Example: "  mfalab save before.json", Args: cobra.ExactArgs(1)}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			var saved json.RawMessage
			if err := lab.Get(ctx, "/v1/save", &saved); err != nil {
				return err
			}
			saved = append(saved, '\n')
			if args[0] == "-" {
				_, err := c.out.Write(saved)
				return err
			}
			return writeFile(c.path(args[0]), saved)
		})
	}
	return cmd
}

// writeFile replaces a file by one that only its owner may read; the old one stays until the new one is whole.
func writeFile(path string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".mfalab-*") // made with 0600
	if err != nil {
		// The file that is made first bears a name of ours, which says nothing to whoever named the other.
		return fmt.Errorf("%s cannot be written: %w", path, errors.Unwrap(err))
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func (c *cli) load() *cobra.Command {
	cmd := &cobra.Command{Use: "load FILE", Short: "Replace the whole lab by a saved one (- for standard input)",
		Example: "  mfalab load before.json", Args: cobra.ExactArgs(1)}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		var b []byte
		var err error
		if args[0] == "-" {
			b, err = io.ReadAll(c.in)
		} else {
			b, err = os.ReadFile(c.path(args[0]))
		}
		if err != nil {
			return err
		}
		if _, err := live.ParseSnapshot(b); err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		return c.with(cmd, mayMake, func(ctx context.Context, lab *control.Client) error {
			return lab.Post(ctx, "/v1/load", json.RawMessage(b), nil)
		})
	}
	return cmd
}

func (c *cli) journal() *cobra.Command {
	var follow bool
	var after uint64
	cmd := &cobra.Command{Use: "journal", Short: "Print what happened in the lab, one JSON object a line",
		Example: "  mfalab journal\n  mfalab journal --follow", Args: cobra.NoArgs}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing as it happens")
	cmd.Flags().Uint64Var(&after, "after", 0, "only events with a greater seq")
	cmd.RunE = func(*cobra.Command, []string) error {
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			if follow {
				return lab.Stream(ctx, fmt.Sprintf("/v1/journal/stream?after=%d", after), func(line []byte) error {
					_, err := fmt.Fprintf(c.out, "%s\n", line)
					return err
				})
			}
			var events []json.RawMessage
			if err := lab.Get(ctx, fmt.Sprintf("/v1/journal?after=%d", after), &events); err != nil {
				return err
			}
			for _, e := range events {
				if _, err := fmt.Fprintf(c.out, "%s\n", e); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return cmd
}
