package seedfile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Our choice: what no file needs, and what a hostile one would have.
const (
	maxDepth = 24
	maxNodes = 1000 // in one package or token
	maxTag   = 8192 // bytes from < to >, which bounds attributes
)

// A node is an element with everything in it.
type node struct {
	name     xml.Name
	attrs    []xml.Attr
	text     string // without the spaces around it
	children []*node
}

// attr returns an attribute that is in no namespace.
func (n *node) attr(name string) string {
	if n != nil {
		for _, a := range n.attrs {
			if a.Name.Space == "" && a.Name.Local == name {
				return strings.TrimSpace(a.Value)
			}
		}
	}
	return ""
}

// in returns the children that are in namespace space, by name. A name must be among
// those known, and come once: readers differ in which of two they take.
func (n *node) in(space string, known ...string) (map[string]*node, error) {
	if n == nil {
		return nil, nil
	}
	found := make(map[string]*node, len(n.children))
	for _, child := range n.children {
		local := child.name.Local
		if child.name.Space != space || local == "Extensions" {
			continue
		}
		if !slices.Contains(known, local) {
			return nil, fmt.Errorf("%.40q in %s is not supported; what is: %s", local, n.name.Local, strings.Join(known, ", "))
		}
		if found[local] != nil {
			return nil, fmt.Errorf("%s has %s twice", n.name.Local, local)
		}
		found[local] = child
	}
	return found, nil
}

// textOf returns the text of an element, "" where there is none.
func textOf(n *node) string {
	if n == nil {
		return ""
	}
	return n.text
}

// A walk goes through an XML file. It refuses what seed files do not need and attacks do.
type walk struct {
	d       *xml.Decoder
	nodes   int
	started bool
}

// newWalk looks for tags that are too long before the decoder does, as it keeps every
// attribute of a tag: 100 bytes of memory for 5 of the file.
func newWalk(data []byte) (*walk, error) {
	for rest := data; ; {
		i := bytes.IndexByte(rest, '<')
		if i < 0 {
			break
		}
		if rest = rest[i+1:]; len(rest) > 0 && rest[0] == '!' {
			continue // comments and CDATA are long without being a tag, and cost no more than their bytes
		}
		end := bytes.IndexByte(rest[:min(len(rest), maxTag)], '>')
		if end < 0 && len(rest) > maxTag {
			return nil, fmt.Errorf("seedfile: a tag of the XML is longer than %d bytes", maxTag)
		}
		rest = rest[max(end, 0):]
	}
	return &walk{d: xml.NewDecoder(bytes.NewReader(data))}, nil
}

// next returns the next token that says something.
func (w *walk) next() (xml.Token, error) {
	for {
		t, err := w.d.Token()
		if err == io.EOF {
			return nil, io.EOF
		}
		if err != nil { // which may quote a text
			line, _ := w.d.InputPos()
			return nil, fmt.Errorf("seedfile: the XML is not well-formed near line %d", line)
		}
		switch t := t.(type) {
		case xml.Directive:
			return nil, errors.New("seedfile: the XML has a DTD or a declaration, which is refused: it could define entities")
		case xml.ProcInst:
			if t.Target != "xml" || w.started {
				return nil, errors.New("seedfile: the XML has a processing instruction, which is refused")
			}
			w.started = true
		case xml.Comment:
			w.started = true
		default:
			w.started = true
			return t, nil
		}
	}
}

// root returns the element that everything is in.
func (w *walk) root() (xml.StartElement, error) {
	for {
		t, err := w.next()
		if err == io.EOF {
			return xml.StartElement{}, errors.New("seedfile: there is no element in the XML")
		}
		if err != nil {
			return xml.StartElement{}, err
		}
		if start, ok := t.(xml.StartElement); ok {
			return start, nil
		}
		if err := blank(t); err != nil {
			return xml.StartElement{}, err
		}
	}
}

// blank refuses what is not white space, where the format has elements only.
func blank(t xml.Token) error {
	if text, ok := t.(xml.CharData); ok && len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	return errors.New("seedfile: there is text in the XML where none may be")
}

// children calls f with every child of the root, and sees that nothing follows the root.
func (w *walk) children(f func(*node) error) error {
	for {
		t, err := w.next()
		if err == io.EOF {
			return errors.New("seedfile: the XML is cut off")
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			w.nodes = 0
			child, err := w.element(t, 2)
			if err != nil {
				return err
			}
			if err := f(child); err != nil {
				return err
			}
		case xml.EndElement:
			return w.end()
		default:
			if err := blank(t); err != nil {
				return err
			}
		}
	}
}

// end sees that nothing follows the root: two documents in one are a way to show different
// readers different ones.
func (w *walk) end() error {
	for {
		t, err := w.next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = blank(t)
		}
		if err != nil {
			return err
		}
	}
}

// element reads everything up to the end of start.
func (w *walk) element(start xml.StartElement, depth int) (*node, error) {
	if w.nodes++; w.nodes > maxNodes || depth > maxDepth {
		return nil, fmt.Errorf("seedfile: an element of the XML has more than %d others in it, or %d levels", maxNodes, maxDepth)
	}
	n := &node{name: start.Name, attrs: start.Attr}
	var text strings.Builder
	for {
		t, err := w.next()
		if err == io.EOF {
			return nil, errors.New("seedfile: the XML is cut off")
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			child, err := w.element(t, depth+1)
			if err != nil {
				return nil, err
			}
			n.children = append(n.children, child)
		case xml.EndElement:
			n.text = strings.TrimSpace(text.String())
			return n, nil
		case xml.CharData:
			text.Write(t)
		}
	}
}

// rootName returns the name of the root without its namespace.
func rootName(data []byte) (string, error) {
	w, err := newWalk(data)
	if err != nil {
		return "", err
	}
	root, err := w.root()
	return root.Name.Local, err
}

// escaped appends text as XML.
func escaped(b []byte, text string) []byte {
	var w bytes.Buffer
	xml.EscapeText(&w, []byte(text)) // a buffer takes everything
	return append(b, w.Bytes()...)
}

// leaf appends an element with a text, or nothing where there is no text.
func (out *writing) leaf(name, text string) {
	if text == "" {
		return
	}
	out.b = append(append(append(out.b, '<'), name...), '>')
	out.b = escaped(out.b, text)
	out.b = append(append(append(out.b, "</"...), name...), '>')
}

// raw appends XML as it is.
func (out *writing) raw(xml string) { out.b = append(out.b, xml...) }
