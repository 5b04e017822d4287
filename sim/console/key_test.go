package console_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/client"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/flash"
)

// serialOnPage finds the serial number of a security key on a user's page.
var serialOnPage = regexp.MustCompile(`name="serial" value="([^"]+:u2f/[^"]+)"`)

// pageOrigin is the origin that answers say they come from: the one that the account expects by default.
const pageOrigin = "http://localhost:6325"

var dataForm = regexp.MustCompile(`data-form="([^"]+)"`)

// zeros is randomness that nothing depends on.
type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// A keyring is the half of a browser that speaks to security keys: one is plugged in, which touches itself.
type keyring struct {
	client.Client
	b *browser
}

func (b *browser) keyring() *keyring {
	root, err := attest.NewRoot(bytes.Repeat([]byte{5}, 32))
	require.NoError(b.l.t, err)
	profile, err := u2f.ProfileNamed("ctap2.1")
	require.NoError(b.l.t, err)
	key, err := u2f.New(u2f.Config{Profile: profile, Flash: &flash.Memory{}, Root: root})
	require.NoError(b.l.t, err)
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	require.NoError(b.l.t, key.PowerUp(at, bytes.Repeat([]byte{7}, 32)))
	key.SetPresence(at, u2f.Presence{Mode: u2f.Auto})
	ask := func(req []byte) ([]byte, error) {
		key.CBOR(at, 1, req)
		reply, _ := key.Reply(at)
		return bytes.Clone(reply), nil
	}
	return &keyring{client.Client{Random: zeros{}, Keys: []client.Key{{Ask: ask, Sign: key.SignFor}}}, b}
}

// script is what the page's script sends, with the mark of the page; out is what it is answered.
func (b *browser) script(path string, in []byte, out any) (status int) {
	b.l.t.Helper()
	r, err := http.NewRequestWithContext(b.l.t.Context(), http.MethodPost, b.l.base()+path, bytes.NewReader(in))
	require.NoError(b.l.t, err)
	r.Header.Set("X-Mfalab-Form", dataForm.FindStringSubmatch(b.page)[1])
	resp, err := b.Do(r)
	require.NoError(b.l.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(b.l.t, err)
	require.NoError(b.l.t, json.Unmarshal(body, out), "%s", body)
	return resp.StatusCode
}

// An outcome is what the page's script is told.
type outcome struct{ Location, Error string }

// begun asks for a ceremony.
func (k *keyring) begun(path string) (c iam.Ceremony) {
	k.b.l.t.Helper()
	var x struct {
		iam.Ceremony
		Error string
	}
	require.Equal(k.b.l.t, http.StatusOK, k.b.script(path+"/begin", nil, &x), x.Error)
	return x.Ceremony
}

// answered sends an answer to a ceremony.
func (k *keyring) answered(path, id string, answer []byte) (o outcome) {
	k.b.l.t.Helper()
	in, err := json.Marshal(map[string]any{"ID": id, "Response": json.RawMessage(answer)})
	require.NoError(k.b.l.t, err)
	k.b.script(path+"/finish", in, &o)
	return o
}

// enrol enrols the key for bob, whose browser has signed in, with a forgery or nil.
func (k *keyring) enrol(forge *client.Forgery) outcome {
	k.b.l.t.Helper()
	k.b.open("/iam/mfa/bob/assign").send("/iam/mfa/bob/assign", "type", "key", "device_name", "blue")
	path := strings.TrimPrefix(k.b.at.Path, "/console") + "/key"
	c := k.begun(path)
	k.Forge = forge
	answer, err := k.Create(pageOrigin, c.Options)
	require.NoError(k.b.l.t, err)
	return k.answered(path, c.ID, answer)
}

// sign answers the ceremony of the sign-in page that is shown, with a forgery or nil.
func (k *keyring) sign(forge *client.Forgery) outcome {
	k.b.l.t.Helper()
	require.Equal(k.b.l.t, "/console/signin/mfa", k.b.signIn("bob").at.Path)
	c := k.begun("/signin/key")
	k.Forge = forge
	answer, err := k.Get(pageOrigin, c.Options)
	require.NoError(k.b.l.t, err)
	return k.answered("/signin/key", c.ID, answer)
}

func forgery(t testing.TB, s string) *client.Forgery {
	f, err := client.ParseForgery(s)
	require.NoError(t, err)
	return f
}

// Every forgery is refused by the console, at enrolment and at sign-in, unless the account allows it anyway: no key has to be
// attested or its user verified.
func TestForgedAnswersAreRefused(t *testing.T) {
	// Without attestation an answer may name any model and any ID, and has no signature.
	allowed := map[string]bool{"uv register": true, "uv assert": true, "aaguid register": true, "credid register": true}
	for _, kind := range client.Forgeries() {
		for _, at := range kind.At {
			name, value := kind.Name+" "+string(at), kind.Example
			if name == "sig register" || name == "alg register" || name == "attestation register" {
				continue // nothing is signed, and the account takes what this key can do
			}
			t.Run(name, func(t *testing.T) {
				l := newLab(t)
				b := l.browser().signInAs("bob")
				k := b.keyring()
				f := forgery(t, kind.Name+"="+value)
				if at == client.Registration {
					o := k.enrol(f)
					require.Equal(t, allowed[name], o.Error == "", o.Error)
					return
				}
				require.Empty(t, k.enrol(nil).Error)
				b.open("/signout")
				require.Empty(t, k.sign(nil).Error)
				b.open("/signout")
				o := k.sign(f)
				require.Equal(t, allowed[name], o.Error == "", o.Error)
				if !allowed[name] {
					require.Equal(t, "/console/signin", b.open("/home").at.Path, "nobody has signed in")
				}
			})
		}
	}
}

// Each check of the console's can be switched off by name; then, and only then, does the forged answer pass, and every page says so.
func TestAWeakenedCheckLetsTheForgedAnswerPassAndIsShown(t *testing.T) {
	for _, tt := range []struct{ weakness, forgery string }{
		{"origin", "origin=https://signin.example-login.test"},
		{"origin", "crossorigin=true"},
		{"rp-id-hash", "rpid=other.test"},
		{"challenge", "challenge=b3RoZXI"},
		{"count-regress", "counter=0"},
	} {
		t.Run(tt.forgery, func(t *testing.T) {
			for _, weak := range []bool{false, true} {
				var settings []string
				if weak {
					settings = []string{tt.weakness}
				}
				l := newLab(t, settings...)
				b := l.browser()
				require.Equal(t, weak, strings.Contains(b.open("/signin").page, "Weakened on purpose"))
				b.signInAs("bob")
				k, f := b.keyring(), forgery(t, tt.forgery)
				if f.Kind.Name != "counter" {
					require.Equal(t, weak, k.enrol(f).Error == "", "at enrolment")
				}
				if !weak || f.Kind.Name == "counter" {
					require.Empty(t, k.enrol(nil).Error)
				}
				b.open("/signout")
				require.Empty(t, k.sign(nil).Error)
				b.open("/signout")
				require.Equal(t, weak, k.sign(f).Error == "", "at sign-in")
				require.Equal(t, weak, b.open("/home").at.Path == "/console/home")
			}
		})
	}
	t.Run("challenge-reuse", func(t *testing.T) {
		for _, weak := range []bool{false, true} {
			l := newLab(t, "challenge-reuse="+map[bool]string{false: "off", true: "on"}[weak], "count-regress="+map[bool]string{false: "off", true: "on"}[weak])
			b := l.browser().signInAs("bob")
			k := b.keyring()
			require.Empty(t, k.enrol(nil).Error)
			b.open("/signout").signIn("bob")
			c := k.begun("/signin/key")
			answer, err := k.Get(pageOrigin, c.Options)
			require.NoError(t, err)
			require.Empty(t, k.answered("/signin/key", c.ID, answer).Error)
			b.open("/signout").signIn("bob")
			require.Equal(t, weak, k.answered("/signin/key", c.ID, answer).Error == "")
		}
	})
}

// So can what the account asks of every key: that it verifies its user, and proves its model.
func TestAKeyThatDoesNotDoWhatIsAskedIsRefusedUnlessThatIsWeakened(t *testing.T) {
	for asked, weakness := range map[string]string{"user-verification=required": "uv-flag", "user-verification=discouraged": "attestation-trust"} {
		for _, weak := range []string{"off", "on"} {
			_, l := newPublisher(t, asked, weakness+"="+weak)
			b := l.browser().signInAs("bob")
			require.Equal(t, weak == "on", strings.Contains(b.page, "Weakened on purpose:</strong> "+weakness))
			k := b.keyring()
			b.open("/iam/mfa/bob/assign").send("/iam/mfa/bob/assign", "type", "key", "device_name", "blue")
			path := strings.TrimPrefix(b.at.Path, "/console") + "/key"
			c := k.begun(path)
			wanted := map[string]string{"uv-flag": `"userVerification":"required"`, "attestation-trust": `"attestation":"direct"`}[weakness]
			require.Contains(t, string(c.Options), wanted)
			// The browser is the attacker's, and asks the key for less.
			less := strings.Replace(string(c.Options), wanted, map[string]string{"uv-flag": `"userVerification":"discouraged"`, "attestation-trust": `"attestation":"none"`}[weakness], 1)
			answer, err := k.Create(pageOrigin, []byte(less))
			require.NoError(t, err)
			require.Equal(t, weak == "on", k.answered(path, c.ID, answer).Error == "", "%s %s", asked, weak)
			require.Equal(t, weak == "on", l.serials() == 1)
		}
	}
}

// A clone that was used after the key is refused, and the user's page tells of it.
func TestARegressionOfACountIsShown(t *testing.T) {
	l := newLab(t)
	b := l.browser().signInAs("bob")
	k := b.keyring()
	require.Empty(t, k.enrol(nil).Error)
	b.open("/signout")
	require.Empty(t, k.sign(nil).Error)
	require.Contains(t, b.open("/iam/me").page, "a signature count that does not grow is refused")
	require.NotContains(t, b.page, "Count went back")
	b.open("/signout")
	require.NotEmpty(t, k.sign(forgery(t, "counter=1")).Error)
	root := l.browser().root().open("/iam/users/bob")
	require.Contains(t, root.page, "Count went back 1 times, last to 1 at 2026-03-01 09:00:00 UTC: a clone?")
	require.Contains(t, root.page, "touch only, not attested")
}
