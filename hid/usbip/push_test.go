package usbip

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/hid"
	"github.com/mfalab/mfalab/hid/plug"
)

var _ plug.Pusher = (*port)(nil)

// pushing is attached, with a port that brings what it reads to the channel.
func pushing(t *testing.T) (device hid.Port, host *importer, heard chan hid.Report) {
	device, host = attached(t, plugKey(t, listen(t)))
	heard = make(chan hid.Report, 1000)
	device.(plug.Pusher).Push(func(r *hid.Report) { heard <- *r })
	return device, host, heard
}

func TestReportsAreBroughtInOrder(t *testing.T) {
	device, host, heard := pushing(t)
	for n := range byte(200) {
		require.NoError(t, host.WriteReport(report(n)))
	}
	for n := range byte(200) {
		require.Equal(t, *report(n), <-heard)
	}
	require.NoError(t, host.Close())
	<-device.(plug.Pusher).Done()
	require.Error(t, device.ReadReport(new(hid.Report)))
}

func TestWhatCameBeforeSomebodyListensIsBrought(t *testing.T) {
	f := newFunction(describe(labKey))
	p := &port{conn: &script{}, f: f, ended: make(chan struct{})}
	p.change.L = &p.mu
	p.out = f.receive(p.out, command{number: 7}, report(1)[:])
	var heard []hid.Report
	p.Push(func(r *hid.Report) { heard = append(heard, *r) })
	require.Equal(t, []hid.Report{*report(1)}, heard)
	require.Empty(t, p.out, "the importer is told that it was taken")
}

// A long answer is spread over time. Commands are read meanwhile: a bus polls, and a client may give up.
func TestCommandsAreReadWhileALongAnswerIsSpread(t *testing.T) {
	device, host := attached(t, plugKey(t, listen(t)))
	heard, spread := make(chan hid.Report, 2), make(chan error, 1)
	device.(plug.Pusher).Push(func(r *hid.Report) {
		heard <- *r
		if r[0] != 1 {
			return
		}
		for n := range byte(129) {
			if err := device.WriteReport(report(n)); err != nil {
				spread <- err
				return
			}
		}
		spread <- nil
	})
	require.NoError(t, host.WriteReport(report(1)))
	for n := range byte(129) {
		requireReport(t, n, host)
		if n == 40 {
			require.NoError(t, host.WriteReport(report(2)))
		}
	}
	require.NoError(t, <-spread)
	require.Equal(t, *report(1), <-heard)
	require.Equal(t, *report(2), <-heard)
}

// Who brings a report may wait for somebody who waits for the port to close.
func TestAPortClosesWhileAReportIsBrought(t *testing.T) {
	s := listen(t)
	d := plugKey(t, s)
	device, host := attached(t, d)
	came, goOn := make(chan struct{}), make(chan struct{})
	device.(plug.Pusher).Push(func(*hid.Report) { close(came); <-goOn })
	require.NoError(t, host.WriteReport(report(1)))
	<-came
	require.NoError(t, d.Close())
	close(goOn)
}
