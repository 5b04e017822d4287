package scenario

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// JUnit writes results as the XML that CI systems read.
func JUnit(w io.Writer, results []Result) error {
	suite := junitSuite{Name: "mfalab run", Tests: len(results)}
	var total float64
	for _, r := range results {
		c := junitCase{Name: r.Name, Class: r.File, Time: seconds(r.Took.Seconds())}
		total += r.Took.Seconds()
		switch {
		case r.Failed:
			suite.Failures++
			c.Failure = &junitFailure{Message: lastLine(r.Log), Text: valid(r.Log + r.Evidence)}
		case r.Skipped:
			suite.Skipped++
			c.Skipped = &struct{}{}
		}
		suite.Cases = append(suite.Cases, c)
	}
	suite.Time = seconds(total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
	Skipped *struct{}     `xml:"skipped,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }

func lastLine(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return valid(lines[len(lines)-1])
}

// valid replaces what XML cannot hold.
func valid(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' && r != '\n' {
			return '\uFFFD'
		}
		return r
	}, s)
}
