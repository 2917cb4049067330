/* TCP header and options, RFC 9293 §3.1 and §3.2, RFC 7323 §2 and §3, RFC 2018 §2 and §3, bytes
 * <-> struct.
 *
 * What is parsed here is well formed; what it means is tcp/'s.  The commonest segment of a
 * running connection (NOP NOP timestamps, or no option) takes a short way. */
#ifndef WIRE_TCP_H
#define WIRE_TCP_H

#include "base/byteorder.h"
#include "base/drop.h"

#define WIRE_TCP_LEN 20u
#define WIRE_TCP_LEN_MAX 60u
#define WIRE_TCP_SACK_MAX 4

enum { WIRE_TCP_FIN = 1, WIRE_TCP_SYN = 2, WIRE_TCP_RST = 4, WIRE_TCP_PSH = 8, WIRE_TCP_ACK = 16,
       WIRE_TCP_URG = 32, WIRE_TCP_ECE = 64, WIRE_TCP_CWR = 128 };

/* Which options were there (and, when writing, shall be). */
enum { WIRE_TCP_OPT_MSS = 1, WIRE_TCP_OPT_WSCALE = 2, WIRE_TCP_OPT_SACK_OK = 4, WIRE_TCP_OPT_TS = 8,
       WIRE_TCP_OPT_SACK = 16, WIRE_TCP_OPT_FASTOPEN = 32, WIRE_TCP_OPT_USER_TIMEOUT = 64,
       WIRE_TCP_OPT_UNKNOWN = 128 };

struct wire_tcp_sack {
	uint32_t left, right;
};

struct wire_tcp {
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t header_len;	/* bytes, 20..60 */
	uint8_t flags;
	uint16_t wnd;		/* not scaled */
	uint16_t urg;
	uint8_t opts;		/* WIRE_TCP_OPT_* */
	uint8_t wscale;		/* as sent, not clamped; WIRE_TCP_OPT_WSCALE */
	uint16_t mss;
	uint32_t ts_val, ts_ecr;
	uint8_t sack_n;
	uint8_t fastopen_len;	/* 0 (cookie request) or 4..16 */
	uint16_t user_timeout;	/* RFC 5482: granularity bit and 15 bits */
	struct wire_tcp_sack sack[WIRE_TCP_SACK_MAX];
	uint8_t fastopen[16];
};

/* `n` bytes readable at `b` (the header must lie within them).  Refuses a wrong offset and options
 * whose length runs out of the header; an option of unexpected but possible length is ignored as
 * unknown (RFC 9293 §3.1 MUST-6, MUST-7).  Ports, flags and the checksum are
 * the caller's.  Of the fields of an option only those are written whose bit is set in `opts`, and
 * `sack_n` and `fastopen_len`. */
enum drop wire_tcp_parse(struct wire_tcp *out, const uint8_t *b, size_t n);

/* Bytes of header that wire_tcp_write() needs: 20..60. */
unsigned wire_tcp_size(const struct wire_tcp *h);

/* Writes header and the options named in h->opts, padded by NOPs where alignment helps; checksum
 * zero; h->header_len is ignored.  Returns the length written.  SACK blocks that do not fit are
 * left out. */
unsigned wire_tcp_write(uint8_t *b, const struct wire_tcp *h);

/* The commonest header, without a struct: 20 bytes, checksum zero, data offset 5 ... */
static inline void wire_tcp_write_plain(uint8_t *b, uint16_t sport, uint16_t dport, uint32_t seq,
					uint32_t ack, uint8_t flags, uint16_t wnd)
{
	store_be16(b, sport);
	store_be16(b + 2, dport);
	store_be32(b + 4, seq);
	store_be32(b + 8, ack);
	b[12] = 5 << 4;
	b[13] = flags;
	store_be16(b + 14, wnd);
	store_be32(b + 16, 0);
}

/* ... and 12 bytes of timestamps behind it, as RFC 7323 appendix A lays them out: data offset 8. */
static inline void wire_tcp_write_ts(uint8_t *b, uint32_t ts_val, uint32_t ts_ecr)
{
	b[12] = 8 << 4;
	store_be32(b + 20, 0x0101080au);
	store_be32(b + 24, ts_val);
	store_be32(b + 28, ts_ecr);
}

/* NOP NOP SACK with n blocks: 4 + 8 n bytes, RFC 2018 §3. */
static inline void wire_tcp_write_sack(uint8_t *o, const struct wire_tcp_sack *b, unsigned n)
{
	store_be32(o, 0x01010500u | (2 + 8 * n));
	for (unsigned i = 0; i < n; i++) {
		store_be32(o + 4 + 8 * i, b[i].left);
		store_be32(o + 8 + 8 * i, b[i].right);
	}
}

#endif
