package memory

import (
	"cmp"
	"strings"
)

// A name orders the records: by kind, then by key, both by bytes.
type name struct{ kind, key string }

func (a name) compare(b name) int {
	return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.key, b.key))
}

// A node is the root of a treap: ordered by name from left to right and by priority from the top down. The priority is a
// hash of the name, so the tree's depth is about the logarithm of its size whatever the order in which names come.
//
// Nodes never change once they can be reached from a root; put and remove copy the path from the root and share the
// rest. The nil node is the empty tree.
type node struct {
	name
	value       []byte
	priority    uint64
	left, right *node
}

func (n *node) find(at name) *node {
	for n != nil {
		switch c := at.compare(n.name); {
		case c == 0:
			return n
		case c < 0:
			n = n.left
		default:
			n = n.right
		}
	}
	return nil
}

// put returns the tree with r in it, in place of a node of the same name.
func (n *node) put(r node) *node {
	// A name's priority is always the same: where r outranks n, its name is not below n.
	if n == nil || r.priority > n.priority {
		r.left, r.right = n.split(r.name)
		return &r
	}
	top := *n
	switch c := r.compare(n.name); {
	case c == 0:
		top.value = r.value
	case c < 0:
		top.left = n.left.put(r)
	default:
		top.right = n.right.put(r)
	}
	return &top
}

// remove returns the tree without the node of that name.
func (n *node) remove(at name) *node {
	if n == nil {
		return nil
	}
	top := *n
	switch c := at.compare(n.name); {
	case c == 0:
		return join(n.left, n.right)
	case c < 0:
		top.left = n.left.remove(at)
	default:
		top.right = n.right.remove(at)
	}
	return &top
}

// split returns the nodes before at and those after it; at itself must not be in the tree.
func (n *node) split(at name) (before, after *node) {
	if n == nil {
		return nil, nil
	}
	top := *n
	if n.compare(at) < 0 {
		top.right, after = n.right.split(at)
		return &top, after
	}
	before, top.left = n.left.split(at)
	return before, &top
}

// join returns one tree of two; every name in a must be less than every name in b.
func join(a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	if a.priority > b.priority {
		top := *a
		top.right = join(a.right, b)
		return &top
	}
	top := *b
	top.left = join(a, b.left)
	return &top
}

// ascend hands the nodes from a name on to visit, in order, until visit returns false; so does ascend then.
func (n *node) ascend(from name, visit func(*node) bool) bool {
	if n == nil {
		return true
	}
	if n.compare(from) < 0 {
		return n.right.ascend(from, visit)
	}
	return n.left.ascend(from, visit) && visit(n) && n.right.ascend(from, visit)
}
