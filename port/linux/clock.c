/* The clocks of Linux.
 *
 * Monotonic time starts at boot there, so that 0 could be seen within a machine's first nanosecond:
 * a second is added. */
#include <time.h>

#include "port/port.h"

nsec port_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return SEC((uint64_t)ts.tv_sec + 1) + (uint64_t)ts.tv_nsec;
}

uint64_t port_wall_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	return (uint64_t)ts.tv_sec;
}
