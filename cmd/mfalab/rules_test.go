package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The rules are only worth what they catch. Each of these files breaks one, or looks as if it did.
func TestPurityCatches(t *testing.T) {
	for _, c := range []struct {
		name, body string
		pure, told string // what the fault says, "" where there is none
	}{
		{"nothing wrong", `import "time"; func f(now time.Time) time.Time { return now.Add(time.Second) }`, "", ""},
		{"the clock", `import "time"; var x = time.Now()`, "time.Now", "time.Now"},
		{"the clock, not called", `import "time"; var now = time.Now`, "time.Now", "time.Now"},
		{"the clock under another name", `import t "time"; var x = t.Now()`, "time.Now", "time.Now"},
		{"the clock in a literal", `import "time"; func f() { _ = func() { time.Sleep(1) } }`, "time.Sleep", "time.Sleep"},
		{"how long ago", `import "time"; func f(t time.Time) time.Duration { return time.Since(t) }`, "time.Since", "time.Since"},
		{"how long yet", `import "time"; func f(t time.Time) time.Duration { return time.Until(t) }`, "time.Until", "time.Until"},
		{"a channel in a while", `import "time"; var c = time.After(1)`, "time.After:", "time.After:"},
		{"a call in a while", `import "time"; var c = time.AfterFunc(1, nil)`, "time.AfterFunc", "time.AfterFunc"},
		{"a timer", `import "time"; var c = time.NewTimer(1)`, "time.NewTimer", "time.NewTimer"},
		{"a ticker", `import "time"; var c = time.NewTicker(1)`, "time.NewTicker", "time.NewTicker"},
		{"a tick", `import "time"; var c = time.Tick(1)`, "time.Tick", "time.Tick"},
		{"the machine's zone", `import "time"; var l = time.Local`, "time.Local", "time.Local"},
		{"all names at once", `import . "time"; var x = Now()`, "dot import of time", "dot import of time"},
		{"a field called as the clock is", `type t struct{ Now int }; func f(time t) int { return time.Now }`, "", ""},
		{"a method called as the clock is", `import "time"; type w struct{}; func (w) Now() time.Time { return time.Time{} }; var x = w{}.Now()`, "", ""},
		{"a goroutine", `func f() { go f() }`, "go statement", "go statement"},
		{"a goroutine inside", `func f() { if true { for { go func() {}() } } }`, "go statement", "go statement"},
		{"the system", `import "os"; var x = os.Args`, "import of os", "import of os"},
		{"the system, for its effects", `import _ "os"`, "import of os", "import of os"},
		{"processes", `import "os/exec"; var x exec.Cmd`, "import of os/exec", "import of os/exec"},
		{"files", `import "path/filepath"; var x = filepath.Base("")`, "import of path/filepath", "import of path/filepath"},
		{"the runtime", `import "runtime/debug"; func f() { debug.FreeOSMemory() }`, "import of runtime/debug", "import of runtime/debug"},
		{"system calls", `import "syscall"; var x = syscall.EIO`, "import of syscall", "import of syscall"},
		{"unsafe", `import "unsafe"; var x unsafe.Pointer`, "import of unsafe", "import of unsafe"},
		{"C", `import "C"`, "import of C", "import of C"},
		{"chance", `import "math/rand"; var x = rand.Int()`, "import of math/rand", "import of math/rand"},
		{"chance, second edition", `import "math/rand/v2"; var x = rand.Int()`, "import of math/rand/v2", "import of math/rand/v2"},
		{"chance of the system", `import r "crypto/rand"; var x = r.Reader`, "import of crypto/rand", "import of crypto/rand"},
		{"a key by chance", `import "crypto/ecdsa"; var x = ecdsa.GenerateKey`, "crypto/ecdsa.GenerateKey", "crypto/ecdsa.GenerateKey"},
		{"a network", `import "net"; var x = net.Dial`, "import of net", "net.Dial"},
		{"an HTTP client", `import "net/http"; var x = http.Get`, "import of net/http", "net/http.Get"},
		{"an HTTP request, to look at", `import "net/http"; func f(r *http.Request) string { return r.Method }`, "import of net/http", ""},
		{"a URL", `import "net/url"; var x url.Values`, "", ""},
		{"a database", `import "database/sql"; var x sql.DB`, "import of database/sql", "import of database/sql"},
		{"a log", `import "log"; func f() { log.Print(1) }`, "import of log", "import of log"},
		{"a log with levels", `import "log/slog"; func f() { slog.Info("x") }`, "log/slog.Info", "log/slog.Info"},
		{"a secret that hides from logs", `import "log/slog"; func f() slog.Value { return slog.StringValue("hidden") }`, "", ""},
		{"the screen", `import "fmt"; func f() { fmt.Println(1) }`, "fmt.Println", "fmt.Println"},
		{"a text", `import "fmt"; var x = fmt.Sprintln(1)`, "", ""},
		{"the screen without an import", `func f() { println(1) }`, "built-in println", "built-in println"},
		{"a function of its own called println", `func println(int) {}; func f() { println(1) }`, "", ""},
		{"waiting", `import "context"; func f(context.Context) {}`, "import of context", ""},
		{"waiting for so long", `import "context"; var f = context.WithTimeout`, "import of context", "context.WithTimeout"},
		{"a lock", `import "sync"; var m sync.Mutex`, "import of sync", ""},
		{"a test's package", `import "testing"; var x testing.B`, "import of testing", "import of testing"},
		{"somebody else's module", `import "github.com/gofrs/flock"; var x flock.Flock`, "import of github.com/gofrs/flock", ""},
		{"a module that is known", `import "github.com/makiuchi-d/gozxing/qrcode"; var x qrcode.QRCodeReader`, "", ""},
		{"one of ours", `import "github.com/mfalab/mfalab/token"; var x token.Seed`, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := parsed("token/snippet.go", []byte("package token; "+c.body))
			require.NoError(t, err)
			for r, want := range map[rule]string{edge: "", told: c.told, pure: c.pure} {
				got := strings.Join(impurities(s, r), "\n")
				if want == "" {
					require.Empty(t, got, "rule %d", r)
					continue
				}
				require.Contains(t, got, "token/snippet.go:1: "+want, "rule %d", r)
			}
		})
	}
}

func TestLayersCatch(t *testing.T) {
	for _, c := range []struct {
		file, imports string
		room          room
		want          string // part of the fault, "" where there is none
	}{
		{"sim/live/a.go", "token", room{imports: "token/..."}, ""},
		{"sim/live/a.go", "token/seedfile", room{imports: "token/..."}, ""},
		{"sim/live/a.go", "token/seedfile", room{imports: "token", why: "the reason"}, "sim/live may not import token/seedfile: the reason"},
		{"sim/live/a.go", "tokens", room{imports: "token/...", why: "the reason"}, "the reason"},
		{"sim/live/a.go", "cmd/mfalab", room{imports: "cmd/mfalab"}, "nothing imports cmd"},
		{"sim/a.go", "sim/iam", room{why: "the reason"}, "the reason"},
		{"sim/iam/a.go", "token", room{imports: "token"}, "shares no code"},
		{"sim/iam/sqlite/a_test.go", "token/seedfile", room{tests: "token/..."}, "shares no code"},
		{"token/a.go", "sim", room{imports: "sim"}, "devices know no world"},
		{"token/a.go", "u2f", room{imports: "u2f"}, "token stands alone"},
		{"token/seedfile/a.go", "hid/ctaphid", room{imports: "hid/..."}, "token stands alone"},
		{"u2f/ctap/a.go", "hid", room{imports: "hid"}, "u2f stands alone"},
		{"u2f/ctap/a.go", "u2f/cose", room{imports: "u2f/cose"}, ""},
		{"hid/ctaphid/a.go", "u2f", room{imports: "u2f"}, "hid stands alone"},
		{"hid/ctaphid/a.go", "hid", room{imports: "hid"}, ""},
		{"sim/a.go", "token", room{tests: "token", why: "the reason"}, "the reason"},
		{"sim/a_test.go", "token", room{tests: "token"}, ""},
		{"sim/a_test.go", "sim", room{}, ""},
		{"sim/a_test.go", "sim/live", room{why: "the reason"}, "the reason"},
	} {
		t.Run(c.file+" imports "+c.imports, func(t *testing.T) {
			for _, name := range []string{"", "other ", "_ ", ". "} {
				s, err := parsed(c.file, []byte("package x\n\nimport "+name+`"`+module+c.imports+`"`))
				require.NoError(t, err)
				got := strings.Join(imports(s, c.room), "\n")
				if c.want == "" {
					require.Empty(t, got)
					continue
				}
				require.Contains(t, got, c.want)
			}
		})
	}
}
