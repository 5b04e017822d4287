package live

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

func TestAskKey(t *testing.T) {
	lab, err := Open(t.Context(), Options{Dir: t.TempDir(), Ephemeral: true, Seed: "ask", Virtual: true, Start: start})
	require.NoError(t, err)
	defer func() { require.NoError(t, lab.Close()) }()
	const getInfo, selection = 0x04, 0x0b
	_, err = lab.AskKey(t.Context(), "", []byte{getInfo})
	require.ErrorIs(t, err, ErrNoKey)
	key, err := lab.NewKey(t.Context(), KeySpec{})
	require.NoError(t, err)

	reply, err := lab.AskKey(t.Context(), key.Serial, []byte{getInfo})
	require.NoError(t, err)
	require.Equal(t, byte(ctap.OK), reply[0])
	info, err := ctap.ParseGetInfoResponse(reply[1:])
	require.NoError(t, err)
	require.Contains(t, info.Versions, "FIDO_2_1")

	for _, c := range []struct {
		presence u2f.Mode
		status   ctap.Status
		events   []string
	}{
		{u2f.Manual, ctap.OK, []string{"key.waiting", "key.touched"}},
		{u2f.Auto, ctap.OK, []string{"key.waiting", "key.touched"}},
		{u2f.Deny, ctap.ErrOperationDenied, []string{"key.waiting", "key.denied"}},
		{u2f.Never, ctap.ErrKeepaliveCancel, []string{"key.waiting", "key.cancelled"}},
	} {
		_, err = lab.SetKeyPresence(t.Context(), key.Serial, u2f.Presence{Mode: c.presence})
		require.NoError(t, err)
		seen, _ := lab.Journal().end()
		reply, err = lab.AskKey(t.Context(), key.Serial, []byte{selection})
		require.NoError(t, err)
		require.Equal(t, c.status, ctap.Status(reply[0]), c.presence)
		var events []string
		for _, e := range lab.Journal().After(seen, 0) {
			events = append(events, e.Name)
			require.Equal(t, start, e.Time)
		}
		require.Equal(t, c.events, events)
	}
	reply, err = lab.AskKey(t.Context(), key.Serial, []byte{0xff})
	require.NoError(t, err)
	require.Equal(t, ctap.ErrInvalidCommand, ctap.Status(reply[0]))

	_, err = lab.UnplugKey(t.Context(), key.Serial)
	require.NoError(t, err)
	_, err = lab.AskKey(t.Context(), key.Serial, []byte{getInfo})
	require.ErrorContains(t, err, "is not plugged in")
}
