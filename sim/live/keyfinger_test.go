package live

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// bioKey makes a key with a sensor, a credential, a PIN and the thumb enrolled.
func bioKey(t testing.TB, l *Lab) (key string, id []byte) {
	t.Helper()
	key = keyOf(t, l, KeySpec{Profile: "bio"})
	id = registered(t, l, key)
	_, err := l.EnrolFinger(bg(), key, "1234", "right-thumb", "")
	require.ErrorContains(t, err, "has no PIN")
	_, err = l.SetKeyPIN(bg(), key, "", "1234")
	require.NoError(t, err)
	shown, err := l.EnrolFinger(bg(), key, "1234", "right-thumb", "thumb")
	require.NoError(t, err)
	require.Len(t, shown.Sensor.Fingerprints, 1)
	require.Equal(t, "thumb", shown.Sensor.Fingerprints[0].Name)
	return key, id
}

// verifying asks for an assertion with user verification and leaves it waiting where nobody acts.
func verifying(t testing.TB, l *Lab, serial string, id []byte) (status ctap.Status, done bool) {
	t.Helper()
	req := ctap.GetAssertionRequest{RPID: "example.org", ClientDataHash: make([]byte, 32), Options: ctap.Options{UV: ctap.True},
		AllowList: []ctap.Descriptor{{Type: ctap.PublicKey, ID: id}}}
	require.NoError(t, l.Do(bg(), func(w *sim.World) error {
		k := l.bench.keys[serial]
		k.at = w.Now()
		k.core.CBOR(k.at, 7, req.Append([]byte{cmdGetAssertion}))
		k.settle(w)
		reply, ok := k.core.Reply(k.at)
		if done = ok; ok {
			status = ctap.Status(reply[0])
		}
		return nil
	}))
	return status, done
}

func TestFingersVerifyTheUserOneAfterTheOther(t *testing.T) {
	l := running(t, Options{})
	key, id := bioKey(t, l)
	shown, err := l.SetKeyFingers(bg(), key, []u2f.Finger{{Name: "left-little"}}, true)
	require.NoError(t, err)
	require.Len(t, shown.Fingers, 1)
	shown, err = l.SetKeyFingers(bg(), key, []u2f.Finger{{Name: "right-thumb"}}, false)
	require.NoError(t, err)
	require.Len(t, shown.Fingers, 2, "behind the first")

	status, done := verifying(t, l, key, id)
	require.True(t, done, "the second finger is the right one")
	require.Equal(t, ctap.OK, status)
	require.Empty(t, shownKey(t, l, key).Fingers, "each is there once")
	_, done = verifying(t, l, key, id)
	require.False(t, done, "nobody acts any more")

	_, err = l.SetKeyFingers(bg(), key, []u2f.Finger{{Name: "?"}}, true)
	require.ErrorContains(t, err, `"?"`)
	_, err = l.SetKeyFingers(bg(), "nobody", nil, true)
	require.ErrorIs(t, err, ErrNoKey)
	require.NoError(t, l.Close())
}

func TestWhatIsNotEnrolled(t *testing.T) {
	l := running(t, Options{})
	key, _ := bioKey(t, l)
	for says, in := range map[string]struct {
		pin          PIN
		finger, name string
	}{
		"is enrolled on the key":       {"1234", "right-thumb", ""},
		"CTAP2_ERR_PIN_INVALID":        {"4321", "left-thumb", ""},
		`a finger is called "the one"`: {"1234", "the one", ""},
		"this key wants 15 at most":    {"1234", "left-thumb", "the thumb of the hand that is on the left"},
	} {
		_, err := l.EnrolFinger(bg(), key, in.pin, in.finger, in.name)
		require.ErrorContains(t, err, says)
		require.Len(t, shownKey(t, l, key).Sensor.Fingerprints, 1, says)
	}
	plain := keyOf(t, l, KeySpec{})
	_, err := l.EnrolFinger(bg(), plain, "1234", "left-thumb", "")
	require.ErrorContains(t, err, "has no fingerprint sensor")
	require.NoError(t, l.Close())
}

// resting is a key of CTAP 2.3 that only a long touch resets, and that asks for it.
func resting(t testing.TB, l *Lab) string {
	t.Helper()
	profile, err := KeyProfileNamed(DefaultKeyProfile)
	require.NoError(t, err)
	profile.Key.LongTouchForReset = true
	key := keyOf(t, l, KeySpec{Custom: &profile})
	require.NoError(t, l.Do(bg(), func(w *sim.World) error {
		k := l.bench.keys[key]
		k.at = w.Now()
		k.core.CBOR(k.at, 7, []byte{cmdReset})
		k.settle(w)
		return nil
	}))
	return key
}

func TestALongTouch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t, Options{})
		key := resting(t, l)
		_, err := l.TouchKey(bg(), key, 0, time.Minute)
		require.ErrorContains(t, err, "give --hold 5s", "a short touch is told so at once")
		require.Equal(t, 5*time.Second, time.Duration(shownKey(t, l, key).Waiting.Hold))
		touch, err := l.TouchKey(bg(), key, 6*time.Second, time.Minute)
		require.NoError(t, err)
		require.Equal(t, "authenticatorReset", touch.Command)
		require.Zero(t, events(l, "key.reset"), "the finger rests there")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Nil(t, shownKey(t, l, key).Waiting)
		require.Equal(t, 1, events(l, "key.reset"))

		_, err = l.ResetKey(context.Background(), key)
		require.NoError(t, err, "who resets it by the lab rests the finger as long as it takes")
		require.Equal(t, 2, events(l, "key.reset"))
		require.NoError(t, l.Close())
	})
}
