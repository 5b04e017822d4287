// Opening a node, and what programs do with its descriptor: to them it is a character device.
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/hidraw.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(int err)
{
	errno = err;
	return -1;
}

// The mode follows only where a file may be made.
#define MODE(flags) \
	mode_t mode = 0; \
	if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) { \
		va_list list; \
		va_start(list, flags); \
		mode = va_arg(list, mode_t); \
		va_end(list); \
	}

#define OPEN(name) \
	EXPORT int name(const char *path, int flags, ...) \
	{ \
		MODE(flags) \
		int n = bus_node(path); \
		if (n >= 0) \
			return bus_connect(n, flags); \
		char there[PATH_MAX]; \
		int (*next)(const char *, int, ...) = NEXT(name); \
		return next ? next(bus_translate(path, there), flags, mode) : fail(ENOSYS); \
	}
#define OPENAT(name) \
	EXPORT int name(int dir, const char *path, int flags, ...) \
	{ \
		MODE(flags) \
		int n = bus_node(path); \
		if (n >= 0) \
			return bus_connect(n, flags); \
		char there[PATH_MAX]; \
		int (*next)(int, const char *, int, ...) = NEXT(name); \
		return next ? next(dir, bus_translate(path, there), flags, mode) : fail(ENOSYS); \
	}
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

// What programs that are compiled with _FORTIFY_SOURCE call: as above, and never with a mode.
#define OPEN_2(name) \
	EXPORT int name(const char *path, int flags) \
	{ \
		int n = bus_node(path); \
		if (n >= 0) \
			return bus_connect(n, flags); \
		char there[PATH_MAX]; \
		int (*next)(const char *, int) = NEXT(name); \
		return next ? next(bus_translate(path, there), flags) : fail(ENOSYS); \
	}
#define OPENAT_2(name) \
	EXPORT int name(int dir, const char *path, int flags) \
	{ \
		int n = bus_node(path); \
		if (n >= 0) \
			return bus_connect(n, flags); \
		char there[PATH_MAX]; \
		int (*next)(int, const char *, int) = NEXT(name); \
		return next ? next(dir, bus_translate(path, there), flags) : fail(ENOSYS); \
	}
OPEN_2(__open_2)
OPEN_2(__open64_2)
OPENAT_2(__openat_2)
OPENAT_2(__openat64_2)

// stdio opens without calling open.
static FILE *open_stream(int n, const char *mode)
{
	int access = strchr(mode, '+') ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY;
	int fd = bus_connect(n, access | (strchr(mode, 'e') ? O_CLOEXEC : 0));
	FILE *f = fd >= 0 ? fdopen(fd, mode) : NULL;
	if (fd >= 0 && !f)
		close(fd);
	return f;
}

#define FOPEN(name) \
	EXPORT FILE *name(const char *path, const char *mode) \
	{ \
		int n = bus_node(path); \
		if (n >= 0) \
			return open_stream(n, mode); \
		char there[PATH_MAX]; \
		FILE *(*next)(const char *, const char *) = NEXT(name); \
		return next ? next(bus_translate(path, there), mode) : NULL; \
	}
FOPEN(fopen)
FOPEN(fopen64)

// The end of the connection is the end of the device: hidraw says EIO then.
EXPORT ssize_t read(int fd, void *buf, size_t size)
{
	ssize_t (*next)(int, void *, size_t) = NEXT(read);
	if (!next)
		return fail(ENOSYS);
	ssize_t n = next(fd, buf, size);
	char folder[PATH_MAX];
	if (n == 0 && size > 0 && bus_opened() && bus_peer(fd, folder) >= 0)
		return fail(EIO);
	return n;
}

EXPORT void __chk_fail(void) __attribute__((noreturn, weak));

EXPORT ssize_t __read_chk(int fd, void *buf, size_t size, size_t room)
{
	if (size > room)
		__chk_fail();
	return read(fd, buf, size);
}

// hidraw answers EIO where a socket answers EPIPE; and writing to a device that is gone raises no signal.
EXPORT ssize_t write(int fd, const void *buf, size_t size)
{
	ssize_t (*next)(int, const void *, size_t) = NEXT(write);
	if (!next)
		return fail(ENOSYS);
	char folder[PATH_MAX];
	if (!bus_opened() || bus_peer(fd, folder) < 0)
		return next(fd, buf, size);
	if (size < 2 || size > 16384)
		return fail(EINVAL); // drivers/hid/hidraw.c, hidraw_send_report
	ssize_t n = send(fd, buf, size, MSG_NOSIGNAL);
	if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
		errno = EIO;
	return n;
}

// hidraw has no position and says that every one is 0.
#define LSEEK(name, type) \
	EXPORT type name(int fd, type offset, int whence) \
	{ \
		type (*next)(int, type, int) = NEXT(name); \
		if (!next) \
			return fail(ENOSYS); \
		type at = next(fd, offset, whence); \
		char folder[PATH_MAX]; \
		if (at == -1 && errno == ESPIPE && bus_opened() && bus_peer(fd, folder) >= 0) \
			return 0; \
		return at; \
	}
LSEEK(lseek, off_t)
LSEEK(lseek64, off64_t)

// text answers a request for a string: as much as fits, and how much that was.
static int text(const char *lines, const char *key, void *arg, size_t room)
{
	char value[256] = "";
	bus_field(lines, key, value, sizeof value);
	size_t len = strlen(value) + 1;
	if (len > room)
		len = room;
	memcpy(arg, value, len);
	return len;
}

static unsigned hex(const char *s, size_t len)
{
	unsigned value = 0;
	for (; len > 0; s++, len--) {
		unsigned digit = *s >= '0' && *s <= '9' ? *s - '0' : *s >= 'A' && *s <= 'F' ? *s - 'A' + 10 : 16;
		if (digit > 15)
			break;
		value = value * 16 + digit;
	}
	return value;
}

static int describe(const char *folder, unsigned long request, void *arg)
{
	char path[PATH_MAX + 32], got[HID_MAX_DESCRIPTOR_SIZE];
	bool descriptor = request == HIDIOCGRDESCSIZE || request == HIDIOCGRDESC;
	snprintf(path, sizeof path, "%s/device/%s", folder, descriptor ? "report_descriptor" : "uevent");
	ssize_t len = bus_read(path, got, sizeof got);
	if (len < 0)
		return fail(ENODEV); // unplugged
	if (request == HIDIOCGRDESCSIZE) {
		*(int *)arg = len;
		return 0;
	}
	if (request == HIDIOCGRDESC) {
		// No more than the caller asks for: many make room for just that.
		struct hidraw_report_descriptor *d = arg;
		if (d->size > HID_MAX_DESCRIPTOR_SIZE - 1)
			return fail(EINVAL);
		memcpy(d->value, got, d->size < (uint32_t)len ? d->size : (uint32_t)len);
		return 0;
	}
	if (request == HIDIOCGRAWINFO) {
		char id[64] = "";
		if (!bus_field(got, "HID_ID", id, sizeof id) || strlen(id) != sizeof "0003:00000000:00000000" - 1)
			return fail(EIO);
		*(struct hidraw_devinfo *)arg = (struct hidraw_devinfo){hex(id, 4), hex(id + 5, 8), hex(id + 14, 8)};
		return 0;
	}
	switch (_IOC_NR(request)) {
	case _IOC_NR(HIDIOCGRAWNAME(0)):
		return text(got, "HID_NAME", arg, _IOC_SIZE(request));
	case _IOC_NR(HIDIOCGRAWPHYS(0)):
		return text(got, "HID_PHYS", arg, _IOC_SIZE(request));
	case 0x08: // HIDIOCGRAWUNIQ, since Linux 5.6
		return text(got, "HID_UNIQ", arg, _IOC_SIZE(request));
	case _IOC_NR(HIDIOCSFEATURE(0)):
	case _IOC_NR(HIDIOCGFEATURE(0)):
		return fail(EPIPE); // a FIDO device has no feature reports
	}
	return fail(ENOTTY);
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	va_start(list, request);
	void *arg = va_arg(list, void *);
	va_end(list);
	char folder[PATH_MAX];
	if (_IOC_TYPE(request) == 'H' && bus_peer(fd, folder) >= 0)
		return describe(folder, request, arg);
	int (*next)(int, unsigned long, ...) = NEXT(ioctl);
	return next ? next(fd, request, arg) : fail(ENOSYS);
}
