//go:build !windows

package main

import (
	"os/exec"
	"syscall"
)

// own gives a child a session of its own, so that it outlives the terminal.
func own(child *exec.Cmd) { child.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// signalOf returns the signal that ended a child, as shells count it.
func signalOf(e *exec.ExitError) int {
	if w, ok := e.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return int(w.Signal())
	}
	return 0
}
