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

enum { WIRE_PROTO_ICMP = 1, WIRE_PROTO_TCP = 6, WIRE_PROTO_UDP = 17 };

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

/* Writes 20 bytes with the checksum filled in. */
static inline void wire_ipv4_write(uint8_t *b, const struct wire_ipv4 *h)
{
	uint32_t w;
	uint64_t sum;

	b[0] = 0x45;
	b[1] = h->tos;
	store_be16(b + 2, h->total_len);
	store_be16(b + 4, h->id);
	store_be16(b + 6, h->frag);
	b[8] = h->ttl;
	b[9] = h->proto;
	b[10] = b[11] = 0;
	store_be32(b + 12, h->src);
	store_be32(b + 16, h->dst);
	sum = 0;
	for (unsigned i = 0; i < 20; i += 4) {
		mem_copy(&w, b + i, 4);
		sum += w;
	}
	uint16_t c = csum_fold(sum);
	mem_copy(b + 10, &c, 2);
}

#endif
