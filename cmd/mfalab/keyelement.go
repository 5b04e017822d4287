package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/live"
)

// elementAuthFlag is the option that says where the password of a TPM's owner is.
func elementAuthFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "element-auth-file", "", "the `FILE` with the password of the TPM's owner, where it has one; empty: it has none")
}

// absolute returns the name of a file as who has another working directory knows it; none stays none.
func (c *cli) absolute(file string) string {
	if file == "" {
		return ""
	}
	if abs, err := filepath.Abs(c.path(file)); err == nil {
		return abs
	}
	return file // the lab says what is wrong with it
}

// tellElement says which secure element a key has, and how that stands.
func tellElement(w io.Writer, e *live.ElementShown) {
	if e == nil {
		return
	}
	fmt.Fprintf(w, "element      %s\n", e.Address)
	switch s := e.State; {
	case e.Trouble != "":
		fmt.Fprintf(w, "             %s\n", e.Trouble)
	case s != nil:
		fmt.Fprintf(w, "             %s\n             made by %s, %d of %d wrong PINs", s.Identity, s.Maker, s.WrongPINs, s.MostWrong)
		if s.LockedOut {
			fmt.Fprintf(w, ", locked out: one is forgotten in %d s", s.Forgets)
		}
		if s.Owned {
			fmt.Fprint(w, ", its owner has a password")
		}
		fmt.Fprintln(w)
	}
}
