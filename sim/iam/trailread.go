package iam

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mfalab/mfalab/sim/trail"
)

// A NumberedEvent is an event with its number: those that came later have greater ones.
type NumberedEvent struct {
	Number uint64
	*trail.Event
}

// EventsAfter returns the oldest events whose numbers are greater than after and that f asks for, at most limit of them (0:
// all), and the number from which to ask on.
func (s *Service) EventsAfter(ctx context.Context, f trail.Filter, after uint64, limit int) (list []NumberedEvent, next uint64, err error) {
	next = after
	err = s.store.View(ctx, func(tx Tx) error {
		list, next = nil, after
		for {
			part, err := eventsAfter(tx, next, trailRead)
			if err != nil {
				return err
			}
			for _, e := range part {
				next = e.Number
				if !f.Match(e.Event) {
					continue
				}
				if list = append(list, e); len(list) == limit {
					return nil
				}
			}
			if len(part) < trailRead {
				return nil
			}
		}
	})
	return list, next, err
}

// MoreEvents returns a channel that is closed when there are more events than there were before it was asked for.
func (s *Service) MoreEvents() <-chan struct{} { return s.events.more() }

// eventsBefore returns the newest events whose numbers are smaller than before (0: all) and that f asks for, the newest
// first, at most limit of them. more is false where there are no others.
func eventsBefore(tx Tx, f trail.Filter, before uint64, limit int) (list []NumberedEvent, more bool, err error) {
	if before == 0 {
		if before, err = lastEvent(tx); err != nil {
			return nil, false, err
		}
		before++
	}
	for before > 1 {
		from := uint64(0) // read are those greater than from and smaller than before
		if before > trailRead {
			from = before - trailRead
		}
		part, err := eventsAfter(tx, from, int(before-from-1))
		if err != nil {
			return nil, false, err
		}
		found := len(part) > 0
		for i := len(part) - 1; i >= 0; i-- {
			if part[i].Number >= before || !f.Match(part[i].Event) {
				continue
			}
			if len(list) == limit {
				return list, true, nil
			}
			list = append(list, part[i])
		}
		if before = from + 1; !found && from > 0 {
			// Numbers are left out where a call was undone, and below the oldest event.
			oldest, err := eventsAfter(tx, 0, 1)
			if err != nil || len(oldest) == 0 || oldest[0].Number >= before {
				return list, false, err
			}
		}
	}
	return list, false, nil
}

func eventsAfter(tx Tx, after uint64, limit int) ([]NumberedEvent, error) {
	if limit <= 0 {
		return nil, nil
	}
	records, err := tx.Scan(kindTrail, "", eventKey(after), limit)
	if err != nil {
		return nil, err
	}
	list := make([]NumberedEvent, len(records))
	for i, r := range records {
		n, err := strconv.ParseUint(r.Key, 16, 64)
		if err == nil {
			list[i].Number = n
			list[i].Event, err = trail.Parse(r.Value)
		}
		if err != nil {
			return nil, damaged(kindTrail, r.Key, err)
		}
	}
	return list, nil
}

// From the service model of CloudTrail (API version 2013-11-01), LookupEvents.
const (
	lookupMost  = 50   // how many events one answer has at most, and by default
	lookupValue = 2000 // how long the value of an attribute may be
)

// trailOperations are those of CloudTrail. Its calls come as JSON: the edge makes of them the parameters that are here, a
// lookup attribute's as AttributeKey and AttributeValue, times as seconds since 1970. Each of them has an exception of its
// own in the service model, and so no constraint of its shape.
var trailOperations = []*operation{
	{service: "cloudtrail", name: "LookupEvents", run: (*operating).lookupEvents, params: []param{
		{"AttributeKey", shape{}, false}, {"AttributeValue", shape{}, false}, {"StartTime", shape{}, false}, {"EndTime", shape{}, false},
		{"EventCategory", shape{}, false}, {"MaxResults", shape{}, false}, {"NextToken", shape{}, false}}},
}

// LookedUp is the result of LookupEvents: events, the newest first, and where the next page begins, "" where there is none.
type LookedUp struct {
	Account   string
	Events    []NumberedEvent
	NextToken string
}

// lookupEvents implements LookupEvents. It looks into the region that it is called in, as the real one does: what was asked
// of IAM is in us-east-1. A token is good with the parameters of the call that it came from.
func (o *operating) lookupEvents() (any, error) {
	f, err := o.lookupFilter()
	if err != nil {
		return nil, err
	}
	limit := lookupMost
	if text, given := o.Params["MaxResults"]; given {
		if limit, err = strconv.Atoi(text[0]); err != nil || limit < 1 || limit > lookupMost {
			return nil, o.refuse("LookupMaxResults", lookupMost)
		}
	}
	before, err := o.lookupFrom()
	if err != nil {
		return nil, err
	}
	switch o.param("EventCategory") {
	case "":
	case "insight":
		return LookedUp{Account: o.account.ID}, nil // the lab has no Insights
	default:
		return nil, o.refuse("LookupCategory", o.param("EventCategory"))
	}
	list, more, err := eventsBefore(o.Tx, f, before, limit)
	if err != nil {
		return nil, err
	}
	out := LookedUp{Account: o.account.ID, Events: list}
	if more {
		out.NextToken = o.lookupToken(list[len(list)-1].Number)
	}
	return out, nil
}

// lookupFilter reads what is asked for. An attribute without a value, or a value without one, is none.
func (o *operating) lookupFilter() (f trail.Filter, err error) {
	f = trail.Filter{By: trail.Attribute(o.param("AttributeKey")), Value: o.param("AttributeValue"), Management: true, Region: o.Region}
	if (f.By != "" || f.Value != "") && (!slices.Contains(trail.Attributes(), f.By) || f.Value == "" || utf8.RuneCountInString(f.Value) > lookupValue) {
		return f, o.refuse("LookupAttributes")
	}
	if f.Start, err = o.moment("StartTime"); err != nil {
		return f, err
	}
	if f.End, err = o.moment("EndTime"); err != nil {
		return f, err
	}
	if !f.Start.IsZero() && !f.End.IsZero() && f.Start.After(f.End) {
		return f, o.refuse("LookupTimeRange")
	}
	if oldest := o.today().Add(-trailAge); f.Start.Before(oldest) {
		f.Start = oldest
	}
	return f, nil
}

// moment reads a time parameter, zero where it is left out.
func (o *operating) moment(name string) (time.Time, error) {
	text := o.param(name)
	if text == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || seconds < -1e11 || seconds > 1e11 {
		return time.Time{}, o.refuse("LookupTimeRange")
	}
	return time.UnixMilli(int64(seconds * 1000)).UTC(), nil
}

// lookupToken names the event before which the next page begins, and what was asked for.
func (o *operating) lookupToken(before uint64) string {
	var asked []string
	for _, name := range []string{"AttributeKey", "AttributeValue", "StartTime", "EndTime"} {
		asked = append(asked, o.param(name))
	}
	return fmt.Sprintf("%x.%s", before, tokenHash(strings.Join(asked, "\x00"))[:16])
}

func (o *operating) lookupFrom() (before uint64, err error) {
	token := o.param("NextToken")
	if token == "" {
		return 0, nil
	}
	number, _, _ := strings.Cut(token, ".")
	before, err = strconv.ParseUint(number, 16, 64)
	if err != nil || before == 0 || o.lookupToken(before) != token {
		return 0, o.refuse("LookupToken")
	}
	return before, nil
}
