package sock

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFidoToken(t *testing.T) {
	b := newBus(t)
	serveToy(t, plugKey(t, b))
	other := labKey
	other.Product, other.Name = 0x0042, "Spare"
	spare, err := b.Plug(other)
	require.NoError(t, err)
	serveToy(t, spare)

	const first = "/dev/hidraw0: vendor=0x1209, product=0xf1d0 (Acme Lab Key)\n"
	require.Equal(t, first+"/dev/hidraw1: vendor=0x1209, product=0x0042 (Spare )\n", run(t, b, "fido2-token", "-L"))
	for _, node := range []string{"/dev/hidraw0", "/dev/hidraw1"} {
		said := run(t, b, "fido2-token", "-I", node)
		require.Contains(t, said, "version strings: FIDO_2_0\n")
		require.Contains(t, said, "aaguid: 42424242424242424242424242424242\n")
	}

	require.NoError(t, spare.Close())
	require.Equal(t, first, run(t, b, "fido2-token", "-L"))
	said, err := command(t, b, "fido2-token", "-I", "/dev/hidraw1").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(said), "fido_dev_open /dev/hidraw1")
}

func TestPythonFido2(t *testing.T) {
	b := newBus(t)
	serveToy(t, plugKey(t, b))
	const script = `
from fido2.ctap2 import Ctap2
from fido2.hid import CtapHidDevice
for d in CtapHidDevice.list_devices():
    print(d.descriptor.path, hex(d.descriptor.vid), hex(d.descriptor.pid), Ctap2(d).info.versions, d.ping(bytes(7609)) == bytes(7609))
`
	require.Equal(t, "/dev/hidraw0 0x1209 0xf1d0 ['FIDO_2_0'] True\n", run(t, b, python, "-c", script))
}

// Many threads that open the key while others start programs: what is not safe against either hangs or crashes.
func TestThreadsAndForks(t *testing.T) {
	b := newBus(t)
	serveToy(t, plugKey(t, b))
	const script = `
import concurrent.futures, os, subprocess
def open_key(n):
    for _ in range(100):
        assert "hidraw0" in os.listdir("/dev")
        os.close(os.open("/dev/hidraw0", os.O_RDWR))
def start(n):
    for _ in range(10):
        assert subprocess.run(["ls", "-l", "/dev/hidraw0"], capture_output=True, check=True).stderr == b""
        if (child := os.fork()) == 0:
            open_key(n)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda n: (open_key, start)[n % 2](n), range(8)))
`
	require.Empty(t, run(t, b, python, "-W", "ignore", "-c", script))
}

// A program that has nothing to do with keys says and answers the same with the shim as without.
func TestProgramsRunUnchanged(t *testing.T) {
	b := newBus(t)
	plugKey(t, b)
	lib := shim(t)
	for _, script := range []string{
		"ls -l /usr /etc; ls /nowhere",
		"ls -lR /usr/lib/python3/dist-packages | sort | md5sum",
		"cd /dev; ls -d *; find /dev -maxdepth 1 -name 'n*'",
		"cat /etc/passwd - < /etc/group | wc; head -c 100000 /dev/zero | tail -c 5 | od; echo x > /dev/full; exit 7",
		"stat -c '%n %F %s' /dev/null /etc /etc/passwd /usr/bin/awk; test -S /etc; echo $?",
		"lsblk; ssh -V; /usr/sbin/sshd -t; ssh-keygen -lf /nowhere",
		"kill -TERM $$",
		"trap 'echo caught; exit 3' USR1; kill -USR1 $$",
		"yes | head -3; set -o pipefail; yes | head -1; echo $?",
		python + " -c 'import socket, os; a, b = socket.socketpair(); b.close(); print(a.recv(1)); os.write(a.fileno(), b\"x\")'",
		python + " -c 'import mmap, tempfile; f = tempfile.TemporaryFile(); f.write(b\"abc\"); print(f.seek(1), f.read(), f.read())'",
		"sh -c 'read line; echo $line' <<< text",
	} {
		t.Run(script, func(t *testing.T) {
			run := func(environ []string) [3]string {
				var out, errs strings.Builder
				cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
				cmd.Env, cmd.Stdout, cmd.Stderr = environ, &out, &errs
				_ = cmd.Run()
				return [3]string{out.String(), errs.String(), cmd.ProcessState.String()}
			}
			for {
				alone := run(Without(os.Environ()))
				got := run(Environ(os.Environ(), lib, b.Dir()))
				if got != alone && run(Without(os.Environ())) != alone {
					continue // somebody else has changed what it looks at
				}
				require.Equal(t, alone, got)
				return
			}
		})
	}
}
