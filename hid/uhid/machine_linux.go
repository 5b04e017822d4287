package uhid

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

const device = "/dev/uhid"

// machine is the one that the process runs on.
func machine() system {
	return system{
		open:  func() (io.ReadWriteCloser, error) { return openDevice(device) },
		nodes: os.DirFS("/sys/class/hidraw"), patience: patience, sight: sight,
	}
}

// openDevice opens path, or says what to do about it. What it returns waits for events without a thread, so that closing
// it ends a Read.
func openDevice(path string) (io.ReadWriteCloser, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, remedied(err)
	}
	return file, nil
}

// remedied says what to do about err.
func remedied(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENXIO):
		return fmt.Errorf("%w: load the module (modprobe uhid); in a container, load it on the host and pass the device in", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: be root, or install mfalab's udev rule in %s", err, RulePath)
	}
	return err
}
