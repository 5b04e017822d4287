package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/live"
)

// start is when the labs of these tests begin; they stand still.
var start = time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)

func lab(t testing.TB) *live.Lab {
	t.Helper()
	l, err := live.Open(context.Background(), live.Options{Dir: t.TempDir(), Ephemeral: true, Virtual: true, Start: start, Seed: "test"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() }) // some tests close it themselves
	return l
}

// served returns an API and its address on a server of its own.
func served(t testing.TB, l *live.Lab, down func()) string {
	t.Helper()
	s := httptest.NewServer(New(l, down))
	t.Cleanup(s.Close)
	return s.URL
}

// bothWays runs f with a client in the same process and with one over HTTP, each of a lab of its own.
func bothWays(t *testing.T, f func(t *testing.T, c *Client, l *live.Lab)) {
	t.Run("in memory", func(t *testing.T) {
		l := lab(t)
		f(t, Local(New(l, nil)), l)
	})
	t.Run("over HTTP", func(t *testing.T) {
		l := lab(t)
		f(t, Dial(served(t, l, nil)+"/", ""), l)
	})
}

func saved(t testing.TB, l *live.Lab) string {
	t.Helper()
	s, err := l.Snapshot(context.Background())
	require.NoError(t, err)
	b, err := json.Marshal(s)
	require.NoError(t, err)
	return string(b)
}

func TestEveryRouteAnswers(t *testing.T) {
	bothWays(t, func(t *testing.T, c *Client, l *live.Lab) {
		ctx := t.Context()
		get := func(path string, out any) { t.Helper(); require.NoError(t, c.Get(ctx, path, out)) }
		post := func(path string, in, out any) { t.Helper(); require.NoError(t, c.Post(ctx, path, in, out)) }

		var health Health
		get("/healthz", &health)
		require.Equal(t, "ok", health.Status)

		var made, shown live.Shown
		post("/v1/fobs", live.FobSpec{Serial: "GAHT/0000:01"}, &made)
		require.Equal(t, "GAHT/0000:01", made.Serial)
		path := "/v1/fobs/" + url.PathEscape(made.Serial)
		post(path+"/press", live.PressOptions{Next: true}, &shown)
		require.Regexp(t, "^[0-9]{6}$", shown.Code)
		var again live.Shown
		get(path, &again)
		require.Equal(t, shown.Code, again.Code)
		get(fmt.Sprintf("%s/peek?step=%d", path, shown.Step), &again)
		require.Equal(t, shown.Code, again.Code)
		get(path+"/peek?step=%2B1", &again)
		require.Equal(t, shown.Step+1, again.Step)
		get(path+"/peek?step=-1", &again)
		require.Equal(t, shown.Step-1, again.Step)
		get(path+"/peek", &again)
		require.Equal(t, shown.Step, again.Step)
		var drift live.Drift
		get(path+"/drift", &drift)
		require.Equal(t, made.Serial, drift.Serial)
		by, ppm := live.Span(-45*time.Second), 20.0
		post(path+"/drift", live.DriftChange{By: &by, PPM: &ppm}, &drift)
		require.Equal(t, by, drift.Drift)
		require.Equal(t, ppm, drift.Crystal)
		by = 0
		post(path+"/drift", Drift{DriftChange: live.DriftChange{By: &by}}, &drift)
		require.Zero(t, drift.Drift)
		var arrival live.Arrival
		get("/v1/shipments", &arrival)
		require.Zero(t, arrival)

		var list []live.Shown
		post("/v1/boxes", Box{Count: 1, FobSpec: live.FobSpec{Serial: "GAHT00000009"}}, &list)
		require.Equal(t, "GAHT00000009", list[0].Serial)
		get("/v1/fobs", &list)
		require.Len(t, list, 2)

		post("/v1/apps", Scan{URI: "otpauth://totp/alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}, &made)
		require.Equal(t, "alice", made.Serial)
		post("/v1/apps", Scan{Seed: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ", Name: "bob"}, &made)
		require.Equal(t, "bob", made.Serial)
		var a, b live.Shown
		post("/v1/apps/alice/code", nil, &a)
		post("/v1/apps/bob/code", live.PressOptions{}, &b)
		require.Equal(t, a.Code, b.Code)
		get("/v1/apps", &list)
		require.Len(t, list, 2)

		var clock Clock
		get("/v1/clock", &clock)
		require.Zero(t, clock.Rate)
		at := clock.Lab
		post("/v1/clock/advance", Advance{By: live.Span(time.Hour)}, &clock)
		require.Equal(t, at.Add(time.Hour), clock.Lab)
		post("/v1/clock/wait", Wait{For: live.Span(time.Minute)}, &clock)
		require.Equal(t, at.Add(61*time.Minute), clock.Lab)
		post("/v1/clock/rate", Rate{Rate: 2}, &clock)
		require.Equal(t, 2.0, clock.Rate)
		post("/v1/clock/reset", nil, &clock)
		require.Equal(t, 1.0, clock.Rate)
		require.WithinDuration(t, clock.Wall, clock.Lab, time.Minute)
		post("/v1/clock/rate", Rate{}, &clock)

		var keys live.Credentials
		get("/v1/credentials", &keys)
		require.Regexp(t, "^AKIA", keys.Users[live.Administrator].AccessKeyID)
		var st Status
		get("/v1/status", &st)
		require.Equal(t, 2, st.Fobs)
		require.Equal(t, 2, st.Apps)
		require.Equal(t, Version, st.Version)
		require.Equal(t, []string{}, st.Weakened)
		require.True(t, st.Ephemeral)

		var events []sim.Event
		get("/v1/journal?after=3&limit=2", &events)
		require.Len(t, events, 2)
		require.Equal(t, uint64(4), events[0].Seq)
		get("/v1/journal?after=1000000", &events)
		require.Empty(t, events)

		var snapshot json.RawMessage
		get("/v1/save", &snapshot)
		post("/v1/reset", nil, nil)
		get("/v1/fobs", &list)
		require.Empty(t, list)
		post("/v1/load", snapshot, nil)
		require.JSONEq(t, string(snapshot), saved(t, l))
		var document map[string]any
		get("/v1/openapi.json", &document)
		require.Equal(t, "3.1.0", document["openapi"])
	})
}

func TestARefusalSaysWhyAndChangesNothing(t *testing.T) {
	l := lab(t)
	_, err := l.NewFob(t.Context(), live.FobSpec{Serial: "GAHT00000001"})
	require.NoError(t, err)
	api := New(l, nil)
	before := saved(t, l)
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/v1/fobs/GAHT00000009", "", 404, "no such device"},
		{"POST", "/v1/fobs/GAHT00000009/press", "", 404, "no such device"},
		{"GET", "/v1/apps/GAHT00000001", "", 404, "there is no"},
		{"GET", "/v1/nothing", "", 404, "there is no GET /v1/nothing"},
		{"GET", "/elsewhere", "", 404, "there is no"},
		{"DELETE", "/v1/fobs", "", 405, "takes GET, POST, not DELETE"},
		{"POST", "/v1/status", "", 405, "takes GET"},
		{"PUT", "/v1/fobs/GAHT00000001/press", "", 405, "takes POST"},
		{"POST", "/v1/journal/stream", "", 405, "takes GET"},
		{"POST", "/v1/fobs", "{", 400, "no JSON"},
		{"POST", "/v1/fobs", "[]", 400, "no JSON"},
		{"POST", "/v1/fobs", "{} {}", 400, "something follows"},
		{"POST", "/v1/fobs", `{"sirial":"GAHT00000002"}`, 400, "unknown field"},
		{"POST", "/v1/fobs", `{"seed":"xyz"}`, 400, "hexadecimal"},
		{"POST", "/v1/fobs", `{"serial":"GAHT00000001"}`, 409, "already"},
		{"POST", "/v1/fobs", `{"seed":"31"}`, 409, "asks for 16 or more"},
		{"GET", "/v1/fobs/GAHT00000009/drift", "", 404, "no such device"},
		{"POST", "/v1/boxes", `{}`, 409, "give 1 to 100000"},
		{"POST", "/v1/boxes", `{"count":2,"serial":"GAHT00000002"}`, 409, "leave serial and seed out"},
		{"POST", "/v1/fobs/GAHT00000001/drift", `{}`, 409, "give by or ppm"},
		{"POST", "/v1/fobs/GAHT00000001/drift", `{"by":"900000h"}`, 409, "100 years"},
		{"POST", "/v1/fobs/GAHT00000001/drift", `{"by":90}`, 400, "written like"},
		{"POST", "/v1/fobs/GAHT00000001/drift", `{"ppm":-1000.5}`, 409, "wrong by"},
		{"POST", "/v1/fobs/GAHT00000001/press", `{"minLeft":"soon"}`, 400, `"soon" is no duration`},
		{"POST", "/v1/fobs/GAHT00000001/press", `{"minLeft":10}`, 400, "written like"},
		{"POST", "/v1/fobs/GAHT00000001/press", `{"next":true,"wait":true}`, 409, "not both"},
		{"POST", "/v1/fobs/GAHT00000001/press?next=true", "", 400, `no parameter "next"`},
		{"GET", "/v1/fobs/GAHT00000001/peek?step=x", "", 400, "a step is a number"},
		{"GET", "/v1/fobs/GAHT00000001/peek?step=1&step=2", "", 400, "give it once"},
		{"GET", "/v1/fobs/GAHT00000001/peek?step=-99999999999", "", 409, "before the first"},
		{"GET", "/v1/journal?after=-1", "", 400, "whole number"},
		{"GET", "/v1/journal?limit=x", "", 400, "whole number"},
		{"GET", "/v1/journal?after=%zz", "", 400, "cannot be read"},
		{"GET", "/v1/journal/stream?after=x", "", 400, "whole number"},
		{"POST", "/v1/clock/advance", `{"by":"-1h"}`, 409, "only `mfalab clock reset` goes back"},
		{"POST", "/v1/clock/rate", `{"rate":-1}`, 409, "out of range"},
		{"POST", "/v1/clock/rate", `{"rate":"fast"}`, 400, "no JSON"},
		{"POST", "/v1/apps", `{"uri":"otpauth://totp/x?secret=1"}`, 409, ""},
		{"POST", "/v1/apps", `{"seed":"GEZDGNBVGY3TQOJQ"}`, 409, "give a name"},
		{"POST", "/v1/load", `{"mfalab":1}`, 409, "damaged"},
		{"POST", "/v1/load", `{"mfalab":1,"reset":true}`, 400, "unknown field"},
		{"POST", "/v1/down", "", 409, "no `mfalab up` serves this lab"},
	} {
		t.Run(c.method+" "+c.path+" "+c.body, func(t *testing.T) {
			w := httptest.NewRecorder()
			api.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
			require.Equal(t, c.status, w.Code, w.Body)
			var r Refusal
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &r))
			require.Contains(t, r.Error, c.want)
			require.NotContains(t, r.Error, "\n")
			require.NotContains(t, r.Error, "GEZDGNBV")
			require.Equal(t, "application/json", w.Header().Get("Content-Type"))
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			require.Equal(t, c.status == 405, w.Header().Get("Allow") != "")
			require.Equal(t, before, saved(t, l))
		})
	}
}

func TestATooLargeRequestIsNotRead(t *testing.T) {
	l := lab(t)
	w := httptest.NewRecorder()
	endless := io.LimitReader(spaces{}, maxBody+1)
	New(l, nil).ServeHTTP(w, httptest.NewRequest("POST", "/v1/load", endless))
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	require.Contains(t, w.Body.String(), "larger than")
}

// spaces is white space without end.
type spaces struct{}

func (spaces) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func TestASerialMayHoldAnyCharacter(t *testing.T) {
	bothWays(t, func(t *testing.T, c *Client, l *live.Lab) {
		for _, name := range []string{"a/b", "..a", "a/../b", "a=b+c:d,e.f@g-h_i", "%2F", strings.Repeat("n", 256)} {
			path := "/v1/apps/" + url.PathEscape(name) + "/code"
			err := c.Post(t.Context(), "/v1/apps", Scan{Seed: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", Name: name}, nil)
			if strings.Contains(name, "%") {
				require.ErrorContains(t, err, "the character")
				require.ErrorContains(t, c.Post(t.Context(), path, nil, nil), "no such device")
				continue
			}
			require.NoError(t, err)
			var s live.Shown
			require.NoError(t, c.Post(t.Context(), path, nil, &s), name)
			require.Equal(t, name, s.Serial)
		}
	})
}

func TestALabBeyondLoopbackAsksForItsToken(t *testing.T) {
	l := lab(t)
	require.NoError(t, l.Announce("http://192.0.2.1:6325", "sesame"))
	base := served(t, l, nil)
	for token, want := range map[string]bool{"sesame": true, "": false, "sesam": false, "sesamee": false} {
		c := Dial(base, token)
		require.NoError(t, c.Get(t.Context(), "/healthz", nil))
		for _, path := range []string{"/v1/status", "/v1/save", "/v1/openapi.json", "/v1/journal", "/v1/nothing"} {
			err := c.Get(t.Context(), path, nil)
			var refused *RefusedError
			if want && path != "/v1/nothing" {
				require.NoError(t, err)
				continue
			}
			require.ErrorAs(t, err, &refused)
			require.Equal(t, map[bool]int{true: 404, false: 401}[want], refused.Status)
			require.NotContains(t, refused.Text, "sesame")
		}
	}
	require.NoError(t, Local(New(l, nil)).Get(t.Context(), "/v1/status", nil))
	r := httptest.NewRequest("GET", "/v1/status", nil)
	r.Header.Set("Authorization", "sesame")
	w := httptest.NewRecorder()
	New(l, nil).ServeHTTP(w, r)
	require.Equal(t, 401, w.Code, "a token is a bearer's")
}

func TestDownEndsTheLabOnce(t *testing.T) {
	down := make(chan struct{})
	c := Dial(served(t, lab(t), func() { close(down) }), "")
	require.NoError(t, c.Post(t.Context(), "/v1/down", nil, nil))
	<-down
}

func TestAClosedLabIsUnavailable(t *testing.T) {
	l := lab(t)
	c := Local(New(l, nil))
	require.NoError(t, l.Close())
	var refused *RefusedError
	require.ErrorAs(t, c.Get(t.Context(), "/v1/fobs", nil), &refused)
	require.Equal(t, http.StatusServiceUnavailable, refused.Status)
}

func TestTheJournalIsFollowedOverHTTP(t *testing.T) {
	l := lab(t)
	c := Dial(served(t, l, nil), "")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := make(chan sim.Event)
	done := make(chan error, 1)
	go func() {
		done <- c.Stream(ctx, "/v1/journal/stream?after=3", func(line []byte) error {
			var e sim.Event
			if err := json.Unmarshal(line, &e); err != nil {
				return err
			}
			seen <- e
			return nil
		})
	}()
	require.Equal(t, uint64(4), (<-seen).Seq, "what is there")
	require.NoError(t, l.Advance(t.Context(), time.Second))
	require.Equal(t, "clock.advanced", (<-seen).Name, "what comes")
	require.NoError(t, l.Reset(t.Context()))
	for seq := range uint64(4) {
		require.Equal(t, seq+1, (<-seen).Seq, "and what comes after a reset")
	}
	cancel()
	require.Error(t, <-done)
}

func TestTheJournalInMemoryEndsWithTheNewest(t *testing.T) {
	l := lab(t)
	n := 0
	require.NoError(t, Local(New(l, nil)).Stream(t.Context(), "/v1/journal/stream", func([]byte) error { n++; return nil }))
	require.Equal(t, len(l.Journal().After(0, 0)), n)
}

func TestAClientSaysWhatIsWrongWithItsServer(t *testing.T) {
	answers := http.NewServeMux()
	answers.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/text", http.StatusFound) })
	answers.HandleFunc("/text", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	answers.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "{")
	})
	answers.HandleFunc("/failed", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502); fmt.Fprint(w, "<html>") })
	s := httptest.NewServer(answers)
	defer s.Close()
	c := Dial(s.URL, "")
	for path, want := range map[string]string{"/moved": "answered 302", "/text": "invalid character", "/short": "broke off", "/failed": "answered 502"} {
		var out map[string]any
		require.ErrorContains(t, c.Get(t.Context(), path, &out), want)
	}
	s.Close()
	require.ErrorContains(t, c.Get(t.Context(), "/text", nil), "does not answer")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, c.Get(ctx, "/text", nil), context.Canceled)
	require.Error(t, c.Post(t.Context(), "/text", func() {}, nil), "what cannot be written as JSON")
}

// Who interrupts a command is not told that the lab is to blame.
func TestAnInterruptedRequestIsCalledThat(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errors.New("interrupt signal received"))
	err := Dial("http://127.0.0.1:1", "").Get(ctx, "/healthz", nil)
	require.ErrorIs(t, err, context.Canceled)
	require.NotContains(t, err.Error(), "does not answer")
}
