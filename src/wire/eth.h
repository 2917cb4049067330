/* Ethernet II header, bytes <-> struct.  IEEE 802.3; RFC 894, RFC 1042 not spoken (802.3 length
 * frames).
 *
 * Pure functions: no state, no packets, no counters. */
#ifndef WIRE_ETH_H
#define WIRE_ETH_H

#include "base/addr.h"
#include "base/drop.h"

#define WIRE_ETH_LEN 14u
#define WIRE_ETH_IPV4 0x0800
#define WIRE_ETH_ARP 0x0806
#define WIRE_ETH_IPV6 0x86dd

struct wire_eth {
	struct mac dst, src;
	uint16_t type;
};

#define WIRE_MAC_BCAST ((struct mac){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}})

/* Administered locally, nobody's: the source of a header that is made up. */
#define WIRE_MAC_NOBODY ((struct mac){{0x02, 0, 0, 0, 0, 0}})

/* `n` bytes are readable at `b`. */
enum drop wire_eth_parse(struct wire_eth *out, const uint8_t *b, size_t n);

static inline void wire_eth_write(uint8_t *b, struct mac dst, struct mac src, uint16_t type)
{
	mem_copy(b, dst.b, 6);
	mem_copy(b + 6, src.b, 6);
	store_be16(b + 12, type);
}

#endif
