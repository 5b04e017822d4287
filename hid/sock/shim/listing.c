// Listings of /dev and /sys/class/hidraw: the host's own hidraw nodes are left out, the bus's are put in.
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

// A listing is an open folder whose entries we change. The table has no lock; a slot belongs to whoever put its DIR in,
// and a DIR is used by one thread at a time. A listing for which there is no slot is the host's.
static struct listing {
	DIR *_Atomic dir;
	bool devices;    // of /dev; else of /sys/class/hidraw
	DIR *_Atomic bus; // listed after dir's own entries
	bool ended;      // dir has no more
} table[64];

static atomic_int listings;

static DIR *next_opendir(const char *path)
{
	DIR *(*next)(const char *) = NEXT(opendir);
	if (!next)
		errno = ENOSYS;
	return next ? next(path) : NULL;
}

static int next_closedir(DIR *dir)
{
	int (*next)(DIR *) = NEXT(closedir);
	return next ? next(dir) : 0;
}

static struct listing *find(DIR *dir)
{
	if (dir && atomic_load(&listings) > 0)
		for (size_t i = 0; i < sizeof table / sizeof *table; i++)
			if (atomic_load(&table[i].dir) == dir)
				return &table[i];
	return NULL;
}

static bool is_folder(const char *path, const char *folder)
{
	size_t len = strlen(folder);
	return strncmp(path, folder, len) == 0 && path[len + strspn(path + len, "/")] == 0;
}

EXPORT DIR *opendir(const char *path)
{
	char there[PATH_MAX];
	bool devices = is_folder(path, "/dev"), nodes = is_folder(path, "/sys/class/hidraw");
	DIR *dir = next_opendir(bus_translate(path, there));
	if (!dir || !*bus_folder() || (!devices && !nodes))
		return dir;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		DIR *none = NULL;
		// The slot is ours from here on, but nobody looks for dir before we return it.
		if (!atomic_compare_exchange_strong(&table[i].dir, &none, dir))
			continue;
		table[i].devices = devices;
		table[i].ended = false;
		atomic_store(&table[i].bus, devices ? next_opendir(bus_folder()) : NULL);
		atomic_fetch_add(&listings, 1);
		break;
	}
	return dir;
}

EXPORT int closedir(DIR *dir)
{
	struct listing *l = find(dir);
	if (l) {
		DIR *bus = atomic_exchange(&l->bus, NULL);
		atomic_store(&l->dir, NULL); // before dir is free to be another's
		atomic_fetch_sub(&listings, 1);
		if (bus)
			next_closedir(bus);
	}
	return next_closedir(dir);
}

EXPORT void rewinddir(DIR *dir)
{
	void (*next)(DIR *) = NEXT(rewinddir);
	struct listing *l = find(dir);
	if (l) {
		l->ended = false;
		if (l->bus)
			next(l->bus);
	}
	next(dir);
}

// The entries of /dev without hidraw, then the bus's; of /sys/class/hidraw those of the bus, where it is what is open.
#define READDIR(name, type) \
	EXPORT type *name(DIR *dir) \
	{ \
		type *(*next)(DIR *) = NEXT(name), *e; \
		struct listing *l = find(dir); \
		if (!l) \
			return next(dir); \
		while (!l->ended && (e = next(dir))) { \
			bool node = bus_number(e->d_name) >= 0; \
			if (l->devices ? !node : node || strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) \
				return e; \
		} \
		l->ended = true; \
		while (l->bus && (e = next(l->bus))) \
			if (bus_number(e->d_name) >= 0) { \
				e->d_type = DT_CHR; \
				return e; \
			} \
		return NULL; \
	}
READDIR(readdir, struct dirent)
READDIR(readdir64, struct dirent64)
