// Plugging and unplugging through libudev: what inotify tells of the bus folder, and what the system's library tells of
// everything but hidraw. The descriptor that is polled is an epoll of both.
#define _GNU_SOURCE
#include "udev.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

struct udev_device *udev_device_unref(struct udev_device *d);
const char *udev_device_get_subsystem(struct udev_device *d);

struct udev_monitor {
	uint64_t magic;
	int refs;
	struct udev *udev;
	struct udev_monitor *system; // or NULL
	bool filtered, hidraw, others; // whether filters were set, and whether one is for hidraw, for something else
	bool enabled;
	int poll, bus, more; // descriptors; bus and more are -1 until enabled, and where there is no bus
	bool signalled;      // more is readable
	size_t from, to;     // what of events is still to be told
	_Alignas(struct inotify_event) char events[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
};

// system_call calls a function of the system's library that takes only the monitor.
static int system_call(struct udev_monitor *m, const char *name)
{
	CALL(int, next, name, struct udev_monitor *);
	return m->system && next ? next(m->system) : 0;
}

UDEV(struct udev_monitor *, udev_monitor_new_from_netlink, struct udev *udev, const char *name)
{
	if (!name || (strcmp(name, "udev") != 0 && strcmp(name, "kernel") != 0)) {
		errno = EINVAL;
		return NULL;
	}
	struct udev_monitor *m = calloc(1, sizeof *m);
	if (!m)
		return NULL;
	m->magic = MAGIC(MONITOR);
	m->refs = 1;
	m->udev = udev;
	m->bus = m->more = -1;
	m->poll = epoll_create1(EPOLL_CLOEXEC);
	if (m->poll < 0 || fcntl(m->poll, F_SETFL, O_NONBLOCK) < 0) {
		if (m->poll >= 0)
			close(m->poll);
		free(m);
		return NULL;
	}
	CALL(struct udev_monitor *, next, "udev_monitor_new_from_netlink", struct udev *, const char *);
	m->system = next && !IS(udev, CONTEXT) ? next(udev, name) : NULL;
	return m;
}

UDEV(struct udev_monitor *, udev_monitor_ref, struct udev_monitor *m)
{
	if (m)
		m->refs++;
	return m;
}

UDEV(struct udev_monitor *, udev_monitor_unref, struct udev_monitor *m)
{
	if (!m || --m->refs > 0)
		return NULL;
	CALL(struct udev_monitor *, next, "udev_monitor_unref", struct udev_monitor *);
	if (m->system && next)
		next(m->system);
	if (m->bus >= 0)
		close(m->bus);
	if (m->more >= 0)
		close(m->more);
	close(m->poll);
	m->magic = 0;
	free(m);
	return NULL;
}

UDEV(struct udev *, udev_monitor_get_udev, struct udev_monitor *m)
{
	return m ? m->udev : NULL;
}

UDEV(int, udev_monitor_get_fd, struct udev_monitor *m)
{
	return m ? m->poll : -EINVAL;
}

UDEV(int, udev_monitor_filter_add_match_subsystem_devtype, struct udev_monitor *m, const char *subsystem, const char *devtype)
{
	if (!m || !subsystem)
		return -EINVAL;
	bool hidraw = strcmp(subsystem, "hidraw") == 0;
	m->filtered = true;
	m->hidraw |= hidraw && !devtype;
	m->others |= !hidraw;
	CALL(int, next, "udev_monitor_filter_add_match_subsystem_devtype", struct udev_monitor *, const char *, const char *);
	return m->system && next ? next(m->system, subsystem, devtype) : 0;
}

UDEV(int, udev_monitor_filter_add_match_tag, struct udev_monitor *m, const char *tag)
{
	if (!m || !tag)
		return -EINVAL;
	m->filtered = m->others = true; // nothing on a bus has tags
	CALL(int, next, "udev_monitor_filter_add_match_tag", struct udev_monitor *, const char *);
	return m->system && next ? next(m->system, tag) : 0;
}

UDEV(int, udev_monitor_filter_update, struct udev_monitor *m)
{
	return m ? system_call(m, "udev_monitor_filter_update") : -EINVAL;
}

UDEV(int, udev_monitor_filter_remove, struct udev_monitor *m)
{
	if (!m)
		return -EINVAL;
	m->filtered = m->hidraw = m->others = false;
	return system_call(m, "udev_monitor_filter_remove");
}

UDEV(int, udev_monitor_set_receive_buffer_size, struct udev_monitor *m, int size)
{
	CALL(int, next, "udev_monitor_set_receive_buffer_size", struct udev_monitor *, int);
	return m && m->system && next ? next(m->system, size) : 0;
}

static void watch(struct udev_monitor *m, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
	epoll_ctl(m->poll, EPOLL_CTL_ADD, fd, &e);
}

UDEV(int, udev_monitor_enable_receiving, struct udev_monitor *m)
{
	if (!m)
		return -EINVAL;
	if (m->enabled)
		return 0;
	m->enabled = true;
	if (*bus_folder()) {
		m->bus = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		m->more = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		inotify_add_watch(m->bus, bus_folder(), IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR);
		watch(m, m->bus);
		watch(m, m->more);
	}
	if (!m->system || (*bus_folder() && m->filtered && !m->others))
		return 0;
	int result = system_call(m, "udev_monitor_enable_receiving");
	CALL(int, next, "udev_monitor_get_fd", struct udev_monitor *);
	int fd = result >= 0 && next ? next(m->system) : -1;
	if (fd >= 0)
		watch(m, fd);
	return result;
}

// remind keeps the polled descriptor readable as long as an event is left that inotify has already given us: programs
// take one device each time that it is.
static void remind(struct udev_monitor *m)
{
	bool left = m->from != m->to;
	uint64_t count = 1;
	if (left != m->signalled && m->more >= 0)
		m->signalled = (left ? write(m->more, &count, sizeof count) : read(m->more, &count, sizeof count)) > 0 ? left : !left;
}

// receive_node tells of the next node that came or went.
static struct udev_device *receive_node(struct udev_monitor *m)
{
	struct udev_device *d = NULL;
	while (m->bus >= 0 && !d) {
		if (m->from == m->to) {
			ssize_t n = read(m->bus, m->events, sizeof m->events);
			if (n <= 0)
				break;
			m->from = 0;
			m->to = n;
		}
		const struct inotify_event *e = (const void *)(m->events + m->from);
		m->from += sizeof *e + e->len;
		int n = e->len > 0 ? bus_number(e->name) : -1;
		if (n >= 0 && (!m->filtered || m->hidraw))
			d = device_new(m->udev, n, e->mask & IN_MOVED_TO ? "add" : "remove");
	}
	remind(m);
	return d;
}

static struct udev_device *receive_system(struct udev_monitor *m)
{
	CALL(struct udev_device *, next, "udev_monitor_receive_device", struct udev_monitor *);
	struct udev_device *d = NULL;
	while (m->system && next && (d = next(m->system))) {
		const char *subsystem = udev_device_get_subsystem(d);
		if (!*bus_folder() || !subsystem || strcmp(subsystem, "hidraw") != 0)
			return d;
		udev_device_unref(d);
	}
	return NULL;
}

UDEV(struct udev_device *, udev_monitor_receive_device, struct udev_monitor *m)
{
	if (!m || !m->enabled) {
		errno = EINVAL;
		return NULL;
	}
	for (;;) {
		struct udev_device *d = receive_node(m);
		if (!d)
			d = receive_system(m);
		if (d)
			return d;
		// Programs that wait here have taken O_NONBLOCK away.
		struct pollfd wait = {.fd = m->poll, .events = POLLIN};
		int flags = fcntl(m->poll, F_GETFL);
		if (flags < 0 || flags & O_NONBLOCK || poll(&wait, 1, -1) < 0) {
			errno = EAGAIN;
			return NULL;
		}
	}
}
