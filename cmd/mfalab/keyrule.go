package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/hid/uhid"
)

func (c *cli) keyRule() *cobra.Command {
	cmd := &cobra.Command{Use: "rule", Short: "Print the udev rule that lets keys be plugged into the kernel, and used, without root",
		Example: "  mfalab key rule | sudo tee " + uhid.RulePath, Args: cobra.NoArgs}
	cmd.RunE = func(*cobra.Command, []string) error {
		rule := map[string]string{"path": uhid.RulePath, "rule": uhid.Rule()}
		return c.print(rule, func(w io.Writer) { fmt.Fprint(w, uhid.Rule()) })
	}
	return cmd
}

// ruled gives an error about rights the way to them.
func ruled(err error) error {
	if strings.Contains(err.Error(), uhid.RulePath) {
		return hinted{err, "`mfalab key rule` prints the rule"}
	}
	return err
}
