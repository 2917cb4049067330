/* What the simulator says before an assertion ends the program: how to come back to this place.
 *
 * A file of its own, so that a program which has its own assert_fail() can link the rest. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "port/sim/sim.h"

static struct {
	void (*say)(void *ctx);
	void *ctx;
} hook;

void sim_on_failure(void (*say)(void *ctx), void *ctx)
{
	hook.say = say;
	hook.ctx = ctx;
}

void assert_fail(const char *file, int line, const char *what)
{
	fflush(stdout);
	fprintf(stderr, "%s:%d: believed, but not so: %s\n", file, line, what);
	if (hook.say)
		hook.say(hook.ctx);
	abort();
}
