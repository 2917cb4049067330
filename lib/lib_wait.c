/* leat_wait(): when to look again at once, and when and on what to sleep.
 *
 * A link that had something is likely to have more: after the last event the loop goes on looking
 * for LIB_SPIN, which is about what a sleep and its wake-up cost, and then sleeps.  Before it does,
 * each device is armed and asked once more, so that nothing that came in between waits for a
 * time-out. */
#include "base/err.h"
#include "lib/lib_int.h"
#include "port/port.h"

#define LIB_SPIN USEC(20)

static bool lib_arm_dev(struct netdev *dev, struct port_wait *waits, unsigned *n)
{
	if (dev->ops->arm(dev))
		return true;
	if (dev->wake_fd >= 0)
		waits[(*n)++].fd = dev->wake_fd;
	return false;
}

/* True when a device must be polled again instead of sleeping. */
static bool lib_arm(struct lib *l, struct port_wait *waits, unsigned *n)
{
	for (unsigned i = 0; i < l->net.link.devs_n; i++)
		if (lib_arm_dev(l->net.link.devs[i].dev, waits, n))
			return true;
	return l->exception.ops && lib_arm_dev(&l->exception, waits, n);
}

/* What devices want may have changed by being armed. */
static nsec lib_deadline(struct lib *l, nsec next, nsec now)
{
	for (unsigned i = 0; i < l->net.link.devs_n; i++) {
		struct netdev *dev = l->net.link.devs[i].dev;

		if (dev->ops->deadline)
			next = MIN(next, dev->ops->deadline(dev, now));
	}
	return next;
}

static void lib_sleep(struct lib *l, nsec next, nsec now)
{
	struct port_wait waits[LINK_DEVS_MAX + 1];
	unsigned n = 0;

	if (lib_arm(l, waits, &n))
		return;
	next = lib_deadline(l, next, now);
	if (next > now)
		port_idle_until(next, waits, n);
}

/* Is it worth while to look again at once? */
static bool lib_awake(struct lib *l, nsec now)
{
	bool idle = l->net.polls_idle != l->polls_idle;

	l->polls_idle = l->net.polls_idle;
	if (!idle)
		l->worked = now;
	switch (l->options.poll) {
	case LEAT_POLL_BUSY:
		return true;
	case LEAT_POLL_SLEEP:
		return false;
	case LEAT_POLL_ADAPTIVE:
		break;
	}
	return now - l->worked < LIB_SPIN;
}

/* Asking what the time is costs as much as a small poll: who waits for ever need not. */
static nsec lib_until(uint64_t timeout_ns)
{
	nsec now = timeout_ns == LEAT_FOREVER ? 0 : port_now();

	return timeout_ns < NSEC_NEVER - now ? now + timeout_ns : NSEC_NEVER;
}

static bool lib_woken(struct lib *l)
{
	return atomic_load_explicit(&l->woken, memory_order_relaxed) &&
	       atomic_exchange(&l->woken, false);
}

void leat_wait(struct leat_ring *ring, uint64_t timeout_ns)
{
	struct lib *l = lib_of(ring);
	nsec until = lib_until(timeout_ns);
	const struct leat_cqe *cqe;

	if (ring->make) {
		kernel_wait(ring, timeout_ns);
		return;
	}
	net_flush(&l->net);
	for (;;) {
		nsec next = leat_poll(ring), now = l->net.core.now;

		if (leat_cq_peek(ring, &cqe) || now >= until || lib_woken(l)) {
			lib_awake(l, now);
			return;
		}
		if (!lib_awake(l, now) && next > now)
			lib_sleep(l, MIN(next, until), now);
	}
}

int leat_sleep_on(struct leat_ring *ring, int *fds, unsigned max, uint64_t *until)
{
	struct lib *l = lib_of(ring);
	struct port_wait waits[LINK_DEVS_MAX + 1];
	unsigned n = 0;

	if (ring->make) {
		if (max)
			fds[0] = kernel_fd(ring);
		return MIN(max, 1u);
	}
	if (lib_arm(l, waits, &n))
		return -E_AGAIN;
	*until = lib_deadline(l, *until, port_now());
	for (unsigned i = 0; i < MIN(n, max); i++)
		fds[i] = waits[i].fd;
	return (int)MIN(n, max);
}

uint64_t leat_now(void)
{
	return port_now();
}

void leat_wake(struct leat_ring *ring)
{
	if (ring->make) {
		kernel_wake(ring);
		return;
	}
	atomic_store(&lib_of(ring)->woken, true);
	port_wake();
}
