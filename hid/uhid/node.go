package uhid

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// waitNode looks for the node of the device at place until the deadline.
func waitNode(nodes fs.FS, place string, deadline <-chan time.Time) string {
	look := time.NewTicker(glance)
	defer look.Stop()
	for {
		if name := findNode(nodes, place); name != "" {
			return "/dev/" + name
		}
		select {
		case <-look.C:
		case <-deadline:
			return ""
		}
	}
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
