/* IPv4 header, RFC 791 and RFC 1122 §3.2.1, bytes <-> struct. */
#ifndef WIRE_IPV4_H
#define WIRE_IPV4_H

#include "base/csum.h"
#include "base/drop.h"

#define WIRE_IPV4_LEN 20u
#define WIRE_IPV4_LEN_MAX 60u
#define WIRE_IPV4_DF 0x4000
#define WIRE_IPV4_MF 0x2000
#define WIRE_IPV4_OFFSET 0x1fff

enum { WIRE_PROTO_ICMP = 1, WIRE_PROTO_IGMP = 2, WIRE_PROTO_TCP = 6, WIRE_PROTO_UDP = 17 };

struct wire_ipv4 {
	uint32_t src, dst;	/* host order */
	uint16_t total_len, id;
	uint16_t frag;		/* DF | MF | offset in units of 8 bytes */
	uint8_t header_len;	/* bytes, 20..60 */
	uint8_t tos, ttl, proto;
	bool source_route;	/* an LSRR or SSRR option is there */
};

/* Checks version, lengths against `n` readable and `have` present bytes (a chain may hold more than
 * its first piece), checksum, option structure.  Addresses are judged by ip/. */
enum drop wire_ipv4_parse(struct wire_ipv4 *out, const uint8_t *b, size_t n, size_t have);

/* The same for a header that somebody quotes to us, behind which the datagram may be cut off.  Its
 * checksum is not judged: routers and translators on the way changed the header, not all of them
 * the checksum. */
enum drop wire_ipv4_parse_quoted(struct wire_ipv4 *out, const uint8_t *b, size_t n);

/* Writes 20 bytes with the checksum filled in.  The words are put together first and stored whole,
 * for to read back what was stored in parts would stall. */
static inline void wire_ipv4_write(uint8_t *b, const struct wire_ipv4 *h)
{
	uint32_t w[5] = {
		0x45 | (uint32_t)h->tos << 8 | (uint32_t)__builtin_bswap16(h->total_len) << 16,
		__builtin_bswap16(h->id) | (uint32_t)__builtin_bswap16(h->frag) << 16,
		h->ttl | (uint32_t)h->proto << 8,
		__builtin_bswap32(h->src),
		__builtin_bswap32(h->dst),
	};

	w[2] |= (uint32_t)csum_fold((uint64_t)w[0] + w[1] + w[2] + w[3] + w[4]) << 16;
	mem_copy(b, w, sizeof(w));
}

#endif
