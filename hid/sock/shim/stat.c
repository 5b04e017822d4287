// What programs ask about a node without opening it, or about its descriptor: it is a character device.
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

// The device number's first half, as the Go side writes it into uevent.
enum { MAJOR = 4095 };

static int fail(int err)
{
	errno = err;
	return -1;
}

#define DISGUISE(st, n) \
	do { \
		(st)->st_mode = ((st)->st_mode & ~S_IFMT) | S_IFCHR; \
		(st)->st_rdev = makedev(MAJOR, n); \
	} while (0)

// Until glibc 2.33 programs called __xstat and its like, with the version of struct stat before the arguments. New
// libraries hide those from dlsym but have the plain ones, old ones the other way round; so each falls back on the other.
#if defined __x86_64__
enum { VERSION = 1 };
#elif __LP64__
enum { VERSION = 0 };
#else
enum { VERSION = 3 };
#endif

#define STAT(name, old, type) \
	static int at_##name(int version, const char *path, type *st) \
	{ \
		char there[PATH_MAX]; \
		int n = bus_node(path), result; \
		path = bus_translate(path, there); \
		int (*plain)(const char *, type *) = NEXT(name); \
		int (*versioned)(int, const char *, type *) = plain ? NULL : NEXT(old); \
		if (!plain && !versioned) \
			return fail(ENOSYS); \
		result = plain ? plain(path, st) : versioned(version, path, st); \
		if (result == 0 && n >= 0 && S_ISSOCK(st->st_mode)) \
			DISGUISE(st, n); \
		return result; \
	} \
	EXPORT int name(const char *path, type *st) \
	{ \
		return at_##name(VERSION, path, st); \
	} \
	EXPORT int old(int version, const char *path, type *st); \
	EXPORT int old(int version, const char *path, type *st) \
	{ \
		return at_##name(version, path, st); \
	}
STAT(stat, __xstat, struct stat)
STAT(stat64, __xstat64, struct stat64)
STAT(lstat, __lxstat, struct stat)
STAT(lstat64, __lxstat64, struct stat64)

#define FSTAT(name, old, type) \
	static int at_##name(int version, int fd, type *st) \
	{ \
		int (*plain)(int, type *) = NEXT(name); \
		int (*versioned)(int, int, type *) = plain ? NULL : NEXT(old); \
		if (!plain && !versioned) \
			return fail(ENOSYS); \
		int result = plain ? plain(fd, st) : versioned(version, fd, st), n; \
		char folder[PATH_MAX]; \
		if (result == 0 && S_ISSOCK(st->st_mode) && (n = bus_peer(fd, folder)) >= 0) \
			DISGUISE(st, n); \
		return result; \
	} \
	EXPORT int name(int fd, type *st) \
	{ \
		return at_##name(VERSION, fd, st); \
	} \
	EXPORT int old(int version, int fd, type *st); \
	EXPORT int old(int version, int fd, type *st) \
	{ \
		return at_##name(version, fd, st); \
	}
FSTAT(fstat, __fxstat, struct stat)
FSTAT(fstat64, __fxstat64, struct stat64)

// which says what a call with a folder and a path is about: N, and -1 where it is no node.
static int which(int dir, const char *path, int flags)
{
	char folder[PATH_MAX];
	if (path && path[0])
		return bus_node(path);
	return flags & AT_EMPTY_PATH ? bus_peer(dir, folder) : -1;
}

#define FSTATAT(name, old, type) \
	static int at_##name(int version, int dir, const char *path, type *st, int flags) \
	{ \
		char there[PATH_MAX]; \
		int (*plain)(int, const char *, type *, int) = NEXT(name); \
		int (*versioned)(int, int, const char *, type *, int) = plain ? NULL : NEXT(old); \
		if (!plain && !versioned) \
			return fail(ENOSYS); \
		const char *to = bus_translate(path, there); \
		int result = plain ? plain(dir, to, st, flags) : versioned(version, dir, to, st, flags), n; \
		if (result == 0 && S_ISSOCK(st->st_mode) && (n = which(dir, path, flags)) >= 0) \
			DISGUISE(st, n); \
		return result; \
	} \
	EXPORT int name(int dir, const char *path, type *st, int flags) \
	{ \
		return at_##name(VERSION, dir, path, st, flags); \
	} \
	EXPORT int old(int version, int dir, const char *path, type *st, int flags); \
	EXPORT int old(int version, int dir, const char *path, type *st, int flags) \
	{ \
		return at_##name(version, dir, path, st, flags); \
	}
FSTATAT(fstatat, __fxstatat, struct stat)
FSTATAT(fstatat64, __fxstatat64, struct stat64)

#ifdef STATX_TYPE
EXPORT int statx(int dir, const char *path, int flags, unsigned mask, struct statx *st)
{
	char there[PATH_MAX];
	int (*next)(int, const char *, int, unsigned, struct statx *) = NEXT(statx);
	if (!next)
		return fail(ENOSYS);
	int result = next(dir, bus_translate(path, there), flags, mask, st), n;
	if (result == 0 && S_ISSOCK(st->stx_mode) && (n = which(dir, path, flags)) >= 0) {
		st->stx_mode = (st->stx_mode & ~S_IFMT) | S_IFCHR;
		st->stx_rdev_major = MAJOR;
		st->stx_rdev_minor = n;
	}
	return result;
}
#endif

#define ACCESS(name) \
	EXPORT int name(const char *path, int mode) \
	{ \
		char there[PATH_MAX]; \
		int (*next)(const char *, int) = NEXT(name); \
		return next ? next(bus_translate(path, there), mode) : fail(ENOSYS); \
	}
ACCESS(access)
ACCESS(euidaccess)
ACCESS(eaccess)

EXPORT int faccessat(int dir, const char *path, int mode, int flags)
{
	char there[PATH_MAX];
	int (*next)(int, const char *, int, int) = NEXT(faccessat);
	return next ? next(dir, bus_translate(path, there), mode, flags) : fail(ENOSYS);
}

// What ls -l asks besides.
#define XATTR(name) \
	EXPORT ssize_t name(const char *path, const char *key, void *value, size_t size); \
	EXPORT ssize_t name(const char *path, const char *key, void *value, size_t size) \
	{ \
		char there[PATH_MAX]; \
		ssize_t (*next)(const char *, const char *, void *, size_t) = NEXT(name); \
		return next ? next(bus_translate(path, there), key, value, size) : fail(ENOSYS); \
	}
#define LISTXATTR(name) \
	EXPORT ssize_t name(const char *path, char *list, size_t size); \
	EXPORT ssize_t name(const char *path, char *list, size_t size) \
	{ \
		char there[PATH_MAX]; \
		ssize_t (*next)(const char *, char *, size_t) = NEXT(name); \
		return next ? next(bus_translate(path, there), list, size) : fail(ENOSYS); \
	}
XATTR(getxattr)
XATTR(lgetxattr)
LISTXATTR(listxattr)
LISTXATTR(llistxattr)
