package control

import (
	"context"

	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f"
)

// KeyCredentials are credentials that were made elsewhere, and the key that is given them.
type KeyCredentials struct {
	Serial      string                  `json:"-" path:"serial"`
	Credentials []u2f.VirtualCredential `json:"credentials"`
}

// KeyCredential names a key and those of its credentials that are taken out: all that lie in it, or, with an id, that one of
// a relying party, which need not be discoverable.
type KeyCredential struct {
	Serial     string        `json:"-" path:"serial"`
	RP         string        `json:"rp,omitempty"`
	Credential u2f.Base64URL `json:"credential,omitempty"`
}

// keyCredentials are the operations on credentials with their secrets.
func (s *Server) keyCredentials() []route {
	l := s.lab
	return []route{
		on("GET", "/v1/keys/{serial}/credentials", "what lies in a key, without its secrets",
			func(ctx context.Context, in Serial) ([]u2f.CredentialSummary, error) {
				return l.KeyCredentials(ctx, in.Serial)
			}),
		on("DELETE", "/v1/keys/{serial}", "take a key off the bench for good", func(ctx context.Context, in Serial) (live.KeyShown, error) {
			return l.RemoveKey(ctx, in.Serial)
		}),
		on("POST", "/v1/keys/{serial}/import-credentials", "give a key credentials that were made elsewhere",
			func(ctx context.Context, in KeyCredentials) (live.KeyShown, error) {
				return l.ImportCredentials(ctx, in.Serial, in.Credentials)
			}),
		on("POST", "/v1/keys/{serial}/export-credentials", "credentials of a key with their secrets",
			func(ctx context.Context, in KeyCredential) (out KeyCredentials, err error) {
				out.Credentials, err = l.ExportCredentials(ctx, in.Serial, in.RP, in.Credential)
				return out, err
			}),
	}
}
