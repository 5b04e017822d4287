package console

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/mfalab/mfalab/token/seedfile/qr"
)

// A Phone is the lab's simulated phone, with an authenticator app.
type Phone interface {
	// Accounts returns what the app shows now.
	Accounts(ctx context.Context) ([]AppAccount, error)
	// Scan adds the account of an otpauth URI, the text of a picture. Its errors are shown to the person.
	Scan(ctx context.Context, uri string) error
}

// An AppAccount is a line in the app.
type AppAccount struct {
	Name, Code string
	Left       time.Duration // how long the code stays
}

// Our choices about pictures that are uploaded.
const (
	// picturePixels is a screenshot of 3840 x 2160 points and a little more: unpacked it takes up to 64 MiB.
	picturePixels = 8 << 20
	// pictureName is the form's field.
	pictureName = "picture"
)

// routeApp serves the simulated phone's app. Like the inbox it belongs to the lab: nobody signs in for it.
func (c *Console) routeApp() {
	if c.cfg.Phone == nil {
		return
	}
	c.mux.HandleFunc("GET "+Root+"/app", c.visiting(c.appPage))
	c.mux.HandleFunc("POST "+Root+"/app", c.bounded(c.visiting(c.upload)))
	c.mux.HandleFunc("POST "+Root+"/iam/mfa/{user}/assign/{wizard}/scan", c.signed(c.scanOwn))
}

func (c *Console) appPage(w http.ResponseWriter, r *http.Request, v visitor) {
	c.showApp(w, r, v.cookie, http.StatusOK, "")
}

func (c *Console) showApp(w http.ResponseWriter, r *http.Request, cookie string, status int, text string) {
	list, err := c.cfg.Phone.Accounts(r.Context())
	if err != nil && text == "" {
		text, status = err.Error(), http.StatusInternalServerError
	}
	c.show(w, r, status, "app", cookie, sheet{Title: "Simulated authenticator app", Error: text, Data: list})
}

// bounded says what is wrong with an upload that is larger than any form may be, before anything else is looked at.
func (c *Console) bounded(p http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(maxForm); errors.As(err, new(*http.MaxBytesError)) {
			_, cookie := c.visit(w, r)
			c.showApp(w, r, cookie, http.StatusRequestEntityTooLarge, "The picture was not taken: a file may have at most 4 MiB.")
			return
		}
		p(w, r)
	}
}

// upload holds the app before a picture that somebody sends.
func (c *Console) upload(w http.ResponseWriter, r *http.Request, v visitor) {
	f, _, err := r.FormFile(pictureName)
	if err != nil {
		c.showApp(w, r, v.cookie, http.StatusBadRequest, "Choose the picture of a QR code first.")
		return
	}
	defer f.Close()
	b, err := io.ReadAll(f) // the whole form is bounded
	if err == nil {
		err = c.scan(r.Context(), b)
	}
	if err != nil {
		c.showApp(w, r, v.cookie, http.StatusBadRequest, "The picture was not taken: "+strings.TrimPrefix(err.Error(), "qr: ")+".")
		return
	}
	http.Redirect(w, r, Root+"/app?done=scanned", http.StatusSeeOther)
}

// scan reads one picture after the other: unpacked they are large.
func (c *Console) scan(ctx context.Context, picture []byte) error {
	select {
	case c.lens <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	uri, err := qr.ReadFile(picture, picturePixels)
	<-c.lens
	if err != nil {
		return err
	}
	return c.cfg.Phone.Scan(ctx, uri)
}

// scanOwn holds the app before the picture that the wizard shows.
func (c *Console) scanOwn(w http.ResponseWriter, r *http.Request, s *session) {
	z := c.wizard(r, s)
	if z == nil || z.Type != typeVirtual {
		ended(w, r)
		return
	}
	_, picture, _ := strings.Cut(string(z.QR), ",")
	b, err := base64.StdEncoding.DecodeString(picture)
	if err == nil {
		err = c.scan(r.Context(), b)
	}
	if err != nil {
		c.showWizard(w, r, s, z, http.StatusInternalServerError, err.Error())
		return
	}
	http.Redirect(w, r, Root+"/app?done=scanned", http.StatusSeeOther)
}
