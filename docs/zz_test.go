package docs_test
import ("testing";"fmt";"time";"net/http";"io"
"github.com/mfalab/mfalab/sim/live"
"github.com/mfalab/mfalab/token")
func openEph(t *testing.T, eph bool) *office {
	o := &office{}
	o.now.Store(birth.UnixNano())
	lab, err := live.Open(t.Context(), live.Options{Dir: t.TempDir(), Ephemeral: eph, Seed: "performance", Wall: o.wall})
	if err != nil { t.Fatal(err) }
	ppm := 0.0
	lab.NewFob(t.Context(), live.FobSpec{Serial: serial, Seed: live.Seed(seed), PPM: &ppm})
	profile, err := token.ProfileNamed(live.DefaultProfile)
	o.fob, err = token.NewFob(token.Config{Profile: profile, Serial: serial, Seed: seed, Born: birth})
	keys, err := lab.Credentials(t.Context())
	o.client = newClient(serve(t, lab), keys.Users[live.Administrator])
	first, second := o.press(), o.press()
	o.ask(t, o.wall(), "iam", "EnableMFADevice", "UserName", live.Administrator, "SerialNumber", serial,
		"AuthenticationCode1", first, "AuthenticationCode2", second)
	return o
}
func TestZZ(t *testing.T) {
	o := openEph(t, false)
	e := openEph(t, true)
	file := bareFile(t)
	for range 4 {
	run := func(what string, f func(b *testing.B)) { r := testing.Benchmark(f); fmt.Print(what, " ", time.Duration(r.NsPerOp()), "  ") }
	run("durable", func(b *testing.B){ for b.Loop() { o.login(b) } })
	run("memory", func(b *testing.B){ for b.Loop() { e.login(b) } })
	run("whoami durable", func(b *testing.B){ for b.Loop() { o.ask(b, o.wall(), "sts", "GetCallerIdentity") } })
	run("whoami mem", func(b *testing.B){ for b.Loop() { e.ask(b, e.wall(), "sts", "GetCallerIdentity") } })
	run("404", func(b *testing.B){ for b.Loop() { r,_ := e.http.Get(e.url+"/x"); io.Copy(io.Discard, r.Body); r.Body.Close() } })
	run("bare", func(b *testing.B){ for n := 0; b.Loop(); n++ {
		file.ExecContext(b.Context(), "UPDATE record SET value = ?1 WHERE key = 1", fmt.Appendf(nil, "%0300d", n)) } })
	fmt.Println()
	}
	_ = http.NoBody
}
