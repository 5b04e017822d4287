//go:build unix

package docs_test

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cpuTime returns what this process has taken of its processors.
func cpuTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// readAwake reads a packet without ever sleeping.
func readAwake(conn *net.UnixConn, b []byte) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		for {
			if _, failed = syscall.Read(int(fd), b); failed != syscall.EAGAIN && failed != syscall.EINTR {
				return true
			}
		}
	})
	if err != nil {
		return err
	}
	return failed
}
