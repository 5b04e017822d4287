package live

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// canSyncDisk says that syncDisk is there.
const canSyncDisk = true

// syncDisk makes all that was written to the file system of dir survive the loss of power: syncfs(2), which waits.
func syncDisk(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(d.Fd())), d.Close())
}
