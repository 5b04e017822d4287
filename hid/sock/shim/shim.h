// What the parts of the shim share. They are one library that is loaded into programs that know nothing of it: it takes
// no locks (a program may fork while another of its threads is here), allocates only for libudev's objects and for
// listings, and leaves errno as the function that it stands for would.
#ifndef SHIM_H
#define SHIM_H

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define EXPORT __attribute__((visibility("default")))

// The greatest number of a node, and one more; the Go side counts as far.
enum { NODES = 4096 };

// bus.c: the folder that MFALAB_HID names, and what lies in it.

// bus_folder is "" where there is no bus: then the library stands aside.
const char *bus_folder(void);
// bus_number says N of "hidrawN", or -1.
int bus_number(const char *name);
// bus_path writes BUS/hidrawN/rest, or rest's folder where rest is "".
bool bus_path(char *out, size_t size, int n, const char *rest);
// bus_listed tells which nodes are plugged in.
void bus_listed(bool present[NODES]);
// bus_translate says where a path under /dev or /sys leads on the bus: in out, or path itself if it does not lead there.
const char *bus_translate(const char *path, char out[PATH_MAX]);
// bus_node says N of "/dev/hidrawN", or -1; and -1 where there is no bus.
int bus_node(const char *path);
// bus_connect is open(2) of /dev/hidrawN.
int bus_connect(int n, int flags);
// bus_opened says whether this process has connected to a node, or was seen to have inherited one.
bool bus_opened(void);
// bus_peer says to which node fd is connected and writes its folder, or says -1. It leaves errno alone.
int bus_peer(int fd, char folder[PATH_MAX]);
// bus_read reads a small file of the bus whole, ends it with NUL and returns its length, or -1. It calls the kernel and
// nothing else, so that it may be called from wherever ioctl may.
ssize_t bus_read(const char *path, char *out, size_t size);
// bus_field finds KEY=value in the lines of a uevent file.
bool bus_field(const char *lines, const char *key, char *out, size_t size);

// next.c: the functions behind the ones that we define.

// next_function finds name in the libraries after this one, and remembers it in slot. NULL where libc has none.
void *next_function(void *_Atomic *slot, const char *name);
// next_udev finds a function of the system's own libudev, or NULL where there is no such library or function.
void *next_udev(const char *name);

#define NEXT(name) \
	({ \
		static void *_Atomic slot; \
		next_function(&slot, #name); \
	})

#endif
