/* A fuzzer says which assertion failed before it stops.
 *
 * Include it in one file of a program only: it defines assert_fail(). */
#ifndef FUZZ_FAIL_H
#define FUZZ_FAIL_H

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

void assert_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: believed, but not so: %s\n", file, line, what);
	abort();
}

#endif
