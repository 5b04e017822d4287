package main

import (
	"os/exec"
	"syscall"
)

// own gives a child a process group of its own, so that it outlives the console.
func own(child *exec.Cmd) {
	child.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// signalOf returns 0: Windows ends processes without signals.
func signalOf(*exec.ExitError) int { return 0 }
