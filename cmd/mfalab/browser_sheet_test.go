//go:build linux

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/chromedp/remote"
	"github.com/stretchr/testify/require"
)

// The names of Chromium's views.
const (
	dialogView = "AuthenticatorRequestDialogView"
	buttonView = "MdTextButton"
	fieldView  = "PinTextfield"
)

// Our choice.
const (
	lookEvery = 20 * time.Millisecond // quick for a person, and the browser gets on with its work in between
	// unprotected is how long after a dialog has come, or after the last click, the browser takes a click for meant: it
	// ignores those of the first half second, views::InputEventActivationProtector.
	unprotected = 600 * time.Millisecond
)

// A finger clicks what it sees, when the browser takes a click for meant.
type finger struct {
	again *time.Ticker
	seen  bool
}

func newFinger(t *testing.T) *finger {
	f := &finger{again: time.NewTicker(unprotected)}
	t.Cleanup(f.again.Stop)
	return f
}

// ready reports whether to click now. It is asked while there is something to click, and counts from the first time on.
func (f *finger) ready() bool {
	if !f.seen {
		f.seen = true
		f.again.Reset(unprotected)
	}
	select {
	case <-f.again.C:
		return true
	default:
		return false
	}
}

// A sheet is what Chromium itself shows a person beside the page. It is reached through the debugger of the browser's own
// windows, as their programmers do.
type sheet struct {
	t    *testing.T
	desk *desk
	conn *remote.Conn
	sent int64
}

func (d *desk) sheet(t *testing.T) *sheet {
	s := &sheet{t: t, desk: d}
	var port []byte
	s.until(func() bool { // the browser shows pages before it says where its windows are
		port, _ = os.ReadFile(filepath.Join(d.data, "UIDevToolsActivePort"))
		return len(port) > 0
	})
	var err error
	s.conn, err = remote.DialContext(d, "ws://127.0.0.1:"+strings.TrimSpace(string(port))+"/0")
	require.NoError(t, err)
	t.Cleanup(func() { s.conn.Close() })
	s.call("DOM.enable", nil, nil)
	s.call("CSS.enable", nil, nil)
	return s
}

// call sends a command and reads its result. It reports false where the browser refuses: what it is about has gone. What
// happens in the windows meanwhile is passed over.
func (s *sheet) call(method string, params, result any) bool {
	s.t.Helper()
	s.sent++
	said, err := json.Marshal(params)
	require.NoError(s.t, err)
	require.NoError(s.t, s.conn.Write(s.desk, &cdproto.Message{ID: s.sent, Method: cdproto.MethodType(method), Params: said}))
	for {
		var m cdproto.Message
		require.NoError(s.t, s.conn.Read(s.desk, &m))
		if m.ID != s.sent {
			continue
		}
		if m.Error == nil && result != nil {
			require.NoError(s.t, json.Unmarshal(m.Result, result))
		}
		return m.Error == nil
	}
}

// A view is a part of a window.
type view struct {
	ID         int      `json:"nodeId"`
	Attributes []string `json:"attributes"` // names and values in turn
	Children   []view   `json:"children"`
}

func (v view) name() string {
	if i := slices.Index(v.Attributes, "name"); i >= 0 {
		return v.Attributes[i+1]
	}
	return ""
}

// all returns the views of that class in v.
func (v view) all(class string) (list []view) {
	if v.name() == class {
		list = append(list, v)
	}
	for _, c := range v.Children {
		list = append(list, c.all(class)...)
	}
	return list
}

// text returns what a view says to a person; where it does not show it is nothing. It reports false where the view has gone
// meanwhile.
func (s *sheet) text(v view) (text string, ok bool) {
	var styles struct {
		Matched []struct {
			Rule struct {
				Style struct {
					Properties []struct{ Name, Value string } `json:"cssProperties"`
				} `json:"style"`
			} `json:"rule"`
		} `json:"matchedCSSRules"`
	}
	if !s.call("CSS.getMatchedStylesForNode", map[string]int{"nodeId": v.ID}, &styles) {
		return "", false
	}
	for _, m := range styles.Matched {
		for _, p := range m.Rule.Style.Properties {
			switch {
			case p.Name == "Text":
				text = p.Value
			case p.Name == "Visible" && p.Value == "false":
				return "", true
			}
		}
	}
	return text, true
}

// see returns the first view of that class and text in the dialog as it is now; without a text, any.
func (s *sheet) see(class, text string) (view, bool) {
	s.t.Helper()
	var d struct {
		Root view `json:"root"`
	}
	s.call("DOM.getDocument", nil, &d)
	dialogs := d.Root.all(dialogView) // one within the other
	if len(dialogs) == 0 {
		return view{}, false
	}
	for _, v := range dialogs[0].all(class) {
		if text == "" {
			return v, true
		}
		said, ok := s.text(v)
		if !ok {
			return s.see(class, text) // it changed under our eyes
		}
		if said == text {
			return v, true
		}
	}
	return view{}, false
}

// until looks again and again until something has come about: of new windows the debugger does not tell.
func (s *sheet) until(done func() bool) {
	s.t.Helper()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for end := time.Now().Add(stepPatience); !done(); <-look.C {
		if time.Now().After(end) || s.desk.Err() != nil {
			var shown any
			if s.conn != nil {
				s.call("DOM.getDocument", nil, &shown)
			}
			require.Failf(s.t, "waited in vain", "the browser's windows are %v", shown)
		}
	}
}

// wait waits until the dialog shows such a view.
func (s *sheet) wait(class, text string) (v view) {
	s.t.Helper()
	s.until(func() (ok bool) {
		v, ok = s.see(class, text)
		return ok
	})
	return v
}

// press waits for such a view and clicks it until it has gone.
func (s *sheet) press(class, text string) {
	s.t.Helper()
	finger := newFinger(s.t)
	var clicked view
	s.until(func() bool {
		v, there := s.see(class, text)
		if !there || clicked.ID != 0 && v.ID != clicked.ID {
			return clicked.ID != 0
		}
		if finger.ready() {
			clicked = v
			s.click(v)
		}
		return false
	})
}

func (s *sheet) click(v view) {
	for _, what := range []string{"mousePressed", "mouseReleased"} {
		s.call("DOM.dispatchMouseEvent", map[string]any{"nodeId": v.ID, "event": map[string]any{
			"type": what, "x": 5, "y": 5, "button": "left", "wheelDirection": "none"}}, nil)
	}
}

// enter types digits where the dialog asks for the PIN, and goes on.
func (s *sheet) enter(digits string) {
	s.t.Helper()
	v := s.wait(fieldView, "")
	for _, key := range []byte(digits) {
		s.call("DOM.dispatchKeyEvent", map[string]any{"nodeId": v.ID, "event": map[string]any{
			"type": "keyPressed", "keyCode": key, "code": 0, "flags": 0, "key": key, "isChar": true}}, nil)
	}
	s.wait(fieldView, digits)
	s.press(buttonView, "Next")
}
