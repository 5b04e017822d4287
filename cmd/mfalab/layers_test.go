package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A rule says what a package may reach besides its arguments.
type rule int

const (
	// edge: anything. Here the lab meets the machine it runs on.
	edge rule = iota
	// told: the time is what the caller says it is, and nothing runs by itself. It may wait for a store or read a request.
	told
	// pure: everything is an argument. No clock, randomness, goroutine, lock, log, OS, network or database.
	pure
)

// A room is a package's place in the house.
type room struct {
	imports string // ours that it may import; "a/..." is a and everything below
	tests   string // ours that its tests may import besides
	rule    rule
	why     string
}

// rooms has a place for every package of the module. One that is new fails until somebody says here where it belongs.
var rooms = map[string]room{
	"token":             {"", "", pure, "the fob in your hand: firmware knows no world"},
	"token/seedfile":    {"token", "", pure, "seeds travel as values; who opens the file is an edge"},
	"token/seedfile/qr": {"", "token token/seedfile", pure, "a picture is a value too; kept apart for the weight of its module"},
	"sim":               {"", "", pure, "the world holds time, so nothing may tell it the time"},

	"u2f":             {"u2f/ctap u2f/cose u2f/attest u2f/pinuv", "u2f/...", pure, "the key: firmware knows neither cable nor world"},
	"u2f/ctap":        {"", "", pure, "messages and status codes: values"},
	"u2f/cose":        {"", "", pure, "keys and signatures, each from a seed"},
	"u2f/attest":      {"u2f/cose", "u2f/ctap", pure, "statements and certificates, each from a seed"},
	"u2f/metadata":    {"u2f/attest u2f/cose", "u2f/...", pure, "what relying parties may know of a model, signed: values"},
	"u2f/pinuv":       {"u2f/cose u2f/ctap", "", pure, "both halves of the PIN/UV protocols"},
	"u2f/flash":       {"", "u2f/u2ftest", edge, "a file is where power cuts are real"},
	"u2f/tpm":         {"u2f u2f/cose u2f/ctap u2f/attest", "u2f/...", edge, "secrets in a TPM: a device, or a socket of somebody's"},
	"u2f/tpm/tpmtest": {"", "", edge, "a TPM in software, for tests"},
	"u2f/u2ftest":     {"u2f/...", "", edge, "what every flash must do"},

	"hid":         {"", "", pure, "the cable: reports are values"},
	"hid/ctaphid": {"hid", "", pure, "framing, both sides, told the time"},
	"hid/plug":    {"hid", "hid/...", edge, "the wall clock and the goroutine of every way in"},
	"hid/hidtest": {"hid hid/ctaphid hid/plug", "", edge, "what every way in must do"},
	"hid/pipe":    {"hid", "hid/...", edge, "a way in: two goroutines of one process"},
	"hid/sock":    {"hid", "hid/...", edge, "a way in: unix sockets and the shim"},
	"hid/udp":     {"hid", "hid/...", edge, "a way in: datagrams"},
	"hid/tcp":     {"hid", "hid/...", edge, "a way in: a stream"},
	"hid/uhid":    {"hid", "hid/...", edge, "a way in: the Linux kernel"},
	"hid/usbip":   {"hid", "hid/...", edge, "a way in: a USB port of somebody's"},
	"hid/guest":   {"", "hid/...", edge, "tests alone: a real kernel, and programs that know nothing of us"},

	"sim/client": {"u2f/ctap u2f/cose u2f/pinuv u2f/attest", "u2f/...", pure, "a browser's half of a ceremony: it knows no relying party, and touches are somebody else's"},
	// go-webauthn reads the machine's clock for two things: its own time-outs, which are off, so that the lab's time judges
	// challenges, and the validity of certificates, which is the wall's business. It draws challenges, which ours replace.
	"sim/trail": {"", "", pure, "a record is a value; who writes it down is told when"},
	"sim/iam":   {"sim sim/iam/policy sim/trail", "sim/iam/memory", told, "the side that checks shares no code with the side that makes codes and signatures: never token, never u2f"},
	"sim/iam/memory": {"sim/iam", "sim/iam/storetest", edge,
		"a store: locks are its business, the rules of IAM are not"},
	"sim/iam/sqlite":    {"sim/iam", "sim/iam/storetest", edge, "a store: files, locks and a database"},
	"sim/iam/storetest": {"sim/iam", "sim/iam/memory", edge, "what every store must do, many callers at once included"},
	"sim/iam/sigv4":     {"", "", told, "the wire's side of a signature: users and keys are handed to it"},
	"sim/iam/policy":    {"", "", pure, "a decision is a value of documents, a request and a time; nobody else's business"},

	"sim/endpoint": {"sim/iam sim/iam/sigv4 sim/trail", "sim sim/iam/memory", edge, "the port: HTTP in front of IAM, blind to devices"},
	"sim/ec2":      {"sim/iam sim/iam/policy sim/iam/sigv4", "sim sim/endpoint sim/iam/memory sim/trail", edge, "a service beside IAM: things that policies protect"},
	"sim/s3": {"sim/iam sim/iam/policy sim/iam/sigv4 sim/trail", "sim sim/endpoint sim/iam/memory", edge,
		"a service beside IAM: its protocol, its records, and the files that objects are"},
	"sim/live": {"sim sim/trail sim/s3 sim/iam sim/portal sim/iam/memory sim/iam/sqlite token/... u2f/... hid/...", "", edge,
		"where the world meets the wall clock and a directory"},
	"sim/control": {"sim sim/trail sim/live u2f/metadata sim/iam sim/portal token/... u2f", "", edge, "the lab's own API, and its client"},
	"sim/console": {"sim/iam token/seedfile/qr", "sim sim/iam/memory sim/client u2f u2f/attest u2f/flash u2f/metadata", edge, "the account's console: pages in front of IAM"},
	"sim/portal":  {"sim/iam sim/trail", "sim sim/iam/memory", told, "a relying party beside the account: its records lie in the account's store"},
	"sim/portal/site": {"sim/iam sim/portal sim/console", "sim sim/iam/memory", edge,
		"the portal's pages: decided behind them, styled as the console's"},
	"sim/scenario": {"sim", "", edge, "scripts as tests: what a world is, the caller says"},

	"cmd/mfalab": {"sim/... token/... u2f/... hid/...", "", edge, "puts the rooms together; nothing imports it"},
	"docs":       {"", "sim/... token/... u2f/... hid/...", edge, "pages, and the tests that write their figures"},
}

// arrow says why a package may not import another, whatever its room says: the arrows go one way,
// cmd -> sim -> {token, u2f, hid}. It returns "" where it may.
func arrow(from, to string) string {
	below := func(p, top string) bool { return p == top || strings.HasPrefix(p, top+"/") }
	switch {
	case below(to, "cmd"), below(to, "docs"):
		return "nothing imports cmd or docs"
	case below(from, "cmd"), below(from, "docs"):
		return ""
	case below(from, "sim/iam") && (below(to, "token") || below(to, "u2f") || to == "sim/client"):
		return "the side that checks shares no code with the side that makes codes and signatures"
	case below(from, "sim"):
		return ""
	case below(to, "sim"):
		return "devices know no world"
	}
	for _, top := range []string{"token", "u2f", "hid"} {
		if below(from, top) && !below(to, top) {
			return top + " stands alone"
		}
	}
	return ""
}

// module is the path that our imports begin with.
const module = "github.com/mfalab/mfalab/"

// A source is one Go file of the module.
type source struct {
	path string // from the module's root, with slashes
	text []byte
	fset *token.FileSet
	file *ast.File
}

func (s source) pkg() string { return path.Dir(s.path) }
func (s source) test() bool  { return strings.HasSuffix(s.path, "_test.go") }

// at returns where n is, for a person.
func (s source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.Position(n.Pos()).Line)
}

func parsed(name string, text []byte) (source, error) {
	s := source{path: name, text: text, fset: token.NewFileSet()}
	var err error
	s.file, err = parser.ParseFile(s.fset, name, text, parser.ParseComments)
	return s, err
}

// house is the folder that the module is in, seen from this package.
const house = "../.."

// readHouse reads every Go file of the module once.
var readHouse = sync.OnceValues(func() ([]source, error) {
	var all []source
	err := filepath.WalkDir(house, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); base == "testdata" || base == "dist" || strings.HasPrefix(base, ".") && base != ".." {
				return filepath.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if bytes.HasPrefix(text, []byte("//go:build ignore\n")) {
			return nil // a tool of `go generate`, in no package
		}
		rel, err := filepath.Rel(house, name)
		if err != nil {
			return err
		}
		s, err := parsed(filepath.ToSlash(rel), text)
		all = append(all, s)
		return err
	})
	return all, err
})

func sources(t *testing.T) []source {
	t.Helper()
	all, err := readHouse()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

func TestEveryPackageHasItsRoom(t *testing.T) {
	found := map[string]bool{}
	for _, s := range sources(t) {
		if found[s.pkg()] = true; rooms[s.pkg()].why == "" {
			t.Errorf("%s: package %s has no place: add it to rooms, with the reason", s.path, s.pkg())
		}
	}
	for name := range rooms {
		require.True(t, found[name] || name == "docs", "the room %s is empty", name)
	}
}

func TestRoomsFollowTheArrows(t *testing.T) {
	for from, r := range rooms {
		for _, to := range strings.Fields(r.imports + " " + r.tests) {
			require.Empty(t, arrow(from, strings.TrimSuffix(to, "/...")), "%s -> %s", from, to)
		}
	}
}

func TestImportsKeepToTheirRooms(t *testing.T) {
	for _, s := range sources(t) {
		for _, fault := range imports(s, rooms[s.pkg()]) {
			t.Error(fault)
		}
	}
}

func TestPurity(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		for _, fault := range impurities(s, rooms[s.pkg()].rule) {
			t.Error(fault)
		}
	}
}

// imported returns the path of an import.
func imported(i *ast.ImportSpec) string {
	p, err := strconv.Unquote(i.Path.Value)
	if err != nil {
		panic("the parser let a bad import path through: " + i.Path.Value)
	}
	return p
}

// imports returns what is wrong with the imports of ours in s.
func imports(s source, r room) []string {
	allowed := strings.Fields(r.imports)
	if s.test() {
		allowed = append(append(allowed, strings.Fields(r.tests)...), s.pkg())
	}
	var faults []string
	for _, i := range s.file.Imports {
		to, ours := strings.CutPrefix(imported(i), module)
		if !ours {
			continue
		}
		reason := arrow(s.pkg(), to)
		if s.test() && to == s.pkg() {
			reason = ""
		}
		ok := slices.ContainsFunc(allowed, func(a string) bool {
			top, below := strings.CutSuffix(a, "/...")
			return to == top || below && strings.HasPrefix(to, top+"/")
		})
		if !ok && reason == "" {
			reason = r.why
		}
		if reason != "" {
			faults = append(faults, fmt.Sprintf("%s: %s may not import %s: %s", s.at(i), s.pkg(), to, reason))
		}
	}
	return faults
}

// ambientPackages are what a package that is not an edge may not import, with everything below; the longest path decides.
var ambientPackages = map[string]struct {
	reason string // "" where there is nothing wrong with it
	told   bool   // a package that is told the time may import it
}{
	"C":             {"it must build for a page", false},
	"context":       {"a model never blocks", true},
	"crypto/rand":   {"chance is derived from a seed", false},
	"database/sql":  {"state is an argument", false},
	"io/ioutil":     {"files are an edge's", false},
	"log":           {"what happened is an event or an error", false},
	"log/slog":      {"", true}, // its values only, for secrets that must not show: see ambientNames
	"math/rand":     {"chance is derived from a seed", false},
	"net":           {"bytes come as arguments", true},
	"net/netip":     {"", true},
	"net/url":       {"", true},
	"os":            {"the machine is an edge's", false},
	"path/filepath": {"files are an edge's", false},
	"plugin":        {"it must build for a page", false},
	"runtime":       {"the machine is an edge's", false},
	"sync":          {"one caller at a time owns a model", true},
	"syscall":       {"the machine is an edge's", false},
	"testing":       {"a product is not a test", false},
	"unsafe":        {"nothing here needs it", false},
}

// ambientNames are what may not be named outside an edge, by package path. "*" is
// every name but those in spared.
var ambientNames = map[string]string{
	"time":           "Now Sleep After AfterFunc NewTimer NewTicker Tick Since Until Local LoadLocation",
	"context":        "WithTimeout WithTimeoutCause WithDeadline WithDeadlineCause AfterFunc Background TODO",
	"fmt":            "Print Printf Println Scan Scanf Scanln",
	"log/slog":       "*",
	"crypto/ecdsa":   "GenerateKey",
	"crypto/ed25519": "GenerateKey",
	"crypto/rsa":     "GenerateKey GenerateMultiPrimeKey",
	"net":            "*",
	"net/http":       "*",
}

// spared are the harmless names of a package whose others are ambient.
var spared = map[string]string{
	"log/slog": "Attr Value LogValuer StringValue IntValue Int64Value Uint64Value BoolValue DurationValue TimeValue GroupValue " +
		"String Int Int64 Uint64 Bool Duration Time Group",
	"net/http": "Header Request CanonicalHeaderKey ParseTime Method* Status*",
	"net":      "ParseIP IP SplitHostPort JoinHostPort",
}

// pureModules are modules of others that a pure package may stand on, and why they do not break its promise.
var pureModules = map[string]string{
	"filippo.io/mldsa":              "ML-DSA over values in memory; keys and signatures here come from a seed",
	"github.com/fxamacker/cbor":     "CBOR to and from values in memory",
	"github.com/google/go-tpm/tpm2": "the structures of a TPM to and from bytes; who reaches one imports a transport",
	"github.com/makiuchi-d/gozxing": "QR codes to and from pictures in memory",
	"golang.org/x/net/publicsuffix": "a list of names in the program",
}

// stranger reports whether p belongs to a module of others that is not known to be pure.
func stranger(p string) bool {
	host, _, _ := strings.Cut(p, "/")
	if !strings.Contains(host, ".") || strings.HasPrefix(p, module) {
		return false
	}
	for ; p != "."; p = path.Dir(p) {
		if pureModules[p] != "" {
			return false
		}
	}
	return true
}

// ambient returns why a package under the rule r may not import the package p, "" where it may.
func ambient(p string, r rule) string {
	for ; p != "."; p = path.Dir(p) {
		if a, known := ambientPackages[p]; known {
			if r == told && a.told {
				return ""
			}
			return a.reason
		}
	}
	return ""
}

// named reports whether a list of names has name; "Status*" stands for all that begin so.
func named(list, name string) bool {
	return slices.ContainsFunc(strings.Fields(list), func(n string) bool {
		begin, open := strings.CutSuffix(n, "*")
		return n == name || open && strings.HasPrefix(name, begin)
	})
}

// impurities returns what in s breaks its rule.
func impurities(s source, r rule) []string {
	if r == edge {
		return nil
	}
	var faults []string
	fault := func(n ast.Node, what, why string) {
		faults = append(faults, fmt.Sprintf("%s: %s: %s", s.at(n), what, why))
	}
	local := map[string]string{} // name in this file -> path
	for _, i := range s.file.Imports {
		p := imported(i)
		name := path.Base(p)
		if strings.HasPrefix(name, "v") && strings.Trim(name[1:], "0123456789") == "" {
			name = path.Base(path.Dir(p))
		}
		if i.Name != nil {
			name = i.Name.Name
		}
		local[name] = p
		if name == "." && !strings.HasPrefix(p, module) {
			fault(i, "dot import of "+p, "its names would be seen by nobody")
		}
		if r == pure && stranger(p) {
			fault(i, "import of "+p, "nobody has looked whether it is pure: say so in pureModules first")
		}
		if reason := ambient(p, r); reason != "" {
			fault(i, "import of "+p, reason)
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			fault(n, "go statement", "nothing runs by itself")
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && f.Obj == nil && (f.Name == "print" || f.Name == "println") {
				fault(n, "built-in "+f.Name, "what happened is an event or an error")
			}
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if !ok || x.Obj != nil {
				return true
			}
			p := local[x.Name]
			if named(ambientNames[p], n.Sel.Name) && !named(spared[p], n.Sel.Name) {
				fault(n, p+"."+n.Sel.Name, "time, chance and the machine are arguments")
			}
		}
		return true
	})
	return faults
}
