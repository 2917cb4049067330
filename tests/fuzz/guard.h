/* Fuzz inputs that end at a guard page.
 *
 * What it is for: a parser that reads one byte too many stops there and then, with or without a
 * sanitizer.  What it is not: an allocator; there is one input at a time.
 *
 * Invariant: the byte after the last one of an input belongs to a PROT_NONE page, as does the page
 * before the first. */
#ifndef FUZZ_GUARD_H
#define FUZZ_GUARD_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUARD_BYTES_MAX (1u << 20)

/* Copies `size` bytes to a place where they end at a guard page.  The copy is writable and lives
 * until the next call.  An input of no bytes is a valid pointer that may not be read.  NULL when
 * the input is over GUARD_BYTES_MAX. */
static inline uint8_t *guard_input(const uint8_t *data, size_t size)
{
	static uint8_t *first, *end;

	if (size > GUARD_BYTES_MAX)
		return NULL;
	if (!end) {
		size_t page = (size_t)sysconf(_SC_PAGESIZE);
		uint8_t *map = mmap(NULL, GUARD_BYTES_MAX + 2 * page, PROT_NONE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (map == MAP_FAILED ||
		    mprotect(map + page, GUARD_BYTES_MAX, PROT_READ | PROT_WRITE))
			abort();
		first = map + page;
		end = first + GUARD_BYTES_MAX;
	}
	if (size)
		memcpy(end - size, data, size);
	return end - size;
}

/* The same for a header or packet that must start at a multiple of `align` (a power of two): the
 * start is aligned, and the few bytes between its end and the guard page, fewer than `align`, are
 * poison. */
static inline uint8_t *guard_input_aligned(const uint8_t *data, size_t size, size_t align)
{
	size_t padded = (size + align - 1) & ~(align - 1);
	uint8_t *end = guard_input(data, 0);
	uint8_t *at = end - padded;

	if (padded > GUARD_BYTES_MAX)
		return NULL;
	memset(at, 0xa5, padded);
	if (size)
		memcpy(at, data, size);
	return at;
}

#endif
