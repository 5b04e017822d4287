package site

import (
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/portal"
)

// routeDevices serves the pages on devices. Enrolment is found by who signs in and has to, under /enrol, and by who has signed
// in, under /devices/new.
func (s *Site) routeDevices(mux *http.ServeMux) {
	mux.HandleFunc("GET "+Root+"/devices", s.signed(s.devices))
	mux.HandleFunc("POST "+Root+"/devices/{id}/rename", s.changing("renamed", func(r *http.Request, at portal.At, g guest) error {
		return s.cfg.Directory.Rename(r.Context(), at, g.token, r.PathValue("id"), strings.TrimSpace(r.PostFormValue("name")))
	}))
	mux.HandleFunc("POST "+Root+"/devices/{id}/remove", s.changing("removed", func(r *http.Request, at portal.At, g guest) error {
		return s.cfg.Directory.Remove(r.Context(), at, g.token, r.PathValue("id"))
	}))
	mux.HandleFunc("POST "+Root+"/devices/{id}/resync", s.changing("resynced", func(r *http.Request, at portal.At, g guest) error {
		return s.cfg.Directory.Resync(r.Context(), at, g.token, r.PathValue("id"), r.PostFormValue("code1"), r.PostFormValue("code2"))
	}))
	mux.HandleFunc("POST "+Root+"/devices/recovery", s.signed(s.recoveryCodes))
	for _, d := range []desk{{s, "/enrol", false}, {s, "/devices/new", true}} {
		mux.HandleFunc("GET "+Root+d.path, d.serve(d.choose))
		mux.HandleFunc("POST "+Root+d.path, d.serve(d.begin))
		mux.HandleFunc("GET "+Root+d.path+"/app", d.serve(d.app))
		mux.HandleFunc("POST "+Root+d.path+"/app", d.serve(d.finishApp))
		mux.HandleFunc("POST "+Root+d.path+"/fob", d.serve(d.fob))
		mux.HandleFunc("GET "+Root+d.path+"/key", d.serve(d.key))
		mux.HandleFunc("POST "+Root+d.path+"/key/begin", d.serve(d.beginKey))
		mux.HandleFunc("POST "+Root+d.path+"/key/finish", d.serve(d.finishKey))
	}
}

// changing changes a device by f, and says what was done.
func (s *Site) changing(done string, f func(r *http.Request, at portal.At, g guest) error) http.HandlerFunc {
	return s.signed(func(w http.ResponseWriter, r *http.Request, g guest) {
		if err := f(r, s.at(r), g); err != nil {
			s.showDevices(w, r, g, err, nil)
			return
		}
		to(w, r, "/devices?done="+done)
	})
}

// devicesData is the page of who has signed in.
type devicesData struct {
	portal.User
	Codes []string // recovery codes, the one time that they are shown
}

// errNoSection is what who looks for the MFA section is told where there is none.
var errNoSection = &iam.Error{Status: http.StatusNotFound, Message: "An external identity provider signs people in: their devices are there."}

func (s *Site) devices(w http.ResponseWriter, r *http.Request, g guest) {
	s.showDevices(w, r, g, nil, nil)
}

func (s *Site) showDevices(w http.ResponseWriter, r *http.Request, g guest, err error, codes []string) {
	rules, failed := s.cfg.Directory.Rules(r.Context())
	if failed == nil && rules.IDP == portal.External {
		// There is no MFA section with an external identity provider: AWS MFA, Section 6.3.
		s.show(w, r, "message", g.token, errNoSection, sheet{Title: "No such page", Name: g.Name})
		return
	}
	s.show(w, r, "devices", g.token, err, sheet{Title: "Multi-factor authentication devices", Name: g.Name, Data: devicesData{g.user, codes}})
}

func (s *Site) recoveryCodes(w http.ResponseWriter, r *http.Request, g guest) {
	codes, err := s.cfg.Directory.NewRecoveryCodes(r.Context(), s.at(r), g.token)
	g.user.RecoveryCodes = len(codes)
	s.showDevices(w, r, g, err, codes)
}

// A desk is where devices are enrolled.
type desk struct {
	*Site
	path   string
	signed bool // by who has signed in
}

// A seat is one who enrols.
type seat struct {
	who    portal.Who
	cookie string // whose forms the pages carry
	name   string
}

// serve finds out who enrols.
func (d desk) serve(p func(w http.ResponseWriter, r *http.Request, x seat)) http.HandlerFunc {
	if d.signed {
		return d.Site.signed(func(w http.ResponseWriter, r *http.Request, g guest) {
			p(w, r, seat{portal.Who{Token: g.token}, g.token, g.Name})
		})
	}
	return d.visiting(func(w http.ResponseWriter, r *http.Request, id string) {
		if x, err := d.cfg.Directory.LookAt(r.Context(), d.at(r), id); err != nil || !x.Enrol {
			to(w, r, "/signin")
			return
		}
		p(w, r, seat{who: portal.Who{SignIn: id}, cookie: id})
	})
}

// enrolData is what the pages of an enrolment show.
type enrolData struct {
	Path   string // of this desk
	Due    bool   // at a sign-in
	Name   string // of the device
	Seed   string
	QR     template.URL
	Serial string
}

func (d desk) sheet(x seat, title string, data enrolData) sheet {
	data.Path, data.Due = Root+d.path, !d.signed
	return sheet{Title: title, Name: x.name, Data: data}
}

func (d desk) choose(w http.ResponseWriter, r *http.Request, x seat) { d.again(w, r, x, nil) }

func (d desk) again(w http.ResponseWriter, r *http.Request, x seat, err error) {
	d.show(w, r, "enrol", x.cookie, err, d.sheet(x, "Register MFA device", enrolData{Name: r.PostFormValue("device_name")}))
}

// begin goes to the page of a kind of device.
func (d desk) begin(w http.ResponseWriter, r *http.Request, x seat) {
	name := strings.TrimSpace(r.PostFormValue("device_name"))
	switch r.PostFormValue("type") {
	case portal.Key:
		to(w, r, d.path+"/key?name="+url.QueryEscape(name))
	case portal.Fob:
		d.show(w, r, "enrol-fob", x.cookie, nil, d.sheet(x, "Register a fob", enrolData{Name: name}))
	default:
		if err := d.cfg.Directory.BeginApp(r.Context(), d.at(r), x.who, name); err != nil {
			d.again(w, r, x, err)
			return
		}
		to(w, r, d.path+"/app")
	}
}

func (d desk) app(w http.ResponseWriter, r *http.Request, x seat) { d.showApp(w, r, x, nil) }

func (d desk) showApp(w http.ResponseWriter, r *http.Request, x seat, err error) {
	a, over := d.cfg.Directory.Setup(r.Context(), d.at(r), x.who)
	if over != nil {
		d.again(w, r, x, over)
		return
	}
	d.show(w, r, "enrol-app", x.cookie, err, d.sheet(x, "Set up the authenticator app", enrolData{Name: a.Name, Seed: a.Seed,
		QR: template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(a.QR))}))
}

func (d desk) finishApp(w http.ResponseWriter, r *http.Request, x seat) {
	out, err := d.cfg.Directory.FinishApp(r.Context(), d.at(r), x.who, r.PostFormValue("code"))
	if err != nil {
		d.showApp(w, r, x, err)
		return
	}
	to(w, r, d.done(w, r, out))
}

// done is where an enrolment leads: out is nil for who has signed in.
func (d desk) done(w http.ResponseWriter, r *http.Request, out *portal.SignIn) string {
	if out == nil {
		return "/devices?done=enrolled"
	}
	return d.next(w, r, out)
}

func (d desk) fob(w http.ResponseWriter, r *http.Request, x seat) {
	data := enrolData{Name: strings.TrimSpace(r.PostFormValue("device_name")), Serial: strings.TrimSpace(r.PostFormValue("serial"))}
	out, err := d.cfg.Directory.EnrolFob(r.Context(), d.at(r), x.who, data.Name, data.Serial, r.PostFormValue("code1"), r.PostFormValue("code2"))
	if err != nil {
		d.show(w, r, "enrol-fob", x.cookie, err, d.sheet(x, "Register a fob", data))
		return
	}
	to(w, r, d.done(w, r, out))
}

func (d desk) key(w http.ResponseWriter, r *http.Request, x seat) {
	d.show(w, r, "enrol-key", x.cookie, nil, d.sheet(x, "Register the security key", enrolData{Name: r.URL.Query().Get("name")}))
}

// beginKey and finishKey are what the page's script calls around navigator.credentials.create.
func (d desk) beginKey(w http.ResponseWriter, r *http.Request, x seat) {
	options, err := d.cfg.Directory.BeginNewKey(r.Context(), d.at(r), x.who, r.URL.Query().Get("name"))
	answerJSON(w, map[string]any{"ID": "", "Options": options}, err)
}

func (d desk) finishKey(w http.ResponseWriter, r *http.Request, x seat) {
	response, err := keyAnswer(r)
	var out *portal.SignIn
	if err == nil {
		out, err = d.cfg.Directory.FinishNewKey(r.Context(), d.at(r), x.who, response)
	}
	if err != nil {
		answerJSON(w, nil, err)
		return
	}
	answerJSON(w, map[string]string{"Location": Root + d.done(w, r, out)}, nil)
}
