package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
)

// sentence words an event of the journal for people; empty for one that is not worth a line.
func sentence(e sim.Event) string {
	switch e.Name {
	case "fob.made":
		return fmt.Sprintf("fob %s is taken from the box (profile %s); the factory has told the account its seed", e.Text("serial"), e.Text("profile"))
	case "fob.pressed":
		return fmt.Sprintf("the button of %s is pressed; its clock is in step %d", e.Text("serial"), e.Number("step"))
	case "fob.temperature":
		return fmt.Sprintf("%s is left at %s degrees Celsius", e.Text("serial"), e.Text("celsius"))
	case "fob.died":
		return fmt.Sprintf("the battery of %s is empty", e.Text("serial"))
	case "clock.advanced":
		if d, err := time.ParseDuration(e.Text("by")); err == nil {
			return fmt.Sprintf("%s pass", length(d))
		}
		return ""
	case "iam.call":
		return decision(e)
	}
	if name, ok := strings.CutPrefix(e.Name, "key."); ok {
		return ofKey(e, name)
	}
	if name, ok := strings.CutPrefix(e.Name, "page."); ok {
		return ofPage(e, name)
	}
	return ""
}

// ofKey words what happens to a key and in it.
func ofKey(e sim.Event, name string) string {
	key, rp := "key "+e.Text("serial"), e.Text("rp")
	switch name {
	case "made":
		return fmt.Sprintf("%s is taken from the box (profile %s)", key, e.Text("profile"))
	case "plugged":
		return key + " is plugged in"
	case u2f.Waiting:
		if e.Text("command") == "authenticatorMakeCredential" {
			return fmt.Sprintf("%s blinks: a credential for %s is wanted", key, rp)
		}
		return fmt.Sprintf("%s blinks: a signature for %s is wanted", key, rp)
	case u2f.Touched:
		return key + " is touched"
	case u2f.Registered:
		return fmt.Sprintf("%s has made a credential for %s", key, rp)
	case u2f.Signed:
		return fmt.Sprintf("%s has signed for %s, signature count %d", key, rp, e.Number("counter"))
	}
	return ""
}

// ofPage words what pages do, and what a browser lets them.
func ofPage(e sim.Event, name string) string {
	page := e.Text("origin")
	switch name {
	case "opened":
		return fmt.Sprintf("%s opens %s", e.Text("user"), page)
	case "relayed":
		return fmt.Sprintf("%s hands on the code that was typed there", page)
	case "won":
		return fmt.Sprintf("%s has a session of %s's", page, e.Text("user"))
	case "asked":
		return fmt.Sprintf("%s asks the browser for a key of %s", page, e.Text("rp"))
	case "refused":
		text := fmt.Sprintf("the browser refuses: %s", e.Text("error"))
		if status := e.Text("status"); status != "" {
			text += ", because the key says " + status
		}
		return fmt.Sprintf("%s\n                   %#q", text, e.Text("message"))
	}
	return ""
}

// length words a duration in days where it has some.
func length(d time.Duration) string {
	if d >= 48*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.String()
}

// decision words one decided call.
func decision(e sim.Event) string {
	about := ""
	for _, name := range []string{"param.UserName", "param.SerialNumber"} {
		if v := e.Text(name); v != "" {
			about += " " + v
		}
	}
	who := e.Text("caller")
	who = who[strings.LastIndexAny(who, ":/")+1:]
	text := fmt.Sprintf("%s: %s:%s%s", who, e.Text("service"), e.Text("action"), about)
	if e.Text("result") == "ok" {
		if e.Text("action") == "FinishSecurityKeyEnrolment" {
			return text + ": ok\n                   " + e.Text("serial")
		}
		return text + ": ok"
	}
	return fmt.Sprintf("%s: %s\n                   %q\n                   rule %q, %s", text, e.Text("result"), e.Text("message"),
		e.Text("rule"), e.Text("section"))
}
