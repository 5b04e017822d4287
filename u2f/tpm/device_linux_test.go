package tpm_test

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/tpm/tpmtest"
)

// From Linux: asm-generic/ioctls.h.
const (
	unlockTerminal = 0x40045431 // TIOCSPTLCK
	terminalNumber = 0x80045430 // TIOCGPTN
)

// terminal returns both ends of a pseudo terminal that passes bytes on as they are: a device that a test can be behind.
func terminal(t testing.TB) (ours *os.File, name string) {
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = ours.Close() }) // the test closes it itself, so that nobody reads any more
	raw, err := ours.SyscallConn()
	require.NoError(t, err)
	var number, unlocked uint32
	require.NoError(t, raw.Control(func(fd uintptr) {
		for request, value := range map[uintptr]*uint32{unlockTerminal: &unlocked, terminalNumber: &number} {
			_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(value)))
			require.Zero(t, errno)
		}
	}))
	name = fmt.Sprintf("/dev/pts/%d", number)
	out, err := exec.Command("stty", "-F", name, "raw", "-echo").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return ours, name
}

// TestADevice has a device file in front of the TPM, as the kernel has.
func TestADevice(t *testing.T) {
	p := tpmtest.Start(t)
	ours, name := terminal(t)
	held, err := os.OpenFile(name, os.O_RDWR, 0) // without anybody at it, it would be hung up
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			command, err := readTPM(ours)
			if err != nil {
				return
			}
			response, err := exchange(p, command)
			if err != nil {
				return
			}
			if _, err := ours.Write(response); err != nil {
				return
			}
		}
	}()
	e := opened(t, "tpm://"+name)
	_, wrapped, err := e.MakeKey(cose.ES256, seed)
	require.NoError(t, err)
	require.NoError(t, signs(t, e, cose.ES256, wrapped))
	require.NoError(t, e.Close())
	require.NoError(t, held.Close())
	require.NoError(t, ours.Close())
	<-ended
}
