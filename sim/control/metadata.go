package control

import (
	"context"

	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f/metadata"
)

// ModelStatus names a model of keys, by its AAGUID or its profile, and the report that it gets.
type ModelStatus struct {
	Model string `json:"-" path:"model"`
	// Number is that of the report in the model's history in whose place it comes; 0 puts it behind the others.
	Number int `json:"number,omitempty"`
	metadata.Report
}

// ModelReport names a report in a model's history.
type ModelReport struct {
	Model  string `json:"-" path:"model"`
	Number int    `json:"number,omitempty"` // 0: all of them
}

// ModelRogue names a model of keys and one authenticator of it that is not to be trusted; without a key, none is any more.
type ModelRogue struct {
	Model string `json:"-" path:"model"`
	metadata.Rogue
}

// ModelBiometric names a model of keys and what is said of its sensor; without anything, nothing is any more.
type ModelBiometric struct {
	Model string `json:"-" path:"model"`
	metadata.BioReport
}

// Revoke names certificates: a profile or AAGUID, a key's serial number, "metadata-signer", "metadata-issuer", or a certificate's number.
type Revoke struct {
	What   string `json:"-" path:"what"`
	Reason string `json:"reason,omitempty"` // of RFC 5280, Section 5.3.1; empty is "unspecified"
}

// Restore names certificates whose revocation is taken back.
type Restore struct {
	What string `json:"-" path:"what"`
}

// metadata are the operations on what relying parties are told of keys.
func (s *Server) metadata() []route {
	l := s.lab
	return []route{
		on("GET", "/v1/metadata", "how the lab publishes its metadata", func(ctx context.Context, _ none) (live.Publication, error) {
			m, err := l.Metadata(ctx)
			return m.Publication, err
		}),
		on("POST", "/v1/metadata", "change how the lab publishes its metadata: when the next update is due, which fault the BLOB has",
			func(ctx context.Context, in live.PublicationChange) (live.Publication, error) {
				return l.ChangePublication(ctx, in)
			}),
		on("GET", "/v1/metadata/faults", "the faults that a BLOB can have, and the rule that each breaks",
			func(context.Context, none) ([]metadata.FaultKind, error) { return metadata.Faults(), nil }),
		on("GET", "/v1/models", "what relying parties are told of models of keys", func(ctx context.Context, _ none) ([]live.Model, error) {
			return l.Models(ctx)
		}),
		on("POST", "/v1/models/{model}/status", "give a model of keys a status in the metadata", func(ctx context.Context, in ModelStatus) (live.Model, error) {
			return l.SetModelStatus(ctx, in.Model, in.Report, in.Number)
		}),
		on("POST", "/v1/models/{model}/drop", "take a report of a model's history back, or all", func(ctx context.Context, in ModelReport) (live.Model, error) {
			return l.DropModelStatus(ctx, in.Model, in.Number)
		}),
		on("POST", "/v1/models/{model}/rogues", "write an authenticator into its model's list of rogues, or empty the list",
			func(ctx context.Context, in ModelRogue) (live.Model, error) {
				return l.AddRogue(ctx, in.Model, in.Rogue)
			}),
		on("POST", "/v1/models/{model}/biometrics", "say that a model's sensor was certified, or take all that was said back",
			func(ctx context.Context, in ModelBiometric) (live.Model, error) {
				return l.AddBiometric(ctx, in.Model, in.BioReport)
			}),
		on("GET", "/v1/certificates", "the lab's certificates, and which of them are revoked", func(ctx context.Context, _ none) ([]live.Certificate, error) {
			return l.Certificates(ctx)
		}),
		on("POST", "/v1/certificates/{what}/revoke", "revoke certificates", func(ctx context.Context, in Revoke) ([]live.Certificate, error) {
			return l.Revoke(ctx, in.What, in.Reason)
		}),
		on("POST", "/v1/certificates/{what}/restore", "take back the revocation of certificates that were only held", func(ctx context.Context, in Restore) ([]live.Certificate, error) {
			return l.Restore(ctx, in.What)
		}),
	}
}
