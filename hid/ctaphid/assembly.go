package ctaphid

import "github.com/mfalab/mfalab/hid"

// A Message is one that went over the cable whole.
type Message struct {
	Channel uint32
	Command Command
	Data    []byte
}

// overheard bounds the channels whose messages an Assembly puts together at a time. Our choice: as many as a device knows.
const overheard = Channels

// An Assembly puts together the messages that pass in one direction, for somebody who overhears them. It believes nobody:
// what does not belong together is left out. Its zero value is ready to use.
type Assembly struct{ open map[uint32]*assembling }

type assembling struct {
	Message
	length int
	seq    byte
}

// Add takes the next report and returns the message that it ends, if it ends one. The message is the caller's to keep.
func (a *Assembly) Add(r *hid.Report) (Message, bool) {
	p := ParsePacket(r)
	m := a.open[p.Channel]
	switch {
	case p.Init && p.Length > MaxMessage:
		delete(a.open, p.Channel)
		return Message{}, false
	case p.Init:
		m = &assembling{Message: Message{Channel: p.Channel, Command: p.Command}, length: p.Length}
		if a.open == nil || len(a.open) >= overheard {
			a.open = map[uint32]*assembling{}
		}
		a.open[p.Channel] = m
	case m == nil || p.Seq != m.seq:
		delete(a.open, p.Channel)
		return Message{}, false
	default:
		m.seq++
	}
	m.Data = append(m.Data, p.Data[:min(len(p.Data), m.length-len(m.Data))]...)
	if len(m.Data) < m.length {
		return Message{}, false
	}
	delete(a.open, p.Channel)
	return m.Message, true
}
