package uhid

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// waitNode looks for the node of the device at place until the deadline, or not at all where /sys shows none. One that it has
// seen by then is its answer, even if it cannot tell that clients find it already.
func waitNode(nodes fs.FS, place string, deadline <-chan time.Time) (node string) {
	if _, err := fs.Stat(nodes, "."); err != nil {
		return ""
	}
	look := time.NewTicker(glance)
	defer look.Stop()
	for {
		if name := findNode(nodes, place); name != "" {
			node = "/dev/" + name
			if made(nodes, name) {
				return node
			}
		}
		select {
		case <-look.C:
		case <-deadline:
			return node
		}
	}
}

// made reports whether /dev has the node. The kernel shows it in /sys first; its last act is the device's country, which a
// container sees as well, whose /dev never has the node.
func made(nodes fs.FS, name string) bool {
	_, err := fs.Stat(nodes, path.Join(name, "device", "country"))
	return err == nil
}

// findNode returns the name of the hidraw node whose HID device says that it is at place. nodes is /sys/class/hidraw.
func findNode(nodes fs.FS, place string) string {
	entries, err := fs.ReadDir(nodes, ".")
	if err != nil {
		return ""
	}
	for _, e := range entries {
		text, err := fs.ReadFile(nodes, path.Join(e.Name(), "device", "uevent"))
		if err == nil && slices.Contains(strings.Split(string(text), "\n"), "HID_PHYS="+place) {
			return e.Name()
		}
	}
	return ""
}
