package policy

import (
	"strings"
	"unicode/utf8"
)

// A Position is a place in a document's text, as the simulator's MatchedStatements names it: both count from 1.
type Position struct{ Line, Column int }

// position returns the place of the character after the first n bytes of text.
func position(text string, n int) Position {
	before := text[:n]
	line := strings.LastIndexByte(before, '\n') + 1
	return Position{strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[line:]) + 1}
}

// span returns where a statement begins and ends. The real service gives the places that its parser had reached: of a lone
// statement the one after its opening brace, of one in a list the one before it was read, and after the closing brace (the
// examples of the AWS CLI's simulate-custom-policy and simulate-principal-policy).
func span(text string, n node, alone bool) (start, end Position) {
	from := n.before
	if alone {
		from = n.opened
	}
	return position(text, from), position(text, n.closed)
}

// begins returns where the name of a member begins, from the place where what was read before it ends.
func begins(text string, before int) Position {
	rest := strings.TrimLeft(text[before:], ", \t\r\n")
	return position(text, len(text)-len(rest))
}
