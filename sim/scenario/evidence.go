package scenario

import (
	"fmt"
	"strings"

	"github.com/mfalab/mfalab/sim"
)

// evidence words the last decision of the relying party for somebody whose script has just failed: the request, the
// answer, the rule that decided and where that is written.
func evidence(journal []sim.Event) string {
	for i := len(journal) - 1; i >= 0; i-- {
		if e := journal[i]; e.Name == "iam.call" {
			return word(e)
		}
	}
	return ""
}

func word(e sim.Event) string {
	var params, facts []string
	known := map[string]bool{"service": true, "action": true, "caller": true, "result": true, "status": true, "message": true,
		"rule": true, "section": true}
	for _, a := range e.Attrs {
		if name, ok := strings.CutPrefix(a.Key, "param."); ok {
			params = append(params, fmt.Sprintf("%s=%v", name, a.Value))
		} else if !known[a.Key] {
			facts = append(facts, fmt.Sprintf("%s=%v", a.Key, a.Value))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "request  %s:%s %s\n", e.Text("service"), e.Text("action"), strings.Join(params, " "))
	fmt.Fprintf(&b, "caller   %s at %s\n", e.Text("caller"), e.Time.Format("2006-01-02 15:04:05.000"))
	answer := e.Text("result")
	if status := e.Number("status"); status != 0 {
		answer = fmt.Sprintf("%d %s %q", status, answer, e.Text("message"))
	}
	fmt.Fprintf(&b, "answer   %s\n", answer)
	if rule := e.Text("rule"); rule != "" {
		fmt.Fprintf(&b, "rule     %s: %s\n", rule, e.Text("section"))
	}
	if len(facts) > 0 {
		fmt.Fprintf(&b, "facts    %s\n", strings.Join(facts, " "))
	}
	return b.String()
}
