package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// tree returns the program's commands as a user finds them, help and completion included.
func tree() *cobra.Command {
	c := &cli{std: std{env: func(string) string { return "" }, environ: func() []string { return nil }}}
	root := c.root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range commands(root) {
		cmd.InitDefaultHelpFlag()
		cmd.InitDefaultVersionFlag()
	}
	return root
}

// commands returns cmd and all below.
func commands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		all = append(all, commands(sub)...)
	}
	return all
}

func TestEveryCommandExplainsItself(t *testing.T) {
	for _, cmd := range commands(tree()) {
		path := cmd.CommandPath()
		if strings.HasPrefix(path, "mfalab help") || strings.HasPrefix(path, "mfalab completion") {
			continue // cobra's own
		}
		require.NotEmpty(t, cmd.Short, "%s has no short help", path)
		require.False(t, strings.HasSuffix(cmd.Short, "."), "%s: a short help has no period", path)
		require.True(t, cmd.Runnable() || cmd == cmd.Root(), "%s does nothing, or takes a slip of the pen for a wish for help", path)
		if cmd.Runnable() {
			require.NotEmpty(t, cmd.Example, "%s has no example", path)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			require.NotEmpty(t, f.Usage, "%s --%s says nothing", path, f.Name)
			value, _ := pflag.UnquoteUsage(f) // what stands between the first backticks, where there are any
			require.NotContains(t, value, " ", "%s --%s: the name of its value", path, f.Name)
		})
	}
}

// An example is there to be typed: it names a command that is there, with flags and arguments that it takes, and shows
// the command that it stands under.
func TestExamplesCanBeTyped(t *testing.T) {
	for _, cmd := range commands(tree()) {
		shown := false
		for _, words := range mentions(cmd.Example, false) {
			root := tree()
			named, rest, err := root.Find(words)
			require.NoError(t, err, "%s: example %q", cmd.CommandPath(), words)
			shown = shown || strings.HasPrefix(named.CommandPath()+" ", cmd.CommandPath()+" ")
			require.NoError(t, named.ParseFlags(rest), "%s: example %q", cmd.CommandPath(), words)
			require.NoError(t, named.ValidateArgs(named.Flags().Args()), "%s: example %q", cmd.CommandPath(), words)
		}
		require.True(t, shown || cmd.Example == "", "no example of %s shows it", cmd.CommandPath())
	}
}

func TestDocsNameOnlyCommandsThatAreThere(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(house, "docs", "*.md"))
	require.NoError(t, err)
	root := tree()
	for _, page := range append(pages, filepath.Join(house, "README.md")) {
		text, err := os.ReadFile(page)
		if os.IsNotExist(err) {
			continue
		}
		require.NoError(t, err)
		for line, code := range codeOf(string(text)) {
			for _, words := range mentions(code.text, code.block) {
				if err := known(root, words); err != nil {
					t.Errorf("%s: code %d: mfalab %s: %v", page, line+1, strings.Join(words, " "), err)
				}
			}
		}
	}
}

// What the program advises, in hints and errors, is there too.
func TestAdviceNamesOnlyCommandsThatAreThere(t *testing.T) {
	root, found := tree(), 0
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			require.NoError(t, err)
			for _, span := range spans.FindAllStringSubmatch(text, -1) {
				for _, words := range mentions(span[1], false) {
					found++
					if err := known(root, words); err != nil {
						t.Errorf("%s: `%s`: %v", s.at(lit), span[1], err)
					}
				}
			}
			return true
		})
	}
	require.NotZero(t, found, "the program gives no advice that this test sees")
}

// A code is a part of a page that is set as code: a span, or a whole block.
type code struct {
	text  string
	block bool
}

var (
	fences = regexp.MustCompile("(?ms)^ *```[^\n]*\n(.*?)^ *```")
	spans  = regexp.MustCompile("`([^`]+)`")
)

// codeOf returns the code of a page in Markdown.
func codeOf(page string) []code {
	var all []code
	for _, block := range fences.FindAllStringSubmatch(page, -1) {
		all = append(all, code{block[1], true})
	}
	for _, span := range spans.FindAllStringSubmatch(fences.ReplaceAllString(page, ""), -1) {
		all = append(all, code{strings.ReplaceAll(span[1], "\n", " "), false})
	}
	return all
}

var (
	called = regexp.MustCompile(`(?:^|[\s"'(/])mfalab +(.*)`)
	// Where a command line ends for a reader: a comment, the next command of a shell, a column of explanation.
	endOfCall = regexp.MustCompile(` #|  +| \||\||&&|[;)]| [<>]|"$`)
)

// mentions returns the command lines of this program in a text, without its name. A block with prompts is a session, in
// which the other lines are answers.
func mentions(text string, block bool) [][]string {
	var all [][]string
	session := block && regexp.MustCompile(`(?m)^ *\$ `).MatchString(text)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if session && !strings.HasPrefix(line, "$ ") || strings.HasPrefix(line, "#") {
			continue
		}
		call := called.FindStringSubmatch(line)
		if call == nil {
			continue
		}
		rest := call[1]
		// A bar between words without spaces is a choice, not a pipe.
		rest = regexp.MustCompile(`(\w)\|(\w)`).ReplaceAllString(rest, "$1\x00$2")
		if end := endOfCall.FindStringIndex(rest); end != nil {
			rest = rest[:end[0]]
		}
		words := strings.Fields(strings.ReplaceAll(rest, "\x00", "|"))
		if len(words) > 0 && !strings.HasPrefix(words[0], ".") { // go build -o mfalab ./cmd/mfalab
			all = append(all, words)
		}
	}
	return all
}

// known returns an error where words name a command or a flag that is not there. Arguments may be anything.
func known(cmd *cobra.Command, words []string) error {
	for len(words) > 0 {
		word := strings.Trim(words[0], "[]")
		words = words[1:]
		switch {
		case word == "--":
			return nil
		case word == "" || word == "...":
		case strings.HasPrefix(word, "-") && len(word) > 1:
			takes, err := flag(cmd, word)
			if err != nil {
				return err
			}
			if takes && len(words) > 0 {
				words = words[1:]
			}
		case !cmd.HasSubCommands():
			// an argument
		case word == "%s": // one of them, said when the time comes
			if !slices.ContainsFunc(cmd.Commands(), func(sub *cobra.Command) bool { return sub.HasSubCommands() && known(sub, words) == nil }) {
				return fmt.Errorf("%s has nothing for %q", cmd.CommandPath(), words)
			}
			return nil
		default:
			var next *cobra.Command
			for name := range strings.SplitSeq(word, "|") {
				i := slices.IndexFunc(cmd.Commands(), func(sub *cobra.Command) bool { return sub.Name() == name || sub.HasAlias(name) })
				if i < 0 {
					return fmt.Errorf("%s has no command %q", cmd.CommandPath(), name)
				}
				next = cmd.Commands()[i]
			}
			cmd = next
		}
	}
	return nil
}

// flag reports whether the flag that a word names takes the next word as its value.
func flag(cmd *cobra.Command, word string) (takes bool, err error) {
	name, _, whole := strings.Cut(strings.TrimLeft(word, "-"), "=")
	f := cmd.Flag(name)
	if !strings.HasPrefix(word, "--") {
		cmd.InheritedFlags() // joins them to cmd's own
		f = cmd.Flags().ShorthandLookup(name[:1])
		whole = whole || len(name) > 1
	}
	if f == nil {
		return false, fmt.Errorf("%s has no flag %s", cmd.CommandPath(), word)
	}
	return !whole && f.NoOptDefVal == "", nil
}

func TestMentionsAreFound(t *testing.T) {
	page := "Use `mfalab fob\nnew` and `X-Mfalab-Weakened`, not mfalab nothing.\n\n" +
		"```\n$ mfalab up --detach\nmfalab 1 is up\n$ eval \"$(mfalab env)\"\n$ go run ./cmd/mfalab demo   # the story\n```\n" +
		"```sh\nmfalab clock now|advance\n# mfalab comment\nmfalab save F && mfalab load F | cat\ngo build -o mfalab ./cmd/mfalab\n```\n"
	var got []string
	for _, c := range codeOf(page) {
		for _, words := range mentions(c.text, c.block) {
			got = append(got, strings.Join(words, " "))
		}
	}
	require.Equal(t, []string{"up --detach", "env", "demo", "clock now|advance", "save F", "fob new"}, got)
}

func TestKnownCatches(t *testing.T) {
	root := tree()
	for line, want := range map[string]string{
		"":                                "",
		"demo":                            "",
		"fob press SERIAL --next":         "",
		"fob press --min-left 10s SERIAL": "",
		"--dir X fob list":                "",
		"fob list --dir=X --json":         "",
		"clock now|advance":               "",
		"up -- anything --at-all":         "",
		"up [--detach]":                   "",
		"help fob":                        "",
		"completion bash":                 "",
		"--version":                       "",
		"fob -h":                          "",
		"%s list":                         "",
		"%s fly":                          `mfalab has nothing for ["fly"]`,
		"fly":                             `mfalab has no command "fly"`,
		"fob fly":                         `mfalab fob has no command "fly"`,
		"clock now|fly":                   `mfalab clock has no command "fly"`,
		"fob press --fly":                 "mfalab fob press has no flag --fly",
		"--fly fob press":                 "mfalab has no flag --fly",
		"fob -z":                          "mfalab fob has no flag -z",
		"--dir fob press":                 `mfalab has no command "press"`,
	} {
		err := known(root, strings.Fields(line))
		if want == "" {
			require.NoError(t, err, line)
			continue
		}
		require.EqualError(t, err, want, line)
	}
}
