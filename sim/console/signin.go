package console

import (
	"net/http"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
)

// routeSignIn serves the pages of AWS MFA, Section 6.1.
func (c *Console) routeSignIn() {
	c.mux.HandleFunc("GET "+Root, c.enter)
	c.mux.HandleFunc("GET "+Root+"/{$}", c.enter)
	c.mux.HandleFunc("GET "+Root+"/{alias}", c.atAlias)
	c.mux.HandleFunc("GET "+Root+"/signin", c.visiting(c.chooser))
	c.mux.HandleFunc("POST "+Root+"/signin", c.visiting(c.choose))
	c.mux.HandleFunc("GET "+Root+"/signin/user", c.visiting(c.userPage))
	c.mux.HandleFunc("POST "+Root+"/signin/user", c.visiting(c.signInUser))
	c.mux.HandleFunc("GET "+Root+"/signin/root", c.visiting(c.rootPage))
	c.mux.HandleFunc("POST "+Root+"/signin/root", c.visiting(c.signInRoot))
	c.mux.HandleFunc("GET "+Root+"/signin/mfa", c.visiting(c.mfaPage))
	c.mux.HandleFunc("POST "+Root+"/signin/mfa", c.visiting(c.signInCode))
	c.mux.HandleFunc("GET "+Root+"/signin/kind", c.visiting(c.kindPage))
	c.mux.HandleFunc("POST "+Root+"/signin/kind", c.visiting(c.chooseKind))
	c.mux.HandleFunc("GET "+Root+"/signin/resync", c.visiting(c.resyncPage))
	c.mux.HandleFunc("POST "+Root+"/signin/resync", c.visiting(c.resync))
	c.mux.HandleFunc("GET "+Root+"/signin/password", c.visiting(c.passwordPage))
	c.mux.HandleFunc("POST "+Root+"/signin/password", c.visiting(c.changePassword))
	c.mux.HandleFunc("POST "+Root+"/signin/key/begin", c.visiting(c.beginKey))
	c.mux.HandleFunc("POST "+Root+"/signin/key/finish", c.visiting(c.finishKey))
	c.mux.HandleFunc("GET "+Root+"/signout", c.signed(c.signOut))
}

// enter leads to the dashboard, or to where one signs in.
func (c *Console) enter(w http.ResponseWriter, r *http.Request) {
	to := "/signin"
	if hasCookie(r, sessionCookie) {
		to = "/home"
	}
	http.Redirect(w, r, Root+to, http.StatusSeeOther)
}

// caller on a sign-in page: who is who is what the page finds out.
var nobody iam.Caller

// A visitor is a browser on a sign-in page.
type visitor struct {
	*visit
	cookie string
}

// visiting serves a page of a sign-in. What changes something carries the mark of its page.
func (c *Console) visiting(p func(w http.ResponseWriter, r *http.Request, v visitor)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, cookie := c.visit(w, r)
		if r.Method == http.MethodPost && !c.marks.On(r, cookie) {
			c.show(w, r, http.StatusForbidden, "message", cookie, sheet{Title: "Sign in",
				Error: "This page took too long, or its form was sent by another. Please sign in again."})
			return
		}
		p(w, r, visitor{v, cookie})
	}
}

// atAlias is the page that the account's users know: the account is filled in. See AWS MFA, Section 6.1.
func (c *Console) atAlias(w http.ResponseWriter, r *http.Request) {
	_, cookie := c.visit(w, r)
	alias := r.PathValue("alias")
	if !c.known(r, alias) {
		c.show(w, r, http.StatusNotFound, "message", cookie, sheet{Title: "Sign in",
			Error: "There is no account with the ID or alias " + quote(alias) + " in this lab."})
		return
	}
	c.advance(w, r, &visit{account: alias}, cookie, iam.SignIn{})
	http.Redirect(w, r, Root+"/signin/user", http.StatusSeeOther)
}

// quote writes what somebody typed so that it stands out, and not too long.
func quote(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return "“" + strings.ToValidUTF8(s, "�") + "”"
}

// known reports whether the account has that number or alias.
func (c *Console) known(r *http.Request, account string) bool {
	if account == c.cfg.IAM.Account() {
		return true
	}
	aliases, err := call[struct {
		AccountAliases []string `xml:"AccountAliases>member"`
	}](c, r, c.cfg.IAM.RootCaller(), "iam", "ListAccountAliases")
	return err == nil && len(aliases.AccountAliases) == 1 && aliases.AccountAliases[0] == account
}

func (c *Console) chooser(w http.ResponseWriter, r *http.Request, v visitor) {
	c.show(w, r, http.StatusOK, "chooser", v.cookie, sheet{Title: "Sign in"})
}

// choose goes on to the page of root or of a user of the account.
func (c *Console) choose(w http.ResponseWriter, r *http.Request, v visitor) {
	name := strings.TrimSpace(r.PostFormValue("resolving_input"))
	if r.PostFormValue("user_type") == "root" {
		c.advance(w, r, &visit{root: true, email: name}, v.cookie, iam.SignIn{})
		http.Redirect(w, r, Root+"/signin/root", http.StatusSeeOther)
		return
	}
	if !c.known(r, name) {
		c.show(w, r, http.StatusNotFound, "chooser", v.cookie, sheet{Title: "Sign in", Data: name,
			Error: "There is no account with the ID or alias " + quote(name) + " in this lab."})
		return
	}
	c.advance(w, r, &visit{account: name}, v.cookie, iam.SignIn{})
	http.Redirect(w, r, Root+"/signin/user", http.StatusSeeOther)
}

// typed is what a password page has in its fields.
type typed struct{ Account, UserName, Email string }

func (c *Console) userPage(w http.ResponseWriter, r *http.Request, v visitor) {
	c.show(w, r, http.StatusOK, c.generation("signin-user"), v.cookie, sheet{Title: "Sign in as IAM user", Data: typed{Account: v.account}})
}

// generation returns the name of a sign-in page in the generation that the account shows.
func (c *Console) generation(name string) string {
	if g := c.cfg.IAM.Settings().SignInPage; g != "" && pages()[name+"-"+g] != nil {
		return name + "-" + g
	}
	return name
}

// signInUser judges name and password, and on the page of 2012 the code as well.
func (c *Console) signInUser(w http.ResponseWriter, r *http.Request, v visitor) {
	in := typed{Account: strings.TrimSpace(r.PostFormValue("account")), UserName: r.PostFormValue("username")}
	fail := func(err error) {
		text, status := refusal(err)
		c.show(w, r, status, c.generation("signin-user"), v.cookie, sheet{Title: "Sign in as IAM user", Error: text, Data: in})
	}
	if !c.known(r, in.Account) {
		fail(c.cfg.IAM.Refuse("SignInFailed"))
		return
	}
	s, err := call[*iam.SignIn](c, r, nobody, "signin", "BeginSignIn", "UserName", in.UserName, "Password", r.PostFormValue("password"))
	if err != nil {
		fail(err)
		return
	}
	if code := r.PostFormValue("mfacode"); code != "" && s.Codes {
		if s, err = call[*iam.SignIn](c, r, nobody, "signin", "FinishSignInWithCode", "SignInId", s.ID, "Code", code); err != nil {
			fail(err)
			return
		}
	}
	c.goOn(w, r, visitor{&visit{account: in.Account}, v.cookie}, s)
}

func (c *Console) rootPage(w http.ResponseWriter, r *http.Request, v visitor) {
	c.show(w, r, http.StatusOK, c.generation("signin-root"), v.cookie, sheet{Title: "Root user sign in", Data: typed{Email: v.email}})
}

func (c *Console) signInRoot(w http.ResponseWriter, r *http.Request, v visitor) {
	email := strings.TrimSpace(r.PostFormValue("email"))
	s, err := call[*iam.SignIn](c, r, nobody, "signin", "BeginSignIn", "Email", email, "Password", r.PostFormValue("password"))
	if err != nil {
		text, status := refusal(err)
		c.show(w, r, status, c.generation("signin-root"), v.cookie, sheet{Title: "Root user sign in", Error: text, Data: typed{Email: email}})
		return
	}
	c.goOn(w, r, visitor{&visit{root: true, email: email}, v.cookie}, s)
}

// goOn shows what is left of a sign-in, or begins the session.
func (c *Console) goOn(w http.ResponseWriter, r *http.Request, v visitor, s *iam.SignIn) {
	if s.Session != nil {
		c.begin(w, r, s.Session)
		c.leave(w, r, v.cookie)
		http.Redirect(w, r, Root+"/home", http.StatusSeeOther)
		return
	}
	c.advance(w, r, v.visit, v.cookie, *s)
	http.Redirect(w, r, Root+next(r, s), http.StatusSeeOther)
}

// next is where a sign-in goes on. The choice between kinds of devices is remembered where somebody asked for it; that a
// device is needed never is.
func next(r *http.Request, s *iam.SignIn) string {
	choice, _ := r.Cookie(choiceCookie)
	switch {
	case s.ChangePassword:
		return "/signin/password"
	case s.Codes && s.Keys && choice == nil:
		return "/signin/kind"
	case s.Codes && s.Keys:
		return "/signin/mfa?kind=" + choice.Value
	}
	return "/signin/mfa"
}

// signOut ends the session here and in the account, and a role's with it. It is a link, as on the real pages, whose element scripts click on; a page
// elsewhere cannot follow it for somebody: its request has no cookies, and the lab's port refuses it.
func (c *Console) signOut(w http.ResponseWriter, r *http.Request, s *session) {
	dropCookie(w, r, sessionCookie)
	dropRole(w, r)
	if _, err := c.do(r.Context(), r, s.caller, "signin", "SignOut"); err != nil {
		text, status := refusal(err)
		c.show(w, r, status, "message", "", sheet{Title: "Sign out", Error: text})
		return
	}
	http.Redirect(w, r, Root+"/signin?done=out", http.StatusSeeOther)
}
