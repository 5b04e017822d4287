package console

import (
	"net/http"

	"github.com/mfalab/mfalab/sim/iam"
)

// routeBilling serves the page that shows whether one may see the bills, and root's switch.
func (c *Console) routeBilling() {
	c.mux.HandleFunc("GET "+Root+"/billing", c.signed(c.billing))
	c.mux.HandleFunc("POST "+Root+"/billing", c.signed(c.setBilling))
}

// billingData is what the page shows.
type billingData struct {
	Shown  bool
	Access bool
	Root   bool
}

func (c *Console) billing(w http.ResponseWriter, r *http.Request, s *session) {
	x, err := call[*iam.Billing](c, r, s.caller, "signin", "ViewBilling")
	if err != nil {
		text, status := refusal(err)
		c.show(w, r, status, "billing", s.cookie, sheet{Title: "Billing", Who: s, Error: text, Data: billingData{}})
		return
	}
	c.show(w, r, http.StatusOK, "billing", s.cookie, sheet{Title: "Billing", Who: s,
		Data: billingData{Shown: true, Access: x.Access, Root: s.caller.IsRoot()}})
}

// setBilling lets IAM users at the bills, or not.
func (c *Console) setBilling(w http.ResponseWriter, r *http.Request, s *session) {
	enabled := "false"
	if r.PostFormValue("access") != "" {
		enabled = "true"
	}
	if _, err := c.do(r.Context(), r, s.caller, "signin", "SetBillingAccess", "Enabled", enabled); err != nil {
		text, status := refusal(err)
		c.show(w, r, status, "billing", s.cookie, sheet{Title: "Billing", Who: s, Error: text, Data: billingData{}})
		return
	}
	http.Redirect(w, r, Root+"/billing?done=changed", http.StatusSeeOther)
}
