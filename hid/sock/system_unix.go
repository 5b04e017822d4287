//go:build unix

package sock

import (
	"io/fs"
	"os"
	"syscall"
)

// lockFolder takes the lock of a folder, or fails where another process has it.
func lockFolder(dir *os.File) error {
	return syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// owner returns whose a file is.
func owner(info fs.FileInfo) (uid int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}

func writeTo(fd uintptr, b []byte) (int, error) { return syscall.Write(int(fd), b) }

// makePrivate gives a socket that has no name yet mode 0600.
func makePrivate(fd uintptr) error { return syscall.Fchmod(int(fd), 0o600) }
