package sock

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// maxPath is the longest path of a unix socket: unix(7), sun_path, less the NUL.
const maxPath = 107

// listen is net.ListenUnix with a socket file of mode 0600 from its first moment on, and for paths of any length.
func listen(network, path string) (*net.UnixListener, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		// Linux gives the file the mode that the socket has when it is bound.
		var failed error
		err := c.Control(func(fd uintptr) { failed = makePrivate(fd) })
		if err != nil {
			return err
		}
		return failed
	}}
	var l net.Listener
	err := reach(path, func(short string) (err error) {
		l, err = config.Listen(context.Background(), network, short)
		return err
	})
	if err != nil {
		return nil, err
	}
	unix := l.(*net.UnixListener)
	unix.SetUnlinkOnClose(false) // the short name may mean something else by then
	return unix, nil
}

// dial is net.DialUnix for paths of any length.
func dial(network, path string) (*net.UnixConn, error) {
	var c *net.UnixConn
	err := reach(path, func(short string) (err error) {
		c, err = net.DialUnix(network, nil, &net.UnixAddr{Name: short, Net: network})
		return err
	})
	return c, err
}

// reach calls use with a name for path that a socket address has room for: path, or its last element in the open folder.
func reach(path string, use func(short string) error) error {
	if len(path) <= maxPath {
		return use(path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	short := fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	if len(short) > maxPath {
		return fmt.Errorf("%q is too long for a unix socket, which has room for %d bytes: choose a shorter name", path, maxPath)
	}
	if err := use(short); err != nil {
		return fmt.Errorf("%q has %d bytes and a unix socket has room for %d: not reached by way of /proc either "+
			"(choose a shorter folder): %w", path, len(path), maxPath, err)
	}
	return nil
}
