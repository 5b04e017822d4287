package console

import (
	"cmp"
	"net/http"
	"net/url"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
)

// routeAccount serves the pages on the account and its users.
func (c *Console) routeAccount() {
	c.mux.HandleFunc("GET "+Root+"/home", c.signed(c.home))
	c.mux.HandleFunc("GET "+Root+"/iam/users", c.signed(c.users))
	c.mux.HandleFunc("POST "+Root+"/iam/users", c.signed(c.createUser))
	c.mux.HandleFunc("GET "+Root+"/iam/users/{user}", c.signed(c.user))
	c.mux.HandleFunc("POST "+Root+"/iam/users/{user}/delete", c.signed(c.deleteUser))
	c.mux.HandleFunc("POST "+Root+"/iam/users/{user}/password", c.signed(c.setPassword))
	c.mux.HandleFunc("POST "+Root+"/iam/users/{user}/keys", c.signed(c.createKey))
	c.mux.HandleFunc("POST "+Root+"/iam/users/{user}/keys/{key}", c.signed(c.changeKey))
	c.mux.HandleFunc("GET "+Root+"/iam/me", c.signed(c.me))
	c.mux.HandleFunc("GET "+Root+"/iam/settings", c.signed(c.settingsPage))
	c.mux.HandleFunc("POST "+Root+"/iam/settings/alias", c.signed(c.setAlias))
}

// Answers of the account, as a client of its API reads them.
type (
	userEntry struct {
		UserName, UserId, Arn, Path  string
		CreateDate, PasswordLastUsed string
	}
	deviceEntry struct {
		UserName, SerialNumber, EnableDate string
		Details                            iam.DeviceDetails `xml:"-"`
	}
	keyEntry struct{ AccessKeyId, Status, CreateDate string }
)

// Kind is what a device is, by its serial number. See AWS MFA, Section 3.
func (d deviceEntry) Kind() string {
	switch resource := resourceOf(d.SerialNumber); {
	case resource == "":
		return "Hardware TOTP token"
	case len(resource) > 4 && resource[:4] == "u2f/":
		return "Passkey or security key"
	}
	return "Virtual"
}

// resourceOf returns the last part of an ARN, "" for what is none.
func resourceOf(arn string) string {
	rest, n := arn, 0
	for i := range arn {
		if arn[i] == ':' {
			if n++; n == 5 {
				return rest[i+1:]
			}
		}
	}
	return ""
}

// A status is one line of the security status.
type status struct {
	Good       bool
	Text, Do   string
	Link, What string
}

// homeData is what the dashboard shows.
type homeData struct {
	Status  []status
	Summary map[string]int
	Session sessionData
}

// sessionData is what a session is, for policies too.
type sessionData struct {
	ARN    string
	MFA    bool
	Serial string
	Since  time.Time
	Until  time.Time
	Age    int64 // seconds since the MFA
}

// home shows how the account and its user stand: AWS's own "security recommendations".
func (c *Console) home(w http.ResponseWriter, r *http.Request, s *session) {
	x := s.caller.Session
	d := homeData{Session: sessionData{ARN: s.caller.ARN, MFA: x.MFA, Serial: x.MFASerial, Since: x.Created, Until: x.Expires,
		Age: int64(c.now().Sub(x.Created) / time.Second)}}
	page := sheet{Title: "IAM dashboard", Who: s}
	summary, err := call[struct {
		Entries []struct {
			Key   string `xml:"key"`
			Value int    `xml:"value"`
		} `xml:"SummaryMap>entry"`
	}](c, r, s.caller, "iam", "GetAccountSummary")
	if err != nil {
		page.Error, _ = refusal(err)
	} else {
		d.Summary = map[string]int{}
		for _, e := range summary.Entries {
			d.Summary[e.Key] = e.Value
		}
		d.Status = append(d.Status, ofRoot(s, status{d.Summary["AccountMFAEnabled"] > 0, "Root user has MFA", "Root user has no MFA: add it for the root user", "/iam/me", "Add MFA"}),
			ofRoot(s, status{d.Summary["AccountAccessKeysPresent"] == 0, "Root user has no access keys", "Root user has access keys: delete them", "/iam/me", "Manage"}))
	}
	if n, err := c.administrators(r, s); err == nil {
		d.Status = append(d.Status, status{n > 1, "There is a second administrator", "There is no second administrator: nobody lets you in if you lose your password and devices",
			"/iam/users?policy=" + url.QueryEscape(administratorPolicy) + "#create", "Add one"})
	}
	if s.role == nil { // a role has no devices
		if own, err := c.devices(r, s, ""); err == nil {
			d.Status = append(d.Status, status{len(own) > 0, "You have MFA", "You have no MFA: add it for yourself", "/iam/me", "Add MFA"})
		}
	}
	page.Data = d
	c.show(w, r, http.StatusOK, "home", s.cookie, page)
}

// ofRoot is a line about what only root can mend: others are told to sign in as root, and not led to what is their own.
func ofRoot(s *session, x status) status {
	if !s.caller.IsRoot() {
		x.Do, x.Link = x.Do+" (sign in as the root user)", ""
	}
	return x
}

// devices lists a user's devices, the caller's own for "".
func (c *Console) devices(r *http.Request, s *session, user string) ([]deviceEntry, error) {
	list, err := call[struct {
		Devices []deviceEntry `xml:"MFADevices>member"`
	}](c, r, s.caller, "iam", "ListMFADevices", "UserName", user)
	return list.Devices, err
}

// describe adds to devices what the account knows of them.
func (c *Console) describe(r *http.Request, s *session, user string, devices []deviceEntry) {
	list, err := call[[]iam.DeviceDetails](c, r, s.caller, "signin", "DescribeMFADevices", "UserName", user)
	if err != nil {
		return // who may not see that sees the devices without it
	}
	for i := range devices {
		for _, x := range list {
			if x.SerialNumber == devices[i].SerialNumber {
				devices[i].Details = x
			}
		}
	}
}

// usersData is the list of users.
type usersData struct {
	Users []userEntry
	More  string // the marker of the next page
	Typed string
	// Choice are the policies that a new user can have at once, Policy the one that is chosen.
	Choice []policyEntry
	Policy string
}

func (c *Console) users(w http.ResponseWriter, r *http.Request, s *session) {
	c.listUsers(w, r, s, http.StatusOK, "", "")
}

func (c *Console) listUsers(w http.ResponseWriter, r *http.Request, s *session, status int, text, typed string) {
	list, err := call[struct {
		Users       []userEntry `xml:"Users>member"`
		IsTruncated bool
		Marker      string
	}](c, r, s.caller, "iam", "ListUsers", "MaxItems", "100", "Marker", r.URL.Query().Get("marker"))
	if err != nil && text == "" {
		text, status = refusal(err)
	}
	choice, err := c.policies(r, s)
	if err != nil {
		choice = nil // who may not list policies may still create a user
	}
	c.show(w, r, status, "users", s.cookie, sheet{Title: "Users", Who: s, Error: text,
		Data: usersData{list.Users, list.Marker, typed, choice, r.FormValue("policy")}})
}

// createUser makes a user, and where asked a password for the console.
func (c *Console) createUser(w http.ResponseWriter, r *http.Request, s *session) {
	name, password := r.PostFormValue("user_name"), r.PostFormValue("password")
	if _, err := c.do(r.Context(), r, s.caller, "iam", "CreateUser", "UserName", name); err != nil {
		text, status := refusal(err)
		c.listUsers(w, r, s, status, text, name)
		return
	}
	if password != "" {
		reset := "false"
		if r.PostFormValue("reset") != "" {
			reset = "true"
		}
		if _, err := c.do(r.Context(), r, s.caller, "iam", "CreateLoginProfile", "UserName", name, "Password", password,
			"PasswordResetRequired", reset); err != nil {
			text, status := refusal(err)
			c.listUsers(w, r, s, status, "The user was created, but not the password: "+text, "")
			return
		}
	}
	if policy := r.PostFormValue("policy"); policy != "" {
		if _, err := c.do(r.Context(), r, s.caller, "iam", "AttachUserPolicy", "UserName", name, "PolicyArn", policy); err != nil {
			text, status := refusal(err)
			c.listUsers(w, r, s, status, "The user was created, but the policy was not attached: "+text, "")
			return
		}
	}
	http.Redirect(w, r, userPath(name)+"?done=user", http.StatusSeeOther)
}

// userPath is where a user's page is; "" is who has signed in.
func userPath(name string) string {
	if name == "" {
		return Root + "/iam/me"
	}
	return Root + "/iam/users/" + url.PathEscape(name)
}

// userData is one user's page.
type userData struct {
	User        userEntry // its name is "" for root
	Own         bool
	HasPassword bool
	Devices     []deviceEntry
	Permissions *permissions // nil for root, who needs none
	Keys        []keyEntry
	Rules       iam.Settings
	Passwords   *passwordPolicy
	NewKey      *newKey // shown once
	Path        string
}

// Limit is how many devices the user may have.
func (d userData) Limit() int { return int(d.Rules.DevicesPerUser) }

// newKey is an access key with its secret.
type newKey struct{ AccessKeyId, SecretAccessKey string }

func (c *Console) user(w http.ResponseWriter, r *http.Request, s *session) {
	c.showUser(w, r, s, r.PathValue("user"), http.StatusOK, "", nil)
}

// me is the page of who has signed in.
func (c *Console) me(w http.ResponseWriter, r *http.Request, s *session) {
	c.showUser(w, r, s, s.caller.UserName, http.StatusOK, "", nil)
}

func (c *Console) showUser(w http.ResponseWriter, r *http.Request, s *session, name string, status int, text string, k *newKey) {
	if name == "" && s.role != nil {
		c.show(w, r, http.StatusNotFound, "message", s.cookie, sheet{Title: "Role " + s.role.Name, Who: s,
			Error: cmp.Or(text, "A role has no password, access keys or MFA devices of its own. Switch back to see yours.")})
		return
	}
	fail := func(err error) {
		if text == "" {
			text, status = refusal(err)
		}
	}
	d := userData{Own: name == s.caller.UserName, NewKey: k, Path: userPath(name), Rules: c.cfg.IAM.Settings(),
		Passwords: c.passwordPolicy(r, s)}
	if s.caller.IsRoot() && name == "" {
		d.User = userEntry{Arn: s.caller.ARN, UserId: c.cfg.IAM.Account()}
	} else if u, err := call[struct{ User userEntry }](c, r, s.caller, "iam", "GetUser", "UserName", name); err != nil {
		d.User.UserName = name
		fail(err)
	} else {
		d.User = u.User
	}
	if _, err := c.do(r.Context(), r, s.caller, "iam", "GetLoginProfile", "UserName", name); err == nil {
		d.HasPassword = true
	}
	var err error
	if d.Devices, err = c.devices(r, s, name); err != nil {
		fail(err)
	}
	c.describe(r, s, name, d.Devices)
	if name != "" {
		if d.Permissions, err = c.permissions(r, s, "User", name); err != nil && !d.Own {
			fail(err)
		}
	}
	keys, err := call[struct {
		Keys []keyEntry `xml:"AccessKeyMetadata>member"`
	}](c, r, s.caller, "iam", "ListAccessKeys", "UserName", name)
	if err != nil {
		fail(err)
	}
	d.Keys = keys.Keys
	title := "User " + name
	if name == "" {
		title = "Root user"
	}
	c.show(w, r, status, "user", s.cookie, sheet{Title: title, Who: s, Error: text, Data: d})
}

// did answers a form on a user's page: back to the page, or the page with what is wrong.
func (c *Console) did(w http.ResponseWriter, r *http.Request, s *session, name string, err error, done string) {
	if err != nil {
		text, status := refusal(err)
		c.showUser(w, r, s, name, status, text, nil)
		return
	}
	http.Redirect(w, r, userPath(name)+"?done="+done, http.StatusSeeOther)
}

func (c *Console) deleteUser(w http.ResponseWriter, r *http.Request, s *session) {
	name := r.PathValue("user")
	if _, err := c.do(r.Context(), r, s.caller, "iam", "DeleteUser", "UserName", name); err != nil {
		c.did(w, r, s, name, err, "")
		return
	}
	http.Redirect(w, r, Root+"/iam/users?done=deleted", http.StatusSeeOther)
}

// setPassword gives a user a password for the console, or another one.
func (c *Console) setPassword(w http.ResponseWriter, r *http.Request, s *session) {
	name, reset := r.PathValue("user"), "false"
	if r.PostFormValue("reset") != "" {
		reset = "true"
	}
	action := "CreateLoginProfile"
	if _, err := c.do(r.Context(), r, s.caller, "iam", "GetLoginProfile", "UserName", name); err == nil {
		action = "UpdateLoginProfile"
	}
	_, err := c.do(r.Context(), r, s.caller, "iam", action, "UserName", name, "Password", r.PostFormValue("password"), "PasswordResetRequired", reset)
	c.did(w, r, s, name, err, "password")
}

// createKey makes an access key and shows its secret, once.
func (c *Console) createKey(w http.ResponseWriter, r *http.Request, s *session) {
	name := of(r)
	made, err := call[struct{ AccessKey newKey }](c, r, s.caller, "iam", "CreateAccessKey", "UserName", name)
	if err != nil {
		c.did(w, r, s, name, err, "")
		return
	}
	c.showUser(w, r, s, name, http.StatusOK, "", &made.AccessKey)
}

// changeKey activates, deactivates or deletes an access key.
func (c *Console) changeKey(w http.ResponseWriter, r *http.Request, s *session) {
	name, key := of(r), r.PathValue("key")
	var err error
	if what := r.PostFormValue("what"); what == "delete" {
		_, err = c.do(r.Context(), r, s.caller, "iam", "DeleteAccessKey", "UserName", name, "AccessKeyId", key)
	} else {
		_, err = c.do(r.Context(), r, s.caller, "iam", "UpdateAccessKey", "UserName", name, "AccessKeyId", key, "Status", what)
	}
	c.did(w, r, s, name, err, "key")
}

func (c *Console) settingsPage(w http.ResponseWriter, r *http.Request, s *session) {
	c.showSettings(w, r, s, http.StatusOK, "")
}

func (c *Console) showSettings(w http.ResponseWriter, r *http.Request, s *session, status int, text string) {
	list, err := call[struct {
		Aliases []string `xml:"AccountAliases>member"`
	}](c, r, s.caller, "iam", "ListAccountAliases")
	if err != nil && text == "" {
		text, status = refusal(err)
	}
	alias := ""
	if len(list.Aliases) > 0 {
		alias = list.Aliases[0]
	}
	c.show(w, r, status, "settings", s.cookie, sheet{Title: "Account settings", Who: s, Error: text,
		Data: struct {
			Alias     string
			Settings  []ruleEntry
			Passwords *passwordPolicy
		}{alias, c.rules(), c.passwordPolicy(r, s)}})
}

// ruleEntry is a rule of the lab, and what it says now.
type ruleEntry struct {
	iam.Setting
	Now string
}

// rules lists the lab's rules.
func (c *Console) rules() []ruleEntry {
	set, all := c.cfg.IAM.Settings(), iam.AllSettings()
	list := make([]ruleEntry, len(all))
	for i, x := range all {
		list[i] = ruleEntry{x, set.Value(x.Name)}
	}
	return list
}

// setAlias names the account, or takes its name away.
func (c *Console) setAlias(w http.ResponseWriter, r *http.Request, s *session) {
	var err error
	if alias := r.PostFormValue("alias"); alias != "" {
		_, err = c.do(r.Context(), r, s.caller, "iam", "CreateAccountAlias", "AccountAlias", alias)
	} else {
		_, err = c.do(r.Context(), r, s.caller, "iam", "DeleteAccountAlias", "AccountAlias", r.PostFormValue("old"))
	}
	if err != nil {
		text, status := refusal(err)
		c.showSettings(w, r, s, status, text)
		return
	}
	http.Redirect(w, r, Root+"/iam/settings?done=alias", http.StatusSeeOther)
}
