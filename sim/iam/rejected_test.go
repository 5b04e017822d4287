package iam_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// TestWhatIsRejectedIsInTheJournalAlone holds that a call whose signature is not believed is nobody's: the journal has it without
// a caller, with the key that it claims and with so much of a stranger's text; the trail has nothing.
func TestWhatIsRejectedIsInTheJournalAlone(t *testing.T) {
	c := newClerk(t)
	var heard []iam.Decision
	c.open(c.store, func(d iam.Decision) { heard = append(heard, d) })
	call := iam.Call{Service: "iam", Action: "ListUsers", Params: form("UserName", "bob"), Now: c.now,
		Caller: iam.Caller{AccessKeyID: "AKIABOB", UserID: "AIDABOB", UserName: "bob", ARN: "arn:aws:iam::123456789012:user/bob"}}
	c.service.Rejected(call, c.service.Refuse("SignatureDoesNotMatch"))
	long := c.service.Refuse("InvalidAction", strings.Repeat("x", 1<<20), "")
	c.service.Rejected(iam.Call{Now: c.now}, long)
	require.Len(t, heard, 2)
	require.Equal(t, iam.Caller{}, heard[0].Caller)
	require.Equal(t, []iam.Fact{{Name: "claimedKey", Value: "AKIABOB"}}, heard[0].Facts)
	require.Equal(t, "SignatureDoesNotMatch signature", heard[0].Err.Code+" "+heard[0].Rule)
	require.Nil(t, heard[0].Params)
	require.Len(t, heard[1].Err.Message, 303)
	require.Greater(t, len(long.Message), 1<<20, "the client reads all of it")
	require.Empty(t, c.events())
	c.open(c.store, nil)
	c.service.Rejected(call, long) // without a journal nobody hears
}
