package usbip

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
)

// An answered is a reply with what came with it.
type answered struct {
	reply
	data string
}

// replies takes apart what a function said. in holds the numbers of IN transfers.
func replies(t testing.TB, b []byte, in map[uint32]bool) (all []answered) {
	t.Helper()
	for len(b) > 0 {
		require.GreaterOrEqual(t, len(b), headerSize)
		r, err := parseReply((*[headerSize]byte)(b))
		require.NoError(t, err)
		b = b[headerSize:]
		a := answered{reply: r}
		if r.kind == retSubmit && in[r.number] {
			require.GreaterOrEqual(t, len(b), int(r.length))
			a.data, b = string(b[:r.length]), b[r.length:]
		}
		all = append(all, a)
	}
	return all
}

// A bench has a function on it.
type bench struct {
	testing.TB
	f  *function
	in map[uint32]bool
}

func newBench(t testing.TB) bench {
	return bench{t, newFunction(describe(labKey)), map[uint32]bool{}}
}

func (b bench) run(c command, data ...byte) []answered {
	b.Helper()
	b.in[c.number] = c.in
	return replies(b, b.f.run(nil, c, data), b.in)
}

func (b bench) poll(number uint32) []answered {
	b.Helper()
	return b.run(command{kind: cmdSubmit, number: number, in: true, endpoint: endpoint, length: hid.ReportSize})
}

func (b bench) write(number uint32, r *hid.Report) []answered {
	b.Helper()
	return b.run(command{kind: cmdSubmit, number: number, endpoint: endpoint, length: hid.ReportSize}, r[:]...)
}

func (b bench) unlink(number, target uint32) []answered {
	b.Helper()
	return b.run(command{kind: cmdUnlink, number: number, target: target})
}

func (b bench) transmit(r *hid.Report) []answered {
	b.Helper()
	return replies(b, b.f.transmit(nil, r), b.in)
}

func (b bench) take() (r hid.Report, said []answered) {
	b.Helper()
	out, ok := b.f.take(nil, &r)
	require.Equal(b, ok, len(out) > 0)
	return r, replies(b, out, b.in)
}

func carried(number uint32, r *hid.Report) []answered {
	return []answered{{reply{kind: retSubmit, number: number, length: hid.ReportSize}, string(r[:])}}
}

func taken(number, length uint32) []answered {
	return []answered{{reply: reply{kind: retSubmit, number: number, length: length}}}
}

func failed(number uint32, status int32) []answered {
	return []answered{{reply: reply{kind: retSubmit, number: number, status: status}}}
}

func unlinkedAs(number uint32, status int32) []answered {
	return []answered{{reply: reply{kind: retUnlink, number: number, status: status}}}
}

func TestInTransfers(t *testing.T) {
	t.Run("a transfer waits for a report", func(t *testing.T) {
		b := newBench(t)
		require.Empty(t, b.poll(1))
		require.Equal(t, carried(1, report(1)), b.transmit(report(1)))
	})
	t.Run("a report waits for a transfer", func(t *testing.T) {
		b := newBench(t)
		require.Empty(t, b.transmit(report(1)))
		require.Empty(t, b.transmit(report(2)))
		require.Equal(t, carried(7, report(1)), b.poll(7))
		require.Equal(t, carried(8, report(2)), b.poll(8))
		require.Empty(t, b.poll(9))
	})
	t.Run("transfers are served in order", func(t *testing.T) {
		b := newBench(t)
		for n := range uint32(10) {
			require.Empty(t, b.poll(n))
		}
		for n := range uint32(10) {
			require.Equal(t, carried(n, report(byte(n))), b.transmit(report(byte(n))))
		}
	})
	t.Run("room for less than a report is an overflow, and costs none", func(t *testing.T) {
		b := newBench(t)
		require.Empty(t, b.transmit(report(1)))
		require.Equal(t, failed(1, babbled), b.run(command{kind: cmdSubmit, number: 1, in: true, endpoint: endpoint, length: 63}))
		require.Equal(t, carried(2, report(1)), b.poll(2))
	})
	t.Run("room for more ends with the report", func(t *testing.T) {
		b := newBench(t)
		require.Empty(t, b.run(command{kind: cmdSubmit, number: 1, in: true, endpoint: endpoint, length: 4096}))
		require.Equal(t, carried(1, report(1)), b.transmit(report(1)))
	})
	t.Run("too many transfers are refused one by one", func(t *testing.T) {
		b := newBench(t)
		for n := range uint32(maxWaiting) {
			require.Empty(t, b.poll(n))
		}
		require.Equal(t, failed(999, noMemory), b.poll(999))
		require.Equal(t, carried(0, report(1)), b.transmit(report(1)))
		require.Empty(t, b.poll(1000))
	})
	t.Run("of too many reports the oldest are lost", func(t *testing.T) {
		b := newBench(t)
		for n := range backlog + 3 {
			require.Empty(t, b.transmit(report(byte(n))))
		}
		for n := range uint32(backlog) {
			require.Equal(t, carried(n, report(byte(n+3))), b.poll(n))
		}
		require.Empty(t, b.poll(0))
	})
}

func TestOutTransfers(t *testing.T) {
	t.Run("a transfer is answered when the device takes the report", func(t *testing.T) {
		b := newBench(t)
		_, said := b.take()
		require.Empty(t, said)
		require.Empty(t, b.write(1, report(1)))
		require.Empty(t, b.write(2, report(2)))
		for n := range byte(2) {
			r, said := b.take()
			require.Equal(t, *report(n + 1), r)
			require.Equal(t, taken(uint32(n+1), hid.ReportSize), said)
		}
	})
	t.Run("other lengths than a report's arrive and are passed over", func(t *testing.T) {
		b := newBench(t)
		for _, length := range []uint32{0, 1, 63, 65, 128, maxTransfer} {
			require.Equal(t, taken(1, length), b.run(command{kind: cmdSubmit, number: 1, endpoint: endpoint, length: length}))
		}
		_, said := b.take()
		require.Empty(t, said)
	})
	t.Run("too many transfers are refused one by one", func(t *testing.T) {
		b := newBench(t)
		for n := range uint32(maxWaiting) {
			require.Empty(t, b.write(n, report(byte(n))))
		}
		require.Equal(t, failed(999, noMemory), b.write(999, report(9)))
		r, said := b.take()
		require.Equal(t, *report(0), r)
		require.Equal(t, taken(0, hid.ReportSize), said)
	})
	t.Run("SET_REPORT carries one, too", func(t *testing.T) {
		b := newBench(t)
		c := command{kind: cmdSubmit, number: 5, length: 64, setup: packed(0x21, 9, 0x0200, 0, 64)}
		require.Empty(t, b.run(c, report(5)[:]...))
		r, said := b.take()
		require.Equal(t, *report(5), r)
		require.Equal(t, taken(5, 64), said)
	})
}

func TestUnlink(t *testing.T) {
	t.Run("what waits is never answered", func(t *testing.T) {
		b := newBench(t)
		for n := range uint32(3) {
			require.Empty(t, b.poll(n))
			require.Empty(t, b.write(10+n, report(byte(n))))
		}
		require.Equal(t, unlinkedAs(20, unlinked), b.unlink(20, 1))
		require.Equal(t, unlinkedAs(21, unlinked), b.unlink(21, 11))
		require.Equal(t, carried(0, report(1)), b.transmit(report(1)))
		require.Equal(t, carried(2, report(2)), b.transmit(report(2)))
		for _, n := range []uint32{10, 12} {
			r, said := b.take()
			require.Equal(t, *report(byte(n - 10)), r)
			require.Equal(t, taken(n, hid.ReportSize), said)
		}
		_, said := b.take()
		require.Empty(t, said, "the report that was taken back never arrives")
	})
	t.Run("the only one", func(t *testing.T) {
		b := newBench(t)
		require.Empty(t, b.poll(1))
		require.Equal(t, unlinkedAs(2, unlinked), b.unlink(2, 1))
		require.Empty(t, b.transmit(report(1)), "the report is the next transfer's")
		require.Equal(t, carried(3, report(1)), b.poll(3))
	})
	t.Run("what has been answered, or never was", func(t *testing.T) {
		b := newBench(t)
		require.Equal(t, unlinkedAs(1, 0), b.unlink(1, 77))
		require.Empty(t, b.poll(2))
		require.NotEmpty(t, b.transmit(report(1)))
		require.Equal(t, unlinkedAs(3, 0), b.unlink(3, 2))
		require.Equal(t, unlinkedAs(4, 0), b.unlink(4, 4), "itself")
	})
}

func TestEndpointsThatAreNone(t *testing.T) {
	b := newBench(t)
	for _, c := range []command{{endpoint: 2}, {endpoint: 2, in: true}, {endpoint: 15}, {endpoint: 0xffffffff}, {endpoint: 0x81, in: true}} {
		c.kind, c.length = cmdSubmit, hid.ReportSize
		require.Equal(t, failed(0, stalled), b.run(c))
	}
}

func TestAReportCostsNoAllocation(t *testing.T) {
	f := newFunction(describe(labKey))
	b, r := make([]byte, 0, 1024), report(1)
	out := command{kind: cmdSubmit, number: 1, endpoint: endpoint, length: hid.ReportSize}
	in := command{kind: cmdSubmit, number: 2, in: true, endpoint: endpoint, length: hid.ReportSize}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		b = f.run(b[:0], out, r[:])
		b, _ = f.take(b, r)
		b = f.run(b, in, nil)
		b = f.transmit(b, r)
		b = f.run(b, command{kind: cmdUnlink, number: 3, target: 2}, nil)
	}))
}

// Whatever an importer and a device do: every submit is answered at most once, none that waits is forgotten, reports keep
// their order.
func FuzzFunction(f *testing.F) {
	f.Add([]byte{0, 0, 3, 3, 1, 4, 2, 1, 9, 0x80, 6, 1, 0})
	f.Add([]byte{3, 3, 3, 0, 0, 0, 2, 7, 1, 1, 4, 4, 5, 0x21, 9})
	f.Add([]byte{0, 0, 0, 1, 1, 1, 11, 23, 5, 3, 2, 2, 2, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		b := newBench(t)
		open := map[uint32]bool{} // submitted and not answered
		var sent, got, written, read byte
		settle := func(all []answered) {
			for _, a := range all {
				if a.kind == retSubmit {
					require.True(t, open[a.number], "%d was answered twice, or never asked", a.number)
					delete(open, a.number)
				}
				if a.kind == retSubmit && len(a.data) == hid.ReportSize && a.data[0] != 0 { // not GET_REPORT's zeros
					got++
					require.Equal(t, string(report(got | 1<<7)[:]), a.data)
				}
			}
		}
		number := uint32(0)
		submit := func(c command, data ...byte) {
			number++
			c.kind, c.number = cmdSubmit, number
			open[number] = true
			settle(b.run(c, data...))
		}
		for n := 0; n < len(script) && n < 120; n++ {
			switch script[n] % 6 {
			case 0:
				submit(command{in: true, endpoint: endpoint, length: hid.ReportSize})
			case 1:
				written++
				submit(command{endpoint: endpoint, length: hid.ReportSize}, report(written)[:]...)
			case 2:
				if r, said := b.take(); len(said) > 0 {
					require.Greater(t, r[0], read)
					read = r[0]
					require.Equal(t, *report(read), r)
					settle(said)
				}
			case 3:
				sent++
				settle(b.transmit(report(sent | 1<<7)))
			case 4: // a control request to the device or the interface, of whatever kind
				var s [8]byte
				copy(s[:], script[n+1:])
				s[0] &^= ofEndpoint
				if s[1] == 9 { // SET_CONFIGURATION takes the endpoints away, SET_REPORT is a write
					s[1] = 0xff
				}
				submit(command{in: s[0]&toHost != 0, length: 64, setup: s})
			case 5:
				target := number - uint32(script[n]/6%8)
				number++
				if said := b.unlink(number, target); said[0].status != 0 {
					require.Equal(t, unlinkedAs(number, unlinked), said)
					require.True(t, open[target])
					delete(open, target)
				}
			}
		}
		require.Equal(t, len(open), b.f.in.count+b.f.out.count)
	})
}
