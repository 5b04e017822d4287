package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim"
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
		return text + ": ok"
	}
	return fmt.Sprintf("%s: %s\n                   %q\n                   rule %q, %s", text, e.Text("result"), e.Text("message"),
		e.Text("rule"), e.Text("section"))
}
