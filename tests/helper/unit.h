/* What every unit test includes: cmocka with what it needs, failed assertions made into failed
 * tests, chance with a fixed seed.
 *
 * Include it in one file of a program only: it defines assert_fail(). */
#ifndef HELPER_UNIT_H
#define HELPER_UNIT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/assert.h"
#include "base/prng.h"

/* An assertion that fails ends the test, or is what expect_assert_failure() waits for. */
void assert_fail(const char *file, int line, const char *what)
{
	mock_assert(0, what, file, line);
	abort();
}

/* Random bytes; the same for the same generator. */
static inline void unit_fill(struct prng *r, void *to, size_t n)
{
	uint8_t *b = to;

	while (n--)
		*b++ = (uint8_t)prng_u64(r);
}

/* Cache-aligned memory that is full of junk; ends the test when there is none. */
static inline void *unit_memory(size_t align, size_t n)
{
	void *p = aligned_alloc(align, ALIGN_UP(n, align));

	assert_non_null(p);
	memset(p, 0xa5, n);
	return p;
}

#endif
