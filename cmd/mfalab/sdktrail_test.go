package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/live"
)

// TestTheGoSDKReadsTheTrail has the AWS SDK for Go look up what it did itself, and present credentials that are none.
func TestTheGoSDKReadsTheTrail(t *testing.T) {
	dir, owner := detached(t)
	key := adminKeys(t, dir)
	as := func(id, secret, token string) (*sts.Client, *cloudtrail.Client) {
		c := credentials.NewStaticCredentialsProvider(id, secret, token)
		return sts.New(sts.Options{Region: live.Region, BaseEndpoint: &owner.URL, Credentials: c}),
			cloudtrail.New(cloudtrail.Options{Region: live.Region, BaseEndpoint: &owner.URL, Credentials: c})
	}
	admin, trail := as(key.AccessKeyID, key.SecretAccessKey, "")
	for range 53 {
		_, err := admin.GetCallerIdentity(t.Context(), nil)
		require.NoError(t, err)
	}
	pages := cloudtrail.NewLookupEventsPaginator(trail, &cloudtrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{
		{AttributeKey: types.LookupAttributeKeyEventName, AttributeValue: aws.String("GetCallerIdentity")}}})
	found := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		for _, e := range page.Events {
			var record struct{ EventID, EventName string }
			require.NoError(t, json.Unmarshal([]byte(*e.CloudTrailEvent), &record))
			require.Equal(t, *e.EventId, record.EventID)
			require.Equal(t, "admin sts.amazonaws.com true", *e.Username+" "+*e.EventSource+" "+*e.ReadOnly)
			require.Equal(t, key.AccessKeyID, *e.AccessKeyId)
			require.Empty(t, e.Resources)
			require.WithinDuration(t, time.Now(), *e.EventTime, time.Hour)
			found++
		}
	}
	require.Equal(t, 53, found)

	session, err := admin.GetSessionToken(t.Context(), nil)
	require.NoError(t, err)
	id, secret, token := *session.Credentials.AccessKeyId, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken
	elsewhere, _ := detached(t)
	foreign := adminKeys(t, elsewhere)
	for name, bad := range map[string]struct{ id, secret, token, sts, trail string }{
		"a token that was tampered with": {id, secret, "A" + token[1:], "InvalidClientTokenId", "UnrecognizedClientException"},
		"a token that was cut off":       {id, secret, token[:len(token)-1], "InvalidClientTokenId", "UnrecognizedClientException"},
		"a session without its token":    {id, secret, "", "InvalidClientTokenId", "UnrecognizedClientException"},
		"another lab's key":              {foreign.AccessKeyID, foreign.SecretAccessKey, "", "InvalidClientTokenId", "UnrecognizedClientException"},
		"another secret":                 {id, secret + "x", token, "SignatureDoesNotMatch", "InvalidSignatureException"},
	} {
		client, reader := as(bad.id, bad.secret, bad.token)
		_, err := client.GetCallerIdentity(t.Context(), nil)
		var refusal smithy.APIError
		require.ErrorAs(t, err, &refusal, name)
		require.Equal(t, bad.sts, refusal.ErrorCode(), name)
		_, err = reader.LookupEvents(t.Context(), nil)
		require.ErrorAs(t, err, &refusal, name)
		require.Equal(t, bad.trail, refusal.ErrorCode(), name)
	}
	status, journal, errs := output(t, program(t, dir, "journal"))
	require.Zero(t, status, errs)
	require.Regexp(t, `"action":"LookupEvents","caller":"","result":"SignatureDoesNotMatch".*"claimedKey":"`+id, journal)
	for name, refused := range map[string]struct {
		in *cloudtrail.LookupEventsInput
		as any
	}{
		"another's token":      {&cloudtrail.LookupEventsInput{NextToken: aws.String("none of ours")}, new(*types.InvalidNextTokenException)},
		"too many at once":     {&cloudtrail.LookupEventsInput{MaxResults: aws.Int32(51)}, new(*types.InvalidMaxResultsException)},
		"no such category":     {&cloudtrail.LookupEventsInput{EventCategory: "Data"}, new(*types.InvalidEventCategoryException)},
		"no such attribute":    {&cloudtrail.LookupEventsInput{LookupAttributes: by("Colour")}, new(*types.InvalidLookupAttributesException)},
		"two attributes":       {&cloudtrail.LookupEventsInput{LookupAttributes: by("EventName", "Username")}, new(*types.InvalidLookupAttributesException)},
		"an end before it all": {&cloudtrail.LookupEventsInput{StartTime: aws.Time(time.Unix(2, 0)), EndTime: aws.Time(time.Unix(1, 0))}, new(*types.InvalidTimeRangeException)},
	} {
		_, err = trail.LookupEvents(t.Context(), refused.in)
		require.ErrorAs(t, err, refused.as, name)
	}
}

// by returns an attribute for each of the keys.
func by(keys ...types.LookupAttributeKey) (list []types.LookupAttribute) {
	for _, key := range keys {
		list = append(list, types.LookupAttribute{AttributeKey: key, AttributeValue: aws.String("x")})
	}
	return list
}
