package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f/metadata"
)

// mds serves what relying parties look up of keys: the BLOB at /mds/ and /mds/blob.jwt, the root certificate that signs
// it, and each statement by itself. Whoever has it asks whether it is still the same: it changes when somebody says so.
func mds(lab *live.Lab) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "metadata are read with GET", http.StatusMethodNotAllowed)
			return
		}
		m, err := lab.Metadata(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		name := strings.TrimPrefix(r.URL.Path, "/mds/")
		kind, content, err := published(m, name)
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		case content == nil:
			http.Error(w, "there is no "+r.URL.Path+": there are /mds/blob.jwt, /mds/root.pem, /mds/root.crt and /mds/statements/PROFILE.json",
				http.StatusNotFound)
			return
		}
		sum := sha256.Sum256(content)
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sum[:16]))
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
}

// published returns what is under a name, nil for nothing.
func published(m live.Metadata, name string) (kind string, content []byte, err error) {
	switch name {
	case "", "blob.jwt":
		return "application/jwt", m.BLOB, nil // RFC 7519, Section 10.3.1
	case "root.pem":
		return "application/x-pem-file", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.Root}), nil
	case "root.crt":
		return "application/pkix-cert", m.Root, nil // RFC 2585, Section 4.1
	}
	profile, isJSON := strings.CutSuffix(name, ".json")
	s := m.Statements[strings.TrimPrefix(profile, "statements/")]
	if !isJSON || !strings.HasPrefix(profile, "statements/") || s == nil {
		return "", nil, nil
	}
	content, err = json.MarshalIndent(s, "", "  ")
	return "application/json", append(content, '\n'), err
}

func (c *cli) keyStatus() *cobra.Command {
	var words []string
	for _, s := range metadata.Statuses() {
		words = append(words, string(s))
	}
	cmd := &cobra.Command{Use: "status [AAGUID|PROFILE STATUS]", Short: "List what relying parties are told of models of keys, or give one a status",
		Long: `List what the lab's metadata, served under /mds/, tell relying parties of models of keys; or report one to be REVOKED, or
whatever else there is: ` + strings.Join(words, ", ") + ".",
		Example: "  mfalab key status\n  mfalab key status ctap2.3 revoked\n  mfalab key status 9c5d401e-6a27-4b3c-8e61-2fd073b51a23 update-available",
		Args:    cobra.MaximumNArgs(2)}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 1 {
			return usage{fmt.Errorf("say which status %s gets, or nothing to list all", args[0])}
		}
		return c.with(cmd, mustBe, func(ctx context.Context, lab *control.Client) error {
			list := []live.Model{{}}
			var err error
			if len(args) == 2 {
				err = lab.Post(ctx, "/v1/models/"+url.PathEscape(args[0])+"/status", control.ModelStatus{Status: args[1]}, &list[0])
			} else {
				err = lab.Get(ctx, "/v1/models", &list)
			}
			if err != nil {
				return err
			}
			return c.print(list, func(w io.Writer) { tellModels(w, list) })
		})
	}
	return cmd
}

func tellModels(w io.Writer, list []live.Model) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "PROFILE\tAAGUID\tSTATUS\tSINCE")
	for _, m := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", m.Profile, m.AAGUID, m.Status, m.Since)
	}
	_ = t.Flush() // to standard output, where an error has no reader
}
