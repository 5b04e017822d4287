package ctaphid

// channels is the table of allocated channels, the one that was used last in front. See Section 11.2.5.
type channels struct {
	table []uint32
	max   int
	last  uint32 // the number that was given out last
}

func newChannels(most int) channels { return channels{table: make([]uint32, 0, most), max: most} }

// use reports whether channel is allocated, and moves it to the front.
func (c *channels) use(channel uint32) bool {
	for i, known := range c.table {
		if known == channel {
			copy(c.table[1:i+1], c.table[:i])
			c.table[0] = channel
			return true
		}
	}
	return false
}

// allocate returns a new channel. It reports false when there is no room.
func (c *channels) allocate() (uint32, bool) {
	if len(c.table) >= c.max {
		return 0, false
	}
	c.last++
	for c.last == reserved || c.last == Broadcast || c.has(c.last) {
		c.last++
	}
	c.table = append(c.table, c.last)
	c.use(c.last)
	return c.last, true
}

func (c *channels) has(channel uint32) bool {
	for _, known := range c.table {
		if known == channel {
			return true
		}
	}
	return false
}

// evict makes room by forgetting the channel that was silent for longest and is not one of these two.
func (c *channels) evict(owner, locker uint32) {
	for i := len(c.table) - 1; i >= 0; i-- {
		if c.table[i] != owner && c.table[i] != locker {
			c.table = append(c.table[:i], c.table[i+1:]...)
			return
		}
	}
}
