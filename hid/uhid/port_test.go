//go:build linux

package uhid

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/hidtest"
)

func TestPort(t *testing.T) {
	hidtest.TestPort(t, hidtest.WholeLoad, func(t *testing.T) (device, host hid.Port) {
		p, k := newPort(t)
		return p, k.dial()
	})
}

func TestClients(t *testing.T) {
	hidtest.TestClients(t, hidtest.WholeLoad, func(t *testing.T) (hid.Port, func() hid.Port) {
		p, k := newPort(t)
		return p, func() hid.Port { return k.dial() }
	})
}

func TestPackets(t *testing.T) {
	hidtest.TestPackets(t, func(t *testing.T) (hid.Port, net.Conn) {
		p, k := newPort(t)
		return p, k.dial()
	})
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

func TestWhatTheKernelIsTold(t *testing.T) {
	p, k := newPort(t)
	require.Equal(t, "/dev/hidraw3", p.Node())
	require.True(t, strings.HasPrefix(k.created.phys, "mfalab/"), k.created.phys)
	require.Equal(t, creation{name: "Acme Lab Key", uniq: "00000007", vendor: 0x1209, product: 0xf1d0, version: 0x0512,
		descriptor: hid.ReportDescriptor(), phys: k.created.phys}, k.created)

	other, k2 := newPort(t)
	require.NotEqual(t, k.created.phys, k2.created.phys, "each has its place")
	require.NoError(t, other.Close())
	<-k2.gone
	require.True(t, k2.destroyed, "in so many words, not only by closing the file")
	require.NoError(t, p.WriteReport(report(1)), "the other one stays")
}

func TestOpened(t *testing.T) {
	p, k := newPort(t)
	require.False(t, p.Opened())
	host := k.dial()
	require.NoError(t, host.WriteReport(report(1)))
	requireReport(t, 1, p)
	require.True(t, p.Opened())
	require.NoError(t, host.Close())
	require.NoError(t, k.say(event{kind: evOutput, rtype: typeOutput, data: report(2)[:]}))
	requireReport(t, 2, p)
	require.False(t, p.Opened())
}

func TestRequestsOnTheControlPipe(t *testing.T) {
	p, k := newPort(t)
	numbered := append([]byte{0}, report(7)[:]...)
	got := func(id uint32, failure uint16, data ...byte) []byte {
		return appendReply(nil, evGetReportReply, id, failure, data)
	}
	set := func(id uint32, failure uint16) []byte { return appendReply(nil, evSetReportReply, id, failure, nil) }
	for _, c := range []struct {
		name  string
		asked event
		want  []byte
		taken bool
	}{
		{"input report", event{kind: evGetReport, id: 5, rtype: typeInput}, got(5, 0, make([]byte, 65)...), false},
		{"feature report", event{kind: evGetReport, id: 6, rtype: typeFeature}, got(6, errorIO), false},
		{"numbered report", event{kind: evGetReport, id: 7, number: 1, rtype: typeInput}, got(7, errorIO), false},
		{"set output", event{kind: evSetReport, id: 8, rtype: typeOutput, data: numbered}, set(8, 0), true},
		{"set feature", event{kind: evSetReport, id: 9, rtype: typeFeature, data: numbered}, set(9, errorIO), false},
		{"set a numbered one", event{kind: evSetReport, id: 10, number: 1, rtype: typeOutput, data: numbered},
			set(10, errorIO), false},
		{"set too much", event{kind: evSetReport, id: 11, rtype: typeOutput, data: make([]byte, dataMax)}, set(11, errorIO), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, k.say(c.asked))
			require.Equal(t, c.want, <-k.replies)
			if !c.taken {
				require.NoError(t, k.say(event{kind: evOutput, rtype: typeFeature, data: report(8)[:]})) // nobody's
				require.NoError(t, k.say(event{kind: evOutput, rtype: typeOutput, data: report(7)[:]}))
			}
			requireReport(t, 7, p)
		})
	}
}

func TestEventsThatMeanNothing(t *testing.T) {
	p, k := newPort(t)
	for _, kind := range []uint32{evStart, evStop, 0, 7, 99, 0xffffffff} { // the driver was changed; what Linux may bring
		require.NoError(t, k.say(event{kind: kind}))
	}
	require.NoError(t, k.dial().WriteReport(report(1)))
	requireReport(t, 1, p)
}

func TestAClientThatWritesMoreThanTheDeviceReadsLosesTheNewest(t *testing.T) {
	p, k := newPort(t)
	host := k.dial()
	for n := range arriving + 5 {
		require.NoError(t, host.WriteReport(report(byte(n))))
	}
	require.NoError(t, k.say(event{kind: evGetReport, rtype: typeInput}))
	<-k.replies // all of it has been read
	for n := range arriving {
		requireReport(t, byte(n), p)
	}
	require.NoError(t, host.WriteReport(report(0xaa)))
	requireReport(t, 0xaa, p)
}

func TestAKernelThatGoesAway(t *testing.T) {
	p, k := newPort(t)
	require.NoError(t, k.file.Close())
	require.ErrorIs(t, p.ReadReport(new(hid.Report)), io.EOF)
	require.ErrorContains(t, p.WriteReport(report(1)), "uhid: write")
	require.NoError(t, p.Close())
	require.ErrorIs(t, p.ReadReport(new(hid.Report)), net.ErrClosed)
}

func TestAKernelThatTalksNonsense(t *testing.T) {
	for _, c := range []struct {
		name string
		said []byte
		want string
	}{
		{"a short event", []byte{6, 0}, "uhid: the kernel sent an event of 2 bytes"},
		{"an output cut off", order.AppendUint32(nil, evOutput), "uhid: the kernel sent an event of kind 6 with 0 bytes, and it has 4099"},
		{"a size beyond bounds",
			append(order.AppendUint16(append(order.AppendUint32(nil, evOutput), make([]byte, dataMax)...), 4097), 1),
			"uhid: the kernel sent an event of kind 6 says that it holds 4097 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, k := newPort(t)
			_, err := k.file.Write(c.said)
			require.NoError(t, err)
			require.ErrorContains(t, p.ReadReport(new(hid.Report)), c.want)
		})
	}
}

// A refusing is a device file on which something fails.
type refusing struct {
	io.ReadWriteCloser
	err error
}

func (r refusing) Write([]byte) (int, error) { return 0, r.err }

func TestPlugThatFails(t *testing.T) {
	t.Run("names that the kernel has no room for", func(t *testing.T) {
		for _, id := range []hid.Identity{
			{Name: strings.Repeat("n", 128)}, {Serial: strings.Repeat("s", 64)}, {Name: "a\nb"}, {Serial: "\xff"},
		} {
			_, err := plug(id, system{})
			require.Error(t, err)
		}
		k, file := newKernel(t)
		p, err := plug(hid.Identity{Name: strings.Repeat("n", 127), Serial: strings.Repeat("s", 63)}, sys(file, k))
		require.NoError(t, err)
		require.Equal(t, strings.Repeat("n", 127), k.created.name)
		require.Equal(t, strings.Repeat("s", 63), k.created.uniq)
		require.NoError(t, p.Close())
	})
	t.Run("a kernel that refuses", func(t *testing.T) {
		k, file := newKernel(t)
		_, err := plug(labKey, sys(refusing{file, syscall.EINVAL}, k))
		require.EqualError(t, err, "the kernel does not take the key: invalid argument")
		<-k.gone // the file was closed
	})
	t.Run("a kernel that gives up", func(t *testing.T) {
		k, file := newKernel(t)
		k.start = func(k *kernel) { k.file.Close() }
		_, err := plug(labKey, sys(file, k))
		require.EqualError(t, err, "the kernel gave the key up: EOF")
	})
	t.Run("no driver", func(t *testing.T) {
		k, file := newKernel(t)
		k.start = func(*kernel) {}
		s := sys(file, k)
		s.patience = time.Millisecond
		_, err := plug(labKey, s)
		require.EqualError(t, err, "the kernel has no driver for the key: load the module (modprobe hid-generic)")
		<-k.gone
		require.True(t, k.destroyed)
	})
	t.Run("no node in sight is no error", func(t *testing.T) {
		k, file := newKernel(t)
		s := sys(file, k)
		s.sight, s.nodes = time.Millisecond, fstest.MapFS{}
		p, err := plug(labKey, s)
		require.NoError(t, err)
		require.Empty(t, p.Node())
		require.NoError(t, p.Close())
	})
	t.Run("a node that /sys shows, and nothing after it", func(t *testing.T) {
		uevent := &fstest.MapFile{Data: []byte("HID_PHYS=mfalab/1/1\n")}
		over := make(chan time.Time)
		close(over)
		require.Equal(t, "/dev/hidraw3", waitNode(fstest.MapFS{"hidraw3/device/uevent": uevent}, "mfalab/1/1", over))
		require.Empty(t, waitNode(os.DirFS(filepath.Join(t.TempDir(), "none")), "mfalab/1/1", nil), "where there is no /sys nobody waits")
	})
}

func TestOpeningTheDevice(t *testing.T) {
	dir := t.TempDir()
	_, err := openDevice(filepath.Join(dir, "uhid"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "uhid: no such file or directory: load the module (modprobe uhid)")

	err = remedied(&fs.PathError{Op: "open", Path: "/dev/uhid", Err: syscall.ENODEV})
	require.ErrorContains(t, err, "modprobe uhid")
	err = remedied(&fs.PathError{Op: "open", Path: "/dev/uhid", Err: syscall.EACCES})
	require.EqualError(t, err, "open /dev/uhid: permission denied: be root, or install mfalab's udev rule in "+RulePath)
	err = remedied(errors.New("out of files"))
	require.EqualError(t, err, "out of files")

	file, err := openDevice(os.DevNull)
	require.NoError(t, err)
	require.NoError(t, file.Close())

	if _, err := os.Stat(device); errors.Is(err, fs.ErrNotExist) {
		_, err := Plug(labKey)
		require.ErrorContains(t, err, "uhid: open /dev/uhid: no such file or directory: load the module (modprobe uhid)")
	}
}

func TestRule(t *testing.T) {
	var rules []string
	for line := range strings.Lines(Rule()) {
		if !strings.HasPrefix(line, "#") {
			rules = append(rules, line)
		}
	}
	require.Len(t, rules, 2)
	for n, want := range []string{`KERNEL=="uhid"`, `SUBSYSTEM=="hidraw", DEVPATH=="/devices/virtual/misc/uhid/0003:*"`} {
		require.Contains(t, rules[n], want)
		require.Contains(t, rules[n], `GROUP="plugdev", MODE="0660", TAG+="uaccess"`)
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	p, k := newPort(b)
	hidtest.BenchmarkRoundTrip(b, p, k.dial())
}
