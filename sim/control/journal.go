package control

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/live"
)

var errNotUp = errors.New("no `mfalab up` serves this lab")

// Since says from where the journal is wanted.
type Since struct {
	After uint64 `json:"-" query:"after"` // events with a greater seq
	Limit uint64 `json:"-" query:"limit"` // 0: all
}

func (s *Server) journal(_ context.Context, in Since) ([]sim.Event, error) {
	events := s.lab.Journal().After(in.After, int(min(in.Limit, math.MaxInt32)))
	if events == nil {
		events = []sim.Event{}
	}
	return events, nil
}

// streamPath is where the journal can be followed.
const streamPath = "/v1/journal/stream"

// From says from where the journal is followed.
type From struct {
	After uint64 `json:"-" query:"after"` // events with a greater seq
}

// streams are the routes whose answers go on until the client goes.
func (s *Server) streams() []route {
	return []route{
		streaming[From, sim.Event](streamPath, "what happens, as it happens", s.stream),
		streaming[TrailQuery, TrailRecord](trailStreamPath, "the account's CloudTrail, as it grows", s.trailStream),
		streaming[Serial, live.Frame](watchPath, "what passes between programs and a key, as it passes", s.watch),
		streaming[Serial, live.Frame](capturePath, "the reports that pass between programs and a key", s.capture),
		streaming[none, Attached](attachPath, "keep the lab up for a program that uses its HID bus", s.attach),
	}
}

func streaming[In, Line any](path, summary string, serve http.HandlerFunc) route {
	return route{method: "GET", path: path, summary: summary, in: reflect.TypeFor[In](), out: reflect.TypeFor[Line](), serve: serve}
}

// stream writes events as they happen, one JSON object a line, until the client goes.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	var in From
	if err := read(w, r, &in); err != nil {
		fail(w, statusOf(err), err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	// The only errors are that the client went, and that nothing can be followed in an answer that is gathered whole.
	_ = s.lab.Journal().Follow(r.Context(), in.After, func(e sim.Event) error {
		_, err := w.Write(append(e.AppendJSON(nil), '\n'))
		return err
	}, http.NewResponseController(w).Flush)
}

// peek reads the step as people write it: with a sign it counts from the present one.
func (s *Server) peek(ctx context.Context, shelf live.Shelf, in Peek) (live.Shown, error) {
	relative := in.Step == "" || strings.HasPrefix(in.Step, "+") || strings.HasPrefix(in.Step, "-")
	var n int64
	if in.Step != "" {
		var err error
		if n, err = strconv.ParseInt(in.Step, 10, 64); err != nil {
			return live.Shown{}, badRequest{fmt.Errorf("a step is a number such as 59061240, +1 or -3, not %.40q", in.Step)}
		}
	}
	return s.lab.Peek(ctx, shelf, in.Serial, n, relative)
}
