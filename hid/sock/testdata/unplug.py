"""Holds the node open, and prints what becomes of reading and writing when the key is unplugged."""

import errno, os, select

fd = os.open("/dev/hidraw0", os.O_RDWR)
print("open", flush=True)
select.select([fd], [], [])
for what in "read", "write", "write":
    try:
        os.read(fd, 64) if what == "read" else os.write(fd, bytes(65))
        print(what, "went through", flush=True)
    except OSError as e:
        print(what, errno.errorcode[e.errno], flush=True)
try:
    os.open("/dev/hidraw0", os.O_RDWR)
except OSError as e:
    print("open", errno.errorcode[e.errno], flush=True)
