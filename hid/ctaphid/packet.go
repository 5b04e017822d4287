package ctaphid

import (
	"encoding/binary"
	"fmt"

	"github.com/mfalab/mfalab/hid"
)

// From the specification, Section 11.2.4.
const (
	// MaxMessage is the longest message in bytes: one initialization packet and 128 continuation packets.
	MaxMessage = initData + maxPackets*contData
	// Broadcast is the channel on which a host asks for a channel of its own.
	Broadcast uint32 = 0xffffffff

	reserved   uint32 = 0 // the other channel that is never allocated
	initHeader        = 7 // CID, CMD, BCNT
	contHeader        = 5 // CID, SEQ
	initData          = hid.ReportSize - initHeader
	contData          = hid.ReportSize - contHeader
	maxPackets        = 128
	initBit           = 0x80
)

// A Command says what a message is for, without the bit that marks an initialization packet.
type Command byte

// The commands of Section 11.2.9.
const (
	CmdPing      Command = 0x01 // Section 11.2.9.1.4
	CmdMsg       Command = 0x03 // Section 11.2.9.1.1
	CmdLock      Command = 0x04 // Section 11.2.9.2.2
	CmdInit      Command = 0x06 // Section 11.2.9.1.3
	CmdWink      Command = 0x08 // Section 11.2.9.2.1
	CmdCBOR      Command = 0x10 // Section 11.2.9.1.2
	CmdCancel    Command = 0x11 // Section 11.2.9.1.5
	CmdKeepalive Command = 0x3b // Section 11.2.9.1.7, from the device only
	CmdError     Command = 0x3f // Section 11.2.9.1.6, from the device only
)

var commandNames = map[Command]string{
	CmdPing: "PING", CmdMsg: "MSG", CmdLock: "LOCK", CmdInit: "INIT", CmdWink: "WINK",
	CmdCBOR: "CBOR", CmdCancel: "CANCEL", CmdKeepalive: "KEEPALIVE", CmdError: "ERROR",
}

// String returns the name of the specification: "CTAPHID_PING"; "CTAPHID_0x3c" for a command that has none.
func (c Command) String() string {
	if name, ok := commandNames[c]; ok {
		return "CTAPHID_" + name
	}
	return fmt.Sprintf("CTAPHID_%#02x", byte(c))
}

// What KEEPALIVE says, Section 11.2.9.1.7.
const (
	StatusProcessing byte = 1 // the command runs
	StatusUPNeeded   byte = 2 // the user is awaited
)

// Capabilities of the answer to INIT, Section 11.2.9.1.3.
const (
	CapWink byte = 0x01 // WINK is implemented
	CapLock byte = 0x02 // LOCK is implemented; of U2FHID, no longer in CTAP2
	CapCBOR byte = 0x04 // CBOR is implemented
	CapNMSG byte = 0x08 // MSG is not implemented
)

// A Packet is a report that was taken apart.
type Packet struct {
	Channel uint32
	Init    bool    // an initialization packet, which has Command and Length; else a continuation, which has Seq
	Command Command // 0 to 127
	Length  int     // bytes in the whole message as the packet announces them: 0 to 65535, also beyond MaxMessage
	Seq     byte    // 0 to 127
	Data    []byte  // all that may be data: 57 or 59 bytes, padding included; it is part of the report
}

// ParsePacket takes r apart. Every report is a packet; whether it is one that may come now is for others to say.
func ParsePacket(r *hid.Report) Packet {
	p := Packet{Channel: binary.BigEndian.Uint32(r[:4])}
	if r[4]&initBit == 0 {
		p.Seq = r[4]
		p.Data = r[contHeader:]
		return p
	}
	p.Init = true
	p.Command = Command(r[4] &^ initBit)
	p.Length = int(binary.BigEndian.Uint16(r[5:7]))
	p.Data = r[initHeader:]
	return p
}

// putInit makes r the initialization packet of message and returns how much of it went in.
func putInit(r *hid.Report, channel uint32, cmd Command, message []byte) int {
	binary.BigEndian.PutUint32(r[:4], channel)
	r[4] = byte(cmd) | initBit
	binary.BigEndian.PutUint16(r[5:7], uint16(len(message)))
	return fill(r[initHeader:], message)
}

// putCont makes r the continuation packet number seq that begins with rest, and returns how much of it went in.
func putCont(r *hid.Report, channel uint32, seq byte, rest []byte) int {
	binary.BigEndian.PutUint32(r[:4], channel)
	r[4] = seq
	return fill(r[contHeader:], rest)
}

func fill(to, from []byte) int {
	n := copy(to, from)
	clear(to[n:])
	return n
}

// A splitter hands out a message packet by packet. The zero value has none.
type splitter struct {
	message []byte
	sent    int
	seq     byte
	open    bool
	channel uint32
	command Command
}

func (s *splitter) start(channel uint32, cmd Command, message []byte) {
	*s = splitter{message: message, open: true, channel: channel, command: cmd}
}

// next fills r with the next packet. When that was the last one, open is false afterwards.
func (s *splitter) next(r *hid.Report) {
	if s.sent == 0 && s.seq == 0 {
		s.sent = putInit(r, s.channel, s.command, s.message)
	} else {
		s.sent += putCont(r, s.channel, s.seq, s.message[s.sent:])
		s.seq++
	}
	s.open = s.sent < len(s.message)
}
