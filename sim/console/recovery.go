package console

import (
	"net/http"

	"github.com/mfalab/mfalab/sim/iam"
)

// routeRecovery serves root's ways in without the device (AWS MFA, Section 5), and the simulated inbox and phone that they
// need. Those belong to the lab: nobody signs in for them.
func (c *Console) routeRecovery() {
	c.mux.HandleFunc("GET "+Root+"/signin/trouble", c.visiting(c.troublePage))
	c.mux.HandleFunc("POST "+Root+"/signin/trouble", c.visiting(c.beginRecovery))
	c.mux.HandleFunc("GET "+Root+"/signin/recovery", c.visiting(c.recoveryPage))
	c.mux.HandleFunc("POST "+Root+"/signin/recovery", c.visiting(c.confirmEmail))
	c.mux.HandleFunc("POST "+Root+"/signin/recovery/finish", c.visiting(c.finishRecovery))
	c.mux.HandleFunc("GET "+Root+"/inbox", c.visiting(c.inbox))
	c.mux.HandleFunc("POST "+Root+"/inbox/call", c.visiting(c.answerCall))
}

// rootUnderWay is underWay for what only root does.
func (c *Console) rootUnderWay(w http.ResponseWriter, r *http.Request, v visitor) bool {
	if !v.root {
		http.Redirect(w, r, Root+"/signin", http.StatusSeeOther)
		return false
	}
	return c.underWay(w, r, v)
}

func (c *Console) troublePage(w http.ResponseWriter, r *http.Request, v visitor) {
	if c.rootUnderWay(w, r, v) {
		c.show(w, r, http.StatusOK, "trouble", v.cookie, sheet{Title: "Problems with your authentication device", Data: v.signIn})
	}
}

// beginRecovery sends the e-mail.
func (c *Console) beginRecovery(w http.ResponseWriter, r *http.Request, v visitor) {
	if !c.rootUnderWay(w, r, v) {
		return
	}
	x, err := call[*iam.Recovery](c, r, nobody, "signin", "BeginRootRecovery", "SignInId", v.signIn.ID)
	if err != nil {
		text, status := refusal(err)
		c.show(w, r, status, "message", v.cookie, sheet{Title: "Sign in", Error: text})
		return
	}
	c.keep(v, x)
	http.Redirect(w, r, Root+"/signin/recovery", http.StatusSeeOther)
}

// keep remembers how far the way back has been gone.
func (c *Console) keep(v visitor, x *iam.Recovery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := *v.visit
	next.recovery = x
	c.visits[v.cookie] = &next
}

func (c *Console) recoveryPage(w http.ResponseWriter, r *http.Request, v visitor) {
	if c.rootUnderWay(w, r, v) {
		c.showRecovery(w, r, v, http.StatusOK, "")
	}
}

func (c *Console) showRecovery(w http.ResponseWriter, r *http.Request, v visitor, status int, text string) {
	if v.recovery == nil {
		http.Redirect(w, r, Root+"/signin/trouble", http.StatusSeeOther)
		return
	}
	c.show(w, r, status, "recovery", v.cookie, sheet{Title: "Sign in with other factors", Error: text, Data: v.recovery})
}

// confirmEmail judges the code of the e-mail and has root called.
func (c *Console) confirmEmail(w http.ResponseWriter, r *http.Request, v visitor) {
	if !c.rootUnderWay(w, r, v) {
		return
	}
	x, err := call[*iam.Recovery](c, r, nobody, "signin", "ConfirmRootEmail", "SignInId", v.signIn.ID, "Code", r.PostFormValue("code"))
	if err != nil {
		text, status := refusal(err)
		c.showRecovery(w, r, v, status, text)
		return
	}
	c.keep(v, x)
	http.Redirect(w, r, Root+"/signin/recovery", http.StatusSeeOther)
}

// finishRecovery begins the session where the call was answered.
func (c *Console) finishRecovery(w http.ResponseWriter, r *http.Request, v visitor) {
	if !c.rootUnderWay(w, r, v) {
		return
	}
	result, err := c.do(r.Context(), r, nobody, "signin", "FinishRootRecovery", "SignInId", v.signIn.ID)
	if err != nil {
		text, status := refusal(err)
		c.showRecovery(w, r, v, status, text)
		return
	}
	if s, ok := result.(*iam.SignIn); ok {
		c.goOn(w, r, v, s)
		return
	}
	c.showRecovery(w, r, v, http.StatusConflict, "The call has not been answered yet.")
}

// inbox is what came to e-mail addresses and phones.
func (c *Console) inbox(w http.ResponseWriter, r *http.Request, v visitor) {
	c.showInbox(w, r, v, http.StatusOK, "")
}

func (c *Console) showInbox(w http.ResponseWriter, r *http.Request, v visitor, status int, text string) {
	list, err := c.cfg.IAM.Messages(r.Context())
	if err != nil {
		text, status = refusal(err)
	}
	c.show(w, r, status, "inbox", v.cookie, sheet{Title: "Simulated inbox and phone", Error: text, Data: list})
}

// answerCall is what is typed on the phone.
func (c *Console) answerCall(w http.ResponseWriter, r *http.Request, v visitor) {
	if _, err := c.do(r.Context(), r, nobody, "signin", "AnswerRootCall", "Code", r.PostFormValue("number")); err != nil {
		text, status := refusal(err)
		c.showInbox(w, r, v, status, text)
		return
	}
	http.Redirect(w, r, Root+"/inbox?done=answered", http.StatusSeeOther)
}
