package iam_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
)

// A clerk keeps the books of an account in a test: it calls operations one after the other, as root unless told
// otherwise, and its time stands still unless moved.
type clerk struct {
	t       testing.TB
	store   iam.Store
	service *iam.Service
	now     time.Time
	caller  iam.Caller
}

var opening = time.Date(2026, 2, 17, 9, 44, 55, 700_000_000, time.UTC)

func newClerk(t testing.TB) *clerk {
	c := &clerk{t: t, store: memory.New(), now: opening,
		caller: iam.Caller{UserID: iam.Root, ARN: "arn:aws:iam::123456789012:root"}}
	c.open(c.store, nil)
	t.Cleanup(func() { _ = c.store.Close() })
	return c
}

// open puts another service in charge of the same account.
func (c *clerk) open(store iam.Store, record func(iam.Decision)) {
	var err error
	c.service, err = iam.New(c.t.Context(), iam.Config{Store: store, Chance: sim.NewChance([]byte("clerk")), Record: record}, c.now)
	require.NoError(c.t, err)
	c.store = store
}

// copy returns a clerk with the same books, kept in another store.
func (c *clerk) copy(t testing.TB) *clerk {
	other := *c
	other.t = t
	records, store := other.dump(), memory.New()
	require.NoError(t, store.Update(t.Context(), func(tx iam.Tx) error {
		for name, value := range records {
			kind, key, _ := strings.Cut(name, " ")
			if err := tx.Put(kind, key, []byte(value)); err != nil {
				return err
			}
		}
		return nil
	}))
	other.open(store, nil)
	return &other
}

// form returns parameters given as name, value, name, value.
func form(params ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(params); i += 2 {
		v.Add(params[i], params[i+1])
	}
	return v
}

// do calls an operation and returns what stands inside its result on the wire.
func (c *clerk) do(action string, params url.Values) (string, *iam.Error) {
	result, err := c.service.Do(c.t.Context(), iam.Call{
		Service: "iam", Action: action, Params: params, Caller: c.caller, Region: "us-east-1", Now: c.now, Wall: c.now})
	if err != nil {
		require.IsType(c.t, (*iam.Error)(nil), err)
		return "", err.(*iam.Error)
	}
	if result == nil {
		return "", nil
	}
	var b bytes.Buffer
	e := xml.NewEncoder(&b)
	require.NoError(c.t, e.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: "R"}}))
	inside := bytes.TrimSuffix(bytes.TrimPrefix(b.Bytes(), []byte("<R>")), []byte("</R>"))
	return string(inside), nil
}

// must calls an operation that has to succeed.
func (c *clerk) must(action string, params ...string) string {
	c.t.Helper()
	answer, err := c.do(action, form(params...))
	if err != nil {
		require.Fail(c.t, action+" was refused", err.Error())
	}
	return answer
}

// refused calls an operation that has to be refused, and sees to it that nothing changed.
func (c *clerk) refused(action string, params ...string) *iam.Error {
	c.t.Helper()
	before := c.dump()
	_, err := c.do(action, form(params...))
	require.NotNil(c.t, err, "%s was not refused", action)
	require.Equal(c.t, before, c.dump(), "%s was refused and changed the store", action)
	return err
}

// wait moves the clerk's time.
func (c *clerk) wait(d time.Duration) { c.now = c.now.Add(d) }

// dump returns all records.
func (c *clerk) dump() map[string]string {
	all := map[string]string{}
	require.NoError(c.t, c.store.View(c.t.Context(), func(tx iam.Tx) error {
		for _, kind := range []string{"account", "user", "userid", "key", "session", "mfa", "credential", "ceremony", "signin", "grave",
			"group", "groupid", "member", "role", "roleid", "policy", "document", "usage", "sshkey", "certificate", "servicecredential"} {
			records, err := tx.Scan(kind, "", "", 0)
			if err != nil {
				return err
			}
			for _, r := range records {
				all[kind+" "+r.Key] = string(r.Value)
			}
		}
		return nil
	}))
	return all
}

// edit changes a record behind the service's back.
func (c *clerk) edit(kind, key string, change func(record map[string]any)) {
	c.t.Helper()
	require.NoError(c.t, c.store.Update(c.t.Context(), func(tx iam.Tx) error {
		record := map[string]any{}
		b, err := tx.Get(kind, key)
		if err == nil && b != nil {
			err = json.Unmarshal(b, &record)
		}
		if err != nil {
			return err
		}
		change(record)
		if b, err = json.Marshal(record); err != nil {
			return err
		}
		return tx.Put(kind, key, b)
	}))
}

// as makes the user with this name, who must exist and may do everything from then on, the caller of what follows.
func (c *clerk) as(name string) *clerk {
	c.t.Helper()
	c.must("AttachUserPolicy", "UserName", name, "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")
	return c.mere(name)
}

// powerless takes from a user what as gave it.
func (c *clerk) powerless(name string) {
	c.t.Helper()
	c.must("DetachUserPolicy", "UserName", name, "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")
}

// mere makes the user with this name, who must exist, the caller of what follows.
func (c *clerk) mere(name string) *clerk {
	c.t.Helper()
	user := c.must("GetUser", "UserName", name)
	other := *c
	other.caller = iam.Caller{UserID: field(user, "UserId"), UserName: name, ARN: field(user, "Arn")}
	return &other
}

// field returns the text of the first element with this name in an answer, "" where there is none.
func field(answer, name string) string {
	if m := regexp.MustCompile("<" + name + ">([^<]*)</" + name + ">").FindStringSubmatch(answer); m != nil {
		return m[1]
	}
	return ""
}

// fields returns the texts of all elements with this name in an answer.
func fields(answer, name string) []string {
	var out []string
	for _, m := range regexp.MustCompile("<"+name+">([^<]*)</"+name+">").FindAllStringSubmatch(answer, -1) {
		out = append(out, m[1])
	}
	return out
}

// simChance is the chance of a clerk's account.
func simChance() sim.Chance { return sim.NewChance([]byte("clerk")) }

// said is a refusal in one line.
func said(e *iam.Error) string { return fmt.Sprint(e.Status, " ", e.Error()) }
