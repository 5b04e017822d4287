//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// pictured are the pages that have been looked at, so that each is once however often tests come by.
var pictured sync.Map

// A pageShown is what a page is, whatever is in it.
type pageShown struct {
	Path, Title string
	Refused     bool   // it says what is wrong
	Kind        string // of a sign-in page, by its fields
}

// looks are how a page is looked at: wide and narrow, light and dark.
var looks = []struct {
	width  int64
	scheme string
	judged string // what axe-core looks at, too: everything once, and what depends on colours and widths again
}{{1280, "light", "{}"}, {1280, "dark", ""}, {400, "light", ""}, {400, "dark", `{runOnly: ["color-contrast", "scrollable-region-focusable", "target-size"]}`}}

// parts are those of a path that are another each time.
var parts = regexp.MustCompile(`/[A-Z2-7]{26}\b|/(users|groups|mfa)/[^/]+`)

// picture looks at the page that is shown, if nobody has before: axe-core finds nothing in any look, nothing runs out of a narrow
// screen, and what it looks like is kept for people in a folder that git ignores.
//
// A page on which the browser waits for a key goes away when the key likes: it is looked at where somebody says so, by look.
func (c *clerkDesk) picture() {
	c.t.Helper()
	if b, err := c.ask(`document.readyState === "complete" && !document.querySelector("[data-start]")`); err == nil && string(b) == "true" {
		c.look()
	}
}

func (c *clerkDesk) look() {
	c.t.Helper()
	var shown pageShown
	err := json.Unmarshal(c.eval(c.t, `({Path: location.pathname, Title: document.title, Refused: document.querySelector("#main_message")?.hidden === false,
		Kind: [...document.querySelectorAll("main [id]")].map(e => e.id.replace(/-[A-Z2-7]+$/, "")).filter(id => !/^(count|access)/.test(id)).join(" ")})`), &shown)
	require.NoError(c.t, err)
	shown.Path, shown.Title = parts.ReplaceAllString(shown.Path, "/$1/X"), ""
	if _, seen := pictured.LoadOrStore(shown, true); seen {
		return
	}
	name := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(shown.Path), "-"), "-")
	name = fmt.Sprintf("%s-%08x", name, crc32.ChecksumIEEE(fmt.Append(nil, shown)))
	ctx := c.browser.(chromium).ctx
	for _, look := range looks {
		require.NoError(c.t, chromedp.Do(ctx, chromedp.EmulateViewport(look.width, 800), scheme(look.scheme)))
		b, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		require.NoError(c.t, err)
		folder := filepath.Join("..", "..", "screenshots")
		require.NoError(c.t, os.MkdirAll(folder, 0o755))
		require.NoError(c.t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%d-%s.png", name, look.width, look.scheme)), b, 0o644))
		if string(c.eval(c.t, "document.documentElement.scrollWidth <= innerWidth")) != "true" {
			c.t.Errorf("%v runs out of %d pixels", shown, look.width)
		}
		if look.judged != "" {
			c.accessible(shown, look.judged)
		}
	}
	require.NoError(c.t, chromedp.Do(ctx, chromedp.EmulateViewport(1280, 800), scheme("light")))
}

// scheme is whether the person likes it dark.
func scheme(name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
		return err
	})
}

// axe is axe-core's program, read once.
var axe = struct {
	sync.Once
	text string
}{}

// accessible has axe-core judge the page that is shown.
func (c *clerkDesk) accessible(shown pageShown, options string) {
	c.t.Helper()
	axe.Do(func() {
		b, err := os.ReadFile(filepath.Join(installNPM(c.t, "testdata/console"), "node_modules", "axe-core", "axe.min.js"))
		require.NoError(c.t, err)
		axe.text = string(b)
	})
	require.NotEmpty(c.t, axe.text)
	if string(c.eval(c.t, "!!window.axe")) != "true" {
		c.eval(c.t, axe.text+"; 1")
	}
	var found []string
	require.NoError(c.t, json.Unmarshal(c.eval(c.t, `axe.run(document, `+options+`).then(r => r.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html).join(" ")))`), &found))
	if len(found) > 0 {
		c.t.Errorf("axe-core at %v: %s", shown, strings.Join(found, "\n"))
	}
}
