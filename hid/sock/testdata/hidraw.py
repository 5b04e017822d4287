"""What a program sees of a key's node: run with the shim, it prints nothing and exits 0 when all is as on hidraw."""

import array, ctypes, errno, fcntl, os, stat, sys

RDESCSIZE, RDESC, RAWINFO = 0x80044801, 0x90044802, 0x80084803


def text(request, size):
    return 2 << 30 | size << 16 | ord("H") << 8 | request


def string(fd, request, size=256):
    buf = array.array("B", [0xEE] * 256)
    n = fcntl.ioctl(fd, text(request, size), buf, True)
    return bytes(buf[:n])


def equal(got, want):
    assert got == want, f"{got!r} is not {want!r}"


def refused(want, do, *args):
    try:
        do(*args)
    except OSError as e:
        equal(errno.errorcode[e.errno], errno.errorcode[want])
    else:
        raise AssertionError(f"{do.__name__}{args} went through")


def check(fd):
    info = os.fstat(fd)
    assert stat.S_ISCHR(info.st_mode), "not a character device"
    equal((os.major(info.st_rdev), os.minor(info.st_rdev)), (4095, 0))
    equal(string(fd, 0x04), b"Acme Lab Key\0")
    equal(string(fd, 0x04, 5), b"Acme ")
    equal(string(fd, 0x05), b"mfalab/hidraw0\0")
    equal(string(fd, 0x08), b"00000007\0")
    info = array.array("B", bytes(8))
    fcntl.ioctl(fd, RAWINFO, info, True)
    equal(bytes(info), b"\x03\0\0\0\x09\x12\xd0\xf1")
    size = array.array("i", [0])
    fcntl.ioctl(fd, RDESCSIZE, size, True)
    with open("/sys/class/hidraw/hidraw0/device/report_descriptor", "rb") as f:
        descriptor = f.read()
    equal(size[0], len(descriptor))
    for n in len(descriptor), 7:
        # Nothing is written behind what was asked for.
        buf = array.array("B", n.to_bytes(4, "little") + b"\xee" * 100)
        fcntl.ioctl(fd, RDESC, buf, True)
        equal(bytes(buf[4:]), descriptor[:n] + b"\xee" * (100 - n))
    refused(errno.EINVAL, fcntl.ioctl, fd, RDESC, array.array("i", [4096] * 1100), True)
    refused(errno.ENOTTY, fcntl.ioctl, fd, text(0x40, 4), array.array("i", [0]), True)
    refused(errno.EPIPE, fcntl.ioctl, fd, text(0x07, 4), array.array("i", [0]), True)
    equal(os.lseek(fd, 10, os.SEEK_SET), 0)
    assert not os.isatty(fd)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def ping(fd, n):
    """Asks for a channel and compares the nonce."""
    nonce = bytes([n] * 8)
    os.write(fd, b"\0" + b"\xff\xff\xff\xff\x86\0\x08" + nonce + bytes(49))
    answer = os.read(fd, 64)
    equal(len(answer), 64)
    equal(answer[:15], b"\xff\xff\xff\xff\x86\0\x11" + nonce)


if len(sys.argv) == 2:
    check(int(sys.argv[1]))
    ping(int(sys.argv[1]), 4)
    sys.exit()

fd = os.open("/dev/hidraw0", os.O_RDWR)
assert not os.get_inheritable(fd)
check(fd)
ping(fd, 1)
os.set_blocking(fd, False)
refused(errno.EAGAIN, os.read, fd, 64)
os.set_blocking(fd, True)
refused(errno.EINVAL, os.write, fd, b"\0")

other = os.dup(fd)
check(other)
ping(other, 2)

if os.fork() == 0:
    try:
        check(fd)
        ping(fd, 3)
    except BaseException as e:
        print(e, flush=True)
        os._exit(1)
    os._exit(0)
equal(os.wait()[1], 0)

# Another program knows the descriptor that it inherits, whatever its number is.
os.dup2(fd, 77, inheritable=True)
if os.fork() == 0:
    os.execv(sys.executable, [sys.executable, __file__, "77"])
equal(os.wait()[1], 0)

nonblocking = os.open("/dev/hidraw0", os.O_RDWR | os.O_NONBLOCK)
refused(errno.EAGAIN, os.read, nonblocking, 64)
with open("/dev/hidraw0", "r+b", buffering=0) as f:
    check(f.fileno())

for path in "/dev/hidraw0", "/sys/class/hidraw/hidraw0", "/sys/class/hidraw/hidraw0/device/uevent":
    assert os.path.exists(path) and os.path.lexists(path) and os.access(path, os.R_OK), path
assert stat.S_ISCHR(os.stat("/dev/hidraw0").st_mode) and stat.S_ISCHR(os.lstat("/dev/hidraw0").st_mode)
for path in "/dev/hidraw9", "/dev/hidraw00", "/dev/hidraw", "/dev/hidrawx", "/sys/class/hidraw/hidraw9":
    assert not os.path.exists(path), path
    refused(errno.ENOENT, os.open, path, os.O_RDWR)
refused(errno.ENOTDIR, os.open, "/dev/hidraw0", os.O_RDONLY | os.O_DIRECTORY)

names = os.listdir("/dev")
equal([n for n in names if n.startswith("hidraw")], ["hidraw0"])
assert "null" in names
equal(os.listdir("/sys/class/hidraw"), ["hidraw0"])
with os.scandir("/dev") as entries:
    equal([stat.S_ISCHR(e.stat().st_mode) for e in entries if e.name == "hidraw0"], [True])

# stdio, which opens without open(2).
libc = ctypes.CDLL(None, use_errno=True)
libc.fopen.restype = ctypes.c_void_p
libc.fileno.argtypes = [ctypes.c_void_p]
check(libc.fileno(libc.fopen(b"/dev/hidraw0", b"r+")))
