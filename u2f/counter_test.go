package u2f_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
)

func TestCounters(t *testing.T) {
	for _, c := range []struct {
		mode   u2f.Counter
		before uint32
		a, b   []uint32 // of two credentials: when it is made, and of three signatures
	}{
		{"", 0, []uint32{0, 1, 2, 3}, []uint32{3, 4, 5, 6}},
		{u2f.CountGlobal, 0, []uint32{0, 1, 2, 3}, []uint32{3, 4, 5, 6}},
		{u2f.CountEach, 7, []uint32{0, 1, 2, 3}, []uint32{0, 1, 2, 3}},
		{u2f.CountZero, 7, []uint32{0, 0, 0, 0}, []uint32{0, 0, 0, 0}},
		{u2f.CountFrozen, 7, []uint32{7, 7, 7, 7}, []uint32{7, 7, 7, 7}},
		{u2f.CountWrap, 7, []uint32{7, 1<<32 - 2, 1<<32 - 1, 0}, []uint32{0, 1, 2, 3}},
		{u2f.CountRegress, 7, []uint32{7, 6, 5, 4}, []uint32{4, 3, 2, 1}},
		{u2f.CountRegress, 1, []uint32{1, 0, 0, 0}, []uint32{0, 0, 0, 0}},
	} {
		t.Run(string(c.mode), func(t *testing.T) {
			r := counter(t, c.mode, c.before)
			require.Equal(t, c.a, r.signs(3))
			r.key.PowerDown(r.now)
			require.NoError(t, r.key.PowerUp(r.now, entropy))
			require.Equal(t, c.b, r.signs(3))
		})
	}
	t.Run("random", func(t *testing.T) {
		r := counter(t, u2f.CountRandom, 0)
		steps := map[uint32]bool{}
		var last uint32
		for i, n := range r.signs(100) {
			if i > 0 {
				steps[n-last] = true
			}
			last = n
		}
		require.Len(t, steps, 8)
		for step := range steps {
			require.True(t, step >= 1 && step <= 8)
		}
	})
	t.Run("at run time", func(t *testing.T) {
		r := counter(t, "", 0)
		require.Equal(t, []uint32{0, 1, 2}, r.signs(2))
		r.quirky("counter", "regress")
		require.Equal(t, []uint32{2, 1}, r.signs(1))
		r.quirky("counter", "global")
		require.Equal(t, []uint32{1, 2}, r.signs(1))
		_, err := r.key.Profile().With("counter", "sideways")
		require.ErrorContains(t, err, `"sideways" in counter; use global, per-credential, random, zero`)
	})
	t.Run("U2F counts with it", func(t *testing.T) {
		h := newHost(t, keyProfile(t, u2f.DefaultProfile), &flash.Memory{}, nil)
		h.replug()
		h.must(h.registering(rpID))
		h.quirky("counter", "per-credential")
		for n := range 3 {
			body, ok := h.apdu(authenticating(8, h.world.credentials[0]))
			require.True(t, ok)
			require.Equal(t, uint32(n+1), binary.BigEndian.Uint32(body[1:]))
		}
	})
	t.Run("it is used up", func(t *testing.T) {
		for _, mode := range []u2f.Counter{u2f.CountGlobal, u2f.CountRandom} {
			r := counter(t, mode, 1<<32-1)
			m := r.make()
			_, err := r.send(getCmd, asking(allow(m.auth.CredentialID)))
			require.Equal(t, ctap.ErrOther, err)
		}
	})
}

func counter(t *testing.T, mode u2f.Counter, before uint32) *rig {
	m := &flash.Memory{}
	if before > 0 {
		require.NoError(t, m.Put("counter", binary.BigEndian.AppendUint32(nil, before)))
		require.NoError(t, m.Put("master", make([]byte, 32)))
	}
	p, err := u2f.ProfileNamed(u2f.DefaultProfile)
	require.NoError(t, err)
	p.Counter = mode
	return newRigOn(t, p, m)
}

// signs makes a credential and signs with it n times; it returns the counters that went out.
func (r *rig) signs(n int) []uint32 {
	m := r.make()
	list := []uint32{m.auth.Counter}
	for range n {
		list = append(list, r.get(allow(m.auth.CredentialID)).auth.Counter)
	}
	return list
}

// On the modes of products no counter falls or comes twice, wherever the power fails.
func TestCountersAcrossPowerCuts(t *testing.T) {
	cuts := 0
	for _, mode := range []u2f.Counter{u2f.CountGlobal, u2f.CountEach, u2f.CountRandom} {
		for _, at := range everyCut {
			h := newHost(t, keyProfile(t, u2f.DefaultProfile), &flash.Memory{}, nil)
			h.profile.Counter = mode
			h.replug()
			h.must(h.creating(rpID, "u", false))
			id := h.world.credentials[0].id
			last := h.get(allow(id)).auth.Counter
			for range 3 {
				h.breaker.arm(1, at)
				_, err := h.send(getCmd, asking(allow(id)))
				require.Error(t, err)
				require.True(t, h.breaker.cut.Off())
				require.NoError(t, h.breaker.cut.Restore())
				h.breaker.arm(0, 0)
				h.replug()
				n := h.get(allow(id)).auth.Counter
				require.Greater(t, n, last, "%s, %v", mode, at)
				last = n
				cuts++
			}
		}
	}
	require.Equal(t, 27, cuts)
}

// A reset forgets the counters of credentials that are gone.
func TestResetForgetsCountersOfCredentials(t *testing.T) {
	r := counter(t, u2f.CountEach, 0)
	r.signs(2)
	r.signs(1)
	require.Len(t, countersOf(r), 2)
	_, err := r.send(resetCmd, nil)
	require.NoError(t, err)
	require.Empty(t, countersOf(r))
}

func countersOf(r *rig) (names []string) {
	names, err := r.flash.Names("count/")
	require.NoError(r.t, err)
	return names
}

// The flags BE and BS: a credential is eligible for ever or never, and backed up as the profile says now.
func TestBackupFlags(t *testing.T) {
	r := newRig(t, u2f.DefaultProfile, nil)
	device := r.make()
	require.Zero(t, device.auth.Flags&(ctap.FlagBE|ctap.FlagBS))
	r.quirky("backup_eligible", "true")
	synced := r.make()
	require.Equal(t, byte(ctap.FlagBE), synced.auth.Flags&(ctap.FlagBE|ctap.FlagBS))
	require.Equal(t, byte(ctap.FlagBE|ctap.FlagUP), r.get(allow(synced.auth.CredentialID)).auth.Flags)
	r.quirky("backed_up", "true")
	require.Equal(t, byte(ctap.FlagBE|ctap.FlagBS|ctap.FlagUP), r.get(allow(synced.auth.CredentialID)).auth.Flags)
	require.Equal(t, byte(ctap.FlagUP), r.get(allow(device.auth.CredentialID)).auth.Flags)
	_, err := r.key.Profile().With("backup_eligible", "false")
	require.ErrorContains(t, err, "backed_up without backup_eligible")
}

// A credential that is replaced or deleted takes its counter along, and one that is kept has none beside it.
func TestCountersGoWithTheirCredentials(t *testing.T) {
	r := counter(t, u2f.CountEach, 0)
	first := r.make(resident("alice"))
	require.Equal(t, uint32(1), r.get(allow(first.auth.CredentialID)).auth.Counter)
	require.Equal(t, uint32(2), r.get(allow(first.auth.CredentialID)).auth.Counter)
	require.Empty(t, countersOf(r))
	records := len(r.contents())
	second := r.make(resident("alice"))
	require.Equal(t, uint32(1), r.get(allow(second.auth.CredentialID)).auth.Counter, "another credential's counter is another")
	require.Len(t, r.contents(), records)
	r.setPIN()
	token := r.tokenFor(ctap.PermissionCM, nil)
	records = len(r.contents())
	_, err := r.manage(managing(token, ctap.CredentialManagementRequest{Subcommand: ctap.DeleteCredential, CredentialID: second.auth.CredentialID}))
	require.NoError(t, err)
	require.Len(t, r.contents(), records-1)
	require.Empty(t, countersOf(r))
}
