package usbip

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/hidtest"
)

func TestPort(t *testing.T) {
	s := listen(t)
	hidtest.TestPort(t, hidtest.WholeLoad, func(t *testing.T) (device, host hid.Port) { return attached(t, plugKey(t, s)) })
}

// report returns one that says n everywhere.
func report(n byte) *hid.Report {
	var r hid.Report
	for i := range r {
		r[i] = n
	}
	return &r
}

func requireReport(t testing.TB, n byte, p hid.Port) {
	t.Helper()
	var got hid.Report
	require.NoError(t, p.ReadReport(&got))
	require.Equal(t, *report(n), got)
}

func TestList(t *testing.T) {
	s := listen(t)
	require.Empty(t, list(t, s.Addr().String()))
	first, second := plugKey(t, s), plugKey(t, s)
	devices := list(t, s.Addr().String())
	require.Equal(t, []exported{first.shown, second.shown}, devices)
	require.Equal(t, exported{
		path: "/sys/devices/mfalab/usb1/1-2", busID: "1-2", bus: 1, address: 2, speed: 2,
		vendor: 0x1209, product: 0xf1d0, version: 0x0512, configuration: 1, configurations: 1, interfaces: 1,
	}, devices[1])

	require.NoError(t, first.Close())
	require.Equal(t, []exported{second.shown}, list(t, s.Addr().String()))
	require.Equal(t, "1-1", plugKey(t, s).BusID(), "the lowest number that is free")
}

func TestEveryAttachIsAPortOfItsOwn(t *testing.T) {
	d := plugKey(t, listen(t))
	var last hid.Port
	for n := range byte(20) {
		port, host := attached(t, d)
		require.False(t, last == port)
		require.Equal(t, host.conn.LocalAddr(), d.Importer())
		require.NoError(t, host.WriteReport(report(n)))
		requireReport(t, n, port)
		// What the key says and nobody fetches is gone with its power.
		require.NoError(t, port.WriteReport(report(0xaa)))
		if n%2 == 0 {
			require.NoError(t, host.Close())
			require.ErrorIs(t, port.ReadReport(new(hid.Report)), io.EOF)
			require.ErrorIs(t, port.WriteReport(report(n)), io.EOF)
		} else {
			require.NoError(t, port.Close())
			require.ErrorIs(t, port.ReadReport(new(hid.Report)), net.ErrClosed)
			_, err := io.ReadAll(host.in)
			require.NoError(t, err, "the importer sees the end")
		}
		last = port
	}
}

func TestDevicesAndImportersDoNotMixUp(t *testing.T) {
	s := listen(t)
	var ports []hid.Port
	var hosts []*importer
	for range 10 {
		port, host := attached(t, plugKey(t, s))
		ports, hosts = append(ports, port), append(hosts, host)
	}
	for n := range byte(10) {
		require.NoError(t, hosts[n].WriteReport(report(n)))
		require.NoError(t, ports[n].WriteReport(report(n|0x80)))
	}
	for n := range byte(10) {
		requireReport(t, n, ports[n])
		requireReport(t, n|0x80, hosts[n])
	}
}

func TestUnplug(t *testing.T) {
	s := listen(t)
	t.Run("ends the attach", func(t *testing.T) {
		d := plugKey(t, s)
		port, host := attached(t, d)
		require.NoError(t, d.Close())
		require.NoError(t, d.Close(), "closed twice")
		require.ErrorIs(t, port.ReadReport(new(hid.Report)), net.ErrClosed)
		_, err := host.answer(false, nil)
		require.Error(t, err)
		require.Nil(t, d.Importer())
	})
	t.Run("ends Accept", func(t *testing.T) {
		d := plugKey(t, s)
		ended := make(chan error)
		go func() {
			_, err := d.Accept(context.Background())
			ended <- err
		}()
		require.NoError(t, d.Close())
		require.ErrorIs(t, <-ended, net.ErrClosed)
		_, err := d.Accept(context.Background())
		require.ErrorIs(t, err, net.ErrClosed)
	})
	t.Run("Accept ends with its context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := plugKey(t, s).Accept(ctx)
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("the whole server", func(t *testing.T) {
		s := listen(t)
		d := plugKey(t, s)
		port, host := attached(t, d)
		silent, err := net.Dial("tcp", s.Addr().String())
		require.NoError(t, err)
		defer silent.Close()
		require.NoError(t, s.Close())
		require.NoError(t, s.Close(), "closed twice")
		require.Error(t, port.WriteReport(report(1)))
		for _, conn := range []net.Conn{host.conn, silent} {
			_, err := conn.Read(make([]byte, 1))
			require.Error(t, err)
		}
		_, err = s.Plug(labKey)
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

func TestListen(t *testing.T) {
	t.Run("an address without a host is the loopback", func(t *testing.T) {
		s, err := Listen(":0")
		require.NoError(t, err)
		defer s.Close()
		require.True(t, netip.MustParseAddrPort(s.Addr().String()).Addr().IsLoopback(), s.Addr())
	})
	t.Run("an address that is taken is refused", func(t *testing.T) {
		_, err := Listen(listen(t).Addr().String())
		require.ErrorContains(t, err, "usbip: listen tcp 127.0.0.1:")
		_, err = Listen("nonsense")
		require.Error(t, err)
	})
}

func TestNamesThatAreNoUSBStrings(t *testing.T) {
	s := listen(t)
	for _, c := range []struct {
		name string
		id   hid.Identity
		want string
	}{
		{"a line feed", hid.Identity{Name: "Acme\nKey"}, `the name "Acme\nKey" holds control characters`},
		{"not UTF-8", hid.Identity{Serial: "\xff"}, `the serial number "\xff" holds control characters or is not UTF-8`},
		{"too long", hid.Identity{Name: strings.Repeat("ä", 127)}, "is longer than 126 characters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := s.Plug(c.id)
			require.ErrorContains(t, err, c.want)
		})
	}
	d, err := s.Plug(hid.Identity{Name: strings.Repeat("ä", 126)})
	require.NoError(t, err)
	require.Len(t, d.says.texts[stringMaker], 254)
}
