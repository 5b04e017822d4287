// libudev's objects, as this library hands them out. Those of the system's own library pass through it unchanged, and a
// function that gets one hands it on: what is ours begins with a magic number, what is not does not.
#ifndef UDEV_H
#define UDEV_H

#include <stdint.h>

#include "shim.h"

struct udev;
struct udev_device;
struct udev_enumerate;
struct udev_list_entry;
struct udev_monitor;
struct udev_queue;
struct udev_hwdb;

// What no allocator, counter or pointer is likely to put at the beginning of an object.
#define MAGIC(kind) (0x6d66616c61620000u + (kind))
enum { CONTEXT = 0x5301, DEVICE, ENTRY, ENUMERATE, MONITOR };
#define IS(object, kind) ((object) && *(const uint64_t *)(const void *)(object) == MAGIC(kind))

struct udev_list_entry {
	uint64_t magic;
	struct udev_list_entry *next;
	char *value; // may be NULL
	char name[];
};

// list_add appends to the list that ends in *end; a list of which an entry is missing for want of memory is cut short.
void list_add(struct udev_list_entry **list, const char *name, const char *value);
void list_free(struct udev_list_entry **list);

// device_new makes the device of node n. With an action it is one that an event tells of, and need not exist any more.
struct udev_device *device_new(struct udev *udev, int n, const char *action);

// CALL declares f, the system's own udev function of that name, which may be NULL.
#define CALL(type, f, name, ...) type (*f)(__VA_ARGS__) = next_udev(name)

#define UDEV(type, name, ...) \
	EXPORT type name(__VA_ARGS__); \
	EXPORT type name(__VA_ARGS__)

// FORWARD defines a function that is the system's alone; without that library it answers otherwise.
#define FORWARD(type, name, otherwise, arguments, ...) \
	UDEV(type, name, __VA_ARGS__) \
	{ \
		CALL(type, next, #name, __VA_ARGS__); \
		return next ? next arguments : otherwise; \
	}

#endif
