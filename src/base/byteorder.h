/* Big-endian loads and stores at any alignment; network order never leaves wire/.
 *
 * A value in a variable is always in host order; an IPv4 address in a uint32_t too. */
#ifndef BASE_BYTEORDER_H
#define BASE_BYTEORDER_H

#include "base/mem.h"

static inline uint16_t load_be16(const void *p)
{
	uint16_t v;

	mem_copy(&v, p, sizeof(v));
	return __builtin_bswap16(v);
}

static inline uint32_t load_be32(const void *p)
{
	uint32_t v;

	mem_copy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline uint64_t load_be64(const void *p)
{
	uint64_t v;

	mem_copy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

static inline void store_be16(void *p, uint16_t v)
{
	v = __builtin_bswap16(v);
	mem_copy(p, &v, sizeof(v));
}

static inline void store_be32(void *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	mem_copy(p, &v, sizeof(v));
}

static inline void store_be64(void *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	mem_copy(p, &v, sizeof(v));
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "only little-endian machines so far");

#endif
