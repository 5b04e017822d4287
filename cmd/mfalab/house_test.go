package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Limits of size, which make people stop and cut. Our choice: no anchor of good code in this field needs more.
const (
	mostLinesOfFile     = 500 // tests not counted
	mostLinesOfFunction = 80
)

// empty are words that say nothing about what is inside.
var empty = strings.Fields("util utils common helper helpers manager managers handler handlers service services impl misc base")

// named for what it is: files whose name would otherwise be an empty word, and why it is not.
var spokenFor = map[string]string{
	"sim/iam/service.go": "AWS calls IAM a service, and this is it",
}

func TestFormat(t *testing.T) {
	for _, s := range sources(t) {
		formatted, err := format.Source(s.text)
		require.NoError(t, err, s.path)
		if !bytes.Equal(formatted, s.text) {
			t.Errorf("%s is not as gofmt writes it", s.path)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, s := range sources(t) {
		for _, fault := range oversized(s) {
			t.Error(fault)
		}
	}
}

func oversized(s source) []string {
	var faults []string
	if n := bytes.Count(s.text, []byte("\n")); n > mostLinesOfFile && !s.test() {
		faults = append(faults, fmt.Sprintf("%s has %d lines, more than %d", s.path, n, mostLinesOfFile))
	}
	for _, d := range s.file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || s.test() {
			continue
		}
		if n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1; n > mostLinesOfFunction {
			faults = append(faults, fmt.Sprintf("%s: %s has %d lines, more than %d", s.at(f), f.Name.Name, n, mostLinesOfFunction))
		}
	}
	return faults
}

func TestNamesSayWhatIsInside(t *testing.T) {
	for _, s := range sources(t) {
		if word := emptyWord(s.path); word != "" && spokenFor[s.path] == "" {
			t.Errorf("%s: %q says nothing about what is inside", s.path, word)
		}
	}
	for name := range spokenFor {
		require.True(t, slices.ContainsFunc(sources(t), func(s source) bool { return s.path == name }), "%s is gone", name)
	}
}

// emptyWord returns the first word of a path that says nothing, or "".
func emptyWord(name string) string {
	for word := range strings.FieldsFuncSeq(strings.TrimSuffix(name, ".go"), func(r rune) bool { return strings.ContainsRune("/_-.", r) }) {
		if slices.Contains(empty, word) {
			return word
		}
	}
	return ""
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	docs := map[string][]string{}
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		if docs[s.pkg()] == nil {
			docs[s.pkg()] = []string{}
		}
		if s.file.Doc != nil {
			docs[s.pkg()] = append(docs[s.pkg()], s.file.Doc.Text())
		}
	}
	for pkg, texts := range docs {
		begin := "Package " + path.Base(pkg) + " "
		if strings.HasPrefix(pkg, "cmd/") {
			begin = "Command " + path.Base(pkg) + " "
		}
		require.Len(t, texts, 1, "package %s has one package comment", pkg)
		require.True(t, strings.HasPrefix(texts[0], begin), "the comment of package %s begins with %q", pkg, begin)
	}
}

func TestEveryExportedNameSaysWhatItIs(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		for _, fault := range undocumented(s) {
			t.Error(fault)
		}
	}
}

// undocumented returns the exported names of s without a comment that begins with them. In a group the comment of the
// group or of the line will do.
func undocumented(s source) []string {
	var faults []string
	check := func(n ast.Node, name string, ok bool) {
		if ast.IsExported(name) && !ok {
			faults = append(faults, fmt.Sprintf("%s: %s has no comment that begins with its name", s.at(n), name))
		}
	}
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type)) {
				check(d, d.Name.Name, begins(d.Doc, d.Name.Name))
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					check(spec, spec.Name.Name, begins(spec.Doc, spec.Name.Name) || begins(d.Doc, spec.Name.Name))
				case *ast.ValueSpec:
					grouped := d.Lparen != token.NoPos && (d.Doc != nil || spec.Doc != nil || spec.Comment != nil)
					for _, name := range spec.Names {
						check(spec, name.Name, grouped || begins(d.Doc, spec.Names[0].Name))
					}
				}
			}
		}
	}
	return faults
}

// article is what may stand before the name.
var article = regexp.MustCompile(`^(A|An|The) `)

// begins reports whether a comment begins with name.
func begins(doc *ast.CommentGroup, name string) bool {
	return slices.ContainsFunc([]string{doc.Text(), article.ReplaceAllString(doc.Text(), "")}, func(text string) bool {
		rest, ok := strings.CutPrefix(text, name)
		return ok && rest != "" && !token.IsIdentifier("x"+rest[:1])
	})
}

// receiver returns the name of a method's type.
func receiver(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}

func TestHouseRulesCatch(t *testing.T) {
	long := strings.Repeat("\n", mostLinesOfFunction)
	for _, c := range []struct {
		name, file, body string
		check            func(source) []string
		want             string // part of the fault, "" where there is none
	}{
		{"a file of just so many lines", "sim/a.go", strings.Repeat("\n", mostLinesOfFile-1), oversized, ""},
		{"a file too long", "sim/a.go", strings.Repeat("\n", mostLinesOfFile), oversized, "sim/a.go has 501 lines"},
		{"a test too long", "sim/a_test.go", strings.Repeat("\n", mostLinesOfFile), oversized, ""},
		{"a function of just so many lines", "sim/a.go", "func f() {" + long[1:] + "}", oversized, ""},
		{"a function too long", "sim/a.go", "func f() {" + long + "}", oversized, "f has 81 lines"},
		{"a function without a comment", "sim/a.go", "func F() {}", undocumented, "F has no comment"},
		{"a function that is called otherwise", "sim/a.go", "// Func does it.\nfunc F() {}", undocumented, "F has no comment"},
		{"a function with its comment", "sim/a.go", "// F does it.\nfunc F() {}", undocumented, ""},
		{"a function of our own", "sim/a.go", "func f() {}", undocumented, ""},
		{"a method without a comment", "sim/a.go", "// A T is.\ntype T[X any] struct{}\nfunc (t *T[X]) M() {}", undocumented, "M has no comment"},
		{"a method of an own type", "sim/a.go", "type t struct{}\nfunc (*t) M() {}", undocumented, ""},
		{"a type without a comment", "sim/a.go", "type T int", undocumented, "T has no comment"},
		{"a type with an article", "sim/a.go", "// The T is.\ntype T int", undocumented, ""},
		{"types in a group", "sim/a.go", "type (\n// A T is.\nT int\nU int\n)", undocumented, "U has no comment"},
		{"a constant without a comment", "sim/a.go", "const A = 1", undocumented, "A has no comment"},
		{"a constant with its comment", "sim/a.go", "// A is one.\nconst A = 1", undocumented, ""},
		{"variables of one line", "sim/a.go", "// A and B are two.\nvar A, B int", undocumented, ""},
		{"constants under one comment", "sim/a.go", "// All of them.\nconst (\nA = 1\nB = 2\n)", undocumented, ""},
		{"constants each with its own", "sim/a.go", "const (\nA = 1 // one\n// B is two.\nB = 2\n)", undocumented, ""},
		{"constants of which one has none", "sim/a.go", "const (\nA = 1 // one\nB = 2\n)", undocumented, "B has no comment"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := parsed(c.file, []byte("package sim\n"+c.body))
			require.NoError(t, err)
			got := strings.Join(c.check(s), "\n")
			if c.want == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, c.want)
		})
	}
	for name, want := range map[string]string{"sim/util/a.go": "util", "sim/http_handler.go": "handler", "sim/common_test.go": "common",
		"sim/iam/service.go": "service", "sim/utility.go": "", "sim/world.go": ""} {
		require.Equal(t, want, emptyWord(name), name)
	}
}
