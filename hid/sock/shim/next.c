// The functions behind the ones that we define: libc's, and those of the system's own libudev.
#define _GNU_SOURCE
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <link.h>

// Since glibc 2.34 these have a new version each. The old ones are there too, and so a library that was compiled on a
// new system runs on an old one.
#if defined __x86_64__
#define BASE "GLIBC_2.2.5"
#elif defined __aarch64__
#define BASE "GLIBC_2.17"
#endif
#ifdef BASE
__asm__(".symver dlsym,dlsym@" BASE);
__asm__(".symver dlopen,dlopen@" BASE);
__asm__(".symver dlerror,dlerror@" BASE);
#if defined __x86_64__
__asm__(".symver dlinfo,dlinfo@GLIBC_2.3.3");
#else
__asm__(".symver dlinfo,dlinfo@" BASE);
#endif
#endif

void *next_function(void *_Atomic *slot, const char *name)
{
	void *f = atomic_load_explicit(slot, memory_order_acquire);
	if (!f) {
		f = dlsym(RTLD_NEXT, name);
		atomic_store_explicit(slot, f, memory_order_release);
	}
	return f;
}

EXPORT void *udev_new(void);

// open_udev loads libudev.so.1 from the first of the loader's folders that has one. By its path: under its name the
// loader knows us.
static void *open_udev(void)
{
	void *self = dlopen("libudev.so.1", RTLD_LAZY | RTLD_NOLOAD), *found = NULL;
	if (!self)
		self = dlopen(NULL, RTLD_LAZY);
	Dl_serinfo size;
	if (!self || dlinfo(self, RTLD_DI_SERINFOSIZE, &size) != 0)
		return NULL;
	Dl_serinfo *dirs = malloc(size.dls_size);
	if (!dirs)
		return NULL;
	memcpy(dirs, &size, sizeof size);
	if (dlinfo(self, RTLD_DI_SERINFOSIZE, dirs) == 0 && dlinfo(self, RTLD_DI_SERINFO, dirs) == 0) {
		for (unsigned i = 0; i < dirs->dls_cnt && !found; i++) {
			char path[PATH_MAX];
			int n = snprintf(path, sizeof path, "%s/libudev.so.1", dirs->dls_serpath[i].dls_name);
			if (n < 0 || (size_t)n >= sizeof path)
				continue;
			found = dlopen(path, RTLD_NOW | RTLD_LOCAL);
			if (found && dlsym(found, "udev_new") == (void *)udev_new)
				found = NULL; // another name of ours
		}
	}
	free(dirs);
	dlerror(); // what was not found is nobody else's business
	return found;
}

void *next_udev(const char *name)
{
	// Two threads that come first both load it, and get the same: no lock is needed.
	static void *_Atomic library;
	static _Atomic bool tried;
	if (!atomic_load(&tried)) {
		int before = errno;
		atomic_store(&library, open_udev());
		atomic_store(&tried, true);
		errno = before;
	}
	void *lib = atomic_load(&library);
	return lib ? dlsym(lib, name) : NULL;
}
