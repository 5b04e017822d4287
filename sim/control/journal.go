package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/live"
)

var errNotUp = errors.New("no `mfalab up` serves this lab")

// Since says from where the journal is wanted.
type Since struct {
	After uint64 `json:"-" query:"after"` // events with a greater seq
	Limit int    `json:"-" query:"limit"` // 0: all
}

func (s *Server) journal(_ context.Context, in Since) ([]sim.Event, error) {
	events := s.lab.Journal().After(in.After, in.Limit)
	if events == nil {
		events = []sim.Event{}
	}
	return events, nil
}

// stream writes events as they happen, one JSON object a line, until the client goes.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	var after uint64
	if v := r.URL.Query().Get("after"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			fail(w, http.StatusBadRequest, fmt.Errorf("the parameter after is a whole number, not %q", v))
			return
		}
		after = n
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := http.NewResponseController(w)
	for {
		for _, e := range s.lab.Journal().After(after, 0) {
			if _, err := w.Write(append(e.AppendJSON(nil), '\n')); err != nil {
				return
			}
			after = e.Seq
		}
		if out.Flush() != nil || s.lab.Journal().Wait(r.Context(), after) != nil {
			return
		}
	}
}

// peek reads the step as people write it: with a sign it counts from the present one.
func (s *Server) peek(ctx context.Context, shelf live.Shelf, in Peek) (live.Shown, error) {
	relative := in.Step == "" || strings.HasPrefix(in.Step, "+") || strings.HasPrefix(in.Step, "-")
	var n int64
	if in.Step != "" {
		var err error
		if n, err = strconv.ParseInt(in.Step, 10, 64); err != nil {
			return live.Shown{}, fmt.Errorf("a step is a number such as 59061240, +1 or -3, not %q", in.Step)
		}
	}
	return s.lab.Peek(ctx, shelf, in.Serial, n, relative)
}
