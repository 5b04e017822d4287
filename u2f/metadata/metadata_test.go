package metadata_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/metadata"
)

func newRoot(t *testing.T) *attest.Root {
	root, err := attest.NewRoot(bytes.Repeat([]byte{1}, 32))
	require.NoError(t, err)
	return root
}

// getInfo is what a fresh key of a profile answers.
func getInfo(t *testing.T, p u2f.Profile) []byte {
	k, err := u2f.New(u2f.Config{Profile: p, Flash: &flash.Memory{}})
	require.NoError(t, err)
	require.NoError(t, k.PowerUp(time.Time{}, make([]byte, 32)))
	k.CBOR(time.Time{}, 1, []byte{4})
	reply, ok := k.Reply(time.Time{})
	require.True(t, ok)
	require.Zero(t, reply[0])
	return bytes.Clone(reply[1:])
}

func product(p u2f.Profile, root *attest.Root) metadata.Product {
	about := metadata.Product{Name: p.Name, Attestations: p.Attestations(), Root: root.Certificate(), KeyIdentifiers: [][]byte{{1, 2}},
		Fingers: p.Sensor.Templates, FingerRetries: p.Sensor.Retries}
	for _, a := range p.Algorithms {
		about.Algorithms = append(about.Algorithms, int64(a))
	}
	return about
}

// Whatever a statement says of a key is what the key says.
func TestStatementsAgreeWithTheKey(t *testing.T) {
	root := newRoot(t)
	for _, p := range u2f.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			if !p.CTAP2() {
				s, err := metadata.NewStatement(product(p, root), nil)
				require.NoError(t, err)
				require.Equal(t, []string{"0102"}, s.KeyIdentifiers)
				require.Equal(t, "u2f", s.Family)
				require.Empty(t, s.AAGUID)
				return
			}
			answer := getInfo(t, p)
			info, err := ctap.ParseGetInfoResponse(answer)
			require.NoError(t, err)
			s, err := metadata.NewStatement(product(p, root), answer)
			require.NoError(t, err)
			require.Equal(t, p.AAGUID.String(), s.AAGUID)
			require.Equal(t, strings.ReplaceAll(s.AAGUID, "-", ""), s.GetInfo["aaguid"])
			b, err := json.Marshal(s.GetInfo)
			require.NoError(t, err)
			var said struct {
				Versions, Extensions, Transports []string
				Options                          map[string]bool
				MaxMsgSize                       uint64
				PinUvAuthProtocols               []uint64
				MaxCredentialCountInList         uint64
				MaxCredentialIdLength            uint64
				MinPINLength, FirmwareVersion    uint64
				Algorithms                       []struct {
					Type string
					Alg  int64
				}
			}
			require.NoError(t, json.Unmarshal(b, &said))
			require.Equal(t, info.Versions, said.Versions)
			require.Equal(t, info.Extensions, said.Extensions)
			require.Equal(t, info.Transports, said.Transports)
			require.Equal(t, info.Options, said.Options)
			require.Equal(t, info.MaxMsgSize, said.MaxMsgSize)
			require.Equal(t, info.Protocols, said.PinUvAuthProtocols)
			require.Equal(t, info.MaxCredentialCountInList, said.MaxCredentialCountInList)
			require.Equal(t, info.MaxCredentialIDLength, said.MaxCredentialIdLength)
			require.Equal(t, info.MinPINLength, said.MinPINLength)
			require.Equal(t, info.FirmwareVersion, said.FirmwareVersion)
			require.Len(t, said.Algorithms, len(info.Algorithms))
			for i, a := range said.Algorithms {
				require.Equal(t, info.Algorithms[i], a.Alg)
				require.Equal(t, "public-key", a.Type)
			}
			require.NotContains(t, s.GetInfo, "encIdentifier", "it is one key's")
			require.NotEmpty(t, s.UPV)
			require.Equal(t, p.Sensor.Templates > 0, s.Verifies("fingerprint_internal"))
			if s.Verifies("fingerprint_internal") {
				require.Contains(t, string(must(json.Marshal(s.Verifications))),
					fmt.Sprintf(`"fingerprint_internal","baDesc":{"maxTemplates":%d,"maxRetries":%d,`, p.Sensor.Templates, p.Sensor.Retries))
			}
			require.Contains(t, string(must(json.Marshal(s.Verifications))), `"passcode_external","caDesc":{"base":64,"minLength":4,"maxRetries":8`)
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestStatementsThatCannotBeMade(t *testing.T) {
	p := u2f.Profiles()[0]
	about := product(p, newRoot(t))
	for _, bad := range []string{"\xff", "\xa1\x01\x01", "\xa0\x00"} {
		_, err := metadata.NewStatement(about, []byte(bad))
		require.Error(t, err)
	}
	about.Attestations = []string{"ssh"}
	_, err := metadata.NewStatement(about, nil)
	require.ErrorContains(t, err, `"ssh"`)
	about.Attestations, about.Algorithms = []string{"packed"}, []int64{-48}
	_, err = metadata.NewStatement(about, nil)
	require.ErrorContains(t, err, "FIDO Registry")
}

func TestReportsOfSensors(t *testing.T) {
	s := &metadata.Statement{AAGUID: "a"}
	r := metadata.BioReport{Level: 1, Modality: "fingerprint_internal", Since: "2026-01-02", Number: "BIO1"}
	require.NoError(t, r.Check())
	require.JSONEq(t, `[{"certLevel":1,"modality":"fingerprint_internal","effectiveDate":"2026-01-02","certificateNumber":"BIO1"}]`,
		string(must(json.Marshal(metadata.NewEntry(s, nil, "").WithBiometrics([]metadata.BioReport{r}).Biometrics))))
	require.NotContains(t, string(must(json.Marshal(metadata.NewEntry(s, nil, "")))), "biometric")
	for say, bad := range map[string]metadata.BioReport{
		"has a level":               {Modality: "fingerprint_internal"},
		`"passcode_external" is no`: {Level: 1, Modality: "passcode_external"},
		`"today" is no day`:         {Level: 1, Modality: "fingerprint_internal", Since: "today"},
	} {
		require.ErrorContains(t, bad.Check(), say)
	}
}

func TestStatuses(t *testing.T) {
	require.Len(t, metadata.Statuses(), 20)
	for _, s := range metadata.Statuses() {
		for _, word := range []string{string(s), strings.ToLower(string(s)), strings.ReplaceAll(strings.ToLower(string(s)), "_", "-")} {
			got, err := metadata.ParseStatus(word)
			require.NoError(t, err)
			require.Equal(t, s, got)
		}
	}
	_, err := metadata.ParseStatus("lost")
	require.ErrorContains(t, err, `there is no status "lost": there are not-fido-certified,`)
}
