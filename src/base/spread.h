/* Several stacks behind one address, and which of them a flow belongs to.
 *
 * Both directions of a flow have the same home, so whoever opens a connection chooses a local port
 * whose home he is.  Not keyed: who aims all his flows at one stack gets the share of one. */
#ifndef BASE_SPREAD_H
#define BASE_SPREAD_H

#include "base/addr.h"

struct spread {
	uint16_t id, n;		/* this stack, of so many; n < 2: alone */
};

/* The home of a flow between two addresses and ports (ports 0 where there are none). */
static inline unsigned spread_home(const struct spread *s, uint32_t a, uint32_t b, uint16_t p,
				   uint16_t q)
{
	uint64_t h = ((uint64_t)(a ^ b) << 16 | (uint16_t)(p ^ q)) * UINT64_C(0x9e3779b97f4a7c15);

	return (unsigned)((h >> 32) * s->n >> 32);
}

/* Is a flow between these ends at home here?  Yes, when it is not yet known whither it goes. */
static inline bool spread_is_home(const struct spread *s, const struct addr *a, uint16_t p,
				  const struct addr *b, uint16_t q)
{
	return s->n < 2 || addr_is_any(a) || addr_is_any(b) ||
	       spread_home(s, addr_to_v4(a), addr_to_v4(b), p, q) == s->id;
}

#endif
