package console

import "net/http"

// routePasswords serves the account's policy for passwords, and the form in which users change their own.
func (c *Console) routePasswords() {
	c.mux.HandleFunc("POST "+Root+"/iam/me/password", c.signed(c.changeOwnPassword))
	c.mux.HandleFunc("POST "+Root+"/iam/settings/passwords", c.signed(c.setPasswordPolicy))
}

// passwordPolicy is the account's policy as a client of its API reads it; the zero one is none.
type passwordPolicy struct {
	MinimumPasswordLength      int
	RequireSymbols             bool
	RequireNumbers             bool
	RequireUppercaseCharacters bool
	RequireLowercaseCharacters bool
	AllowUsersToChangePassword bool
	MaxPasswordAge             int
	PasswordReusePrevention    int
	HardExpiry                 bool
}

// changeOwnPassword is ChangePassword.
func (c *Console) changeOwnPassword(w http.ResponseWriter, r *http.Request, s *session) {
	name, password := s.caller.UserName, r.PostFormValue("new_password")
	if password != r.PostFormValue("confirm_password") {
		c.showUser(w, r, s, name, http.StatusBadRequest, "The two new passwords differ.", nil)
		return
	}
	_, err := c.do(r.Context(), r, s.caller, "iam", "ChangePassword", "OldPassword", r.PostFormValue("old_password"), "NewPassword", password)
	if err != nil {
		text, status := refusal(err)
		c.showUser(w, r, s, name, status, text, nil)
		return
	}
	http.Redirect(w, r, Root+"/iam/me?done=ownpassword", http.StatusSeeOther)
}

// passwordPolicy returns the account's policy, nil where it has none.
func (c *Console) passwordPolicy(r *http.Request, s *session) *passwordPolicy {
	p, err := call[struct{ PasswordPolicy passwordPolicy }](c, r, s.caller, "iam", "GetAccountPasswordPolicy")
	if err != nil {
		return nil // there is none, or it is not for the eyes of the caller
	}
	return &p.PasswordPolicy
}

// setPasswordPolicy changes the account's policy, or takes it away.
func (c *Console) setPasswordPolicy(w http.ResponseWriter, r *http.Request, s *session) {
	action, params := "DeleteAccountPasswordPolicy", []string(nil)
	if r.PostFormValue("what") != "delete" {
		action = "UpdateAccountPasswordPolicy"
		for _, name := range []string{"RequireSymbols", "RequireNumbers", "RequireUppercaseCharacters", "RequireLowercaseCharacters",
			"AllowUsersToChangePassword", "HardExpiry"} {
			on := "false"
			if r.PostFormValue(name) != "" {
				on = "true"
			}
			params = append(params, name, on)
		}
		for _, name := range []string{"MinimumPasswordLength", "MaxPasswordAge", "PasswordReusePrevention"} {
			params = append(params, name, r.PostFormValue(name))
		}
	}
	if _, err := c.do(r.Context(), r, s.caller, "iam", action, params...); err != nil {
		text, status := refusal(err)
		c.showSettings(w, r, s, status, text)
		return
	}
	http.Redirect(w, r, Root+"/iam/settings?done=changed", http.StatusSeeOther)
}
