package sock

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Environ returns environ, lines as of os.Environ, with what shows the bus folder busDir to a program that is started
// with it and to all that the program starts: shim first in LD_PRELOAD, before what was there, and MFALAB_HID. An
// environment that shows another bus shows this one instead. environ itself is not changed.
func Environ(environ []string, shim, busDir string) []string {
	if abs, err := filepath.Abs(busDir); err == nil {
		busDir = abs
	}
	result := Without(environ)
	preload := shim
	for i, line := range result {
		if rest, ok := strings.CutPrefix(line, "LD_PRELOAD="); ok {
			preload += ":" + rest
			result = slices.Delete(result, i, i+1)
			break
		}
	}
	return append(result, "LD_PRELOAD="+preload, Env+"="+busDir)
}

// Without returns environ with what Environ added taken out again, for a program that must see no bus. environ itself is
// not changed.
func Without(environ []string) []string {
	var result []string
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		switch name {
		case Env:
		case "LD_PRELOAD":
			others := slices.DeleteFunc(strings.FieldsFunc(value, func(r rune) bool { return r == ':' || r == ' ' }), shimPath.MatchString)
			if len(others) > 0 {
				result = append(result, name+"="+strings.Join(others, ":"))
			}
		default:
			result = append(result, line)
		}
	}
	return result
}

// shimPath matches where Shim puts the shims of all versions.
var shimPath = regexp.MustCompile(`/mfalab(-[0-9]+)?/[a-z0-9]+-[0-9a-f]{16}\.so$`)
