/* A stack in this process: opens a link, makes a ring (leat/ring.h) on top of it, waits for it.
 *
 * The library's hosted part.  What is done with connections is the ring's; a program of this kind:
 *
 *	struct leat_options options;
 *	leat_options_init(&options);
 *	ring = leat_ring_open(&options, why, sizeof(why));
 *	... submit SOCKET, BIND, LISTEN, ACCEPT ...
 *	leat_publish(ring, NULL, 8080, 80);
 *	for (;;) {
 *		leat_wait(ring, LEAT_FOREVER);
 *		... take completions, submit ...
 *	}
 *
 * examples/hello.c is one.  Threads: everything from the thread that opened the ring, but
 * leat_wake(). */
#ifndef LEAT_LEAT_H
#define LEAT_LEAT_H

#include <stddef.h>
#include <stdint.h>

#include "leat/ring.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LEAT_VERSION "0.1.0"
#define LEAT_FOREVER UINT64_MAX

/* Of the library that runs, as opposed to LEAT_VERSION of the header. */
const char *leat_version(void);

/* How leat_wait() waits while nothing happens. */
enum leat_poll_mode {
	LEAT_POLL_ADAPTIVE, /* looks on for some microseconds after the last event, then sleeps */
	LEAT_POLL_BUSY, /* never sleeps: lowest latency, one core */
	LEAT_POLL_SLEEP, /* sleeps at once */
};

/* Everything is bounded at the start: memory is mapped for these numbers, and touched as needed. */
struct leat_options {
	size_t size;		/* sizeof(struct leat_options), for versions to come */
	const char *net;	/* the link: "slirp", "slirp,mtu=1500", "none" (127.0.0.1) */
	uint32_t conns;		/* TCP connections at once */
	uint32_t frames;	/* of 2 KiB: all that is received or copied for sending */
	uint32_t ops;		/* operations that wait at once */
	uint32_t completions;	/* entries of the completion ring, a power of two */
	enum leat_poll_mode poll;
	/* Lines of the stack's log, level 0 (error) to 3 (debug); NULL: on stderr. */
	void (*log)(void *ctx, int level, const char *line);
	void *log_ctx;
	/* Stacks that share the link and its address, a thread each; 0 or 1: this one is alone.
	 * Open all of them before the first is waited for; close them after all threads have
	 * stopped, the first of them last.  Each connection belongs to one of them, listeners must
	 * be in each. */
	uint32_t threads;
	struct leat_ring *group;	/* the first of them; NULL: this is it */
};

/* A link through slirp, 4,096 connections, 16,384 frames. */
void leat_options_init(struct leat_options *options);

/* NULL: `why` (may be NULL) is a line that says what to do. */
struct leat_ring *leat_ring_open(const struct leat_options *options, char *why, size_t why_size);

/* Resets what is still connected.  Returns how many frames are missing: 0, or there is a bug. */
unsigned leat_ring_close(struct leat_ring *ring);

/* Sends what was submitted, then polls and sleeps until there is a completion, until `timeout_ns`
 * have passed, or until leat_wake(). */
void leat_wait(struct leat_ring *ring, uint64_t timeout_ns);

/* Ends a leat_wait(), this one or the next; from any thread or signal handler. */
void leat_wake(struct leat_ring *ring);

/* For a program that sleeps by itself, on more than this stack: call leat_poll(), then this with
 * its answer in *until, then sleep until *until (which a device may have brought nearer; the clock
 * is leat_now()) or until one of the descriptors in `fds` is readable.  Returns how many there
 * are, or -EAGAIN: poll again instead of sleeping. */
int leat_sleep_on(struct leat_ring *ring, int *fds, unsigned max, uint64_t *until);

/* The clock of leat_poll(), in nanoseconds. */
uint64_t leat_now(void);

/* The stack's own address on its link. */
void leat_address(struct leat_ring *ring, struct leat_addr *addr);

/* Makes a port of the stack reachable from outside, where the link needs that: connections to
 * `host` (NULL: 127.0.0.1; its port 0 picks one) arrive at the stack's `port`.  Returns the port
 * outside, or a negative error number: -EADDRINUSE, -EACCES, -EADDRNOTAVAIL. */
int leat_publish(struct leat_ring *ring, const struct leat_addr *host, uint16_t port);

/* Where a port that leat_publish() returned is reached: at `host` of this machine, or at the
 * stack's own address on its link. */
void leat_outside(struct leat_ring *ring, const struct leat_addr *host, uint16_t port,
		  struct leat_addr *at);

/* Calls `each` with every counter of the stack: its group ("tcp", "drop", "memory" ...), its name,
 * what it counts in words (may be empty), and its value. */
void leat_counters(struct leat_ring *ring,
		   void (*each)(void *ctx, const char *group, const char *name, const char *what,
				uint64_t value), void *ctx);

#ifdef __cplusplus
}
#endif

#endif
