package docs_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The packages whose functions and tests the page names.
var conformancePackages = []string{"hid", "hid/ctaphid", "u2f", "u2f/ctap", "u2f/pinuv", "u2f/attest", "u2f/cose", "u2f/flash"}

// sources is what the code and its tests say, read without running them.
type sources struct {
	functions map[string]string      // "u2f.Key.makeCredential" to its file
	tests     map[string]*testSource // "u2f.TestReset"
	returned  map[string]bool        // the names of status codes and status words that the key's code answers with
	names     map[string]string      // those names to what the specification calls them
	variables map[string]ast.Expr    // tables of tests that stand outside of them, by package and name
	types     map[string]*ast.StructType
	fset      *token.FileSet
}

// A testSource is one test function.
type testSource struct {
	name    string
	texts   map[string]bool // all that it says: the names of its cases are among it
	cases   []testCase
	section string // of its comment
}

// A testCase is one row of a table in a test, or one comparison.
type testCase struct {
	id, section, name, want string
}

var (
	sectionText = regexp.MustCompile(`(?:(2\.0) )?Sections? (\d[\d.]*\d|\d)(,? step [\d.]+)?`)
	statusIdent = regexp.MustCompile(`^(Err[A-Z]|sw[A-Z])`)
	ruleText    = regexp.MustCompile(`^([A-Z]+(?:-GA)?-\d+),? Section ([^:]+): (.+)$`)
)

func readSources(t *testing.T) *sources {
	s := &sources{functions: map[string]string{}, tests: map[string]*testSource{}, returned: map[string]bool{},
		names: map[string]string{}, variables: map[string]ast.Expr{}, types: map[string]*ast.StructType{}, fset: token.NewFileSet()}
	parsed := map[string][]*ast.File{}
	for _, folder := range conformancePackages {
		paths, err := filepath.Glob(filepath.Join("..", folder, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, paths, folder)
		for _, path := range paths {
			f, err := parser.ParseFile(s.fset, path, nil, parser.ParseComments)
			require.NoError(t, err)
			parsed[folder] = append(parsed[folder], f)
			s.declarations(folder, path, f)
		}
	}
	for folder, files := range parsed {
		for _, f := range files {
			s.readTests(folder, f)
		}
	}
	return s
}

// shortName is a function as the page names it.
func shortName(folder, name string) string { return filepath.Base(folder) + "." + name }

// receiver is the type that a method is of, and a dot.
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return ""
	}
	kind := fn.Recv.List[0].Type
	if pointer, ok := kind.(*ast.StarExpr); ok {
		kind = pointer.X
	}
	return kind.(*ast.Ident).Name + "."
}

// declarations notes what stands outside of functions, and which errors the key's code has.
func (s *sources) declarations(folder, path string, f *ast.File) {
	test := strings.HasSuffix(path, "_test.go")
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if !test {
				s.functions[shortName(folder, receiver(n)+n.Name.Name)] = strings.TrimPrefix(path, "../")
			}
		case *ast.TypeSpec:
			if fields, ok := n.Type.(*ast.StructType); ok && test {
				s.types[shortName(folder, n.Name.Name)] = fields
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if test && i < len(n.Values) {
					s.variables[shortName(folder, name.Name)] = n.Values[i]
				}
			}
		case *ast.KeyValueExpr: // the tables of names in status.go and apdu.go
			key, _ := n.Key.(*ast.Ident)
			if value, ok := n.Value.(*ast.BasicLit); ok && key != nil && !test && statusIdent.MatchString(key.Name) {
				s.names[key.Name], _ = strconv.Unquote(value.Value)
			}
		case *ast.Ident:
			firmware := !test && (folder == "u2f" || folder == "u2f/ctap") && !slices.Contains(
				[]string{"status.go", "apdu.go"}, filepath.Base(path))
			if firmware && statusIdent.MatchString(n.Name) {
				s.returned[n.Name] = true
			}
		}
		return true
	})
}

func (s *sources) readTests(folder string, f *ast.File) {
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Test") && !strings.HasPrefix(fn.Name.Name, "Fuzz") ||
			!strings.HasSuffix(s.fset.File(f.Pos()).Name(), "_test.go") {
			continue
		}
		r := &testReader{sources: s, folder: folder, locals: map[string]ast.Expr{},
			test: &testSource{name: shortName(folder, fn.Name.Name), texts: map[string]bool{}}}
		if other := s.tests[r.test.name]; other != nil { // of the package's other test package
			r.test = other
		}
		r.test.section = cmp.Or(section(fn.Doc.Text()), testSections[r.test.name])
		r.read(fn.Body)
		s.tests[r.test.name] = r.test
	}
}

// A testReader reads one test function, and the tables that it uses.
type testReader struct {
	*sources
	folder string
	test   *testSource
	locals map[string]ast.Expr
	runs   []run
}

// A run is a sub-test whose name is written out.
type run struct {
	from, to token.Pos
	name     string
}

func (r *testReader) read(body ast.Node) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if text, ok := literal(n); ok {
				r.test.texts[text] = true
				r.rule(text)
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if i < len(n.Values) {
					r.locals[name.Name] = n.Values[i]
				}
			}
		case *ast.CallExpr:
			r.call(n)
		case *ast.CompositeLit:
			r.table(n)
		case *ast.Ident:
			if table, ok := r.variables[shortName(r.folder, n.Name)].(*ast.CompositeLit); ok && n.Obj == nil {
				r.read(table)
			}
		}
		return true
	})
}

// rule notes a case whose name begins with its rule.
func (r *testReader) rule(text string) {
	if m := ruleText.FindStringSubmatch(text); m != nil {
		r.test.cases = append(r.test.cases, testCase{id: m[1], section: m[2], name: text})
	}
}

// call notes sub-tests, and comparisons with an error.
func (r *testReader) call(n *ast.CallExpr) {
	fn, ok := n.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	if fn.Sel.Name == "Run" && len(n.Args) == 2 {
		if name, ok := literal(n.Args[0]); ok {
			r.runs = append(r.runs, run{n.Pos(), n.End(), name})
		}
		return
	}
	if fn.Sel.Name != "Equal" || len(n.Args) < 3 {
		return
	}
	c := testCase{want: r.status(n.Args[1]), name: r.around(n.Pos())}
	if c.want == "" {
		return
	}
	if len(n.Args) > 3 {
		message, _ := literal(n.Args[3])
		c.section = section(message)
	}
	r.add(c, n.Pos())
}

// add completes a case with where it stands. Where no section is named there is none.
func (r *testReader) add(c testCase, at token.Pos) {
	if c.section == "" {
		c.section = section(r.around(at))
	}
	if c.section == "" {
		c.section = r.test.section
	}
	if !slices.Contains(r.test.cases, c) {
		r.test.cases = append(r.test.cases, c)
	}
}

// around is the name of the innermost sub-test at a place.
func (r *testReader) around(at token.Pos) string {
	name := ""
	for _, run := range r.runs {
		if run.from <= at && at <= run.to {
			name = run.name
		}
	}
	return name
}

// table notes the rows of a table of cases.
func (r *testReader) table(n *ast.CompositeLit) {
	var element ast.Expr
	switch kind := n.Type.(type) {
	case *ast.ArrayType:
		element = kind.Elt
	case *ast.MapType:
		element = kind.Value
	}
	fields, ok := element.(*ast.StructType)
	if name, is := element.(*ast.Ident); is {
		fields, ok = r.types[shortName(r.folder, name.Name)], true
	}
	if !ok || fields == nil {
		return
	}
	var names []string
	for _, f := range fields.Fields.List {
		for _, name := range f.Names {
			names = append(names, name.Name)
		}
	}
	for _, e := range n.Elts {
		r.row(names, e)
	}
}

func (r *testReader) row(names []string, e ast.Expr) {
	c := testCase{}
	if pair, ok := e.(*ast.KeyValueExpr); ok {
		c.name, _ = literal(pair.Key)
		e = pair.Value
	}
	values, ok := e.(*ast.CompositeLit)
	if !ok {
		return
	}
	for i, v := range values.Elts {
		name := ""
		if pair, ok := v.(*ast.KeyValueExpr); ok {
			name, v = pair.Key.(*ast.Ident).Name, pair.Value
		} else if i < len(names) {
			name = names[i]
		}
		r.cell(&c, name, v)
	}
	if c.id != "" || c.want != "" {
		r.add(c, e.Pos())
	}
}

func (r *testReader) cell(c *testCase, name string, v ast.Expr) {
	text, _ := literal(v)
	switch name {
	case "id":
		c.id = text
	case "section":
		c.section = text
	case "name":
		c.name = text
	case "want", "late":
		c.want = r.status(v)
	case "cbor":
		if s, ok := v.(*ast.SelectorExpr); ok && s.Sel.Name == "Lenient" {
			c.name += " (lenient)"
		}
	}
}

// status returns the name of the error that an expression is, "" if it is none.
func (r *testReader) status(e ast.Expr) string {
	name := ""
	switch e := e.(type) {
	case *ast.SelectorExpr:
		name = e.Sel.Name
	case *ast.Ident:
		name = e.Name
		if value, ok := r.locals[name].(*ast.SelectorExpr); ok {
			name = value.Sel.Name
		}
	}
	if !statusIdent.MatchString(name) || name == "swNoError" || !strings.HasPrefix(r.folder, "u2f") {
		return ""
	}
	return name
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// section returns the first section that a text names.
func section(text string) string {
	m := sectionText.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return strings.TrimSpace(m[1] + " " + m[2] + strings.Replace(m[3], ", ", " ", 1))
}

// powerCutCounts returns what the power-cut replay counts.
func powerCutCounts(t *testing.T) []string {
	b, err := os.ReadFile("../u2f/testdata/powercuts.txt")
	require.NoError(t, err)
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(string(b)), "\n"), func(line string) bool {
		return strings.HasPrefix(line, "#")
	})
}
