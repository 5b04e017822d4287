package ctap

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What one side writes the other reads, in canonical form. See Section 6.7.
func TestBioEnrollmentMessages(t *testing.T) {
	for _, in := range []BioEnrollmentRequest{
		{GetModality: true},
		{Modality: new(uint64(1)), Subcommand: GetFingerprintSensorInfo},
		{Modality: new(uint64(1)), Subcommand: SetFriendlyName, TemplateID: []byte{1, 2}, FriendlyName: new("Zeigefinger"),
			Protocol: new(uint64(2)), UVAuthParam: []byte{3}},
		{Modality: new(uint64(1)), Subcommand: EnrollBegin, Timeout: new(uint64(10000))},
	} {
		b := in.Append(nil)
		require.NoError(t, CheckCanonical(b))
		in.Params = in.AppendParams(nil)
		out, err := ParseBioEnrollmentRequest(b)
		require.NoError(t, err)
		require.Equal(t, in, out)
	}
	for _, in := range []BioEnrollmentResponse{
		{}, {Modality: 1, FingerprintKind: 2, Samples: 5, MaxFriendlyName: 64},
		{TemplateID: []byte{9}, LastSample: new(SampleGood), RemainingSamples: new(uint64(0))},
		{Templates: []Template{{ID: []byte{1}}, {ID: []byte{2}, FriendlyName: "two"}}},
	} {
		b := in.Append(nil)
		out, err := ParseBioEnrollmentResponse(b)
		require.NoError(t, err)
		require.Equal(t, in, out)
	}
	_, err := ParseBioEnrollmentResponse([]byte{0xa1, 7, 0x81, 0xa1, 2, 0x61, 'x'})
	require.Equal(t, ErrMissingParameter, err, "6.7.6: a template without its id")
}

// FuzzBioEnrollment reads requests; what is read is written as it was, but for what is not known.
func FuzzBioEnrollment(f *testing.F) {
	in := BioEnrollmentRequest{Modality: new(uint64(1)), Subcommand: SetFriendlyName, TemplateID: []byte{1, 2}, FriendlyName: new("x"),
		Protocol: new(uint64(2)), UVAuthParam: []byte{3}}
	f.Add(in.Append(nil))
	f.Add((&BioEnrollmentRequest{GetModality: true}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if CheckCanonical(b) != nil {
			return
		}
		r, err := ParseBioEnrollmentRequest(b)
		if err != nil {
			return
		}
		again, err := ParseBioEnrollmentRequest(r.Append(nil))
		if r.Subcommand == 0 && !r.GetModality {
			return // a subcommand 0 is not written
		}
		require.NoError(t, err)
		r.Params, again.Params = nil, nil
		require.Equal(t, r, again)
	})
}
