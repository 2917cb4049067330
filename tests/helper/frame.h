/* Frames for tests: Ethernet, ARP, IPv4, ICMP and UDP, made and taken apart byte by byte.
 *
 * Built from the outside in; each layer fixes what depends on what is behind it. A test that
 * wants a wrong frame makes a right one and spoils it, then calls frame_sum_ip() where only
 * the rest shall be wrong. */
#ifndef HELPER_FRAME_H
#define HELPER_FRAME_H

#include "base/csum.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/ipv4.h"
#include "wire/udp.h"

#define FRAME_BYTES_MAX (65535u + 14)
#define FRAME_IP 14u			/* where the IP header begins */
#define FRAME_L4 34u			/* and what is behind one without options */

struct frame {
	uint32_t n;
	uint8_t b[FRAME_BYTES_MAX];
};

static inline void frame_eth(struct frame *f, struct mac dst, struct mac src, uint16_t type)
{
	wire_eth_write(f->b, dst, src, type);
	f->n = WIRE_ETH_LEN;
}

static inline void frame_arp(struct frame *f, struct mac dst, const struct wire_arp *arp)
{
	frame_eth(f, dst, arp->sender_mac, WIRE_ETH_ARP);
	wire_arp_write(f->b + f->n, arp);
	f->n += WIRE_ARP_LEN;
}

/* Recomputes the IP header's checksum. */
static inline void frame_sum_ip(struct frame *f)
{
	uint8_t *b = f->b + FRAME_IP;
	uint16_t csum = 0;

	mem_copy(b + 10, &csum, 2);
	csum = csum_fold(csum_partial(b, (b[0] & 15) * 4u, 0));
	mem_copy(b + 10, &csum, 2);
}

/* An IP header behind the Ethernet header, for `n` bytes that follow. */
static inline void frame_ip(struct frame *f, uint32_t src, uint32_t dst, uint8_t proto, uint32_t n)
{
	struct wire_ipv4 h = {
		.src = src, .dst = dst, .proto = proto, .ttl = 64, .id = 7,
		.total_len = (uint16_t)(n + WIRE_IPV4_LEN),
	};

	wire_ipv4_write(f->b + FRAME_IP, &h);
	f->n = FRAME_L4;
}

static inline void frame_data(struct frame *f, const void *data, uint32_t n)
{
	mem_copy(f->b + f->n, data, n);
	f->n += n;
}

/* Says which part of its datagram a packet is: offset in bytes. */
static inline void frame_fragment(struct frame *f, uint16_t id, uint32_t off, bool more)
{
	store_be16(f->b + FRAME_IP + 4, id);
	store_be16(f->b + FRAME_IP + 6, (uint16_t)(off / 8 | (more ? WIRE_IPV4_MF : 0)));
	frame_sum_ip(f);
}

/* Writes the checksum over the bytes from `at`, with the pseudo-header's sum, into the field. */
static inline void frame_sum_l4(struct frame *f, uint32_t field, uint64_t sum)
{
	uint16_t csum = 0;

	mem_copy(f->b + field, &csum, 2);
	csum = csum_fold(csum_partial(f->b + FRAME_L4, f->n - FRAME_L4, sum));
	mem_copy(f->b + field, &csum, 2);
}

static inline void frame_sum_udp(struct frame *f)
{
	struct addr src = addr_v4(load_be32(f->b + FRAME_IP + 12));
	struct addr dst = addr_v4(load_be32(f->b + FRAME_IP + 16));

	frame_sum_l4(f, FRAME_L4 + 6, csum_pseudo(&src, &dst, WIRE_PROTO_UDP, f->n - FRAME_L4));
}

static inline void frame_udp(struct frame *f, uint32_t src, uint16_t sport, uint32_t dst,
			     uint16_t dport, const void *data, uint32_t n)
{
	struct wire_udp h = {.sport = sport, .dport = dport, .len = (uint16_t)(n + WIRE_UDP_LEN)};

	frame_ip(f, src, dst, WIRE_PROTO_UDP, n + WIRE_UDP_LEN);
	wire_udp_write(f->b + f->n, &h);
	f->n += WIRE_UDP_LEN;
	frame_data(f, data, n);
	frame_sum_udp(f);
}

/* An ICMP message with `n` bytes behind its first eight. */
static inline void frame_icmp(struct frame *f, uint32_t src, uint32_t dst,
			      const struct wire_icmp *icmp, const void *data, uint32_t n)
{
	frame_ip(f, src, dst, WIRE_PROTO_ICMP, n + WIRE_ICMP_LEN);
	wire_icmp_write(f->b + f->n, icmp);
	f->n += WIRE_ICMP_LEN;
	frame_data(f, data, n);
	frame_sum_l4(f, FRAME_L4 + 2, 0);
}

#endif
