// The rest of libudev, which has nothing to do with a bus: the system's own, or where there is none as little as keeps a
// program going.
#define _GNU_SOURCE
#include "udev.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

// A context where there is no library but this one.
struct udev {
	uint64_t magic;
	int refs;
	void *userdata;
};

UDEV(struct udev *, udev_new, void)
{
	CALL(struct udev *, next, "udev_new", void);
	if (next)
		return next();
	struct udev *u = calloc(1, sizeof *u);
	if (u) {
		u->magic = MAGIC(CONTEXT);
		u->refs = 1;
	}
	return u;
}

UDEV(struct udev *, udev_ref, struct udev *u)
{
	if (IS(u, CONTEXT)) {
		u->refs++;
		return u;
	}
	CALL(struct udev *, next, "udev_ref", struct udev *);
	return next ? next(u) : u;
}

UDEV(struct udev *, udev_unref, struct udev *u)
{
	if (IS(u, CONTEXT)) {
		if (--u->refs == 0)
			free(u);
		return NULL;
	}
	CALL(struct udev *, next, "udev_unref", struct udev *);
	return next ? next(u) : NULL;
}

UDEV(void *, udev_get_userdata, struct udev *u)
{
	if (IS(u, CONTEXT))
		return u->userdata;
	CALL(void *, next, "udev_get_userdata", struct udev *);
	return next ? next(u) : NULL;
}

UDEV(void, udev_set_userdata, struct udev *u, void *data)
{
	CALL(void, next, "udev_set_userdata", struct udev *, void *);
	if (IS(u, CONTEXT))
		u->userdata = data;
	else if (next)
		next(u, data);
}

typedef void log_function(struct udev *, int, const char *, int, const char *, const char *, va_list);

UDEV(void, udev_set_log_fn, struct udev *u, log_function *f)
{
	CALL(void, next, "udev_set_log_fn", struct udev *, log_function *);
	if (next)
		next(u, f);
}

UDEV(void, udev_set_log_priority, struct udev *u, int priority)
{
	CALL(void, next, "udev_set_log_priority", struct udev *, int);
	if (next)
		next(u, priority);
}

FORWARD(int, udev_get_log_priority, 0, (u), struct udev *u)
FORWARD(struct udev_device *, udev_device_new_from_device_id, NULL, (u, id), struct udev *u, const char *id)
FORWARD(struct udev_device *, udev_device_new_from_environment, NULL, (u), struct udev *u)
FORWARD(int, udev_util_encode_string, -ENOSYS, (s, to, size), const char *s, char *to, size_t size)

FORWARD(struct udev_hwdb *, udev_hwdb_new, NULL, (u), struct udev *u)
FORWARD(struct udev_hwdb *, udev_hwdb_ref, h, (h), struct udev_hwdb *h)
FORWARD(struct udev_hwdb *, udev_hwdb_unref, NULL, (h), struct udev_hwdb *h)
FORWARD(struct udev_list_entry *, udev_hwdb_get_properties_list_entry, NULL, (h, modalias, flags), struct udev_hwdb *h,
	const char *modalias, unsigned flags)

FORWARD(struct udev_queue *, udev_queue_new, NULL, (u), struct udev *u)
FORWARD(struct udev_queue *, udev_queue_ref, q, (q), struct udev_queue *q)
FORWARD(struct udev_queue *, udev_queue_unref, NULL, (q), struct udev_queue *q)
FORWARD(struct udev *, udev_queue_get_udev, NULL, (q), struct udev_queue *q)
FORWARD(int, udev_queue_get_fd, -ENOSYS, (q), struct udev_queue *q)
FORWARD(int, udev_queue_flush, 0, (q), struct udev_queue *q)
FORWARD(int, udev_queue_get_udev_is_active, 0, (q), struct udev_queue *q)
FORWARD(int, udev_queue_get_queue_is_empty, 1, (q), struct udev_queue *q)
FORWARD(unsigned long long, udev_queue_get_kernel_seqnum, 0, (q), struct udev_queue *q)
FORWARD(unsigned long long, udev_queue_get_udev_seqnum, 0, (q), struct udev_queue *q)
FORWARD(int, udev_queue_get_seqnum_is_finished, 1, (q, n), struct udev_queue *q, unsigned long long n)
FORWARD(int, udev_queue_get_seqnum_sequence_is_finished, 1, (q, from, to), struct udev_queue *q, unsigned long long from,
	unsigned long long to)
FORWARD(struct udev_list_entry *, udev_queue_get_queued_list_entry, NULL, (q), struct udev_queue *q)
