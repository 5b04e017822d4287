package control

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f"
)

func TestFingersOfAKey(t *testing.T) {
	bothWays(t, func(t *testing.T, c *Client, _ *live.Lab) {
		var key live.KeyShown
		post := func(path string, in any) error { return c.Post(t.Context(), path, in, &key) }
		require.NoError(t, post("/v1/keys", live.KeySpec{Profile: "bio"}))
		path := "/v1/keys/" + url.PathEscape(key.Serial)
		require.NoError(t, post(path+"/pin", KeyPIN{PIN: "1234"}))
		require.NoError(t, post(path+"/enrol", KeyEnrol{PIN: "1234", Finger: "right-thumb", Name: "thumb"}))
		require.Equal(t, "thumb", key.Sensor.Fingerprints[0].Name)
		require.ErrorContains(t, post(path+"/enrol", KeyEnrol{PIN: "4321", Finger: "left-thumb"}), "CTAP2_ERR_PIN_INVALID")
		require.ErrorContains(t, post("/v1/keys/nobody/enrol", KeyEnrol{PIN: "1234", Finger: "left-thumb"}), "nobody")

		fingers := []u2f.Finger{{Name: "left-thumb"}, {Name: "right-thumb"}}
		require.NoError(t, post(path+"/finger", KeyFingers{Fingers: fingers}))
		require.NoError(t, post(path+"/finger", KeyFingers{Fingers: fingers[:1]}))
		require.Len(t, key.Fingers, 3, "one behind the other")
		require.NoError(t, post(path+"/finger", KeyFingers{Fingers: fingers[1:], Anew: true}))
		require.Equal(t, fingers[1:], key.Fingers)
		require.ErrorContains(t, post(path+"/finger", KeyFingers{Fingers: []u2f.Finger{{Name: "Thumb"}}}), `"Thumb"`)
		require.NoError(t, c.Get(t.Context(), path, &key))
		require.Len(t, key.Fingers, 1, "what is wrong changes nothing")
		require.Len(t, key.Sensor.Fingerprints, 1)
	})
}

func TestATouchThatNobodyWaitsFor(t *testing.T) {
	bothWays(t, func(t *testing.T, c *Client, _ *live.Lab) {
		var key live.KeyShown
		require.NoError(t, c.Post(t.Context(), "/v1/keys", live.KeySpec{}, &key))
		var touch live.Touch
		in := KeyTouch{Serial: key.Serial, Hold: live.Span(5 * time.Second), Wait: live.Span(time.Millisecond)}
		require.ErrorContains(t, c.Post(t.Context(), "/v1/touch", in, &touch), "does not blink")
		require.ErrorContains(t, c.Post(t.Context(), "/v1/touch", KeyTouch{Serial: "nobody"}, &touch), "nobody")
	})
}
