//go:build !linux

package uhid

import (
	"errors"
	"fmt"
	"io"
	"runtime"
)

// machine has no uhid: that is Linux's.
func machine() system {
	return system{
		open: func() (io.ReadWriteCloser, error) {
			return nil, fmt.Errorf("%s has no uhid, only Linux has: plug the key in by USB/IP: %w", runtime.GOOS, errors.ErrUnsupported)
		},
	}
}
