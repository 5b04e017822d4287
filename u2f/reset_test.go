package u2f_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
)

// TestReset is Section 6.6.
func TestReset(t *testing.T) {
	t.Run("everything but the factory's records and the counter is gone", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		fresh := r.contents()
		one := r.make()
		r.make(resident("u"))
		r.get()
		r.setPIN()
		before := r.contents()
		r.said()
		_, err := r.send(resetCmd, nil)
		require.NoError(t, err)
		require.Equal(t, []string{u2f.Waiting, u2f.Touched, u2f.WasReset}, r.said())
		after := r.contents()
		require.Equal(t, fresh["factory"], after["factory"])
		require.Equal(t, before["counter"], after["counter"])
		require.NotEqual(t, before["master"], after["master"])
		require.Len(t, after, 3, "nothing else")
		for _, change := range []ga{allow(one.auth.CredentialID), nil} {
			_, err = r.send(getCmd, asking(change))
			require.Equal(t, ctap.ErrNoCredentials, err)
		}
		_, err = r.send(makeCmd, making(uvParam([]byte{}, nil)))
		require.Equal(t, ctap.ErrPINNotSet, err)
		require.NoError(t, r.key.PowerUp(r.now, entropy))
		require.Equal(t, after, r.contents())
	})
	t.Run("the token is gone", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.setPIN()
		token := r.token(ctap.PermissionMC)
		_, err := r.send(resetCmd, nil)
		require.NoError(t, err)
		r.setPIN()
		_, err = r.send(makeCmd, making(withToken(token)))
		require.Equal(t, ctap.ErrPINAuthInvalid, err)
	})
	t.Run("the window is 10 seconds from power-up, and the touch may come later", func(t *testing.T) {
		r := newRig(t, "ctap2.1", nil)
		r.manual()
		r.now = epoch.Add(10 * time.Second)
		r.begin(resetCmd, nil)
		r.now = r.now.Add(20 * time.Second)
		require.True(t, r.key.Touch(r.now))
		_, err := r.reply()
		require.NoError(t, err)
		_, err = r.send(resetCmd, nil)
		require.Equal(t, ctap.ErrNotAllowed, err, "without a prompt")
		require.NoError(t, r.key.PowerUp(r.now, entropy))
		r.begin(resetCmd, nil)
	})
	t.Run("the window and what comes after it are the profile's", func(t *testing.T) {
		r := newRig(t, "ctap2.1", func(p *u2f.Profile) {
			p.ResetWindow, p.ResetLateError = u2f.Duration(time.Second), u2f.Answer(ctap.ErrOperationDenied)
		})
		r.now = r.now.Add(time.Second + 1)
		_, err := r.send(resetCmd, nil)
		require.Equal(t, ctap.ErrOperationDenied, err)

		always := newRig(t, "ctap2.1", func(p *u2f.Profile) { p.ResetWindow = 0 })
		always.now = always.now.Add(time.Hour)
		_, err = always.send(resetCmd, nil)
		require.NoError(t, err)
	})
}

// TestResetCut cuts the power at each write of a reset: the key is the old one or a wiped one when it is powered up
// again, and never one in between.
func TestResetCut(t *testing.T) {
	cuts := 0
	for _, at := range []flash.Cut{flash.Before, flash.Torn, flash.After} {
		for n := 1; ; n++ {
			medium := &flash.Memory{}
			r := newRigOn(t, u2f.Profiles()[0], medium)
			m := r.make(resident("u1"))
			r.make(resident("u2"))
			r.setPIN()
			old := r.contents()
			cutting := flash.CutAfter(medium, n, at)
			cut := newRigOn(t, u2f.Profiles()[0], cutting)
			_, err := cut.send(resetCmd, nil)
			if !cutting.Off() {
				require.NoError(t, err)
				break
			}
			cuts++
			require.NoError(t, cutting.Restore())
			again := newRigOn(t, u2f.Profiles()[0], cutting)
			now := again.contents()
			_, err = again.send(getCmd, asking(allow(m.auth.CredentialID)))
			if now["master"] == old["master"] {
				require.Equal(t, old, now)
				require.NoError(t, err)
				continue
			}
			require.Equal(t, ctap.ErrNoCredentials, err)
			require.Equal(t, []string{"factory", "master"}, sortedNames(now), "cut %v at write %d", at, n)
		}
	}
	require.Greater(t, cuts, 15)
}

// failing is a flash whose writes fail from one record on.
type failing struct {
	flash.Memory
	name    string
	deletes bool
}

var errFlash = errors.New("the flash has had enough")

func (f *failing) Put(name string, value []byte) error {
	if f.name != "" && strings.HasPrefix(name, f.name) {
		return errFlash
	}
	return f.Memory.Put(name, value)
}

func (f *failing) Delete(name string) error {
	if f.deletes {
		return errFlash
	}
	return f.Memory.Delete(name)
}

func TestFlashFails(t *testing.T) {
	other := func(r *rig, cmd byte, params []byte) {
		r.t.Helper()
		_, err := r.send(cmd, params)
		require.Equal(r.t, ctap.ErrOther, err)
	}
	t.Run("the counter is not stored, so nothing is signed", func(t *testing.T) {
		f := &failing{}
		r := newRigOn(t, u2f.Profiles()[0], f)
		m := r.make()
		r.said()
		f.name = "counter"
		other(r, getCmd, asking(allow(m.auth.CredentialID)))
		require.NotContains(t, r.said(), u2f.Signed)
		f.name = ""
		require.Equal(t, uint32(2), r.get(allow(m.auth.CredentialID)).auth.Counter, "a number is not used twice")
	})
	t.Run("a discoverable credential is not stored", func(t *testing.T) {
		f := &failing{}
		r := newRigOn(t, u2f.Profiles()[0], f)
		f.name = "rk/"
		_, err := r.send(makeCmd, making(resident("u")))
		require.Equal(t, ctap.ErrKeyStoreFull, err, "Section 6.1.2, step 17")
		require.NotContains(t, r.said(), u2f.Registered)
		_, err = r.send(getCmd, asking(nil))
		require.Equal(t, ctap.ErrNoCredentials, err)
	})
	t.Run("a reset that does not begin leaves the key as it was", func(t *testing.T) {
		f := &failing{}
		r := newRigOn(t, u2f.Profiles()[0], f)
		r.make(resident("u"))
		f.name = "reset"
		other(r, resetCmd, nil)
		r.get()
	})
	t.Run("a reset that stops in between stops the key until power-up finishes it", func(t *testing.T) {
		f := &failing{}
		r := newRigOn(t, u2f.Profiles()[0], f)
		r.make(resident("u"))
		f.deletes = true
		other(r, resetCmd, nil)
		other(r, getCmd, asking(nil))
		other(r, infoCmd, nil)
		require.Error(t, r.key.PowerUp(r.now, entropy))
		f.deletes = false
		require.NoError(t, r.key.PowerUp(r.now, entropy))
		_, err := r.send(getCmd, asking(nil))
		require.Equal(t, ctap.ErrNoCredentials, err)
	})
	t.Run("neither marked nor unmarked", func(t *testing.T) {
		f := &failing{}
		r := newRigOn(t, u2f.Profiles()[0], f)
		f.name, f.deletes = "reset", true
		other(r, resetCmd, nil)
		other(r, infoCmd, nil)
	})
}
