/* A second opinion on packets: builds and reads Ethernet, IPv4, TCP, UDP and ICMP without using
 * wire/.
 *
 * For tests only: scripts speak in these terms, the simulator checks every frame that a stack
 * sends with them and its attackers forge with them.  A mistake that wire/ makes both when
 * writing and when reading would go unseen by tests that use wire/; here it shows. */
#ifndef HELPER_SEG_H
#define HELPER_SEG_H

#include "base/addr.h"

#define SEG_FRAME_MAX 65600u	/* an Ethernet header and the longest IPv4 packet fit */
#define SEG_SACKS_MAX 4u
#define SEG_RAW_MAX 40u

enum seg_proto { SEG_TCP, SEG_UDP, SEG_ICMP, SEG_ARP, SEG_FRAGMENT, SEG_OTHER };

enum {
	SEG_FIN = 1,
	SEG_SYN = 2,
	SEG_RST = 4,
	SEG_PSH = 8,
	SEG_ACK = 16,
	SEG_URG = 32,
	SEG_ECE = 64,
	SEG_CWR = 128
};

enum { SEG_OPT_MSS = 1, SEG_OPT_WSCALE = 2, SEG_OPT_SACK_OK = 4, SEG_OPT_TS = 8, SEG_OPT_SACK = 16,
       SEG_OPT_RAW = 32 };

struct seg {
	enum seg_proto proto;
	struct mac eth_src, eth_dst;
	uint32_t src, dst;		/* host order */
	uint8_t tos, ttl;
	uint16_t ip_id, frag;		/* frag: flags and offset as on the wire */
	uint16_t sport, dport;
	uint8_t flags;
	uint32_t seq, ack;
	uint16_t win, urg;
	uint8_t opts;			/* SEG_OPT_* */
	uint16_t mss;
	uint8_t wscale;
	uint32_t ts_val, ts_ecr;
	uint8_t sack_n;
	struct { uint32_t left, right; } sack[SEG_SACKS_MAX];
	/* of options this does not know; or to be written as they are */
	uint8_t raw[SEG_RAW_MAX], raw_n;
	const uint8_t *payload;		/* into the frame, or where to copy from; NULL: zeros */
	uint32_t len;			/* of the payload */
	uint8_t icmp_type, icmp_code;
	uint32_t icmp_info;		/* the second word: identifier and sequence, or MTU */

	/* How it is wrong on purpose; all zero: right. */
	struct {
		bool csum;		/* of TCP, UDP or ICMP */
		bool ip_csum;
		uint8_t doff;		/* data offset in words, 0: the right one, 16: zero */
		uint8_t ihl;		/* IP header length in words, 0: the right one, 16: zero */
		uint8_t version;	/* 0: 4 */
		uint16_t cut;		/* bytes cut off the end of the frame */
		int16_t ip_len;		/* added to the total length field */
		bool eth_dst;		/* to a station that is not the stack */
		bool eth_group;		/* to the broadcast station */
	} wrong;
};

/* Writes the frame; returns its length. */
uint32_t seg_build(uint8_t frame[SEG_FRAME_MAX], const struct seg *s);

/* Reads a frame; NULL, or what is wrong with it.  *out is as good as it got. */
const char *seg_parse(struct seg *out, const uint8_t *frame, uint32_t len);

/* Makes the checksums of a mutated frame right again, as far as its lengths make sense. */
void seg_fix(uint8_t *frame, uint32_t len);

/* RFC 1071, in the slow and obvious way. */
uint16_t seg_csum(const uint8_t *b, uint32_t n, uint32_t sum);

static inline uint32_t seg_span(const struct seg *s)
{
	return s->len + !!(s->flags & SEG_SYN) + !!(s->flags & SEG_FIN);
}

#endif
