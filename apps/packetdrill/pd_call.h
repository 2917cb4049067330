/* Calls from packetdrill's threads, made by the one thread that owns the stack.
 *
 * A call that can't be finished sleeps in its own thread (packetdrill looks whether it does) and is
 * tried again whenever something happened.  Time moves only while somebody waits for it. */
#ifndef APPS_PACKETDRILL_PD_CALL_H
#define APPS_PACKETDRILL_PD_CALL_H

#include <stdbool.h>

#include "base/types.h"

#define PD_ARGS 6

/* What is called: sets errno like a system call.  -1 with EAGAIN, and it is tried again when the
 * caller said that it may wait. */
typedef long (*pd_call_fn)(long *args);

/* Starts the thread; `flags` go to pd_stack_open(), at the first call. */
void pd_call_start(const char *flags);
void pd_call_stop(void);

/* Is this the stack's thread? */
bool pd_call_inside(void);

/* Makes a call and waits for its answer, `until` (NSEC_NEVER: as long as it takes) at most: then
 * it is what it was the last time.  0: not at all. */
long pd_call(pd_call_fn fn, long *args, nsec until);

/* The clock, in microseconds; each look takes one. */
long pd_call_time(void);
void pd_call_sleep(nsec span);
/* The next packet to leave, however long that takes; *n: room, then length.  False: none will. */
bool pd_call_packet(void *to, size_t *n, long long *time_us);

#endif
