/* UDP header, RFC 768, bytes <-> struct. */
#ifndef WIRE_UDP_H
#define WIRE_UDP_H

#include "base/byteorder.h"
#include "base/drop.h"

#define WIRE_UDP_LEN 8u

struct wire_udp {
	uint16_t sport, dport, len;
	bool has_csum;
};

/* `n` bytes readable, `have` in the IP payload; len <= have is checked, ports and the checksum are
 * the caller's. */
enum drop wire_udp_parse(struct wire_udp *out, const uint8_t *b, size_t n, size_t have);

/* Writes 8 bytes, checksum zero. */
static inline void wire_udp_write(uint8_t *b, const struct wire_udp *h)
{
	store_be16(b, h->sport);
	store_be16(b + 2, h->dport);
	store_be16(b + 4, h->len);
	store_be16(b + 6, 0);
}

#endif
