/* The last word when an assertion fails, in place of the weak one of base/ which only traps.
 *
 * Alone in its file, and linked into programs as a whole: nothing refers to it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

/* The process ends with SIGABRT, so that a core can be kept. */
void assert_fail(const char *file, int line, const char *what)
{
	fflush(stdout);
	fprintf(stderr, "leat: this should not have happened: %s (%s:%d); please report it\n",
		what, file, line);
	abort();
}
