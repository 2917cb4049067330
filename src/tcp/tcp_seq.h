/* Sequence numbers: arithmetic modulo 2^32, RFC 9293 §3.4.
 *
 * A comparison is meaningful only for numbers less than 2^31 apart. */
#ifndef TCP_TCP_SEQ_H
#define TCP_TCP_SEQ_H

#include "base/types.h"

static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_le(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

static inline bool seq_gt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static inline bool seq_ge(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) >= 0;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
	return seq_gt(a, b) ? a : b;
}

/* lo <= s <= hi on the circle. */
static inline bool seq_between(uint32_t s, uint32_t lo, uint32_t hi)
{
	return s - lo <= hi - lo;
}

#endif
