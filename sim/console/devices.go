package console

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
)

// routeDevices serves the pages on MFA devices. {user} is rootSegment for root, who has no name.
func (c *Console) routeDevices() {
	const of = Root + "/iam/mfa/{user}"
	c.mux.HandleFunc("GET "+of+"/assign", c.signed(c.assign))
	c.mux.HandleFunc("POST "+of+"/assign", c.signed(c.chooseType))
	c.mux.HandleFunc("GET "+of+"/assign/{wizard}", c.signed(c.wizardPage))
	c.mux.HandleFunc("POST "+of+"/assign/{wizard}", c.signed(c.enable))
	c.mux.HandleFunc("POST "+of+"/assign/{wizard}/key/begin", c.signed(c.beginEnrolment))
	c.mux.HandleFunc("POST "+of+"/assign/{wizard}/key/finish", c.signed(c.finishEnrolment))
	c.mux.HandleFunc("POST "+of+"/orphan", c.signed(c.deleteOrphan))
	c.mux.HandleFunc("GET "+of+"/resync", c.signed(c.resyncOwn))
	c.mux.HandleFunc("POST "+of+"/resync", c.signed(c.resynchronise))
	c.mux.HandleFunc("POST "+of+"/remove", c.signed(c.remove))
}

// The types of the assign wizard.
const (
	typeVirtual  = "virtual"
	typeHardware = "hardware"
	typeKey      = "key"
)

// A wizard is a device on its way to a user. What a virtual device showed is kept here until it is enabled, for who goes
// back a page or loads it again; nobody but the session that began it sees it.
type wizard struct {
	ID, Type, Name, Serial string
	User                   string // "" for root
	Seed                   string // base32
	QR                     template.URL
	session                string
	until                  time.Time // wall time
	done                   bool
}

// wizardTime is how long a wizard may take. Our choice.
const wizardTime = 30 * time.Minute

// rootSegment stands for root in the paths of pages: no user can be called so (CreateUser).
const rootSegment = "~"

// of returns whom a page is about, "" for root.
func of(r *http.Request) string {
	if user := r.PathValue("user"); user != rootSegment {
		return user
	}
	return ""
}

// wizardPath is where a user's devices are assigned.
func wizardPath(user string) string {
	if user == "" {
		user = rootSegment
	}
	return Root + "/iam/mfa/" + url.PathEscape(user) + "/assign"
}

// assignData is the wizard's first page.
type assignData struct {
	User, Name, Orphan string
	Path               string
}

func (c *Console) assign(w http.ResponseWriter, r *http.Request, s *session) {
	c.showAssign(w, r, s, http.StatusOK, "", assignData{})
}

func (c *Console) showAssign(w http.ResponseWriter, r *http.Request, s *session, status int, text string, d assignData) {
	d.User, d.Path = of(r), strings.TrimSuffix(wizardPath(of(r)), "/assign")
	c.show(w, r, status, "assign", s.cookie, sheet{Title: "Assign MFA device", Who: s, Error: text, Data: d})
}

// chooseType goes to the wizard's second page. A virtual device is made at that moment, as in the real console: whoever
// leaves then leaves one behind that nobody has. See AWS MFA, Section 4.4.
func (c *Console) chooseType(w http.ResponseWriter, r *http.Request, s *session) {
	z := &wizard{ID: rand.Text(), Type: r.PostFormValue("type"), Name: strings.TrimSpace(r.PostFormValue("device_name")), User: of(r), session: s.cookie}
	if z.User == "" && z.Type == typeVirtual && z.Name == "" {
		z.Name = "root-account-mfa-device"
	}
	if z.Name == "" && z.Type != typeHardware {
		c.showAssign(w, r, s, http.StatusBadRequest, "Enter a name for the device.", assignData{})
		return
	}
	switch z.Type {
	case typeVirtual:
		if err := c.makeVirtual(r, s, z); err != nil {
			text, status := refusal(err)
			d := assignData{Name: z.Name}
			var e *iam.Error
			if errors.As(err, &e) && e.Code == "EntityAlreadyExists" {
				d.Orphan = c.orphan(r, s, z.Name)
			}
			c.showAssign(w, r, s, status, text, d)
			return
		}
	case typeHardware, typeKey:
	default:
		c.showAssign(w, r, s, http.StatusBadRequest, "Choose a type of device.", assignData{Name: z.Name})
		return
	}
	c.mu.Lock()
	if len(c.wizards) >= wizardsKept {
		c.prune()
	}
	z.until = time.Now().Add(wizardTime)
	c.wizards[z.ID] = z
	c.mu.Unlock()
	http.Redirect(w, r, wizardPath(z.User)+"/"+z.ID, http.StatusSeeOther)
}

// makeVirtual makes the virtual device and keeps what is shown of it only now.
func (c *Console) makeVirtual(r *http.Request, s *session, z *wizard) error {
	made, err := call[struct {
		VirtualMFADevice struct{ SerialNumber, Base32StringSeed, QRCodePNG string }
	}](c, r, s.caller, "iam", "CreateVirtualMFADevice", "VirtualMFADeviceName", z.Name)
	if err != nil {
		return err
	}
	seed, err := base64.StdEncoding.DecodeString(made.VirtualMFADevice.Base32StringSeed)
	if err != nil {
		return err
	}
	z.Serial, z.Seed = made.VirtualMFADevice.SerialNumber, string(seed)
	z.QR = template.URL("data:image/png;base64," + made.VirtualMFADevice.QRCodePNG)
	return nil
}

// orphan returns the serial number of the virtual device of that name if nobody has it, "" otherwise.
func (c *Console) orphan(r *http.Request, s *session, name string) string {
	list, err := call[struct {
		Devices []struct{ SerialNumber string } `xml:"VirtualMFADevices>member"`
	}](c, r, s.caller, "iam", "ListVirtualMFADevices", "AssignmentStatus", "Unassigned", "MaxItems", "1000")
	if err != nil {
		return ""
	}
	for _, d := range list.Devices {
		if strings.HasSuffix(d.SerialNumber, ":mfa/"+name) {
			return d.SerialNumber
		}
	}
	return ""
}

// wizard returns a copy of the wizard that r is about, nil where there is none of this session's.
func (c *Console) wizard(r *http.Request, s *session) *wizard {
	c.mu.Lock()
	defer c.mu.Unlock()
	z := c.wizards[r.PathValue("wizard")]
	if z == nil || z.session != s.cookie || z.User != of(r) || z.done || !time.Now().Before(z.until) {
		return nil
	}
	x := *z
	return &x
}

// ended answers for a wizard that is over: who goes back, or sends twice, finds the device where it is.
func ended(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, userPath(of(r)), http.StatusSeeOther)
}

func (c *Console) wizardPage(w http.ResponseWriter, r *http.Request, s *session) {
	z := c.wizard(r, s)
	if z == nil {
		ended(w, r)
		return
	}
	c.showWizard(w, r, s, z, http.StatusOK, "")
}

// wizardData is the wizard's second page.
type wizardData struct {
	*wizard
	Path string
	Back string
}

func (c *Console) showWizard(w http.ResponseWriter, r *http.Request, s *session, z *wizard, status int, text string) {
	c.show(w, r, status, "assign-"+z.Type, s.cookie, sheet{Title: "Assign MFA device", Who: s, Error: text,
		Data: wizardData{z, wizardPath(z.User) + "/" + z.ID, userPath(z.User)}})
}

// enable gives the user a device that shows codes.
func (c *Console) enable(w http.ResponseWriter, r *http.Request, s *session) {
	z := c.wizard(r, s)
	if z == nil || z.Type == typeKey {
		ended(w, r)
		return
	}
	serial := z.Serial
	if z.Type == typeHardware {
		serial = strings.TrimSpace(r.PostFormValue("serial"))
	}
	_, err := c.do(r.Context(), r, s.caller, c.serviceFor(z.User), "EnableMFADevice", "UserName", z.User, "SerialNumber", serial,
		"AuthenticationCode1", strings.TrimSpace(r.PostFormValue("code1")), "AuthenticationCode2", strings.TrimSpace(r.PostFormValue("code2")))
	if err != nil {
		text, status := refusal(err)
		c.showWizard(w, r, s, z, status, text)
		return
	}
	c.finish(z)
	http.Redirect(w, r, userPath(z.User)+"?done=assigned", http.StatusSeeOther)
}

// serviceFor returns where devices of a user are enabled and resynchronised: root's have no operation on the wire.
func (c *Console) serviceFor(user string) string {
	if user == "" {
		return "signin"
	}
	return "iam"
}

// finish ends a wizard, and every other that was about the same device: what they showed is shown no more.
func (c *Console) finish(z *wizard) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.wizards {
		if x.ID == z.ID || x.Serial != "" && x.Serial == z.Serial {
			x.done, x.Seed, x.QR = true, "", ""
		}
	}
}

// beginEnrolment and finishEnrolment are what the page's script calls around navigator.credentials.create.
func (c *Console) beginEnrolment(w http.ResponseWriter, r *http.Request, s *session) {
	z := c.wizard(r, s)
	if z == nil || z.Type != typeKey {
		answerJSON(w, nil, errors.New("this page is over: load it again"))
		return
	}
	x, err := call[*iam.Ceremony](c, r, s.caller, "signin", "BeginSecurityKeyEnrolment", "UserName", z.User, "SecurityKeyName", z.Name)
	answerJSON(w, x, err)
}

func (c *Console) finishEnrolment(w http.ResponseWriter, r *http.Request, s *session) {
	z := c.wizard(r, s)
	if z == nil || z.Type != typeKey {
		answerJSON(w, nil, errors.New("this page is over: load it again"))
		return
	}
	in, err := readAnswer(r)
	if err == nil {
		_, err = c.do(r.Context(), r, s.caller, "signin", "FinishSecurityKeyEnrolment", "UserName", z.User, "CeremonyId", in.ID,
			"Response", string(in.Response))
	}
	if err == nil {
		c.finish(z)
	}
	answerJSON(w, map[string]string{"Location": userPath(z.User) + "?done=registered"}, err)
}

// deleteOrphan is the way out for who left the wizard after the virtual device was made.
func (c *Console) deleteOrphan(w http.ResponseWriter, r *http.Request, s *session) {
	_, err := c.do(r.Context(), r, s.caller, "iam", "DeleteVirtualMFADevice", "SerialNumber", r.PostFormValue("serial"))
	if err != nil {
		text, status := refusal(err)
		c.showAssign(w, r, s, status, text, assignData{})
		return
	}
	c.finish(&wizard{Serial: r.PostFormValue("serial")})
	http.Redirect(w, r, wizardPath(of(r))+"?done=orphan", http.StatusSeeOther)
}

// resyncData is the page on which two codes find a device again.
type resyncData struct{ User, Serial, Path, Back string }

func (c *Console) resyncOwn(w http.ResponseWriter, r *http.Request, s *session) {
	c.showResync(w, r, s, http.StatusOK, "", r.URL.Query().Get("serial"))
}

func (c *Console) showResync(w http.ResponseWriter, r *http.Request, s *session, status int, text, serial string) {
	path := strings.TrimSuffix(wizardPath(of(r)), "/assign") + "/resync"
	c.show(w, r, status, "resync-device", s.cookie, sheet{Title: "Resynchronise MFA device", Who: s, Error: text,
		Data: resyncData{of(r), serial, path, userPath(of(r))}})
}

func (c *Console) resynchronise(w http.ResponseWriter, r *http.Request, s *session) {
	serial := r.PostFormValue("serial")
	_, err := c.do(r.Context(), r, s.caller, c.serviceFor(of(r)), "ResyncMFADevice", "UserName", of(r), "SerialNumber", serial,
		"AuthenticationCode1", strings.TrimSpace(r.PostFormValue("code1")), "AuthenticationCode2", strings.TrimSpace(r.PostFormValue("code2")))
	if err != nil {
		text, status := refusal(err)
		c.showResync(w, r, s, status, text, serial)
		return
	}
	http.Redirect(w, r, userPath(of(r))+"?done=resynced", http.StatusSeeOther)
}

// remove takes a device from a user; a virtual one is deleted, too, as the real console does.
func (c *Console) remove(w http.ResponseWriter, r *http.Request, s *session) {
	serial := r.PostFormValue("serial")
	_, err := c.do(r.Context(), r, s.caller, "iam", "DeactivateMFADevice", "UserName", of(r), "SerialNumber", serial)
	if err == nil && (deviceEntry{SerialNumber: serial}).Kind() == "Virtual" {
		_, err = c.do(r.Context(), r, s.caller, "iam", "DeleteVirtualMFADevice", "SerialNumber", serial)
	}
	c.did(w, r, s, of(r), err, "removed")
}
