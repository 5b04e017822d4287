// A node as libudev shows it: the hidraw device, above it the HID device, above that the USB device. What they are is in
// the files of the bus; here stands only how they hang together.
#define _GNU_SOURCE
#include "udev.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const struct level {
	const char *subsystem, *devtype, *driver, *folder; // folder: below BUS/hidrawN
} levels[] = {
	{"hidraw", NULL, NULL, ""},
	{"hid", NULL, "hid-generic", "device"},
	{"usb", "usb_device", "usb", "device/usb"},
};

enum { TOP = sizeof levels / sizeof *levels - 1, MAJOR = 4095 };

struct udev_device {
	uint64_t magic;
	int refs;
	int n, level;
	struct udev *udev;
	struct udev_device *parent; // made when asked for, and released with its child
	struct udev_list_entry *properties, *attributes;
	char syspath[PATH_MAX];
	char devnode[32], sysname[32], sysnum[16], action[16];
};

void list_add(struct udev_list_entry **list, const char *name, const char *value)
{
	size_t len = strlen(name) + 1;
	struct udev_list_entry *e = calloc(1, sizeof *e + len);
	if (!e)
		return;
	e->magic = MAGIC(ENTRY);
	memcpy(e->name, name, len);
	e->value = value ? strdup(value) : NULL;
	while (*list)
		list = &(*list)->next;
	*list = e;
}

void list_free(struct udev_list_entry **list)
{
	struct udev_list_entry *next;
	for (struct udev_list_entry *e = *list; e; e = next) {
		next = e->next;
		e->magic = 0;
		free(e->value);
		free(e);
	}
	*list = NULL;
}

UDEV(struct udev_list_entry *, udev_list_entry_get_next, struct udev_list_entry *e)
{
	if (IS(e, ENTRY))
		return e->next;
	CALL(struct udev_list_entry *, next, "udev_list_entry_get_next", struct udev_list_entry *);
	return next ? next(e) : NULL;
}

UDEV(struct udev_list_entry *, udev_list_entry_get_by_name, struct udev_list_entry *e, const char *name)
{
	if (IS(e, ENTRY)) {
		while (e && strcmp(e->name, name) != 0)
			e = e->next;
		return e;
	}
	CALL(struct udev_list_entry *, next, "udev_list_entry_get_by_name", struct udev_list_entry *, const char *);
	return next ? next(e, name) : NULL;
}

UDEV(const char *, udev_list_entry_get_name, struct udev_list_entry *e)
{
	if (IS(e, ENTRY))
		return e->name;
	CALL(const char *, next, "udev_list_entry_get_name", struct udev_list_entry *);
	return next ? next(e) : NULL;
}

UDEV(const char *, udev_list_entry_get_value, struct udev_list_entry *e)
{
	if (IS(e, ENTRY))
		return e->value;
	CALL(const char *, next, "udev_list_entry_get_value", struct udev_list_entry *);
	return next ? next(e) : NULL;
}

// read_attribute reads the file of that name of d, without the newline at its end.
static bool read_attribute(const struct udev_device *d, const char *name, char *out, size_t size)
{
	char path[PATH_MAX + 256];
	int len = snprintf(path, sizeof path, "%s/%s", d->syspath, name);
	if (len < 0 || (size_t)len >= sizeof path || strstr(name, ".."))
		return false;
	ssize_t n = bus_read(path, out, size);
	if (n < 0)
		return false;
	while (n > 0 && out[n - 1] == '\n')
		out[--n] = 0;
	return true;
}

// name_hid writes what the kernel calls a HID device: bus:vendor:product.instance.
static void name_hid(struct udev_device *d)
{
	char lines[1024], id[32];
	if (read_attribute(d, "uevent", lines, sizeof lines) && bus_field(lines, "HID_ID", id, sizeof id) && strlen(id) == 22)
		snprintf(d->sysname, sizeof d->sysname, "%.4s:%.4s:%.4s.%04X", id, id + 9, id + 18, (unsigned)d->n + 1);
}

static struct udev_device *make(struct udev *udev, int n, int level, const char *action)
{
	struct udev_device *d = calloc(1, sizeof *d);
	if (!d)
		return NULL;
	d->magic = MAGIC(DEVICE);
	d->refs = 1;
	d->udev = udev;
	d->n = n;
	d->level = level;
	snprintf(d->action, sizeof d->action, "%s", action ? action : "");
	snprintf(d->sysname, sizeof d->sysname, level == 0 ? "hidraw%d" : "1-%d", level == 0 ? n : n + 1);
	snprintf(d->sysnum, sizeof d->sysnum, "%d", level == 0 ? n : n + 1);
	if (level == 0)
		snprintf(d->devnode, sizeof d->devnode, "/dev/hidraw%d", n);
	if (!bus_path(d->syspath, sizeof d->syspath, n, levels[level].folder) || (!action && access(d->syspath, F_OK) != 0)) {
		free(d);
		errno = ENODEV;
		return NULL;
	}
	if (level == 1)
		name_hid(d);
	return d;
}

struct udev_device *device_new(struct udev *udev, int n, const char *action)
{
	return make(udev, n, 0, action);
}

// place says which node and level a path in /sys, or what stands for it, is of.
static bool place(const char *path, int *n, int *level)
{
	char there[PATH_MAX], name[16];
	const char *folder = bus_folder();
	path = bus_translate(path, there);
	size_t len = strlen(folder);
	if (!len || !path || strncmp(path, folder, len) != 0 || path[len] != '/')
		return false;
	const char *rest = strchrnul(path + len + 1, '/');
	snprintf(name, sizeof name, "%.*s", (int)(rest - path - len - 1), path + len + 1);
	*n = bus_number(name);
	rest += *rest == '/';
	for (*level = 0; *n >= 0 && *level <= TOP; ++*level)
		if (strcmp(rest, levels[*level].folder) == 0)
			return true;
	return false;
}

UDEV(struct udev_device *, udev_device_new_from_syspath, struct udev *udev, const char *path)
{
	int n, level;
	if (place(path, &n, &level))
		return make(udev, n, level, NULL);
	CALL(struct udev_device *, next, "udev_device_new_from_syspath", struct udev *, const char *);
	return next ? next(udev, path) : NULL;
}

UDEV(struct udev_device *, udev_device_new_from_devnum, struct udev *udev, char type, dev_t num)
{
	if (*bus_folder() && type == 'c' && major(num) == MAJOR)
		return make(udev, minor(num), 0, NULL);
	CALL(struct udev_device *, next, "udev_device_new_from_devnum", struct udev *, char, dev_t);
	return next ? next(udev, type, num) : NULL;
}

UDEV(struct udev_device *, udev_device_new_from_subsystem_sysname, struct udev *udev, const char *subsystem, const char *name)
{
	int n = *bus_folder() && subsystem && name && strcmp(subsystem, "hidraw") == 0 ? bus_number(name) : -1;
	if (n >= 0)
		return make(udev, n, 0, NULL);
	CALL(struct udev_device *, next, "udev_device_new_from_subsystem_sysname", struct udev *, const char *, const char *);
	return next ? next(udev, subsystem, name) : NULL;
}

UDEV(struct udev_device *, udev_device_ref, struct udev_device *d)
{
	if (IS(d, DEVICE)) {
		d->refs++;
		return d;
	}
	CALL(struct udev_device *, next, "udev_device_ref", struct udev_device *);
	return next ? next(d) : d;
}

UDEV(struct udev_device *, udev_device_unref, struct udev_device *d)
{
	if (!IS(d, DEVICE)) {
		CALL(struct udev_device *, next, "udev_device_unref", struct udev_device *);
		return next ? next(d) : NULL;
	}
	if (--d->refs == 0) {
		udev_device_unref(d->parent);
		list_free(&d->properties);
		list_free(&d->attributes);
		d->magic = 0;
		free(d);
	}
	return NULL;
}

UDEV(struct udev_device *, udev_device_get_parent, struct udev_device *d)
{
	if (!IS(d, DEVICE)) {
		CALL(struct udev_device *, next, "udev_device_get_parent", struct udev_device *);
		return next ? next(d) : NULL;
	}
	if (!d->parent && d->level < TOP)
		d->parent = make(d->udev, d->n, d->level + 1, NULL);
	if (!d->parent)
		errno = ENOENT;
	return d->parent;
}

UDEV(struct udev_device *, udev_device_get_parent_with_subsystem_devtype, struct udev_device *d, const char *subsystem,
     const char *devtype)
{
	if (!IS(d, DEVICE)) {
		CALL(struct udev_device *, next, "udev_device_get_parent_with_subsystem_devtype", struct udev_device *,
		     const char *, const char *);
		return next ? next(d, subsystem, devtype) : NULL;
	}
	while (subsystem && (d = udev_device_get_parent(d))) {
		const struct level *l = &levels[d->level];
		if (strcmp(l->subsystem, subsystem) == 0 && (!devtype || (l->devtype && strcmp(l->devtype, devtype) == 0)))
			return d;
	}
	errno = ENOENT;
	return NULL;
}

// GET defines a function that asks a device for one thing.
#define GET(type, name, ours, otherwise) \
	UDEV(type, name, struct udev_device *d) \
	{ \
		if (IS(d, DEVICE)) \
			return ours; \
		CALL(type, next, #name, struct udev_device *); \
		return next ? next(d) : otherwise; \
	}
GET(struct udev *, udev_device_get_udev, d->udev, NULL)
GET(const char *, udev_device_get_syspath, d->syspath, NULL)
GET(const char *, udev_device_get_devpath, d->syspath, NULL)
GET(const char *, udev_device_get_sysname, d->sysname, NULL)
GET(const char *, udev_device_get_sysnum, d->sysnum, NULL)
GET(const char *, udev_device_get_devnode, d->level == 0 ? d->devnode : NULL, NULL)
GET(const char *, udev_device_get_subsystem, levels[d->level].subsystem, NULL)
GET(const char *, udev_device_get_devtype, levels[d->level].devtype, NULL)
GET(const char *, udev_device_get_driver, levels[d->level].driver, NULL)
GET(const char *, udev_device_get_action, d->action[0] ? d->action : NULL, NULL)
GET(dev_t, udev_device_get_devnum, d->level == 0 ? makedev(MAJOR, d->n) : makedev(0, 0), makedev(0, 0))
GET(int, udev_device_get_is_initialized, 1, 0)
GET(unsigned long long, udev_device_get_seqnum, 0, 0)
GET(unsigned long long, udev_device_get_usec_since_initialized, 0, 0)
GET(struct udev_list_entry *, udev_device_get_devlinks_list_entry, NULL, NULL)
GET(struct udev_list_entry *, udev_device_get_tags_list_entry, NULL, NULL)
GET(struct udev_list_entry *, udev_device_get_current_tags_list_entry, NULL, NULL)

// properties makes the list once: what udev adds to every device, then the lines of uevent.
static struct udev_list_entry *properties(struct udev_device *d)
{
	if (d->properties)
		return d->properties;
	list_add(&d->properties, "DEVPATH", d->syspath);
	list_add(&d->properties, "SUBSYSTEM", levels[d->level].subsystem);
	if (d->action[0])
		list_add(&d->properties, "ACTION", d->action);
	if (d->level == 0) {
		list_add(&d->properties, "DEVNAME", d->devnode);
		// What udev's rules say of a FIDO device.
		list_add(&d->properties, "ID_FIDO_TOKEN", "1");
		list_add(&d->properties, "ID_SECURITY_TOKEN", "1");
	}
	char lines[1024];
	if (!read_attribute(d, "uevent", lines, sizeof lines))
		return d->properties;
	char *rest = NULL;
	for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *value = strchr(line, '=');
		if (!value || strncmp(line, "DEVNAME=", 8) == 0)
			continue;
		*value = 0;
		list_add(&d->properties, line, value + 1);
	}
	return d->properties;
}

GET(struct udev_list_entry *, udev_device_get_properties_list_entry, properties(d), NULL)

UDEV(const char *, udev_device_get_property_value, struct udev_device *d, const char *key)
{
	if (!IS(d, DEVICE)) {
		CALL(const char *, next, "udev_device_get_property_value", struct udev_device *, const char *);
		return next ? next(d, key) : NULL;
	}
	struct udev_list_entry *e = key ? udev_list_entry_get_by_name(properties(d), key) : NULL;
	return e ? e->value : NULL;
}

UDEV(const char *, udev_device_get_sysattr_value, struct udev_device *d, const char *name)
{
	if (!IS(d, DEVICE)) {
		CALL(const char *, next, "udev_device_get_sysattr_value", struct udev_device *, const char *);
		return next ? next(d, name) : NULL;
	}
	char value[4096];
	if (!name)
		return NULL;
	// What was answered once stays: the caller holds it until the device is released.
	struct udev_list_entry *e = d->attributes ? udev_list_entry_get_by_name(d->attributes, name) : NULL;
	if (!e && strcmp(name, "subsystem") == 0)
		return levels[d->level].subsystem;
	if (!e && read_attribute(d, name, value, sizeof value)) {
		list_add(&d->attributes, name, value);
		e = d->attributes ? udev_list_entry_get_by_name(d->attributes, name) : NULL;
	}
	return e ? e->value : NULL;
}

static const char *const attributes[] = {
	"dev", "uevent", "report_descriptor", "idVendor", "idProduct", "bcdDevice", "manufacturer", "product", "serial",
};

UDEV(struct udev_list_entry *, udev_device_get_sysattr_list_entry, struct udev_device *d)
{
	if (!IS(d, DEVICE)) {
		CALL(struct udev_list_entry *, next, "udev_device_get_sysattr_list_entry", struct udev_device *);
		return next ? next(d) : NULL;
	}
	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
		udev_device_get_sysattr_value(d, attributes[i]);
	return d->attributes;
}

UDEV(int, udev_device_set_sysattr_value, struct udev_device *d, const char *name, const char *value)
{
	if (IS(d, DEVICE))
		return -EACCES;
	CALL(int, next, "udev_device_set_sysattr_value", struct udev_device *, const char *, const char *);
	return next ? next(d, name, value) : -ENOSYS;
}

UDEV(int, udev_device_has_tag, struct udev_device *d, const char *tag)
{
	CALL(int, next, "udev_device_has_tag", struct udev_device *, const char *);
	return !IS(d, DEVICE) && next ? next(d, tag) : 0;
}

UDEV(int, udev_device_has_current_tag, struct udev_device *d, const char *tag)
{
	CALL(int, next, "udev_device_has_current_tag", struct udev_device *, const char *);
	return !IS(d, DEVICE) && next ? next(d, tag) : 0;
}
