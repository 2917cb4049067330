/* A network address as the transports know it: 16 bytes, IPv4 mapped into IPv6 (::ffff:a.b.c.d,
 * RFC 4291 §2.5.5.2).  Transports never ask for the family. */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include "base/byteorder.h"

struct addr {
	union {
		uint8_t b[16];
		uint32_t w[4];
		uint64_t q[2];
	};
};

/* the bytes 00 00 ff ff, as loaded on a little-endian machine */
#define ADDR_V4_PREFIX_W2 0xffff0000u

static inline bool addr_eq(const struct addr *a, const struct addr *b)
{
	return ((a->q[0] ^ b->q[0]) | (a->q[1] ^ b->q[1])) == 0;
}

static inline bool addr_is_v4(const struct addr *a)
{
	return a->q[0] == 0 && a->w[2] == ADDR_V4_PREFIX_W2;
}

/* The unspecified address in either family's form (0.0.0.0 or ::). */
static inline bool addr_is_any(const struct addr *a)
{
	return a->q[0] == 0 && a->w[3] == 0 && (a->w[2] == 0 || a->w[2] == ADDR_V4_PREFIX_W2);
}

/* From and to an IPv4 address in host order. */
static inline struct addr addr_v4(uint32_t ip)
{
	struct addr a = {.w = {0, 0, ADDR_V4_PREFIX_W2, __builtin_bswap32(ip)}};

	return a;
}

static inline uint32_t addr_to_v4(const struct addr *a)
{
	return __builtin_bswap32(a->w[3]);
}

#define IPV4(a, b, c, d) \
	((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* An Ethernet address. */
struct mac {
	uint8_t b[6];
};

static inline bool mac_eq(struct mac a, struct mac b)
{
	return mem_eq(a.b, b.b, 6);
}

/* Group bit: multicast or broadcast. */
static inline bool mac_is_group(struct mac a)
{
	return a.b[0] & 1;
}

#endif
