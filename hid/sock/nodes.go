package sock

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Node is a key as programs find it on a bus.
type Node struct {
	Name   string // "hidraw0"
	Serial string
	path   string
}

// Nodes returns what is plugged into the bus whose folder is dir, by name. A key that is pulled out meanwhile is left out.
func Nodes(dir string) ([]Node, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []Node
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "hidraw") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name(), "device", "uevent"))
		if err != nil {
			continue
		}
		n := Node{Name: e.Name(), path: filepath.Join(dir, "dev", e.Name())}
		for line := range strings.Lines(string(text)) {
			if serial, ok := strings.CutPrefix(line, "HID_UNIQ="); ok {
				n.Serial = strings.TrimSuffix(serial, "\n")
			}
		}
		list = append(list, n)
	}
	slices.SortFunc(list, func(x, y Node) int {
		if len(x.Name) != len(y.Name) {
			return len(x.Name) - len(y.Name)
		}
		return strings.Compare(x.Name, y.Name)
	})
	return list, nil
}

// Open opens the node as a program opens a hidraw device: reports of 64 bytes, both ways. On Linux each is a message.
func (n Node) Open() (*net.UnixConn, error) { return dial(nodeNetwork, n.path) }
