package docs_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/ctap"
)

const conformancePage = "conformance.md"

const conformanceHead = `# Which rule of the specification is kept where, and what shows it?

The key is of CTAP 2.3, Proposed Standard of 2026-02-26. Sections are those of CTAP 2.1, Proposed Standard of 2021-06-15 with
the errata of 2022-06-21, unless 2.3 is said. "2.0" is the edition of 2019-01-30, whose rules a profile may ask for. The page
is made from the sources of the tests; the test that makes it fails where a rule has no test, where a function or a test is gone, and where
the code answers with an error that no test names:

    MFALAB_UPDATE=1 go test ./docs -run TestConformance

`

// TestConformance holds the page against the sources, and writes it anew where MFALAB_UPDATE is set.
func TestConformance(t *testing.T) {
	s := readSources(t)
	s.check(t)
	errors := s.errorTables()
	want := conformanceHead + s.ruleTables(t) + errors + powerCutTable(t) + notServedTable(unsaid(errors))
	if os.Getenv("MFALAB_UPDATE") != "" {
		require.NoError(t, os.WriteFile(conformancePage, []byte(want), 0o644))
		return
	}
	got, err := os.ReadFile(conformancePage)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "run this test with MFALAB_UPDATE=1")
}

// The check of the page finds what it is for.
func TestConformanceFindsWhatIsMissing(t *testing.T) {
	s := readSources(t)
	require.Empty(t, s.faults(specRule{id: "P-3", function: "u2f.Key.verifyPIN", tests: []string{"u2f.TestPINCut"}}))
	require.Equal(t, []string{"P-99 names function u2f.Key.verifyPin, which is not there"},
		s.faults(specRule{id: "P-99", function: "u2f.Key.verifyPin", tests: []string{"u2f.TestPINCut"}}))
	require.Equal(t, []string{"P-99 names test u2f.TestPINcut, which is not there"},
		s.faults(specRule{id: "P-99", function: "u2f.Key.verifyPIN", tests: []string{"u2f.TestPINcut"}}))
	require.Equal(t, []string{"P-99 names test u2f.TestReset/the token stays, which is not there"},
		s.faults(specRule{id: "P-99", function: "u2f.Key.verifyPIN", tests: []string{"u2f.TestReset/the token stays"}}))
	require.Equal(t, []string{"P-99 has no test"}, s.faults(specRule{id: "P-99", function: "u2f.Key.verifyPIN"}))
	require.Equal(t, []string{"authenticatorReset has no case with CTAP2_ERR_PIN_BLOCKED"},
		s.lacking("authenticatorReset", "6.6", "ErrNotAllowed ErrPINBlocked"))
	s.returned["ErrLockRequired"] = true
	require.Equal(t, []string{"CTAP1_ERR_LOCK_REQUIRED is answered, and no test names it"}, s.unnamed())
}

// check fails where a row of the page would not be true.
func (s *sources) check(t *testing.T) {
	t.Helper()
	faults := s.unnamed()
	for n := 1; n <= 24; n++ {
		id := "H-" + strconv.Itoa(n)
		faults = append(faults, s.faults(specRule{id: id, function: hidFunctions[id], tests: moreHIDTests[id]})...)
	}
	for _, group := range errorGroups {
		faults = append(faults, s.lacking(group.title, group.prefixes, group.errors)...)
	}
	for _, group := range rules {
		for _, r := range group.rules {
			faults = append(faults, s.faults(r)...)
		}
	}
	require.Empty(t, faults, strings.Join(faults, "\n"))
}

// faults says what is wrong with a rule.
func (s *sources) faults(r specRule) (list []string) {
	if r.missing != "" {
		return nil
	}
	if s.functions[r.function] == "" {
		list = append(list, fmt.Sprintf("%s names function %s, which is not there", r.id, r.function))
	}
	for _, name := range r.tests {
		top, sub, named := strings.Cut(name, "/")
		if test := s.tests[top]; test == nil || named && !test.texts[sub] {
			list = append(list, fmt.Sprintf("%s names test %s, which is not there", r.id, name))
		}
	}
	if len(r.tests) == 0 && len(s.cases(r.id)) == 0 {
		list = append(list, r.id+" has no test")
	}
	return list
}

// unnamed are the errors that the code answers with and that no case of a test has.
func (s *sources) unnamed() (list []string) {
	named := map[string]bool{}
	for _, test := range s.tests {
		for _, c := range test.cases {
			named[c.want] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.returned)) {
		if !named[name] && s.names[name] != "" && name != "swNoError" {
			list = append(list, s.names[name]+" is answered, and no test names it")
		}
	}
	return list
}

// A foundCase is one with the test that it is of.
type foundCase struct {
	testCase
	test string
}

// cases are those that carry the number of a rule.
func (s *sources) cases(id string) (list []foundCase) {
	for _, name := range slices.Sorted(maps.Keys(s.tests)) {
		for _, c := range s.tests[name].cases {
			if c.id == id {
				list = append(list, foundCase{c, name})
			}
		}
	}
	return list
}

func (s *sources) ruleTables(t *testing.T) string {
	var b strings.Builder
	b.WriteString("## CTAPHID (Section 11.2)\n\n| rule | section | what is tried | function | test |\n|---|---|---|---|---|\n")
	for n := 1; n <= 24; n++ {
		id := "H-" + strconv.Itoa(n)
		var sections, names []string
		for _, c := range s.cases(id) {
			sections, names = append(sections, c.section), append(names, c.name)
		}
		tests := moreHIDTests[id]
		if len(names) > 0 {
			tests = append([]string{"ctaphid.TestRules"}, tests...)
		} else {
			sections, names = []string{"11.2.8"}, []string{"the report descriptor"}
		}
		row(&b, id, strings.Join(slices.Compact(sections), ", "), strings.Join(names, "; "), s.link(hidFunctions[id]),
			list(tests))
	}
	for _, group := range rules {
		fmt.Fprintf(&b, "\n## %s\n\n| rule | section | what it says | function | test |\n|---|---|---|---|---|\n", group.title)
		for _, r := range group.rules {
			if r.missing != "" {
				row(&b, r.id, r.section, r.says, "—", "not implemented: "+r.missing)
				continue
			}
			tests := slices.Clone(r.tests)
			for _, c := range s.cases(r.id) {
				tests = append(tests, c.test+"/"+c.name)
			}
			row(&b, r.id, r.section, r.says, s.link(r.function), list(tests))
		}
	}
	return b.String()
}

// link names a function and its file.
func (s *sources) link(function string) string {
	return fmt.Sprintf("[`%s`](../%s)", function, s.functions[function])
}

// list names tests, each test once and its cases behind it.
func list(tests []string) string {
	var order []string
	cases := map[string][]string{}
	for _, test := range tests {
		top, sub, named := strings.Cut(test, "/")
		if !slices.Contains(order, top) {
			order = append(order, top)
		}
		if named {
			cases[top] = append(cases[top], `"`+sub+`"`)
		}
	}
	for i, top := range order {
		order[i] = strings.TrimSpace("`" + top + "` " + strings.Join(cases[top], ", "))
	}
	return strings.Join(order, "; ")
}

// errorTables are the errors of each command, each with the case that makes it happen.
func (s *sources) errorTables() string {
	var b strings.Builder
	b.WriteString("\n## Errors\n\nEach row is a case of a test: what is wrong, and the answer to it.\n")
	for _, group := range errorGroups {
		var rows []string
		for _, c := range s.errors(group.title, group.prefixes) {
			var r strings.Builder
			row(&r, cmp.Or(strings.Replace(c.section, ", step", " step", 1), "—"), cmp.Or(c.name, "—"), s.names[c.want],
				"`"+c.test+"`")
			rows = append(rows, r.String())
		}
		fmt.Fprintf(&b, "\n### %s\n\n| section | case | answer | test |\n|---|---|---|---|\n", group.title)
		for _, r := range slices.Compact(rows) {
			b.WriteString(r)
		}
	}
	return b.String()
}

// sectioned reports whether some case has an error together with its section.
func (s *sources) sectioned(want string) bool {
	for _, test := range s.tests {
		if slices.ContainsFunc(test.cases, func(c testCase) bool { return c.want == want && c.section != "" }) {
			return true
		}
	}
	return false
}

// errors are the cases of one group.
func (s *sources) errors(title, prefixes string) (found []foundCase) {
	for _, name := range slices.Sorted(maps.Keys(s.tests)) {
		for _, c := range s.tests[name].cases {
			of := strings.HasPrefix(c.want, "sw") == (title == "CTAP1") && inSection(c.section, prefixes)
			if prefixes == "" {
				of = !s.sectioned(c.want)
			}
			if of && s.names[c.want] != "" {
				found = append(found, foundCase{c, name})
			}
		}
	}
	slices.SortStableFunc(found, func(x, y foundCase) int {
		return cmp.Or(cmp.Compare(sectionKey(x.section), sectionKey(y.section)), cmp.Compare(x.test, y.test),
			cmp.Compare(x.name, y.name))
	})
	return found
}

// lacking are the errors that the specification gives a command and that no case has.
func (s *sources) lacking(title, prefixes, errors string) (list []string) {
	found := s.errors(title, prefixes)
	for want := range strings.FieldsSeq(errors) {
		if !slices.ContainsFunc(found, func(c foundCase) bool { return c.want == want }) {
			list = append(list, fmt.Sprintf("%s has no case with %s", title, cmp.Or(s.names[want], want)))
		}
	}
	return list
}

// inSection reports whether a section is one of those, or inside one.
func inSection(section, prefixes string) bool {
	if section == "" {
		return false
	}
	number, _, _ := strings.Cut(strings.Replace(section, "2.0 ", "2.0:", 1), " ")
	number = strings.TrimSuffix(number, ",")
	for p := range strings.FieldsSeq(prefixes) {
		if number == p || strings.HasPrefix(number, p+".") {
			return true
		}
	}
	return false
}

// sectionKey sorts sections and steps by their numbers.
func sectionKey(section string) string {
	var b strings.Builder
	for _, part := range strings.FieldsFunc(section, func(r rune) bool { return r < '0' || r > '9' }) {
		fmt.Fprintf(&b, "%04s", part)
	}
	if strings.HasPrefix(section, "2.0") {
		return "~" + b.String()
	}
	return b.String()
}

const powerCutHead = "\n## Power cuts\n\n" +
	"`u2f.TestPowerCuts` cuts the power at each write of each command, in each state: before the write, inside it, after it;\n" +
	"then at each write of the power-up that follows. What is left is checked through the key's answers, in memory and on a\n" +
	"disk, where the second cuts are fewer. It finds no violation. `u2f.TestPowerCutsFindAWrongOrder` shows that it would:\n" +
	"each wrong order of writes there is found. None of these numbers may fall.\n\n" +
	"| flash | command | tried |\n|---|---|---|\n"

func powerCutTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString(powerCutHead)
	for _, line := range powerCutCounts(t) {
		row(&b, strings.Split(line, " | ")...)
	}
	return b.String()
}

func notServedTable(statuses []string) string {
	var b strings.Builder
	b.WriteString("\n## Not implemented\n\n| section | what | why |\n|---|---|---|\n")
	for _, n := range notServed {
		row(&b, n.section, n.what, n.why)
	}
	row(&b, "8.2", "never an answer of the key: "+strings.Join(statuses, ", "), "no rule of the edition asks for it, or the framing alone gives it")
	return b.String()
}

// unsaid returns the status codes of the specification that the tables of errors do not name.
func unsaid(page string) (list []string) {
	for code := 1; code < int(ctap.ErrSpecLast); code++ {
		name, _, _ := strings.Cut(ctap.Status(code).Error(), " ")
		if strings.HasPrefix(name, "CTAP") && !strings.Contains(page, name) {
			list = append(list, name)
		}
	}
	return list
}

func row(b *strings.Builder, cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}
