package memory

import (
	"hash/maphash"
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func (n *node) depth() int {
	if n == nil {
		return 0
	}
	return 1 + max(n.left.depth(), n.right.depth())
}

func grown(n int) *node {
	seed := maphash.MakeSeed()
	var root *node
	for i := range n {
		at := name{"user", strconv.Itoa(1e6 + i)}
		root = root.put(node{name: at, priority: maphash.Comparable(seed, at)})
	}
	return root
}

func TestKeysInAscendingOrderGiveAShallowTree(t *testing.T) {
	const n = 10000
	// A random tree of n nodes is about 3 log2(n) deep; one of six times that has no chance to come up.
	require.Less(t, grown(n).depth(), int(6*math.Log2(n)))
}

func TestAnOldRootStaysAsItWas(t *testing.T) {
	old := grown(100)
	var names []name
	visit := func(n *node) bool { names = append(names, n.name); return true }
	old.ascend(name{}, visit)
	before := names

	now := old
	for _, at := range before {
		now = now.remove(at)
	}
	require.Nil(t, now)
	names = nil
	old.ascend(name{}, visit)
	require.Equal(t, before, names)
	require.Len(t, before, 100)
}

func TestOneNameIsOneNode(t *testing.T) {
	root := grown(50)
	for range 3 {
		n := root.find(name{"user", "1000007"})
		root = root.put(node{name: n.name, value: []byte("new"), priority: n.priority})
	}
	count := 0
	root.ascend(name{}, func(n *node) bool { count++; return true })
	require.Equal(t, 50, count)
	require.Equal(t, "new", string(root.find(name{"user", "1000007"}).value))
}
