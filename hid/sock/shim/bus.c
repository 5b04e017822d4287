// The bus folder: where it is, what lies in it, how to connect to a node, and how to know one's descriptor again.
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static const char dev[] = "/dev/hidraw", class[] = "/sys/class/hidraw";

// The environment is read once: a program may change or clear it later, and other threads may be doing so now.
const char *bus_folder(void)
{
	static char folder[PATH_MAX];
	static _Atomic bool known;
	if (!atomic_load_explicit(&known, memory_order_acquire)) {
		const char *named = getenv("MFALAB_HID");
		if (named && named[0] == '/' && strlen(named) < sizeof folder)
			strcpy(folder, named);
		atomic_store_explicit(&known, true, memory_order_release);
	}
	return folder;
}

__attribute__((constructor)) static void start(void)
{
	bus_folder();
}

int bus_number(const char *name)
{
	if (strncmp(name, "hidraw", 6) != 0 || !name[6] || (name[6] == '0' && name[7]))
		return -1;
	int n = 0;
	for (const char *p = name + 6; *p; p++) {
		if (*p < '0' || *p > '9')
			return -1;
		n = n * 10 + *p - '0';
		if (n >= NODES)
			return -1;
	}
	return n;
}

bool bus_path(char *out, size_t size, int n, const char *rest)
{
	int len = snprintf(out, size, "%s/hidraw%d%s%s", bus_folder(), n, *rest ? "/" : "", rest);
	return len >= 0 && (size_t)len < size;
}

void bus_listed(bool present[NODES])
{
	memset(present, 0, NODES * sizeof *present);
	DIR *dir = *bus_folder() ? opendir(bus_folder()) : NULL;
	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		int n = bus_number(e->d_name);
		if (n >= 0)
			present[n] = true;
	}
	closedir(dir);
}

int bus_node(const char *path)
{
	if (!path || strncmp(path, dev, sizeof dev - 1) != 0 || !*bus_folder())
		return -1;
	return bus_number(path + sizeof "/dev/" - 1);
}

const char *bus_translate(const char *path, char out[PATH_MAX])
{
	if (!path || path[0] != '/')
		return path;
	int len = -1;
	if (bus_node(path) >= 0)
		len = snprintf(out, PATH_MAX, "%s%s", bus_folder(), path);
	else if (strncmp(path, class, sizeof class - 1) == 0 && strchr("/", path[sizeof class - 1]) && *bus_folder())
		len = snprintf(out, PATH_MAX, "%s%s", bus_folder(), path + sizeof class - 1);
	return len >= 0 && len < PATH_MAX ? out : path;
}

// Whether this process may hold a node's descriptor: all others pay nothing for reading and writing.
static _Atomic bool opened;

bool bus_opened(void)
{
	return atomic_load_explicit(&opened, memory_order_relaxed);
}

// address writes the node's, by way of an open folder where the path is longer than an address. That descriptor is in
// via, or -1.
static bool address(int n, struct sockaddr_un *a, int *via)
{
	*via = -1;
	memset(a, 0, sizeof *a);
	a->sun_family = AF_UNIX;
	int len = snprintf(a->sun_path, sizeof a->sun_path, "%s/dev/hidraw%d", bus_folder(), n);
	if (len > 0 && (size_t)len < sizeof a->sun_path)
		return true;
	char folder[PATH_MAX];
	len = snprintf(folder, sizeof folder, "%s/dev", bus_folder());
	if (len < 0 || (size_t)len >= sizeof folder)
		return false;
	*via = syscall(SYS_openat, AT_FDCWD, folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*via < 0)
		return false;
	snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d/hidraw%d", *via, n);
	return true;
}

int bus_connect(int n, int flags)
{
	struct sockaddr_un a;
	int via, fd = -1;
	if (!address(n, &a, &via)) {
		errno = ENOENT;
		return -1;
	}
	if (flags & O_DIRECTORY)
		errno = ENOTDIR;
	else
		fd = socket(AF_UNIX, SOCK_SEQPACKET | (flags & O_CLOEXEC ? SOCK_CLOEXEC : 0), 0);
	if (fd >= 0) {
		int err = connect(fd, (struct sockaddr *)&a, sizeof a) == 0 ? 0 : errno;
		// Not before: a connect that does not block gives up where open(2) waits.
		if (!err && (flags & O_NONBLOCK) && fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
			err = errno;
		if (err) {
			close(fd);
			fd = -1;
			errno = err == ECONNREFUSED ? ENODEV : err; // the owner of the bus is dead
		} else {
			atomic_store(&opened, true);
		}
	}
	if (via >= 0) {
		int err = errno;
		close(via);
		errno = err;
	}
	return fd;
}

// A descriptor is known again by what it is connected to, not by its number: dup, fork and exec are nothing special.
int bus_peer(int fd, char folder[PATH_MAX])
{
	struct sockaddr_un a;
	socklen_t len = sizeof a;
	int err = errno, n = -1;
	memset(&a, 0, sizeof a);
	if (getpeername(fd, (struct sockaddr *)&a, &len) == 0 && a.sun_family == AF_UNIX && a.sun_path[0] == '/') {
		char path[sizeof a.sun_path + 1];
		memcpy(path, a.sun_path, sizeof a.sun_path);
		path[sizeof a.sun_path] = 0;
		char *name = strrchr(path, '/');
		n = bus_number(name + 1);
		*name = 0;
		char *parent = strrchr(path, '/');
		if (n >= 0 && parent && strcmp(parent, "/dev") == 0) {
			// The bus that it was opened on, which need not be the one of our environment.
			*parent = 0;
			snprintf(folder, PATH_MAX, "%s/hidraw%d", path, n);
		} else if (n >= 0 && strncmp(path, "/proc/self/fd/", 14) == 0 && *bus_folder()) {
			if (!bus_path(folder, PATH_MAX, n, ""))
				n = -1;
		} else {
			n = -1;
		}
	}
	if (n >= 0)
		atomic_store_explicit(&opened, true, memory_order_relaxed); // inherited, it may be
	errno = err;
	return n;
}

ssize_t bus_read(const char *path, char *out, size_t size)
{
	int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	size_t len = 0;
	ssize_t n = 1;
	while (len < size - 1 && n > 0) {
		n = syscall(SYS_read, fd, out + len, size - 1 - len);
		if (n > 0)
			len += n;
	}
	syscall(SYS_close, fd);
	out[len] = 0;
	return n < 0 ? -1 : (ssize_t)len;
}

bool bus_field(const char *lines, const char *key, char *out, size_t size)
{
	size_t len = strlen(key);
	for (const char *p = lines; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		if (strncmp(p, key, len) != 0 || p[len] != '=')
			continue;
		size_t n = strcspn(p + len + 1, "\n");
		if (n >= size)
			return false;
		memcpy(out, p + len + 1, n);
		out[n] = 0;
		return true;
	}
	return false;
}
