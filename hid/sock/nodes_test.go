package sock

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

func TestNodes(t *testing.T) {
	bus, err := Open(filepath.Join(t.TempDir(), "bus"))
	require.NoError(t, err)
	defer bus.Close()
	var sockets []*Socket
	for i := range 11 {
		s, err := bus.Plug(hid.Identity{Name: "a key", Serial: fmt.Sprintf("KEY%02d", i)})
		require.NoError(t, err)
		sockets = append(sockets, s)
	}
	nodes, err := Nodes(bus.Dir())
	require.NoError(t, err)
	require.Len(t, nodes, 11)
	require.Equal(t, Node{"hidraw10", "KEY10", filepath.Join(bus.Dir(), "dev", "hidraw10")}, nodes[10])
	conn, err := nodes[2].Open()
	require.NoError(t, err)
	defer conn.Close()
	want := hid.Report{1, 2, 3}
	_, err = conn.Write(want[:])
	require.NoError(t, err)
	var got hid.Report
	require.NoError(t, sockets[2].ReadReport(&got))
	require.Equal(t, want, got)

	require.NoError(t, sockets[2].Close())
	nodes, err = Nodes(bus.Dir())
	require.NoError(t, err)
	require.Len(t, nodes, 10)
	_, err = Nodes(filepath.Join(bus.Dir(), "nothing"))
	require.Error(t, err)
}
