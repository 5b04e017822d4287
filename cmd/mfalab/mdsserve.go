package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/u2f/metadata"
)

// mds serves what relying parties look up of keys: the BLOB at /mds/ and /mds/blob.jwt, the certificates that its signature leads to,
// the lists of revoked certificates, each statement and each list of rogues.
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
		p, err := published(m, strings.TrimPrefix(r.URL.Path, live.MetadataRoot+"/"))
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		case p.content == nil:
			http.Error(w, "there is no "+r.URL.Path+": there are "+whatThereIs, http.StatusNotFound)
			return
		}
		_, wall := lab.Clock().Now()
		sum := sha256.Sum256(p.content)
		w.Header().Set("Content-Type", p.kind)
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sum[:16]))
		w.Header().Set("X-Content-Type-Options", "nosniff")
		cacheable(w.Header(), p.due, wall)
		http.ServeContent(w, r, "", p.changed, bytes.NewReader(p.content))
	})
}

const whatThereIs = "/mds/blob.jwt, /mds/root.pem, /mds/root.crt, /mds/metadata-issuer.crt, /mds/root.crl, /mds/metadata.crl, .crt and .crl of tpm, android, safetynet and anonymous, .pem of the lists, " +
	"/mds/statements/PROFILE.json and /mds/rogues/PROFILE.json"

// cacheable says how long a copy is good: until the next update is due, where somebody said when that is. Without a day nobody knows,
// and whoever has a copy asks whether it is still the same. RFC 9111, Sections 5.2.2 and 5.3.
func cacheable(h http.Header, due, wall time.Time) {
	left := int64(due.Sub(wall) / time.Second)
	switch {
	case due.IsZero():
		h.Set("Cache-Control", "no-cache")
		return
	case left > 0:
		h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d, must-revalidate", left))
	default:
		h.Set("Cache-Control", "public, max-age=0, must-revalidate")
	}
	h.Set("Expires", due.UTC().Format(http.TimeFormat))
}

// A publishedFile is what lies under a name: nothing where it has no content.
type publishedFile struct {
	kind    string
	content []byte
	changed time.Time // zero where nobody knows
	due     time.Time // zero for never
}

// published returns what is under a name.
func published(m live.Metadata, name string) (publishedFile, error) {
	due := time.Time{}
	if m.NextUpdate != metadata.Never {
		var err error
		if due, err = time.Parse(time.DateOnly, m.NextUpdate); err != nil {
			return publishedFile{}, err
		}
	}
	switch name {
	case "", "blob.jwt":
		return publishedFile{"application/jwt", m.BLOB, m.Changed, due}, nil // RFC 7519, Section 10.3.1
	case "root.pem":
		return publishedFile{kind: "application/x-pem-file", content: inPEM("CERTIFICATE", m.Root)}, nil
	}
	if der := m.Issuers[name]; der != nil {
		return publishedFile{kind: "application/pkix-cert", content: der}, nil // RFC 2585, Section 4.1
	}
	if list := m.Lists[strings.TrimSuffix(name, ".pem")]; list != nil {
		return publishedList(list, due, strings.HasSuffix(name, ".pem"))
	}
	folder, profile, _ := strings.Cut(strings.TrimSuffix(name, ".json"), "/")
	switch {
	case !strings.HasSuffix(name, ".json"):
	case folder == "rogues":
		return publishedFile{"application/json", m.Rogues[profile], m.Changed, due}, nil
	case folder == "statements" && m.Statements[profile] != nil:
		content, err := json.MarshalIndent(m.Statements[profile], "", "  ")
		return publishedFile{"application/json", append(content, '\n'), m.Changed, due}, err
	}
	return publishedFile{}, nil
}

// publishedList returns a list of revoked certificates, which says itself when it was made.
func publishedList(der []byte, due time.Time, text bool) (publishedFile, error) {
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return publishedFile{}, err
	}
	if text {
		return publishedFile{"application/x-pem-file", inPEM("X509 CRL", der), list.ThisUpdate, due}, nil
	}
	return publishedFile{"application/pkix-crl", der, list.ThisUpdate, due}, nil // RFC 2585, Section 4.2
}

func inPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
