package iam_test

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
	"github.com/mfalab/mfalab/sim/trail"
)

// events returns the whole trail.
func (c *clerk) events() []iam.NumberedEvent {
	c.t.Helper()
	list, _, err := c.service.EventsAfter(c.t.Context(), trail.Filter{}, 0, 0)
	require.NoError(c.t, err)
	return list
}

// last returns the newest record.
func (c *clerk) last() trail.Record {
	list := c.events()
	require.NotEmpty(c.t, list)
	return list[len(list)-1].Record("123456789012")
}

func TestEveryCallLeavesItsRecord(t *testing.T) {
	for _, test := range []struct {
		name, action  string
		params        []string
		code          string
		readOnly      bool
		request, said string // "" is null
	}{
		{name: "what changes something shows its answer", action: "CreateUser",
			params:  []string{"UserName", "bob", "Path", "/ops/", "Tags.member.1.Key", "team", "Tags.member.1.Value", "blue"},
			request: `{"path":"/ops/","userName":"bob","tags":[{"key":"team","value":"blue"}]}`,
			said: `{"user":{"path":"/ops/","userName":"bob","userId":"*","arn":"arn:aws:iam::123456789012:user/ops/bob",` +
				`"createDate":"Feb 17, 2026 9:44:55 AM","tags":[{"key":"team","value":"blue"}]}}`},
		{name: "what reads does not", action: "GetUser", params: []string{"UserName", "carol"}, readOnly: true,
			request: `{"userName":"carol"}`},
		{name: "no parameters are null", action: "ListUsers", readOnly: true},
		{name: "numbers are numbers", action: "ListUsers", params: []string{"MaxItems", "7"}, readOnly: true, request: `{"maxItems":7}`},
		{name: "a refused change", action: "CreateUser", params: []string{"UserName", "carol"}, code: "EntityAlreadyExistsException",
			request: `{"userName":"carol"}`},
		{name: "a refused read", action: "GetUser", params: []string{"UserName", "nobody"}, readOnly: true,
			code: "NoSuchEntityException", request: `{"userName":"nobody"}`},
		{name: "what breaks a constraint", action: "DeleteUser", params: []string{"UserName", "a b"}, code: "ValidationException",
			request: `{"userName":"a b"}`},
		{name: "a list of keys, and no answer", action: "UntagUser", params: []string{"UserName", "carol", "TagKeys.member.1", "a",
			"TagKeys.member.2", "b"}, request: `{"userName":"carol","tagKeys":["a","b"]}`},
		{name: "what a call has besides its parameters is left out", action: "GetUser",
			params: []string{"UserName", "carol", "Secret", "x"}, readOnly: true, request: `{"userName":"carol"}`},
		{name: "a new access key without its secret", action: "CreateAccessKey", params: []string{"UserName", "carol"},
			request: `{"userName":"carol"}`,
			said:    `{"accessKey":{"userName":"carol","accessKeyId":"*","status":"Active","createDate":"Feb 17, 2026 9:44:55 AM"}}`},
		{name: "a password is not among the parameters", action: "CreateLoginProfile", params: []string{"UserName", "carol",
			"Password", "hunter2", "PasswordResetRequired", "true"}, request: `{"userName":"carol","passwordResetRequired":true}`,
			said: `{"loginProfile":{"userName":"carol","createDate":"Feb 17, 2026 9:44:55 AM","passwordResetRequired":true}}`},
		{name: "a new virtual device without its seed", action: "CreateVirtualMFADevice",
			params: []string{"VirtualMFADeviceName", "phone"}, request: `{"virtualMFADeviceName":"phone"}`,
			said: `{"virtualMFADevice":{"serialNumber":"arn:aws:iam::123456789012:mfa/phone"}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newClerk(t)
			c.must("CreateUser", "UserName", "carol")
			before := len(c.events())
			_, err := c.do(test.action, form(test.params...))
			require.Equal(t, test.code != "", err != nil, "%v", err)
			require.Len(t, c.events(), before+1)
			r := c.last()
			require.Equal(t, test.action, r.EventName)
			require.Equal(t, "iam.amazonaws.com", r.EventSource)
			require.Equal(t, "2026-02-17T09:44:55Z", r.EventTime)
			require.Equal(t, test.code, r.ErrorCode)
			require.Equal(t, test.code == "", r.ErrorMessage == "")
			require.Equal(t, test.readOnly, r.ReadOnly)
			require.Equal(t, test.request, string(r.RequestParameters))
			require.Equal(t, test.said, string(mask(r.ResponseElements)))
			require.Equal(t, trail.Root, r.UserIdentity.Type)
			require.Equal(t, "123456789012", r.UserIdentity.PrincipalID)
			require.Regexp(t, "^[0-9a-f-]{36}$", r.EventID)
		})
	}
}

var drawn = regexp.MustCompile(`"(userId|accessKeyId)":"[^"]*"`)

// mask puts an asterisk in the place of what is drawn.
func mask(b json.RawMessage) []byte {
	return drawn.ReplaceAll(b, []byte(`"$1":"*"`))
}

func TestAnActionThatThereIsNotLeavesNoRecord(t *testing.T) {
	c := newClerk(t)
	_, err := c.do("MakeCoffee", nil)
	require.NotNil(t, err)
	require.Empty(t, c.events())
}

// A tornStore refuses every record of the trail.
type tornStore struct {
	iam.Store
	torn bool
}

var errTorn = errors.New("the paper is torn")

func (s *tornStore) Update(ctx context.Context, f func(iam.Tx) error) error {
	return s.Store.Update(ctx, func(tx iam.Tx) error { return f(s.wrap(tx)) })
}

func (s *tornStore) Note(ctx context.Context, f func(iam.Tx) error) error {
	return s.Store.Note(ctx, func(tx iam.Tx) error { return f(s.wrap(tx)) })
}

func (s *tornStore) wrap(tx iam.Tx) iam.Tx {
	if !s.torn {
		return tx
	}
	return tornTx{tx}
}

type tornTx struct{ iam.Tx }

func (t tornTx) Put(kind, key string, value []byte) error {
	if kind == "trail" {
		return errTorn
	}
	return t.Tx.Put(kind, key, value)
}

func TestATrailThatCannotBeWrittenStopsTheCall(t *testing.T) {
	c := newClerk(t)
	store := &tornStore{Store: c.store}
	var causes []error
	c.open(store, func(d iam.Decision) { causes = append(causes, d.Cause) })
	c.must("CreateUser", "UserName", "bob")
	store.torn = true
	for name, call := range map[string][]string{
		"a change":         {"CreateUser", "UserName", "carol"},
		"a read":           {"GetUser", "UserName", "bob"},
		"a refused change": {"CreateUser", "UserName", "bob"},
		"a refused read":   {"GetUser", "UserName", "nobody"},
	} {
		before := len(c.events())
		causes = nil
		err := c.refused(call[0], call[1:]...)
		require.Equal(t, "ServiceFailure", err.Code, name)
		require.Len(t, c.events(), before, name)
		require.ErrorIs(t, causes[0], errTorn, name)
	}
	store.torn = false
	c.must("CreateUser", "UserName", "carol")
	require.Equal(t, "CreateUser", c.last().EventName)
}

func TestNumbersGoOnWhereTheyEnded(t *testing.T) {
	c := newClerk(t)
	for range 300 {
		c.must("ListUsers")
	}
	c.open(c.store, nil) // after a restart
	c.must("ListUsers")
	list := c.events()
	require.Len(t, list, 301)
	ids := map[string]bool{}
	for i, e := range list {
		require.Equal(t, uint64(i+1), e.Number)
		ids[e.EventID] = true
	}
	require.Len(t, ids, 301)
}

func TestTheTrailIsBounded(t *testing.T) {
	c := newClerk(t)
	for range 1000 {
		c.must("ListUsers")
	}
	require.Len(t, c.events(), 1000, "nothing is too old")
	c.wait(91 * 24 * time.Hour)
	for range 640 {
		c.must("ListUsers")
	}
	require.Len(t, c.events(), 640, "what is older than 90 days goes, faster than new events come")
}

func TestTheTrailGoesWithTheAccount(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	snap, err := c.service.Snapshot(t.Context())
	require.NoError(t, err)
	more := c.service.MoreEvents()
	c.must("ListUsers")
	<-more
	require.Len(t, c.events(), 2)
	other := *c
	other.open(memory.New(), nil)
	require.NoError(t, other.service.Restore(t.Context(), snap, sim.NewChance([]byte("other")), c.now))
	require.Len(t, other.events(), 1)
	other.must("ListUsers")
	require.Equal(t, uint64(2), other.events()[1].Number)
}

func TestLookup(t *testing.T) {
	c := newClerk(t)
	for range 120 {
		c.must("ListUsers")
		c.wait(time.Second)
	}
	c.must("CreateUser", "UserName", "bob")
	look := func(params ...string) (iam.LookedUp, *iam.Error) {
		result, err := c.service.Do(t.Context(), iam.Call{Service: "cloudtrail", Action: "LookupEvents", Params: form(params...),
			Caller: c.caller, Now: c.now, Wall: c.now})
		if err != nil {
			return iam.LookedUp{}, err.(*iam.Error)
		}
		return result.(iam.LookedUp), nil
	}
	first, err := look()
	require.Nil(t, err)
	require.Len(t, first.Events, 50)
	require.Equal(t, "CreateUser", first.Events[0].Name, "the newest comes first")
	seen := 50
	for page := first; page.NextToken != ""; seen += len(page.Events) {
		page, err = look("NextToken", page.NextToken)
		require.Nil(t, err)
		require.NotEmpty(t, page.Events)
	}
	require.Equal(t, 121, seen, "the lookups themselves are newer than the first page")

	found, err := look("AttributeKey", "ResourceName", "AttributeValue", "bob")
	require.Nil(t, err)
	require.Len(t, found.Events, 1)
	require.Empty(t, found.NextToken)
	found, err = look("StartTime", "1771321497", "EndTime", "1771321499.5")
	require.Nil(t, err)
	require.Len(t, found.Events, 3)

	_, err = look("NextToken", first.NextToken, "AttributeKey", "EventName", "AttributeValue", "ListUsers")
	require.Equal(t, "InvalidNextTokenException", err.Code, "it came with other parameters")
	_, err = look("StartTime", "2", "EndTime", "1")
	require.Equal(t, "InvalidTimeRangeException", err.Code)
	for _, bad := range []string{"0", "51", "-1", "many", "1e1"} {
		_, err = look("MaxResults", bad)
		require.Equal(t, "InvalidMaxResultsException", err.Code, bad)
	}
	for _, bad := range [][]string{{"AttributeKey", "Colour", "AttributeValue", "red"}, {"AttributeKey", "EventName"}, {"AttributeValue", "red"},
		{"AttributeKey", "eventname", "AttributeValue", "ListUsers"}, {"AttributeKey", "EventName", "AttributeValue", strings.Repeat("é", 2001)}} {
		_, err = look(bad...)
		require.Equal(t, "InvalidLookupAttributesException", err.Code, bad)
	}
	_, err = look("EventCategory", "data")
	require.Equal(t, "InvalidEventCategoryException", err.Code)
	look("AttributeKey", "EventName", "AttributeValue", "ListUsers", "MaxResults", "7", "StartTime", "1771321497.5", "NextToken", "x")
	require.Equal(t, `{"lookupAttributes":[{"attributeKey":"EventName","attributeValue":"ListUsers"}],"startTime":"Feb 17, 2026 9:44:57 AM",`+
		`"maxResults":7,"nextToken":"x"}`, string(c.last().RequestParameters), "a record has them as they came")
	look("MaxResults", "many", "StartTime", "NaN")
	require.Nil(t, c.last().RequestParameters)
	found, err = look("EventCategory", "insight")
	require.Nil(t, err)
	require.Empty(t, found.Events, "there are none of these")
}

// TestALookupSeesNinetyDaysOfItsRegion holds what two calls of two regions and a long wait show of each other.
func TestALookupSeesNinetyDaysOfItsRegion(t *testing.T) {
	c := newClerk(t)
	in := func(region, service, action string) any {
		result, err := c.service.Do(t.Context(), iam.Call{Service: service, Action: action, Params: form(), Caller: c.caller, Region: region,
			Now: c.now, Wall: c.now})
		require.NoError(t, err)
		return result
	}
	seen := func(region string) (names []string) {
		for _, e := range in(region, "cloudtrail", "LookupEvents").(iam.LookedUp).Events {
			names = append(names, e.Source+" "+e.Name)
		}
		return names
	}
	in("us-east-1", "iam", "ListUsers")
	in("eu-west-1", "sts", "GetCallerIdentity")
	require.Equal(t, []string{"iam ListUsers"}, seen("us-east-1"))
	require.Equal(t, []string{"sts GetCallerIdentity"}, seen("eu-west-1"))
	c.wait(90 * 24 * time.Hour)
	require.Equal(t, []string{"cloudtrail LookupEvents", "iam ListUsers"}, seen("us-east-1"), "to the second")
	c.wait(2 * time.Second)
	require.Equal(t, []string{"cloudtrail LookupEvents"}, seen("us-east-1"))
	require.Empty(t, seen("eu-west-1"))
}
