/* Sleeping: ppoll(2) on the devices' descriptors and on an eventfd that port_wake() writes to.
 *
 * The eventfd is made by the first sleep; a wake-up before that, or between two sleeps, is kept in
 * a flag, so that none is lost.  One thread at a time may rely on port_wake(). */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "port/port.h"

#define IDLE_FDS_MAX 16u

static atomic_int wake_fd = -1;
static atomic_bool wake_pending;

static void idle_setup(void)
{
	int none = -1, fd;

	if (atomic_load(&wake_fd) >= 0)
		return;
	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd >= 0 && !atomic_compare_exchange_strong(&wake_fd, &none, fd))
		close(fd);
	/* Linux rounds a thread's timeouts up to 50 us together; a stack's deadlines are finer. */
	prctl(PR_SET_TIMERSLACK, 1000ul);
}

static struct timespec idle_span(nsec deadline, nsec now)
{
	nsec span = deadline > now ? deadline - now : 0;

	return (struct timespec){ .tv_sec = (time_t)(span / SEC(1)),
				  .tv_nsec = (long)(span % SEC(1)) };
}

/* The flag is taken first: a wake-up in between leaves the eventfd readable, and the next sleep
 * short. */
static bool idle_take_wake(void)
{
	return atomic_exchange(&wake_pending, false);
}

static void idle_drain(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

void port_idle_until(nsec deadline, struct port_wait *waits, unsigned n)
{
	struct pollfd fds[IDLE_FDS_MAX + 1];
	struct timespec span;
	int ready;

	assert(n <= IDLE_FDS_MAX);
	idle_setup();
	for (unsigned i = 0; i < n; i++) {
		waits[i].ready = false;
		fds[i] = (struct pollfd){ .fd = waits[i].fd, .events = POLLIN };
	}
	fds[n] = (struct pollfd){ .fd = atomic_load(&wake_fd), .events = POLLIN };
	if (idle_take_wake())
		return;
	span = idle_span(deadline, deadline == NSEC_NEVER ? 0 : port_now());
	ready = ppoll(fds, n + 1, deadline == NSEC_NEVER ? NULL : &span, NULL);
	for (unsigned i = 0; i < n && ready > 0; i++)
		waits[i].ready = fds[i].revents != 0;
	if (ready > 0 && fds[n].revents) {
		idle_take_wake();
		idle_drain(fds[n].fd);
	}
}

void port_wake(void)
{
	uint64_t one = 1;
	int fd, saved = errno;	/* may run in a signal handler */

	atomic_store(&wake_pending, true);
	fd = atomic_load(&wake_fd);
	while (fd >= 0 && write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	errno = saved;
}
