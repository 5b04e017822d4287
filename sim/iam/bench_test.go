package iam_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// BenchmarkLogin judges one code; a wrong one is looked for in the whole sync window, to say why it was refused.
func BenchmarkLogin(b *testing.B) {
	const n = 59_044_050
	settings := iam.Defaults()
	for name, code := range map[string]string{"accepted": codeOf(fobSeed, n), "refused": codeOf(fobSeed, n+1000)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			fresh, err := iam.NewVerifier(fobSeed, otp.AlgorithmSHA1, 6, 30*time.Second)
			require.NoError(b, err)
			for b.Loop() {
				v := fresh
				if d := v.Login(code, during(n), &settings); d.Accepted != (name == "accepted") {
					b.Fatal(d.Rule)
				}
			}
		})
	}
}

// BenchmarkGetSessionToken is a login without network, signature and disk; the code is part of it.
func BenchmarkGetSessionToken(b *testing.B) {
	c := newCounter(b)
	c.enable()
	call := iam.Call{Service: "sts", Action: "GetSessionToken", Caller: c.as("bob").caller, Region: "us-east-1",
		Params: url.Values{"SerialNumber": {fob}}}
	b.ReportAllocs()
	for b.Loop() {
		c.wait(30 * time.Second)
		call.Now, call.Wall = c.now, c.now
		call.Params.Set("TokenCode", c.code(0))
		if _, err := c.service.Do(b.Context(), call); err != nil {
			b.Fatal(err)
		}
	}
}
