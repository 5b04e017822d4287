package iam

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// drawer is a transaction of one kind of record.
type drawer map[string][]byte

func (d drawer) Get(_, key string) ([]byte, error)            { return d[key], nil }
func (d drawer) Put(_, key string, value []byte) error        { d[key] = value; return nil }
func (d drawer) Delete(_, key string) error                   { delete(d, key); return nil }
func (d drawer) Scan(_, _, _ string, _ int) ([]Record, error) { return nil, nil }

func mustRead(t *testing.T, o *operating, serial string) *device {
	d := &device{}
	found, err := o.readDevice(serial, d)
	require.NoError(t, err)
	require.True(t, found)
	return d
}

func TestARememberedDeviceIsTheOneThatIsStored(t *testing.T) {
	for name, d := range map[string]device{
		"new": {Serial: "GAHT1", Verifier: Verifier{Seed: "AAAA", Digits: 6, Period: 30, Last: -1}},
		"used": {Serial: "GAHT1", UserID: "AIDA", Enabled: time.Now().UTC(), Verifier: Verifier{Seed: "AAAA", Digits: 8, Period: 60, Last: 7,
			At: time.Now().UTC(), Offset: -1, Anchor: time.Now().UTC(), AnchorOffset: 2,
			Throttle: Throttle{3, time.Now().UTC().Add(time.Hour)}}},
		"with tags": {Serial: "GAHT1", Tags: []Tag{{"a", "b"}}},
		"a key":     {Serial: "GAHT1", Key: &enrolled{}},
	} {
		store := drawer{}
		o := &operating{Service: &Service{}, Tx: store}
		require.NoError(t, o.putDevice(&d), name)
		var want device
		require.NoError(t, json.Unmarshal(store["GAHT1"], &want))
		require.Equal(t, &want, mustRead(t, o, "GAHT1"), name)

		// Another hand has changed the record, or taken it away.
		store["GAHT1"] = []byte(`{"serial":"GAHT1","last":9}`)
		require.EqualValues(t, 9, mustRead(t, o, "GAHT1").Last, name)
		delete(store, "GAHT1")
		found, err := o.readDevice("GAHT1", &device{})
		require.NoError(t, err)
		require.False(t, found)
	}
}

func TestTheExpiryOfASessionIsRead(t *testing.T) {
	x := Session{AccessKeyID: "ASIA", Expires: time.Date(2026, 3, 1, 9, 0, 0, 5, time.UTC), Name: `"expires":"`,
		Policies: []SessionPolicy{{`"expires":"`, `{"expires":"never"}`}}, Tags: []Tag{{"expires", "expires"}}}
	record, err := json.Marshal(x)
	require.NoError(t, err)
	got, err := expiry(record)
	require.NoError(t, err)
	require.True(t, x.Expires.Equal(got))
	for _, damaged := range []string{``, `{}`, `{"expires":"soon"}`, `{"expires":7}`} {
		_, err := expiry([]byte(damaged))
		require.Error(t, err, damaged)
	}
}
