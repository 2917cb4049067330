/* What a platform supplies: a dozen functions, and nothing else of an OS is known above.
 *
 * port/linux, port/sim and port/metal each implement all of it. */
#ifndef PORT_PORT_H
#define PORT_PORT_H

#include "base/core.h"

/* Monotonic time, never 0.  The only clock of a stack. */
nsec port_now(void);

/* Wall-clock seconds since 1970 (Date headers, logs); not for timers. */
uint64_t port_wall_seconds(void);

/* Fills `n` bytes that nobody can guess (getrandom(2), RDRAND; the simulator: its seed). */
void port_entropy(void *to, size_t n);

/* Zeroed memory, page aligned, backed on first touch (and by huge pages when `huge` and
 * possible); NULL when there is none.  Unmapped with the same size. */
void *port_map(size_t bytes, bool huge);
void port_unmap(void *mem, size_t bytes);

/* What can be slept on: descriptors for input, `ready` set on return. */
struct port_wait {
	int fd;
	bool ready;
};

/* Sleeps until `deadline` (NSEC_NEVER: no limit), until one of `n` descriptors is readable, or
 * until port_wake() is called from a signal handler or another thread.  Deadlines are kept to a
 * few microseconds where the platform can. */
void port_idle_until(nsec deadline, struct port_wait *waits, unsigned n);
void port_wake(void);

/* A line for the log or for the console; `line` ends without newline. */
void port_log(void *ctx, enum log_level level, const char *line);

#endif
