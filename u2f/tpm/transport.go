package tpm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/google/go-tpm/tpm2"
)

// From the specification.
const (
	headerSize = 10 // Part 1, Section 18.3: tag 2, size 4, response code 4
	sizeAt     = 2
	codeAt     = 6

	// The simulator's protocol, of TpmTcpProtocol.h in the reference implementation.
	signalPowerOn = 1
	signalNVOn    = 11
	sendCommand   = 8
	sessionEnd    = 20
)

// Our choice.
const (
	largestResponse = 1 << 16
	// patience is how long a TPM behind a socket may take: a swtpm on a busy machine seeks the primes of an RSA key for seconds.
	// A device is waited for as long as the kernel does, which knows how long its TPM takes.
	patience = 30 * time.Second
	// tries is how often a command is sent that the TPM has no time for, and between those pass pauses of retryPause: the
	// command then has been waited for about as long as a person has patience.
	tries      = 50
	retryPause = 20 * time.Millisecond
)

// errLost says that the connection is of no use any more.
type errLost struct{ err error }

func (e errLost) Error() string { return e.err.Error() }
func (e errLost) Unwrap() error { return e.err }

// errNoDevice says that something else lies where a device is to be.
var errNoDevice = errors.New("that is no device; write the address of a socket as tpm+unix://PATH")

// A wire is an open way to a TPM. It is go-tpm's transport.TPM.
type wire struct {
	stream  io.ReadWriteCloser
	whole   bool // a response is read at once, as from a device
	framed  bool // by the simulator's protocol
	started bool // TPM2_Startup has been sent, since nobody had done so
}

// dial opens the way.
func (a Address) dial() (*wire, error) {
	switch {
	case a.device():
		info, err := os.Stat(a.place)
		switch {
		case err != nil:
			return nil, err
		case info.Mode()&os.ModeCharDevice == 0: // lest a file is written over
			return nil, fmt.Errorf("%w: %s", errNoDevice, a.place)
		}
		f, err := os.OpenFile(a.place, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		return &wire{stream: f, whole: true}, nil
	case a.scheme == schemeUnix:
		c, err := net.DialTimeout("unix", a.place, patience)
		if err != nil {
			return nil, err
		}
		return &wire{stream: c}, nil
	}
	if a.scheme == schemeMSSim {
		if err := a.powerOn(); err != nil {
			return nil, err
		}
	}
	c, err := net.DialTimeout("tcp", a.place, patience)
	if err != nil {
		return nil, err
	}
	return &wire{stream: c, framed: a.scheme == schemeMSSim}, nil
}

// powerOn tells the simulator's platform that there is power; one that has it already does nothing.
func (a Address) powerOn() error {
	host, port, err := net.SplitHostPort(a.place)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	c, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(n+1)), patience)
	if err != nil {
		return fmt.Errorf("the simulator's platform: %w", err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	for _, signal := range []uint32{signalPowerOn, signalNVOn} {
		if _, err := c.Write(binary.BigEndian.AppendUint32(nil, signal)); err != nil {
			return err
		}
		var answer [4]byte
		if _, err := io.ReadFull(c, answer[:]); err != nil {
			return fmt.Errorf("the simulator's platform: %w", err)
		}
		if code := binary.BigEndian.Uint32(answer[:]); code != 0 {
			return fmt.Errorf("the simulator's platform answers %d", code)
		}
	}
	_, err = c.Write(binary.BigEndian.AppendUint32(nil, sessionEnd))
	return err
}

// Send hands the TPM a command and returns its response. One that has not been started is; one that has no time is asked
// again.
func (w *wire) Send(command []byte) (response []byte, err error) {
	for range tries {
		if response, err = w.once(command); err != nil {
			return nil, errLost{err}
		}
		switch tpm2.TPMRC(binary.BigEndian.Uint32(response[codeAt:])) {
		case tpm2.TPMRCInitialize:
			if w.started {
				return response, nil
			}
			w.started = true
			if _, err := (tpm2.Startup{StartupType: tpm2.TPMSUClear}).Execute(w); err != nil {
				return nil, err
			}
		case tpm2.TPMRCRetry, tpm2.TPMRCYielded, tpm2.TPMRCTesting, tpm2.TPMRCNVRate:
			time.Sleep(retryPause)
		default:
			return response, nil
		}
	}
	return response, nil
}

// once sends a command and reads what comes back.
func (w *wire) once(command []byte) ([]byte, error) {
	if c, is := w.stream.(net.Conn); is {
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			return nil, err
		}
	}
	if w.framed {
		framed := append(binary.BigEndian.AppendUint32(nil, sendCommand), 0) // locality 0
		command = append(binary.BigEndian.AppendUint32(framed, uint32(len(command))), command...)
	}
	if _, err := w.stream.Write(command); err != nil {
		return nil, err
	}
	switch {
	case w.whole:
		response := make([]byte, largestResponse)
		n, err := w.stream.Read(response)
		if err != nil {
			return nil, err
		}
		return checkSize(response[:n])
	case w.framed:
		return w.readFramed()
	}
	response := make([]byte, headerSize, 512)
	if _, err := io.ReadFull(w.stream, response); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(response[sizeAt:])
	if size < headerSize || size > largestResponse {
		return nil, fmt.Errorf("a response of %d bytes", size)
	}
	response = append(response, make([]byte, size-headerSize)...)
	_, err := io.ReadFull(w.stream, response[headerSize:])
	return response, err
}

// readFramed reads a response of the simulator's: its size, itself, and four bytes that are zero.
func (w *wire) readFramed() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(w.stream, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size < headerSize || size > largestResponse {
		return nil, fmt.Errorf("a response of %d bytes", size)
	}
	response := make([]byte, size+4)
	if _, err := io.ReadFull(w.stream, response); err != nil {
		return nil, err
	}
	if binary.BigEndian.Uint32(response[size:]) != 0 {
		return nil, errors.New("a response without its end")
	}
	return checkSize(response[:size])
}

// checkSize wants a response to be as long as it says.
func checkSize(response []byte) ([]byte, error) {
	if len(response) < headerSize || binary.BigEndian.Uint32(response[sizeAt:]) != uint32(len(response)) {
		return nil, fmt.Errorf("a response of %d bytes that is cut short", len(response))
	}
	return response, nil
}

func (w *wire) close() error {
	if w.framed {
		_, _ = w.stream.Write(binary.BigEndian.AppendUint32(nil, sessionEnd)) // it is to be closed anyhow
	}
	return w.stream.Close()
}
