package console

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"
)

// Guard serves pages as those of the console are: nothing runs that stands in the page itself, no other site shows it in a frame,
// nothing is kept, addresses become names, forms have a bound, answers are compressed.
func Guard(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if to := named(r); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		w, end := compressing(w, r)
		defer end()
		pages.ServeHTTP(w, r)
	})
}

// Marks are what forms carry so that no other page can send them. They are of one process.
type Marks struct{ secret [32]byte }

// NewMarks returns marks that nobody can guess.
func NewMarks() *Marks {
	m := &Marks{}
	rand.Read(m.secret[:]) // never fails: crypto/rand ends the program first
	return m
}

// Of is what the forms of a page carry that is for the browser with this cookie, and nobody else can know: OWASP's
// HMAC-based token pattern. It lies under a mask that is another on each page, so that its length when it is compressed tells
// nothing (BREACH, Section 3.4).
func (m *Marks) Of(cookie string) string {
	mask := make([]byte, sha256.Size, 2*sha256.Size)
	rand.Read(mask) // never fails: crypto/rand ends the program first
	for i, b := range m.sum(cookie) {
		mask = append(mask, mask[i]^b)
	}
	return base64.RawURLEncoding.EncodeToString(mask)
}

// sum is what a mark hides.
func (m *Marks) sum(cookie string) []byte {
	h := hmac.New(sha256.New, m.secret[:])
	h.Write([]byte(cookie))
	return h.Sum(nil)
}

// On reports whether a form, or a script of ours, carries the mark of that cookie.
func (m *Marks) On(r *http.Request, cookie string) bool {
	given := r.Header.Get("X-Mfalab-Form")
	if given == "" {
		given = r.PostFormValue("form")
	}
	b, err := base64.RawURLEncoding.DecodeString(given)
	if err != nil || len(b) != 2*sha256.Size {
		return false
	}
	for i := range sha256.Size {
		b[i] ^= b[sha256.Size+i]
	}
	return hmac.Equal(b[:sha256.Size], m.sum(cookie))
}

// When writes a time as the pages show it.
func When(t time.Time) string { return when(t) }

// Via says in words how a message of [iam.Message] was sent.
func Via(via string) string {
	switch via {
	case "email":
		return "E-mail"
	case "sms":
		return "Text message"
	case "call":
		return "Call"
	}
	return via
}

// Address is where a request comes from, without the port.
func Address(r *http.Request) string { return address(r) }
