package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/live"
	"github.com/mfalab/mfalab/token"
)

// made holds a part of a page against what the program says, between the lines "<!-- name -->" and "<!-- end -->", and
// rewrites it where MFALAB_UPDATE is set.
func made(t *testing.T, page, name, want string) {
	t.Helper()
	b, err := os.ReadFile(page)
	require.NoError(t, err)
	open := "<!-- " + name + " -->\n"
	before, rest, ok := strings.Cut(string(b), open)
	require.True(t, ok, "%s has no %q", page, open)
	got, after, ok := strings.Cut(rest, "<!-- end -->\n")
	require.True(t, ok, "%s has no end of %q", page, open)
	if os.Getenv("MFALAB_UPDATE") != "" && got != want {
		require.NoError(t, os.WriteFile(page, []byte(before+open+want+"<!-- end -->\n"+after), 0o644))
		return
	}
	require.Equal(t, want, got, "run this test with MFALAB_UPDATE=1")
}

func TestTheSettingsInTheDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString("| name | default | what it does | written in |\n|---|---|---|---|\n")
	for _, s := range iam.AllSettings() {
		weak := ""
		if s.Weak {
			weak = " **!**"
		}
		fmt.Fprintf(&b, "| `%s`%s | %s | %s | %s |\n", s.Name, weak, s.Default, s.Doc, s.Section)
	}
	made(t, "../../docs/iam.md", "settings", b.String())
}

func TestTheTextsInTheDocs(t *testing.T) {
	var b strings.Builder
	b.WriteString("| name | answer | text | known |\n|---|---|---|---|\n")
	for _, x := range iam.Texts() {
		fmt.Fprintf(&b, "| `%s` | %d %s | `%s` | %s |\n", x.ID, x.Status, x.Code, strings.ReplaceAll(x.Text, "|", `\|`), x.Known)
	}
	made(t, "../../docs/iam.md", "texts", b.String())
}

func TestTheOperationsInTheDocs(t *testing.T) {
	made(t, "../../docs/iam.md", "operations", strings.Join(operationNames(), ", ")+"\n")
}

func operationNames() []string {
	var names []string
	for _, n := range iam.Operations() {
		names = append(names, "`"+n+"`")
	}
	return names
}

// TestThePictureOfTheDemo draws what `mfalab demo` prints as a terminal shows it, for the README.
func TestThePictureOfTheDemo(t *testing.T) {
	demo, err := os.ReadFile("testdata/demo.txt")
	require.NoError(t, err)
	const page = "../../docs/demo.svg"
	want := terminalSVG(string(demo))
	if os.Getenv("MFALAB_UPDATE") != "" {
		require.NoError(t, os.WriteFile(page, []byte(want), 0o644))
	}
	got, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "run this test with MFALAB_UPDATE=1")
}

// terminalSVG draws text as a terminal would: chapters bright, LCDs as LCDs, refusals red.
func terminalSVG(text string) string {
	const line, left = 19, 18
	lines := strings.Split("$ mfalab demo\n"+strings.TrimRight(text, "\n"), "\n")
	var b strings.Builder
	height := len(lines)*line + 30
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1040 %d" role="img" aria-label="what mfalab demo prints">`+"\n", height)
	fmt.Fprintf(&b, `<rect width="1040" height="%d" rx="8" fill="#14181f"/>`+"\n", height)
	b.WriteString(`<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14" xml:space="preserve">` + "\n")
	for i, l := range lines {
		y := 26 + i*line
		trimmed := strings.TrimSpace(l)
		fill, weight := "#c9d1d9", ""
		switch {
		case i == 0:
			fill = "#7ee787"
		case l != "" && l[0] != ' ':
			fill, weight = "#ffffff", ` font-weight="bold"`
		case strings.HasPrefix(trimmed, "[ "):
			x := left + 19*8
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="96" height="18" rx="3" fill="#9fb39a"/>`+"\n", x, y-14)
			fill, weight = "#101510", ` font-weight="bold" letter-spacing="2"`
			l = strings.Repeat(" ", 19) + " " + strings.Trim(trimmed, "[ ]")
		case strings.Contains(l, "AccessDenied") || strings.Contains(l, "the browser refuses") || strings.HasPrefix(trimmed, `"`) || strings.HasPrefix(trimmed, "`") || strings.HasPrefix(trimmed, "rule "):
			fill = "#ff9492"
		case strings.HasSuffix(l, ": ok"):
			fill = "#a5d6ff"
		}
		indent := len(l) - len(strings.TrimLeft(l, " "))
		var escaped strings.Builder
		_ = xml.EscapeText(&escaped, []byte(strings.TrimLeft(l, " "))) // into memory
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s"%s>%s</text>`+"\n", left+indent*8, y, fill, weight, escaped.String())
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

// TestThePlotInTheDocs: docs/drift.svg is what `mfalab fob plot` draws.
func TestThePlotInTheDocs(t *testing.T) {
	want, err := plot(curves, 365)
	require.NoError(t, err)
	const page = "../../docs/drift.svg"
	if os.Getenv("MFALAB_UPDATE") != "" {
		require.NoError(t, os.WriteFile(page, []byte(want), 0o644))
	}
	got, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "run this test with MFALAB_UPDATE=1")
}

// TestTheDriftInTheDocs: docs/fob.md has what `mfalab fob drift` prints.
func TestTheDriftInTheDocs(t *testing.T) {
	lab, err := live.Open(t.Context(), live.Options{Dir: t.TempDir(), Ephemeral: true, Virtual: true, Start: scenarioStart, Seed: "docs"})
	require.NoError(t, err)
	defer func() { require.NoError(t, lab.Close()) }()
	ppm, behind := 4.0, live.Span(-45*time.Second)
	_, err = lab.NewFob(t.Context(), live.FobSpec{Serial: "GAHT35716351", PPM: &ppm})
	require.NoError(t, err)
	_, err = lab.Leave(t.Context(), "GAHT35716351", "drawer")
	require.NoError(t, err)
	var b strings.Builder
	b.WriteString("```\n$ mfalab fob drift GAHT35716351\n")
	d, err := lab.Drift(t.Context(), "GAHT35716351")
	require.NoError(t, err)
	printDrift(&b, d)
	b.WriteString("$ mfalab fob drift GAHT35716351 --by -45s\n")
	d, err = lab.SetDrift(t.Context(), "GAHT35716351", live.DriftChange{By: &behind})
	require.NoError(t, err)
	printDrift(&b, d)
	b.WriteString("```\n")
	made(t, "../../docs/fob.md", "drift", b.String())
}

// TestTheProductsInTheDocs: docs/fob.md has each profile with its picture, as a fob of it looks that was just pressed.
func TestTheProductsInTheDocs(t *testing.T) {
	var b strings.Builder
	for _, p := range token.Profiles() {
		number := uint64(12345678)
		serial, err := p.Serial(number)
		require.NoError(t, err)
		f, err := token.NewFob(token.Config{Profile: p, Serial: serial, Seed: token.Seed("12345678901234567890"), Born: scenarioStart})
		require.NoError(t, err)
		f.Press(scenarioStart)
		picture := "fob-" + p.Name + ".svg"
		if os.Getenv("MFALAB_UPDATE") != "" {
			require.NoError(t, os.WriteFile("../../docs/"+picture, []byte(f.FrontSVG()), 0o644))
		}
		drawn, err := os.ReadFile("../../docs/" + picture)
		require.NoError(t, err)
		require.Equal(t, f.FrontSVG(), string(drawn), "run this test with MFALAB_UPDATE=1")
		fmt.Fprintf(&b, "### `%s`\n\n%s\n\n<img src=\"%s\" alt=\"a fob of the profile %s, just pressed\" width=\"300\">\n\n", p.Name, p.Title, picture, p.Name)
		for line := range strings.Lines(p.Source) {
			fmt.Fprintf(&b, "- %s\n", strings.TrimSpace(line))
		}
		b.WriteString("\n")
	}
	made(t, "../../docs/fob.md", "products", b.String())
}
