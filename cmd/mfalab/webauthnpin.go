package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/mfalab/mfalab/sim/client"
)

// pinOf returns the PIN that the flags name, "" where they name none.
func (c *cli) pinOf(f *webauthnFlags, args []string) (client.PIN, error) {
	switch {
	case f.pinFile == "":
		return client.PIN(f.pin), nil
	case f.pin != "":
		return "", usage{errors.New("give --pin or --pin-file, not both")}
	case f.pinFile == "-" && (len(args) == 0 || args[0] == "-"):
		return "", usage{errors.New("standard input cannot hold both the options and the PIN: give the options as a FILE, or another --pin-file")}
	}
	in := c.in
	if f.pinFile != "-" {
		file, err := os.Open(c.path(f.pinFile))
		if err != nil {
			return "", err
		}
		defer file.Close()
		in = file
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("--pin-file %s: %w", f.pinFile, err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", fmt.Errorf("--pin-file %s: there is no PIN in its first line", f.pinFile)
	}
	return client.PIN(line), nil
}

// prompting asks the user for the PIN of a key where standard input is a terminal, and nil elsewhere: then nobody can be
// asked. What is typed is not shown.
func (c *cli) prompting(ctx context.Context, serial string) func(p client.Prompt) (client.PIN, bool) {
	if in, ok := c.in.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		return func(p client.Prompt) (client.PIN, bool) {
			for {
				pin, err := c.typed(ctx, in, promptFor(serial, p))
				if err != nil || pin == "" {
					return "", false
				}
				if !p.New {
					return pin, true
				}
				switch again, err := c.typed(ctx, in, "The same again: "); {
				case err != nil:
					return "", false
				case again == pin:
					return pin, true
				}
				fmt.Fprintln(c.err, "These are two.")
			}
		}
	}
	return nil
}

// promptFor is what a user reads who is asked for a PIN.
func promptFor(serial string, p client.Prompt) string {
	switch {
	case p.New:
		return fmt.Sprintf("New PIN of the key %s, which wants another one, %d characters or more: ", serial, p.Least)
	case p.Wrong:
		return fmt.Sprintf("That was not the PIN. PIN of the key %s, %d tries are left: ", serial, p.Retries)
	}
	return fmt.Sprintf("PIN of the key %s: ", serial)
}

// typed reads a line that the terminal does not show, until ctx ends.
func (c *cli) typed(ctx context.Context, in *os.File, prompt string) (client.PIN, error) {
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprint(c.err, prompt)
	defer fmt.Fprintln(c.err)
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		return client.PIN(l.text), l.err
	case <-ctx.Done(): // who reads on ends with the program
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}
