package iam

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mfalab/mfalab/sim/trail"
)

// From the service model of CloudTrail (API version 2013-11-01), LookupEvents.
const (
	lookupMost  = 50   // how many events one answer has at most, and by default
	lookupValue = 2000 // how long the value of an attribute may be
)

// trailOperations are those of CloudTrail. Its calls come as JSON: the edge makes of them the parameters that are here, a
// lookup attribute's as AttributeKey and AttributeValue, times as seconds since 1970. Each of them has an exception of its
// own in the service model, and so no constraint of its shape.
var trailOperations = []*operation{
	{service: "cloudtrail", name: "LookupEvents", run: (*operating).lookupEvents, asked: lookupAsked, params: []param{
		{"AttributeKey", shape{}, false}, {"AttributeValue", shape{}, false}, {"StartTime", shape{}, false}, {"EndTime", shape{}, false},
		{"EventCategory", shape{}, false}, {"MaxResults", shape{}, false}, {"NextToken", shape{}, false}}},
}

// lookupAsked is requestParameters of LookupEvents as its clients sent them.
func lookupAsked(call Call) json.RawMessage {
	type attribute struct {
		Key   string `json:"attributeKey"`
		Value string `json:"attributeValue"`
	}
	asked := struct {
		Attributes []attribute `json:"lookupAttributes,omitempty"`
		Start      string      `json:"startTime,omitempty"`
		End        string      `json:"endTime,omitempty"`
		Category   string      `json:"eventCategory,omitempty"`
		Most       json.Number `json:"maxResults,omitempty"`
		Token      string      `json:"nextToken,omitempty"`
	}{Start: recorded(call.Params.Get("StartTime")), End: recorded(call.Params.Get("EndTime")), Category: call.Params.Get("EventCategory"),
		Token: call.Params.Get("NextToken")}
	if key, value := call.Params.Get("AttributeKey"), call.Params.Get("AttributeValue"); key != "" || value != "" {
		asked.Attributes = []attribute{{key, value}}
	}
	if most := call.Params.Get("MaxResults"); isNumber(most) {
		asked.Most = json.Number(most)
	}
	b, err := json.Marshal(asked)
	if err != nil || string(b) == "{}" {
		return nil
	}
	return b
}

// recorded is a time parameter as records have times, "" for one that is none.
func recorded(seconds string) string {
	t, err := secondsOf(seconds)
	if err != nil || t.IsZero() {
		return ""
	}
	return t.Format("Jan 2, 2006 3:04:05 PM")
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
	if !o.lookups.admit(o.Region, o.Now, int(o.settings.LookupRate)) {
		return nil, o.refuse("LookupThrottled")
	}
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
	t, err := secondsOf(o.param(name))
	if err != nil {
		return t, o.refuse("LookupTimeRange")
	}
	return t, nil
}

// secondsOf reads seconds since 1970 with their fraction; what is left out is the zero time.
func secondsOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= -1e11 && seconds <= 1e11) {
		return time.Time{}, fmt.Errorf("%q is no time in seconds: give a number of at most eleven digits", text)
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

// lookupFrom is the event before which the page begins, 0 for the newest.
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
