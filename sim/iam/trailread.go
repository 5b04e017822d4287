package iam

import (
	"context"
	"strconv"

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
	// The store scans upwards only: read is a stretch below what has been seen, and the next stretch below that.
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

// eventsAfter reads the events that come after a number, the oldest first. Who follows the trail asks with the number read last:
// numbers are never given twice, and so no event is seen twice or missed, whatever has been swept away meanwhile.
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
