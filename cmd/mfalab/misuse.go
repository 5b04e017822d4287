package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// plain makes every command below root refuse wrong calls in words that say what was given, what is wanted and where to
// read on, where cobra's and pflag's own are about their types.
func plain(root *cobra.Command) {
	root.DisableSuggestions = true // ours are hints
	root.SetFlagErrorFunc(flagMisused)
	for _, sub := range root.Commands() {
		plainArgs(sub)
	}
	root.InitDefaultHelpCmd()
	if help, _, err := root.Find([]string{"help"}); err == nil && help.Run != nil {
		show := help.Run
		help.Run, help.RunE = nil, func(cmd *cobra.Command, args []string) error {
			if in, _, err := root.Find(args); err != nil { // cobra prints another page then, and is content
				return misspelt(in, args[0], usage{err})
			}
			show(cmd, args)
			return nil
		}
	}
}

func plainArgs(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return argsMisused(cmd, args, err)
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		plainArgs(sub)
	}
}

// argsMisused words that a command was given too few arguments, or too many.
func argsMisused(cmd *cobra.Command, args []string, err error) error {
	if cmd.HasSubCommands() {
		return misspelt(cmd, args[0], err)
	}
	name, wants := cmd.CommandPath(), strings.TrimSpace(strings.TrimPrefix(cmd.Use, cmd.Name()))
	switch {
	case wants == "":
		return hinted{fmt.Errorf("`%s` takes no argument, not %q", name, args[0]), readOn(cmd)}
	case len(args) == 0:
		return hinted{fmt.Errorf("`%s` takes %s, and was given nothing", name, wants), readOn(cmd)}
	}
	return hinted{fmt.Errorf("`%s` takes %s, and was given %q", name, wants, args), readOn(cmd)}
}

// misspelt adds to the error about a command that is not there which one may be meant.
func misspelt(in *cobra.Command, name string, err error) error {
	in.SuggestionsMinimumDistance = 2 // letters; cobra's own choice
	near := in.SuggestionsFor(name)
	if len(near) == 0 {
		return hinted{err, readOn(in)}
	}
	return hinted{err, fmt.Sprintf("is `%s %s` meant? %s", in.CommandPath(), strings.Join(near, "` or `"+in.CommandPath()+" "), readOn(in))}
}

// readOn says where a command is explained, with its first example where it is one that is called itself.
func readOn(cmd *cobra.Command) string {
	if cmd.HasSubCommands() {
		return fmt.Sprintf("`%s --help` lists what there is", cmd.CommandPath())
	}
	line, _, _ := strings.Cut(strings.TrimSpace(cmd.Example), "\n")
	if line, _, _ = strings.Cut(line, "  "); line == "" {
		return fmt.Sprintf("`%s --help` explains it", cmd.CommandPath())
	}
	return fmt.Sprintf("an example is `%s`; `%s --help` has more", line, cmd.CommandPath())
}

// flagMisused words what is wrong with a flag.
func flagMisused(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var wrong *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		if word := unknown.GetSpecifiedShortnames(); word != "" && strings.Contains(".0123456789", word[:1]) {
			return hinted{fmt.Errorf("-%s is taken for a flag", word),
				fmt.Sprintf("an argument that begins with a dash stands behind --, as in `%s -- -%s`", cmd.CommandPath(), word)}
		}
		return hinted{err, fmt.Sprintf("`%s --help` lists its flags", cmd.CommandPath())}
	case errors.As(err, &bare):
		return fmt.Errorf("--%s needs a value: %s", bare.GetFlag().Name, bare.GetFlag().Usage)
	case errors.As(err, &wrong):
		if wanted, ok := wanted[wrong.GetFlag().Value.Type()]; ok {
			return fmt.Errorf("--%s takes %s, not %q", wrong.GetFlag().Name, wanted, wrong.GetValue())
		}
	}
	return err
}

// wanted says what the values of a flag are like, by pflag's name of their type.
var wanted = map[string]string{
	"bool":     "true or false",
	"duration": "a duration such as 30s, 5m or 2000h",
	"float64":  "a number such as 20 or -4.5",
	"int":      "a whole number",
	"intSlice": "whole numbers such as 3,9",
	"uint64":   "a whole number",
}

// misused turns what cobra says of a call before or between the commands into an error of ours; any other stays as it is.
func misused(root *cobra.Command, args []string, err error) error {
	said := err.Error()
	switch {
	case strings.HasPrefix(said, "unknown command ") && !errors.As(err, new(hinted)):
		var name string
		if _, bad := fmt.Sscanf(said, "unknown command %q", &name); bad != nil {
			return err
		}
		in, _, _ := root.Find(args) // its error is said already
		return misspelt(in, name, err)
	case strings.HasPrefix(said, "if any flags in the group ["):
		flags, _, _ := strings.Cut(strings.TrimPrefix(said, "if any flags in the group ["), "]")
		list := "--" + strings.Join(strings.Fields(flags), " and --")
		if strings.Contains(said, "none of the others can be") {
			return usage{fmt.Errorf("%s do not go together: give one of them", list)}
		}
		return usage{fmt.Errorf("%s belong together: give both, or neither", list)}
	case strings.HasPrefix(said, "required flag(s) "):
		return usage{err}
	}
	return err
}
