// Listing devices through libudev: the system's own without its hidraw nodes, then those of the bus.
#define _GNU_SOURCE
#include "udev.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

struct udev_device *udev_device_unref(struct udev_device *d);
const char *udev_device_get_property_value(struct udev_device *d, const char *key);
const char *udev_device_get_sysattr_value(struct udev_device *d, const char *name);
const char *udev_device_get_syspath(struct udev_device *d);
struct udev_list_entry *udev_list_entry_get_next(struct udev_list_entry *e);
const char *udev_list_entry_get_name(struct udev_list_entry *e);

struct udev_enumerate {
	uint64_t magic;
	int refs;
	struct udev *udev;
	struct udev_enumerate *system; // or NULL
	bool foreign;                  // no node of a bus can match
	struct udev_list_entry *subsystems, *not_subsystems, *names, *properties, *attributes, *not_attributes, *found;
	char *parent; // the path under which a node must lie
};

UDEV(struct udev_enumerate *, udev_enumerate_new, struct udev *udev)
{
	struct udev_enumerate *e = calloc(1, sizeof *e);
	if (!e)
		return NULL;
	e->magic = MAGIC(ENUMERATE);
	e->refs = 1;
	e->udev = udev;
	CALL(struct udev_enumerate *, next, "udev_enumerate_new", struct udev *);
	e->system = next && !IS(udev, CONTEXT) ? next(udev) : NULL;
	return e;
}

UDEV(struct udev_enumerate *, udev_enumerate_ref, struct udev_enumerate *e)
{
	if (e)
		e->refs++;
	return e;
}

UDEV(struct udev_enumerate *, udev_enumerate_unref, struct udev_enumerate *e)
{
	if (!e || --e->refs > 0)
		return NULL;
	CALL(struct udev_enumerate *, next, "udev_enumerate_unref", struct udev_enumerate *);
	if (e->system && next)
		next(e->system);
	list_free(&e->subsystems);
	list_free(&e->not_subsystems);
	list_free(&e->names);
	list_free(&e->properties);
	list_free(&e->attributes);
	list_free(&e->not_attributes);
	list_free(&e->found);
	free(e->parent);
	e->magic = 0;
	free(e);
	return NULL;
}

UDEV(struct udev *, udev_enumerate_get_udev, struct udev_enumerate *e)
{
	return e ? e->udev : NULL;
}

UDEV(struct udev_list_entry *, udev_enumerate_get_list_entry, struct udev_enumerate *e)
{
	if (e && !e->found)
		errno = ENODATA;
	return e ? e->found : NULL;
}

// Each filter is noted for the nodes and handed on for the rest.
#define MATCH(name, list) \
	UDEV(int, name, struct udev_enumerate *e, const char *what) \
	{ \
		if (!e) \
			return -EINVAL; \
		if (what) \
			list_add(&e->list, what, NULL); \
		CALL(int, next, #name, struct udev_enumerate *, const char *); \
		return e->system && next ? next(e->system, what) : 0; \
	}
#define MATCH_VALUE(name, list) \
	UDEV(int, name, struct udev_enumerate *e, const char *what, const char *value) \
	{ \
		if (!e) \
			return -EINVAL; \
		if (what) \
			list_add(&e->list, what, value); \
		CALL(int, next, #name, struct udev_enumerate *, const char *, const char *); \
		return e->system && next ? next(e->system, what, value) : 0; \
	}
MATCH(udev_enumerate_add_match_subsystem, subsystems)
MATCH(udev_enumerate_add_nomatch_subsystem, not_subsystems)
MATCH(udev_enumerate_add_match_sysname, names)
MATCH_VALUE(udev_enumerate_add_match_property, properties)
MATCH_VALUE(udev_enumerate_add_match_sysattr, attributes)
MATCH_VALUE(udev_enumerate_add_nomatch_sysattr, not_attributes)

UDEV(int, udev_enumerate_add_match_tag, struct udev_enumerate *e, const char *tag)
{
	if (!e)
		return -EINVAL;
	if (tag)
		e->foreign = true; // nothing on a bus has tags
	CALL(int, next, "udev_enumerate_add_match_tag", struct udev_enumerate *, const char *);
	return e->system && next ? next(e->system, tag) : 0;
}

UDEV(int, udev_enumerate_add_match_parent, struct udev_enumerate *e, struct udev_device *parent)
{
	if (!e)
		return -EINVAL;
	if (IS(parent, DEVICE)) {
		free(e->parent);
		e->parent = strdup(udev_device_get_syspath(parent));
		return 0;
	}
	if (parent)
		e->foreign = true;
	CALL(int, next, "udev_enumerate_add_match_parent", struct udev_enumerate *, struct udev_device *);
	return e->system && next ? next(e->system, parent) : 0;
}

UDEV(int, udev_enumerate_add_match_is_initialized, struct udev_enumerate *e)
{
	CALL(int, next, "udev_enumerate_add_match_is_initialized", struct udev_enumerate *);
	return e && e->system && next ? next(e->system) : 0;
}

UDEV(int, udev_enumerate_add_syspath, struct udev_enumerate *e, const char *path)
{
	if (!e || !path)
		return -EINVAL;
	list_add(&e->found, path, NULL);
	return 0;
}

// any reports whether a pattern of the list matches name. An empty list is no pattern.
static bool any(const struct udev_list_entry *list, const char *name)
{
	for (; list; list = list->next)
		if (fnmatch(list->name, name, 0) == 0)
			return true;
	return false;
}

static bool value_matches(const struct udev_list_entry *pattern, const char *value)
{
	return value && (!pattern->value || fnmatch(pattern->value, value, 0) == 0);
}

// matches is libudev's rule: one of the subsystems, names and properties, all of the attributes.
static bool matches(struct udev_enumerate *e, int n, struct udev_device *d)
{
	char name[16] = "hidraw";
	const char *path = udev_device_get_syspath(d), *last = strrchr(path, '/');
	strncpy(name, last + 1, sizeof name - 1);
	if ((e->subsystems && !any(e->subsystems, "hidraw")) || any(e->not_subsystems, "hidraw") ||
	    (e->names && !any(e->names, name)))
		return false;
	if (e->parent) {
		char node[PATH_MAX];
		size_t len = bus_path(node, sizeof node, n, "") ? strlen(node) : 0;
		if (strncmp(e->parent, node, len) != 0 || !strchr("/", e->parent[len]))
			return false;
	}
	bool one = !e->properties;
	for (const struct udev_list_entry *p = e->properties; p && !one; p = p->next)
		one = value_matches(p, udev_device_get_property_value(d, p->name));
	for (const struct udev_list_entry *p = e->attributes; p && one; p = p->next)
		one = value_matches(p, udev_device_get_sysattr_value(d, p->name));
	for (const struct udev_list_entry *p = e->not_attributes; p && one; p = p->next)
		one = !value_matches(p, udev_device_get_sysattr_value(d, p->name));
	return one;
}

// take_system copies what the system's library found.
static void take_system(struct udev_enumerate *e)
{
	CALL(struct udev_list_entry *, next, "udev_enumerate_get_list_entry", struct udev_enumerate *);
	if (!next)
		return;
	for (struct udev_list_entry *l = next(e->system); l; l = udev_list_entry_get_next(l)) {
		const char *path = udev_list_entry_get_name(l), *last = path ? strrchr(path, '/') : NULL;
		if (last && (!*bus_folder() || bus_number(last + 1) < 0))
			list_add(&e->found, path, NULL);
	}
}

static bool only_hidraw(const struct udev_list_entry *subsystems)
{
	const struct udev_list_entry *l = subsystems;
	while (l && strcmp(l->name, "hidraw") == 0)
		l = l->next;
	return *bus_folder() && subsystems && !l;
}

UDEV(int, udev_enumerate_scan_devices, struct udev_enumerate *e)
{
	if (!e)
		return -EINVAL;
	list_free(&e->found);
	CALL(int, next, "udev_enumerate_scan_devices", struct udev_enumerate *);
	int result = 0;
	if (e->system && next && !e->parent && !only_hidraw(e->subsystems)) {
		result = next(e->system);
		if (result >= 0)
			take_system(e);
	}
	bool present[NODES];
	bus_listed(present);
	for (int n = 0; n < NODES && !e->foreign; n++) {
		struct udev_device *d = present[n] ? device_new(e->udev, n, NULL) : NULL;
		if (d && matches(e, n, d))
			list_add(&e->found, udev_device_get_syspath(d), NULL);
		udev_device_unref(d);
	}
	return result;
}

UDEV(int, udev_enumerate_scan_subsystems, struct udev_enumerate *e)
{
	if (!e)
		return -EINVAL;
	list_free(&e->found);
	CALL(int, next, "udev_enumerate_scan_subsystems", struct udev_enumerate *);
	int result = e->system && next ? next(e->system) : 0;
	if (e->system && result >= 0)
		take_system(e);
	return result;
}
