package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
)

// The kinds of devices as the page that chooses between them calls them. See AWS MFA, Section 6.2.
const (
	kindCode = "SWHW"
	kindKey  = "U2F"
)

// underWay reports whether a password has been given, and sends who has given none to do so.
func (c *Console) underWay(w http.ResponseWriter, r *http.Request, v visitor) bool {
	if v.signIn.ID == "" {
		http.Redirect(w, r, Root+"/signin", http.StatusSeeOther)
		return false
	}
	return true
}

// mfaData is what the second page shows.
type mfaData struct {
	Name   string
	Root   bool
	Resync bool // ask to resynchronise
	Both   bool // there are devices of the other kind
}

func (v visitor) mfaData() mfaData {
	name := v.signIn.UserName
	if v.root {
		name = v.email
	}
	return mfaData{Name: name, Root: v.root, Resync: v.signIn.Resync, Both: v.signIn.Codes && v.signIn.Keys}
}

// mfaPage asks for a code, or for the touch of a security key.
func (c *Console) mfaPage(w http.ResponseWriter, r *http.Request, v visitor) {
	if !c.underWay(w, r, v) {
		return
	}
	c.showMFA(w, r, v, http.StatusOK, "")
}

func (c *Console) showMFA(w http.ResponseWriter, r *http.Request, v visitor, status int, text string) {
	name := c.generation("code")
	if g := c.cfg.IAM.Settings().SignInPage; g == "2012" || g == "2017" && v.root {
		name = "code-token" // root's pages kept the shop's style for longer
	}
	if v.signIn.Keys && (!v.signIn.Codes || r.URL.Query().Get("kind") == kindKey) {
		name = "key"
	}
	c.show(w, r, status, name, v.cookie, sheet{Title: "Multi-factor authentication", Error: text, Data: v.mfaData()})
}

// signInCode judges a code. Which of the user's devices shows it the account finds out.
func (c *Console) signInCode(w http.ResponseWriter, r *http.Request, v visitor) {
	if !c.underWay(w, r, v) {
		return
	}
	code := strings.TrimSpace(r.PostFormValue("mfaCode") + r.PostFormValue("mfacode") + r.PostFormValue("tokenCode"))
	c.step(w, r, v, func(text string, status int) {
		if s, err := call[*iam.SignIn](c, r, nobody, "signin", "LookAtSignIn", "SignInId", v.signIn.ID); err == nil {
			v.signIn.Resync = s.Resync
		}
		c.showMFA(w, r, v, status, text)
	}, "FinishSignInWithCode", "Code", code)
}

// step takes a sign-in one step further, or shows why not.
func (c *Console) step(w http.ResponseWriter, r *http.Request, v visitor, again func(text string, status int), action string, params ...string) {
	s, err := call[*iam.SignIn](c, r, nobody, "signin", action, append(params, "SignInId", v.signIn.ID)...)
	var e *iam.Error
	switch {
	case err == nil:
		c.goOn(w, r, v, s)
	case errors.As(err, &e) && e.Rule == "sign-in":
		c.advance(w, r, &visit{account: v.account, email: v.email, root: v.root}, v.cookie, iam.SignIn{})
		c.show(w, r, e.Status, "message", "", sheet{Title: "Sign in", Error: e.Message})
	default:
		again(refusal(err))
	}
}

func (c *Console) kindPage(w http.ResponseWriter, r *http.Request, v visitor) {
	if c.underWay(w, r, v) {
		c.show(w, r, http.StatusOK, "kind", v.cookie, sheet{Title: "Multi-factor authentication", Data: v.mfaData()})
	}
}

// chooseKind goes on to one of the kinds, and remembers which where that was asked for.
func (c *Console) chooseKind(w http.ResponseWriter, r *http.Request, v visitor) {
	if !c.underWay(w, r, v) {
		return
	}
	kind := kindCode
	if r.PostFormValue("mfaOption") == kindKey {
		kind = kindKey
	}
	if r.PostFormValue("remember") != "" {
		setCookie(w, r, choiceCookie, kind)
	}
	http.Redirect(w, r, Root+"/signin/mfa?kind="+url.QueryEscape(kind), http.StatusSeeOther)
}

func (c *Console) resyncPage(w http.ResponseWriter, r *http.Request, v visitor) {
	if c.underWay(w, r, v) {
		c.show(w, r, http.StatusOK, "resync", v.cookie, sheet{Title: "Resynchronise your MFA device", Data: v.mfaData()})
	}
}

// resync finds a device again that has drifted. See the IAM User Guide, console_sign-in-mfa.
func (c *Console) resync(w http.ResponseWriter, r *http.Request, v visitor) {
	if !c.underWay(w, r, v) {
		return
	}
	c.step(w, r, v, func(text string, status int) {
		c.show(w, r, status, "resync", v.cookie, sheet{Title: "Resynchronise your MFA device", Error: text, Data: v.mfaData()})
	}, "ResyncAtSignIn", "AuthenticationCode1", r.PostFormValue("code1"), "AuthenticationCode2", r.PostFormValue("code2"))
}

func (c *Console) passwordPage(w http.ResponseWriter, r *http.Request, v visitor) {
	if c.underWay(w, r, v) {
		c.show(w, r, http.StatusOK, "password", v.cookie, sheet{Title: "Change your password", Data: v.mfaData()})
	}
}

// changePassword sets the password that an administrator wants the user to choose.
func (c *Console) changePassword(w http.ResponseWriter, r *http.Request, v visitor) {
	if !c.underWay(w, r, v) {
		return
	}
	again := func(text string, status int) {
		c.show(w, r, status, "password", v.cookie, sheet{Title: "Change your password", Error: text, Data: v.mfaData()})
	}
	if r.PostFormValue("new_password") != r.PostFormValue("confirm_password") {
		again("The two new passwords differ.", http.StatusBadRequest)
		return
	}
	c.step(w, r, v, again, "ChangePasswordAtSignIn", "Password", r.PostFormValue("new_password"))
}

// beginKey and finishKey are what the script of the page calls: between them stands navigator.credentials.get.
func (c *Console) beginKey(w http.ResponseWriter, r *http.Request, v visitor) {
	x, err := call[*iam.Ceremony](c, r, nobody, "signin", "BeginSecurityKeySignIn", "SignInId", v.signIn.ID)
	answerJSON(w, x, err)
}

func (c *Console) finishKey(w http.ResponseWriter, r *http.Request, v visitor) {
	in, err := readAnswer(r)
	if err != nil {
		answerJSON(w, nil, err)
		return
	}
	s, err := call[*iam.SignIn](c, r, nobody, "signin", "FinishSecurityKeySignIn", "SignInId", v.signIn.ID, "CeremonyId", in.ID,
		"Response", string(in.Response))
	if err != nil {
		answerJSON(w, nil, err)
		return
	}
	to := Root + "/home"
	if s.Session != nil {
		c.begin(w, r, s.Session)
		c.leave(w, r, v.cookie)
	} else {
		c.advance(w, r, v.visit, v.cookie, *s)
		to = Root + next(r, s)
	}
	answerJSON(w, map[string]string{"Location": to}, nil)
}

// keyAnswer is what a page sends of a security key's answer.
type keyAnswer struct {
	ID       string          // of the ceremony
	Response json.RawMessage // PublicKeyCredential as JSON
}

// errAnswer is what is wrong with an answer that is no JSON.
var errAnswer = errors.New("the answer of the security key cannot be read: send {\"ID\": ..., \"Response\": ...}")

func readAnswer(r *http.Request) (in keyAnswer, err error) {
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return in, errAnswer
	}
	return in, nil
}

// answerJSON answers a script.
func answerJSON(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	if err != nil {
		var text string
		if text, status = refusal(err); errors.Is(err, errAnswer) {
			status = http.StatusBadRequest
		}
		v = map[string]string{"Error": text}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a browser that has gone is no error of ours
}
