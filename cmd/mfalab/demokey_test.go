package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/client"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/live"
)

// newStory returns a story in a lab of that seed, with rules of its own.
func newStory(t *testing.T, seed string, set ...string) (*story, *bytes.Buffer) {
	lab, err := live.Open(t.Context(), live.Options{Dir: t.TempDir(), Ephemeral: true, Seed: seed, Virtual: true, Start: scenarioStart,
		Set: append([]string{"rp-id=" + siteDomain, "rp-origin=" + sitePage}, set...)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lab.Close()) })
	out := &bytes.Buffer{}
	return &story{cli: &cli{std: std{out: out}}, lab: lab, ctx: t.Context()}, out
}

// journal returns everything that has happened, told or not.
func (s *story) journal(t *testing.T) string {
	var b []byte
	for _, e := range s.lab.Journal().After(0, 0) {
		b = append(e.AppendJSON(b), '\n')
	}
	require.NotEmpty(t, b)
	return string(b)
}

func TestTheStoryRepeatsItself(t *testing.T) {
	first, told := newStory(t, "demo")
	require.NoError(t, first.tell())
	for range 3 {
		again, out := newStory(t, "demo")
		require.NoError(t, again.tell())
		require.Equal(t, told.String(), out.String())
		require.Equal(t, first.journal(t), again.journal(t))
	}
	other, out := newStory(t, "another")
	require.NoError(t, other.tell())
	require.NotEqual(t, told.String(), out.String())
	for _, secret := range []string{"clientDataJSON", "attestationObject", "authenticatorData"} {
		require.NotContains(t, first.journal(t), secret, "what a key answers is in no journal")
	}
}

// The lab's keys attest under the root that the lab's relying party trusts, in a lab that was reset or loaded as well; a
// browser that says nothing of the model is refused there.
func TestTheLabsKeysAreTheLabs(t *testing.T) {
	s, _ := newStory(t, "root", "attestation=direct")
	enrol := func() error {
		if err := s.begin(); err != nil {
			return err
		}
		return s.enrolKey()
	}
	require.NoError(t, enrol())
	saved, err := s.lab.Snapshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.lab.Reset(t.Context()))
	s.told = 0
	require.NoError(t, enrol())

	other, _ := newStory(t, "another root", "attestation=direct")
	require.NoError(t, other.lab.Load(t.Context(), saved))
	other.told, other.alice, other.key = 0, s.lab.IAM().RootCaller(), saved.SecurityKeys[0].Serial
	require.NoError(t, other.ask("BeginSecurityKeyEnrolment", "SecurityKeyName", "second"))
	answer, err := other.browse(sitePage, (*client.Client).Create, other.asked.Options)
	require.NoError(t, err)
	require.NoError(t, other.finish("FinishSecurityKeyEnrolment", answer))

	stranger, _ := newStory(t, "a third root", "attestation=direct")
	require.NoError(t, stranger.begin())
	require.NoError(t, stranger.ask("BeginSecurityKeyEnrolment", "SecurityKeyName", "foreign"))
	s.key = "" // the only key
	answer, err = s.browse(sitePage, (*client.Client).Create, stranger.asked.Options)
	require.NoError(t, err)
	var e *iam.Error
	require.ErrorAs(t, stranger.finish("FinishSecurityKeyEnrolment", answer), &e)
	require.Equal(t, "attestation", e.Rule)
}
