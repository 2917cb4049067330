/* Copying, clearing and comparing bytes, without <string.h>.
 *
 * The compiler may turn these into calls to memcpy and friends, which every home supplies (libc, or
 * port/metal). */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/types.h"

static inline void mem_copy(void *restrict to, const void *restrict from, size_t n)
{
	__builtin_memcpy(to, from, n);
}

static inline void mem_move(void *to, const void *from, size_t n)
{
	__builtin_memmove(to, from, n);
}

static inline void mem_zero(void *to, size_t n)
{
	__builtin_memset(to, 0, n);
}

static inline void mem_fill(void *to, int byte, size_t n)
{
	__builtin_memset(to, byte, n);
}

static inline bool mem_eq(const void *a, const void *b, size_t n)
{
	return __builtin_memcmp(a, b, n) == 0;
}

static inline int mem_cmp(const void *a, const void *b, size_t n)
{
	return __builtin_memcmp(a, b, n);
}

static inline size_t str_len(const char *s)
{
	return __builtin_strlen(s);
}

#endif
