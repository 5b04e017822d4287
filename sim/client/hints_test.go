package client_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/client"
	"github.com/mfalab/mfalab/u2f"
)

// reachedBy is a profile of a key that names these ways to it.
func reachedBy(transports ...string) func(*u2f.Profile) {
	return func(p *u2f.Profile) { p.Transports = transports }
}

// Hints order the keys of a client, the preferred kind first, and beat authenticatorAttachment where they contradict it;
// what is not known of either is ignored. See Sections 5.4.4, 5.4.5 and 5.8.7 of Web Authentication Level 3.
func TestHints(t *testing.T) {
	const device, phone, stick = 0, 1, 2
	benches := []*bench{newBenchOf(t, 1, "ctap2.3", reachedBy("internal")), newBenchOf(t, 2, "ctap2.3", reachedBy("hybrid")),
		newBenchOf(t, 3, "ctap2.3", reachedBy("nfc", "usb"))}
	var all client.Client
	for _, b := range benches {
		all.Keys = append(all.Keys, b.browser.Keys[0])
	}
	var able []int
	all.Pick = func(list []int) int {
		able = list
		return list[0]
	}
	for _, tt := range []struct {
		name       string
		hints      []string
		attachment string
		want       []int
		attached   string
	}{
		{"none leave the keys as they are plugged in", nil, "", []int{device, phone, stick}, "platform"},
		{"a security key is preferred", []string{"security-key"}, "", []int{stick, device, phone}, "cross-platform"},
		{"the first hint is preferred most", []string{"hybrid", "security-key"}, "", []int{phone, stick, device}, "cross-platform"},
		{"the device itself comes last", []string{"security-key", "hybrid", "client-device"}, "", []int{stick, phone, device}, "cross-platform"},
		{"what is not known is ignored", []string{"brain", "security-key", ""}, "", []int{stick, device, phone}, "cross-platform"},
		{"nothing that is known is nothing", []string{"brain"}, "", []int{device, phone, stick}, "platform"},
		{"one hint twice", []string{"hybrid", "hybrid"}, "", []int{phone, device, stick}, "cross-platform"},
		{"platform leaves out what can be taken along", nil, "platform", []int{device}, "platform"},
		{"cross-platform leaves out the device", nil, "cross-platform", []int{phone, stick}, "cross-platform"},
		{"an attachment that is not known leaves out nothing", nil, "glued", []int{device, phone, stick}, "platform"},
		{"a hint that agrees changes nothing", []string{"client-device"}, "platform", []int{device}, "platform"},
		{"hints order what is left", []string{"security-key"}, "cross-platform", []int{stick, phone}, "cross-platform"},
		{"a hint beats platform", []string{"security-key"}, "platform", []int{stick, device, phone}, "cross-platform"},
		{"a hint beats cross-platform", []string{"client-device"}, "cross-platform", []int{device, phone, stick}, "platform"},
		{"a hint that is not known beats nothing", []string{"brain"}, "platform", []int{device}, "platform"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			able = nil
			selection := object{"userVerification": "discouraged", "residentKey": "required"}
			if tt.attachment != "" {
				selection["authenticatorAttachment"] = tt.attachment
			}
			out, err := all.Create(page, creation(object{"hints": tt.hints, "authenticatorSelection": selection}))
			require.NoError(t, err)
			if len(tt.want) > 1 { // nobody picks where there is one
				require.Equal(t, tt.want, able)
			}
			require.Contains(t, string(out), `"authenticatorAttachment":"`+tt.attached+`"`)
			if tt.attachment != "" {
				return // a request has none
			}
			out, err = all.Get(page, request(object{"hints": tt.hints, "userVerification": "discouraged"}))
			require.NoError(t, err)
			require.Equal(t, tt.want, able)
			require.Contains(t, string(out), `"authenticatorAttachment":"`+tt.attached+`"`)
		})
	}

	// A key that knows one of the page's credentials comes before all that do not.
	id := benches[phone].made(creation(nil)).ID
	_, err := all.Get(page, request(object{"hints": []string{"security-key"}, "allowCredentials": allow(id)}))
	require.NoError(t, err)
	require.Equal(t, []int{phone, stick, device}, able)

	// Where no key is what the page insists on, it hears so; hints keep nobody out.
	all.Keys = all.Keys[stick:]
	_, err = all.Create(page, creation(object{"authenticatorSelection": object{"authenticatorAttachment": "platform"}}))
	require.EqualError(t, err, "NotAllowedError: the page wants an authenticator of the device itself, and the key is none")
	_, err = all.Create(page, creation(object{"hints": []string{"client-device", "hybrid"}}))
	require.NoError(t, err)
	for _, bad := range []any{"security-key", []int{1}} {
		_, err = all.Create(page, creation(object{"hints": bad}))
		require.Equal(t, client.TypeError, name(err), bad)
	}
	all.Keys = []client.Key{benches[device].browser.Keys[0]}
	_, err = all.Create(page, creation(object{"authenticatorSelection": object{"authenticatorAttachment": "cross-platform"}}))
	require.EqualError(t, err, "NotAllowedError: the page wants a key that can be taken along, and this one is part of the device")
}
