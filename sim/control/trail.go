package control

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/mfalab/mfalab/sim/trail"
)

// Where the trail is read and followed.
const (
	trailPath       = "/v1/trail"
	trailStreamPath = "/v1/trail/stream"
)

// A TrailQuery says which records are wanted.
type TrailQuery struct {
	After uint64 `json:"-" query:"after"` // those with a greater number
	Limit uint64 `json:"-" query:"limit"` // 0: all
	// By is an attribute of LookupEvents, such as EventName or Username, and Value what it has to be; "" asks for all.
	By    string `json:"-" query:"by"`
	Value string `json:"-" query:"value"`
	Start string `json:"-" query:"start"` // RFC 3339, in the lab's time; "" is no bound
	End   string `json:"-" query:"end"`
}

// A TrailRecord is a record with its number.
type TrailRecord struct {
	Number uint64       `json:"number"`
	Record trail.Record `json:"record"`
}

// filter reads what is asked for.
func (q TrailQuery) filter() (f trail.Filter, err error) {
	f.By, f.Value = trail.Attribute(q.By), q.Value
	if q.By != "" && !slices.Contains(trail.Attributes(), f.By) {
		return f, badRequest{fmt.Errorf("there is no attribute %.40q: give one of %v", q.By, trail.Attributes())}
	}
	for text, to := range map[*string]*time.Time{&q.Start: &f.Start, &q.End: &f.End} {
		if *text == "" {
			continue
		}
		if *to, err = time.Parse(time.RFC3339, *text); err != nil {
			return f, badRequest{fmt.Errorf("a time is one such as 2026-02-17T09:44:55Z, not %.40q", *text)}
		}
	}
	return f, nil
}

func (s *Server) trail(ctx context.Context, in TrailQuery) ([]TrailRecord, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	list, _, err := s.trailAfter(ctx, f, in.After, int(min(in.Limit, math.MaxInt32)))
	return list, err
}

// trailAfter returns records and the number from which to read on.
func (s *Server) trailAfter(ctx context.Context, f trail.Filter, after uint64, limit int) ([]TrailRecord, uint64, error) {
	events, next, err := s.lab.IAM().EventsAfter(ctx, f, after, limit)
	list := make([]TrailRecord, len(events))
	for i, e := range events {
		list[i] = TrailRecord{e.Number, e.Record(s.lab.IAM().Account())}
	}
	return list, next, err
}

// trailStream writes records as they come, one JSON object a line, until the client goes. When the lab is loaded or reset
// its trail is another one, and what follows is of that.
func (s *Server) trailStream(w http.ResponseWriter, r *http.Request) {
	var in TrailQuery
	if err := read(w, r, &in); err != nil {
		fail(w, statusOf(err), err)
		return
	}
	f, err := in.filter()
	if err != nil {
		fail(w, statusOf(err), err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	flush := http.NewResponseController(w).Flush
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	for after := in.After; ; {
		more := s.lab.IAM().MoreEvents()
		var list []TrailRecord
		if list, after, err = s.trailAfter(r.Context(), f, after, 0); err != nil {
			return // the client has gone, or the lab
		}
		for _, record := range list {
			if lines.Encode(record) != nil {
				return
			}
		}
		if flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-more:
		}
	}
}
