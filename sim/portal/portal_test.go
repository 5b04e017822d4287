package portal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
	"github.com/mfalab/mfalab/sim/portal"
	"github.com/mfalab/mfalab/sim/trail"
)

const password = "open-sesame"

// A lab is an account with a portal and the user pat. Its time stands still unless moved.
type lab struct {
	store *turns
	*portal.Directory
	t   *testing.T
	iam *iam.Service
	at  portal.At
}

func newLab(t *testing.T, rules ...string) *lab {
	t.Helper()
	l := &lab{t: t, at: portal.At{Now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), IP: "192.0.2.1", Agent: "browser"}}
	l.store = &turns{Store: memory.New()}
	t.Cleanup(func() { _ = l.store.Close() })
	var err error
	l.iam, err = iam.New(t.Context(), iam.Config{Store: l.store, Chance: sim.NewChance([]byte("portal"))}, l.at.Now)
	require.NoError(t, err)
	l.Directory = portal.New(l.iam)
	l.add("pat")
	l.set(rules...)
	return l
}

func (l *lab) add(name string) {
	l.t.Helper()
	_, err := l.AddUser(l.t.Context(), l.at, portal.NewUser{Name: name, Email: name + "@example.com", Phone: "+1 555 0101", Password: password})
	require.NoError(l.t, err)
}

func (l *lab) set(rules ...string) {
	l.t.Helper()
	if len(rules) > 0 {
		_, err := l.SetRules(l.t.Context(), l.at, rules)
		require.NoError(l.t, err)
	}
}

func (l *lab) wait(by time.Duration) { l.at.Now = l.at.Now.Add(by) }

// begin gives the password.
func (l *lab) begin(name string) *portal.SignIn {
	l.t.Helper()
	x, err := l.Begin(l.t.Context(), l.at, name, password)
	require.NoError(l.t, err)
	return x
}

// An app shows codes.
type app struct {
	l      *lab
	seed   string
	period uint
}

func (a app) code(after time.Duration) string {
	c, err := totp.GenerateCodeCustom(a.seed, a.l.at.Now.Add(after), totp.ValidateOpts{Period: a.period, Digits: otp.DigitsSix})
	require.NoError(a.l.t, err)
	return c
}

// app enrols an app, and lets its code pass.
func (l *lab) app(who portal.Who, name string) (app, *portal.SignIn) {
	l.t.Helper()
	require.NoError(l.t, l.BeginApp(l.t.Context(), l.at, who, name))
	setup, err := l.Setup(l.t.Context(), l.at, who)
	require.NoError(l.t, err)
	a := app{l, setup.Seed, 30}
	out, err := l.FinishApp(l.t.Context(), l.at, who, a.code(0))
	require.NoError(l.t, err)
	l.wait(30 * time.Second)
	return a, out
}

// session signs pat in with a new app.
func (l *lab) session() (app, string) {
	l.t.Helper()
	x := l.begin("pat")
	require.True(l.t, x.Enrol)
	a, out := l.app(portal.Who{SignIn: x.ID}, "phone")
	require.NotNil(l.t, out.Session)
	return a, out.Session.Token
}

// fob puts a 60-second fob into the account's inventory.
func (l *lab) fob(serial string) app {
	l.t.Helper()
	seed := sim.NewChance([]byte(serial)).Bytes(20)
	require.NoError(l.t, l.iam.Stock(l.t.Context(), []iam.HardwareDevice{{Serial: serial, Seed: seed, Period: time.Minute}}))
	return app{l, strings.TrimRight(string(iam.NewSeed(seed)), "="), 60}
}

// text returns the digits of the newest message.
func (l *lab) text() string {
	l.t.Helper()
	list, err := l.Messages(l.t.Context())
	require.NoError(l.t, err)
	require.NotEmpty(l.t, list)
	return regexp.MustCompile(`\d{6}`).FindString(list[0].Text)
}

func (l *lab) refused(err error, rule string) {
	l.t.Helper()
	var e *iam.Error
	require.ErrorAs(l.t, err, &e)
	require.Equal(l.t, rule, e.Rule, e.Message)
}

func TestModesAndUnenrolled(t *testing.T) {
	for _, x := range []struct {
		rules   []string
		session bool
		check   func(x *portal.SignIn) bool
		rule    string
	}{
		{rules: []string{"mode=never"}, session: true},
		{rules: []string{"mode=never", "unenrolled=block"}, session: true},
		{rules: []string{"mode=always-on", "unenrolled=register"}, check: func(x *portal.SignIn) bool { return x.Enrol }},
		{rules: []string{"mode=context-aware", "unenrolled=register"}, check: func(x *portal.SignIn) bool { return x.Enrol && x.Context }},
		{rules: []string{"mode=always-on", "unenrolled=email"}, check: func(x *portal.SignIn) bool { return x.Email && !x.Enrol }},
		{rules: []string{"mode=always-on", "unenrolled=block"}, rule: "unenrolled"},
		{rules: []string{"mode=always-on", "unenrolled=allow"}, session: true},
		{rules: []string{"idp=external"}, rule: "idp"},
		{rules: []string{"theme=tenant"}, check: func(x *portal.SignIn) bool { return x.SMS && !x.Enrol }},
	} {
		t.Run(strings.Join(x.rules, " "), func(t *testing.T) {
			l := newLab(t, x.rules...)
			got, err := l.Begin(t.Context(), l.at, "PAT", password)
			if x.rule != "" {
				l.refused(err, x.rule)
				return
			}
			require.NoError(t, err)
			require.Equal(t, x.session, got.Session != nil)
			require.True(t, x.session || x.check(got), "%+v", got)
		})
	}
}

func TestATrustedDeviceIsCookieBrowserAndAddress(t *testing.T) {
	l := newLab(t, "mode=context-aware")
	a, _ := l.session()
	x := l.begin("pat")
	require.True(t, x.Codes && x.Context)
	x, err := l.Code(t.Context(), l.at, x.ID, a.code(0), true)
	require.NoError(t, err)
	require.NotEmpty(t, x.Session.Device)
	home := l.at
	home.Device = x.Session.Device
	for name, at := range map[string]func(*portal.At){
		"another cookie":  func(at *portal.At) { at.Device = strings.Repeat("A", 26) },
		"no cookie":       func(at *portal.At) { at.Device = "" },
		"another browser": func(at *portal.At) { at.Agent = "another" },
		"another address": func(at *portal.At) { at.IP = "192.0.2.2" },
		"a month later":   func(at *portal.At) { at.Now = at.Now.Add(30 * 24 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			other := home
			at(&other)
			x, err := l.Begin(t.Context(), other, "pat", password)
			require.NoError(t, err)
			require.Nil(t, x.Session)
		})
	}
	x, err = l.Begin(t.Context(), home, "pat", password)
	require.NoError(t, err)
	require.NotNil(t, x.Session)
	require.False(t, x.Session.MFA)
	l.add("kim")
	x, err = l.Begin(t.Context(), home, "kim", password)
	require.NoError(t, err)
	require.True(t, x.Enrol, "it is trusted for pat alone")
	l.set("mode=always-on")
	x, err = l.Begin(t.Context(), home, "pat", password)
	require.NoError(t, err)
	require.True(t, x.Codes, "always is always")
}

func TestATrustedDevicePassesBlock(t *testing.T) {
	l := newLab(t, "mode=context-aware", "unenrolled=email")
	x := l.begin("pat")
	_, err := l.SendCode(t.Context(), l.at, x.ID, "email")
	require.NoError(t, err)
	x, err = l.SentCode(t.Context(), l.at, x.ID, l.text(), true)
	require.NoError(t, err)
	l.set("unenrolled=block")
	home := l.at
	home.Device = x.Session.Device
	x, err = l.Begin(t.Context(), home, "pat", password)
	require.NoError(t, err)
	require.NotNil(t, x.Session)
	_, err = l.Begin(t.Context(), l.at, "pat", password)
	l.refused(err, "unenrolled")
}

func TestACodeIsGoodOnceAlsoUnderARace(t *testing.T) {
	l := newLab(t)
	a, _ := l.session()
	const racers = 8
	var ids []string
	for range racers {
		ids = append(ids, l.begin("pat").ID)
	}
	good, code := make(chan string, racers), a.code(0)
	var wait sync.WaitGroup
	for _, id := range ids {
		wait.Go(func() {
			if x, err := l.Code(t.Context(), l.at, id, code, false); err == nil && x.Session != nil {
				good <- id
			}
		})
	}
	wait.Wait()
	require.Len(t, good, 1)
}

func TestRefusedCodesAreCountedOverAllSignIns(t *testing.T) {
	l := newLab(t)
	a, token := l.session()
	for range 3 {
		_, err := l.Code(t.Context(), l.at, l.begin("pat").ID, "000000", false)
		l.refused(err, "code")
	}
	_, u, err := l.Session(t.Context(), l.at, token)
	require.NoError(t, err)
	require.EqualValues(t, 3, u.Devices[0].Failures)
	x := l.begin("pat")
	require.True(t, x.Resync, "somebody else's wrong codes count")
	x, err = l.TwoCodes(t.Context(), l.at, x.ID, a.code(0), a.code(30*time.Second), false)
	require.NoError(t, err)
	require.Equal(t, "PASSWORD,RESYNC_TOTP", x.Session.How)
	for range 4 {
		_, err = l.Begin(t.Context(), l.at, "pat", "wrong")
		l.refused(err, "password")
	}
	users, err := l.Users(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 4, users[0].Failures)
}

// turns is a store that remembers what has been asked of it.
type turns struct {
	iam.Store
	m     sync.Mutex
	asked []string
}

func (s *turns) ask(turn string) {
	s.m.Lock()
	defer s.m.Unlock()
	s.asked = append(s.asked, turn)
}

func (s *turns) View(ctx context.Context, f func(iam.Tx) error) error {
	s.ask("view")
	return s.Store.View(ctx, f)
}

func (s *turns) Update(ctx context.Context, f func(iam.Tx) error) error {
	err := s.Store.Update(ctx, f)
	s.ask(fmt.Sprintf("update %t", err == nil))
	return err
}

func (s *turns) Note(ctx context.Context, f func(iam.Tx) error) error {
	err := s.Store.Note(ctx, f)
	s.ask(fmt.Sprintf("note %t", err == nil))
	return err
}

// Neither by words nor by the time: one comparison of a password whoever is there, and the same turns of the store, which wait for
// the disk or do not.
func TestNobodyLearnsWhoIsThere(t *testing.T) {
	l := newLab(t, "unenrolled=block")
	compared := 0
	t.Cleanup(portal.Compared(func() { compared++ }))
	l.store.asked = nil
	_, known := l.Begin(t.Context(), l.at, "pat", "wrong")
	asked := l.store.asked
	require.Equal(t, 1, compared)
	require.NotEmpty(t, asked)
	for _, name := range []string{"nobody", "", "pat ", strings.Repeat("x", 5000), "\x00"} {
		compared, l.store.asked = 0, nil
		_, err := l.Begin(t.Context(), l.at, name, "wrong")
		require.Equal(t, known.Error(), err.Error())
		require.Equal(t, 1, compared, "%.20q", name)
		require.Equal(t, asked, l.store.asked, "%.20q", name)
	}
}

func TestSMSCodes(t *testing.T) {
	l := newLab(t, "theme=tenant")
	ctx := t.Context()
	send := func() (string, string) {
		x := l.begin("pat")
		_, err := l.SendCode(ctx, l.at, x.ID, "sms")
		require.NoError(t, err)
		return x.ID, l.text()
	}
	id, code := send()
	_, err := l.SentCode(ctx, l.at, l.begin("pat").ID, code, false)
	l.refused(err, "sent-code") // it is good where it was asked for
	x, err := l.SentCode(ctx, l.at, id, " "+code+" ", false)
	require.NoError(t, err)
	require.Equal(t, "PASSWORD,SMS_OTP", x.Session.How)
	_, err = l.SentCode(ctx, l.at, id, code, false)
	l.refused(err, "sign-in")

	l.wait(time.Minute)
	id, code = send()
	l.wait(5 * time.Minute)
	_, err = l.SentCode(ctx, l.at, id, code, false)
	l.refused(err, "sent-expired")
	_, err = l.SentCode(ctx, l.at, id, code, false)
	l.refused(err, "sent-code")

	id, code = send()
	for range 5 {
		_, err = l.SentCode(ctx, l.at, id, "wrong!", false)
		l.refused(err, "sent-code")
	}
	_, err = l.SentCode(ctx, l.at, id, code, false)
	l.refused(err, "sent-code") // five wrong ones ended it
}

func TestAThousandSMSAreNotSent(t *testing.T) {
	l := newLab(t, "theme=tenant")
	l.add("kim") // with the same phone
	ids := []string{l.begin("pat").ID, l.begin("kim").ID, l.begin("kim").ID}
	for i := range 1000 {
		_, err := l.SendCode(t.Context(), l.at, ids[i%len(ids)], "sms")
		if err != nil {
			l.refused(err, "send-limit")
		}
		l.wait(800 * time.Millisecond)
	}
	list, err := l.Messages(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 5)
}

func TestRecoveryCodesAreGoodOnce(t *testing.T) {
	l := newLab(t)
	_, token := l.session()
	_, err := l.NewRecoveryCodes(t.Context(), l.at, token)
	l.refused(err, "factor")
	l.set("theme=tenant")
	old, err := l.NewRecoveryCodes(t.Context(), l.at, token)
	require.NoError(t, err)
	codes, err := l.NewRecoveryCodes(t.Context(), l.at, token)
	require.NoError(t, err)
	require.Len(t, codes, 10)
	try := func(code string) error {
		_, err := l.RecoveryCode(t.Context(), l.at, l.begin("pat").ID, code, false)
		return err
	}
	l.refused(try(old[0]), "recovery-code")
	require.NoError(t, try(strings.ToLower(codes[0])))
	l.refused(try(codes[0]), "recovery-code")
	require.NoError(t, try(strings.ReplaceAll(codes[1], "-", "")))
	l.set("theme=identity-center")
	x := l.begin("pat")
	require.False(t, x.Recovery)
	_, err = l.RecoveryCode(t.Context(), l.at, x.ID, codes[2], false)
	l.refused(err, "recovery-code")
}

func TestAFobOfATenant(t *testing.T) {
	l := newLab(t)
	_, token := l.session()
	fob, who := l.fob("294857055"), portal.Who{Token: token}
	enrol := func(serial, code, next string) error {
		_, err := l.EnrolFob(t.Context(), l.at, who, "red", serial, code, next)
		return err
	}
	l.refused(enrol("294857055", fob.code(0), ""), "factor")
	l.set("theme=tenant")
	l.refused(enrol("111111111", fob.code(0), ""), "serial")
	l.refused(enrol("294857055", "000000", ""), "code")
	first := fob.code(0)
	require.NoError(t, enrol("294857055", first, ""))
	l.refused(enrol("294857055", fob.code(time.Minute), ""), "form") // the name is taken
	_, err := l.EnrolFob(t.Context(), l.at, who, "blue", "294857055", fob.code(time.Minute), "")
	l.refused(err, "serial")

	_, err = l.Code(t.Context(), l.at, l.begin("pat").ID, first, false)
	l.refused(err, "replay")
	for range 3 {
		_, err = l.Code(t.Context(), l.at, l.begin("pat").ID, "000000", false)
		require.Error(t, err)
	}
	l.wait(time.Minute)
	_, err = l.Code(t.Context(), l.at, l.begin("pat").ID, fob.code(0), false)
	require.ErrorContains(t, err, "two codes in a row")
	x, err := l.TwoCodes(t.Context(), l.at, l.begin("pat").ID, fob.code(0), fob.code(time.Minute), false)
	require.NoError(t, err)
	require.True(t, x.Session.MFA)
	l.wait(2 * time.Minute)
	x, err = l.Code(t.Context(), l.at, l.begin("pat").ID, fob.code(0), false)
	require.NoError(t, err)
	require.NotNil(t, x.Session)

	// The account cannot have it as long as it is pat's here.
	v, holder := inventory(t, l, "294857055")
	require.NotEmpty(t, holder)
	require.NotNil(t, v)
	_, u, err := l.Session(t.Context(), l.at, token)
	require.NoError(t, err)
	require.Len(t, u.Devices, 2)
	require.NoError(t, l.Remove(t.Context(), l.at, token, u.Devices[1].ID))
	_, holder = inventory(t, l, "294857055")
	require.Empty(t, holder)
	l.refused(enrol("294857055", fob.code(0), ""), "replay") // its used codes stay used
	l.wait(10 * time.Minute)
	l.refused(enrol("294857055", fob.code(-4*time.Minute), ""), "window")
	require.NoError(t, enrol("294857055", fob.code(-4*time.Minute), fob.code(-3*time.Minute)), "two codes find a fob that has drifted")
}

// inventory looks a fob up as a service beside the account does.
func inventory(t *testing.T, l *lab, serial string) (v *iam.Verifier, holder string) {
	t.Helper()
	err := l.iam.Beside(t.Context(), iam.Call{Service: "test", Now: l.at.Now}, nil, iam.Told{Own: true}, func(b *iam.Beside) error {
		return b.Update(t.Context(), func(r *iam.Records) (err error) {
			v, holder, err = r.Hardware(serial)
			return err
		})
	})
	require.NoError(t, err)
	return v, holder
}

func TestDevicesHaveNamesAndABound(t *testing.T) {
	l := newLab(t)
	_, token := l.session()
	who := portal.Who{Token: token}
	l.refused(l.BeginApp(t.Context(), l.at, who, "PHONE"), "form")
	for _, name := range []string{"", " x", "a\nb", strings.Repeat("x", 65), "\xff"} {
		l.refused(l.BeginApp(t.Context(), l.at, who, name), "form")
	}
	l.app(who, "tablet")
	l.refused(l.BeginApp(t.Context(), l.at, who, "third"), "devices")
	_, u, err := l.Session(t.Context(), l.at, token)
	require.NoError(t, err)
	require.Len(t, u.Devices, 2)
	require.NoError(t, l.Rename(t.Context(), l.at, token, u.Devices[0].ID, "old phone"))
	l.refused(l.Rename(t.Context(), l.at, token, u.Devices[0].ID, "Tablet"), "form")
	l.refused(l.Rename(t.Context(), l.at, token, "nothing", "x"), "device")
	require.NoError(t, l.Remove(t.Context(), l.at, token, u.Devices[1].ID))
	l.refused(l.Remove(t.Context(), l.at, token, u.Devices[1].ID), "device")
}

func TestThePasswordAloneEnrolsNothingForWhoHasADevice(t *testing.T) {
	l := newLab(t)
	l.session()
	x := l.begin("pat")
	l.refused(l.BeginApp(t.Context(), l.at, portal.Who{SignIn: x.ID}, "mallory's"), "sign-in")
	_, err := l.NewRecoveryCodes(t.Context(), l.at, x.ID)
	l.refused(err, "session")
	_, err = l.FinishApp(t.Context(), l.at, portal.Who{SignIn: x.ID}, "000000")
	l.refused(err, "sign-in")
}

func TestTheIdentityProvidersAnswerIsForOneSignIn(t *testing.T) {
	l := newLab(t, "idp=external")
	ctx := t.Context()
	id, request, err := l.Request(ctx, l.at)
	require.NoError(t, err)
	_, err = l.Assert(ctx, l.at, request, "pat", "wrong")
	l.refused(err, "password")
	code, err := l.Assert(ctx, l.at, request, "pat", password)
	require.NoError(t, err)
	other, _, err := l.Request(ctx, l.at)
	require.NoError(t, err)
	for name, x := range map[string][3]string{"in another browser": {other, request, code}, "with another code": {id, request, code + "A"},
		"without one": {id, request, ""}, "to nothing": {"", "", ""}} {
		_, err = l.Redeem(ctx, l.at, x[0], x[1], x[2])
		require.Error(t, err, name)
	}
	x, err := l.Redeem(ctx, l.at, id, request, code)
	require.NoError(t, err)
	require.Equal(t, "EXTERNAL_IDP", x.Session.How)
	_, err = l.Redeem(ctx, l.at, id, request, code)
	l.refused(err, "assertion")
	l.refused(l.BeginApp(ctx, l.at, portal.Who{Token: x.Session.Token}, "phone"), "idp")
	l.set("idp=internal")
	require.NoError(t, l.BeginApp(ctx, l.at, portal.Who{Token: x.Session.Token}, "phone"))
	_, _, err = l.Request(ctx, l.at)
	l.refused(err, "idp")
}

func TestASignInAndASessionEnd(t *testing.T) {
	l := newLab(t)
	a, token := l.session()
	x := l.begin("pat")
	l.wait(15 * time.Minute)
	_, err := l.Code(t.Context(), l.at, x.ID, a.code(0), false)
	l.refused(err, "sign-in")
	l.wait(8 * time.Hour)
	_, _, err = l.Session(t.Context(), l.at, token)
	l.refused(err, "session")
	out, err := l.Code(t.Context(), l.at, l.begin("pat").ID, a.code(0), false)
	require.NoError(t, err)
	require.NoError(t, l.SignOut(t.Context(), l.at, out.Session.Token))
	_, _, err = l.Session(t.Context(), l.at, out.Session.Token)
	l.refused(err, "session")
}

func TestTheTrailHasEachStepAndNoSecret(t *testing.T) {
	l := newLab(t)
	a, _ := l.session()
	wrong, right := "135790", a.code(0)
	x := l.begin("pat")
	_, err := l.Code(t.Context(), l.at, x.ID, wrong, false)
	require.Error(t, err)
	_, err = l.Code(t.Context(), l.at, x.ID, right, false)
	require.NoError(t, err)
	_, err = l.Begin(t.Context(), l.at, password, password) // the password where the name belongs
	require.Error(t, err)
	events, _, err := l.iam.EventsAfter(t.Context(), trail.Filter{}, 0, 0)
	require.NoError(t, err)
	var got []string
	for _, e := range events {
		record := e.Record(l.iam.Account()).JSON()
		for _, secret := range []string{wrong, right, password, a.seed} {
			require.NotContains(t, record, secret)
		}
		var r struct {
			EventType, EventName string
			AdditionalEventData  map[string]string
			ServiceEventDetails  map[string]string
			UserIdentity         struct{ Type, UserName string }
		}
		require.NoError(t, json.Unmarshal([]byte(record), &r))
		require.Equal(t, "AwsServiceEvent", r.EventType)
		require.Equal(t, "Unknown", r.UserIdentity.Type)
		require.Len(t, r.AdditionalEventData["AuthWorkflowID"], 36)
		got = append(got, strings.TrimSpace(r.EventName+" "+r.AdditionalEventData["CredentialType"]+" "+r.ServiceEventDetails[r.EventName]+" "+
			r.AdditionalEventData["DeviceEnrollmentRequired"]+" "+r.UserIdentity.UserName))
	}
	require.Equal(t, []string{
		"CredentialChallenge PASSWORD Success  pat", "CredentialVerification PASSWORD Success  pat",
		"CredentialChallenge TOTP Success true pat", "CredentialVerification TOTP Success  pat", "UserAuthentication PASSWORD,TOTP Success  pat",
		"CredentialChallenge PASSWORD Success  pat", "CredentialVerification PASSWORD Success  pat", "CredentialChallenge TOTP Success  pat",
		"CredentialVerification TOTP Failure  pat",
		"CredentialVerification TOTP Success  pat", "UserAuthentication PASSWORD,TOTP Success  pat",
		"CredentialChallenge PASSWORD Success  HIDDEN_DUE_TO_SECURITY_REASONS", "CredentialVerification PASSWORD Failure  HIDDEN_DUE_TO_SECURITY_REASONS",
	}, got)
}

func TestASavedPortalIsThePortal(t *testing.T) {
	l := newLab(t, "theme=tenant", "mode=context-aware")
	snap, err := l.iam.Snapshot(t.Context())
	require.NoError(t, err)
	other := newLab(t)
	require.NoError(t, other.iam.Restore(t.Context(), snap, sim.NewChance([]byte("other")), l.at.Now))
	r, err := other.Rules(t.Context())
	require.NoError(t, err)
	require.Equal(t, portal.Rules{Mode: "context-aware", Unenrolled: "register", IDP: "internal", Theme: "tenant"}, r)
	require.True(t, other.begin("pat").SMS)
}

func TestRulesSayWhatTheyTake(t *testing.T) {
	r := portal.DefaultRules()
	require.ErrorContains(t, r.Set("mode=sometimes"), "always-on, context-aware, never")
	require.ErrorContains(t, r.Set("colour=red"), "mode, unenrolled, idp, theme")
	require.ErrorContains(t, r.Set("mode"), `not ""`)
	for _, rule := range portal.AllRules() {
		for _, value := range rule.Values {
			require.NoError(t, r.Set(rule.Name+"="+value))
		}
	}
	d := portal.DefaultRules()
	for _, rule := range portal.AllRules() {
		require.NoError(t, d.Set(rule.Name+"="+rule.Values[0]))
	}
	require.Equal(t, portal.DefaultRules(), d)
	l := newLab(t)
	_, err := l.SetRules(t.Context(), l.at, []string{"mode=never", "mode=x"})
	l.refused(err, "form")
	r, err = l.Rules(t.Context())
	require.NoError(t, err)
	require.Equal(t, portal.AlwaysOn, r.Mode, "all or nothing")
}
