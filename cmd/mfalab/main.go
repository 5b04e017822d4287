// Command mfalab is a hardware MFA lab in software: push-button OATH fobs and an AWS-compatible IAM to enrol them in.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ending := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup means that it goes on
		ending = append(ending, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ending...)
	defer stop()
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	os.Exit(run(ctx, std{in: os.Stdin, out: os.Stdout, err: os.Stderr, dir: dir, env: os.Getenv, environ: os.Environ}, os.Args[1:]))
}
