package live

import (
	"context"
	"encoding/pem"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f/attest"
)

// A Root is the certificate under which the lab's keys attest, for relying parties that want to know whose keys they are.
type Root struct {
	PEM string `json:"pem"` // one certificate; RFC 7468, Section 5
}

// AttestationRoot returns the certificate under which every key of the lab attests. A lab that is reset keeps it; one
// that is loaded brings its own.
func (l *Lab) AttestationRoot(ctx context.Context) (Root, error) {
	var r Root
	return r, l.Do(ctx, func(*sim.World) error {
		root, err := attest.NewRoot(l.attestationRoot())
		if err != nil {
			return err
		}
		r.PEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate()}))
		return nil
	})
}
