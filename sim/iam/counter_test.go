package iam_test

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"image/png"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
)

const fob = "GAHT00000001"

var fobSeed = []byte("the seed of the fob number 1")

// A counter is where bob comes with his fob: a clerk with an inventory, who remembers the last decision.
type counter struct {
	*clerk
	rules iam.Settings
	last  atomic.Pointer[iam.Decision]
}

// newCounter returns a counter whose account has the user bob, and in whose inventory fobs lie: GAHT00000001 and so on,
// all with the same seed. The time is in the middle of a step. Settings are given as Set takes them.
func newCounter(t testing.TB, settings ...string) *counter {
	c := &counter{clerk: newClerk(t)}
	c.now = during(59_044_050)
	c.set(settings...)
	c.must("CreateUser", "UserName", "bob")
	var fobs []iam.HardwareDevice
	for i := range 9 {
		fobs = append(fobs, iam.HardwareDevice{Serial: fmt.Sprintf("GAHT%08d", i+1), Seed: fobSeed})
	}
	require.NoError(t, c.service.Stock(t.Context(), fobs))
	return c
}

// set puts a service with other rules in charge.
func (c *counter) set(settings ...string) {
	c.rules = iam.Defaults()
	for _, x := range settings {
		require.NoError(c.t, c.rules.Set(x))
	}
	c.service = c.serviceOn(c.store)
}

// serviceOn returns another service with the same rules.
func (c *counter) serviceOn(store iam.Store) *iam.Service {
	s, err := iam.New(c.t.Context(), iam.Config{Store: store, Chance: sim.NewChance([]byte("clerk")), Settings: c.rules,
		Record: func(d iam.Decision) { c.last.Store(&d) }}, c.now)
	require.NoError(c.t, err)
	return s
}

// login asks for a session of bob's with a code.
func (c *counter) login(serial, code string) (string, *iam.Error) {
	return c.sts("bob", "GetSessionToken", "SerialNumber", serial, "TokenCode", code)
}

// sts calls an operation of STS for a user, whose access key has the ID "AKIA" and the name.
func (c *counter) sts(user, action string, params ...string) (string, *iam.Error) {
	caller := c.as(user).caller
	caller.AccessKeyID = "AKIA" + user
	return c.call(iam.Call{Service: "sts", Action: action, Params: form(params...), Caller: caller})
}

// call decides a call at the counter's time and returns what stands inside its result.
func (c *counter) call(call iam.Call) (string, *iam.Error) {
	call.Now, call.Wall, call.Region = c.now, c.now, "us-east-1"
	result, err := c.service.Do(c.t.Context(), call)
	if err != nil {
		return "", err.(*iam.Error)
	}
	b, err := xml.Marshal(result)
	require.NoError(c.t, err)
	return string(b), nil
}

// refusedBut calls an operation that has to be refused and may change nothing but the count of failures.
func (c *counter) refusedBut(action string, params ...string) *iam.Error {
	c.t.Helper()
	before := c.uncounted()
	_, e := c.do(action, form(params...))
	require.NotNil(c.t, e, "%s was not refused", action)
	require.Equal(c.t, before, c.uncounted(), "%s was refused and changed the store", action)
	return e
}

// uncounted returns all records without the counts of failures.
func (c *counter) uncounted() map[string]string {
	all := c.dump()
	for name, record := range all {
		if strings.HasPrefix(name, "mfa ") {
			all[name] = regexp.MustCompile(`,"(failures|lockedUntil)":[^,}]+`).ReplaceAllString(record, "")
		}
	}
	return all
}

// code returns the code of the fobs for the step that is so many ahead of the present one.
func (c *counter) code(ahead int64) string { return codeOf(fobSeed, c.now.Unix()/30+ahead) }

// codes returns the parameters for two codes.
func codes(code1, code2 string) []string {
	return []string{"AuthenticationCode1", code1, "AuthenticationCode2", code2}
}

// enable gives bob the fob and waits until its next code is a new one.
func (c *counter) enable() {
	c.must("EnableMFADevice", append(codes(c.code(-1), c.code(0)), "UserName", "bob", "SerialNumber", fob)...)
	c.wait(30 * time.Second)
}

// says is what a refusal looks like to a client.
func says(e *iam.Error) string { return fmt.Sprintf("%d %s %s", e.Status, e.Code, e.Message) }

// readQR reads the picture in an answer with another reader than made it.
func readQR(t *testing.T, base64PNG string) string {
	b, err := base64.StdEncoding.DecodeString(base64PNG)
	require.NoError(t, err)
	picture, err := png.Decode(bytes.NewReader(b))
	require.NoError(t, err)
	bitmap, err := gozxing.NewBinaryBitmapFromImage(picture)
	require.NoError(t, err)
	text, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
	require.NoError(t, err)
	return text.GetText()
}

// phone makes a virtual device, gives it to a user and returns its serial number.
func (c *counter) phone(user string) string {
	answer := c.must("CreateVirtualMFADevice", "VirtualMFADeviceName", "phone")
	text, err := base64.StdEncoding.DecodeString(field(answer, "Base32StringSeed"))
	require.NoError(c.t, err)
	seed, err := base32.StdEncoding.DecodeString(string(text))
	require.NoError(c.t, err)
	n := c.now.Unix() / 30
	serial := field(answer, "SerialNumber")
	c.must("EnableMFADevice", append(codes(codeOf(seed, n-1), codeOf(seed, n)), "UserName", user, "SerialNumber", serial)...)
	return serial
}

// failures returns how many refusals are counted for a device.
func (c *counter) failures(serial string) int64 {
	var d struct{ Failures int64 }
	require.NoError(c.t, json.Unmarshal([]byte(c.dump()["mfa "+serial]), &d))
	return d.Failures
}
