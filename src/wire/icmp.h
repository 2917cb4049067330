/* ICMP for IPv4, RFC 792, RFC 1122 §3.2.2, RFC 1191 §4, bytes <-> struct. */
#ifndef WIRE_ICMP_H
#define WIRE_ICMP_H

#include "base/drop.h"
#include "wire/ipv4.h"

#define WIRE_ICMP_LEN 8u

enum {
	WIRE_ICMP_ECHO_REPLY = 0, WIRE_ICMP_UNREACH = 3, WIRE_ICMP_ECHO = 8,
	WIRE_ICMP_TIME_EXCEEDED = 11, WIRE_ICMP_PARAM = 12
};
enum {
	WIRE_ICMP_NET = 0, WIRE_ICMP_HOST = 1, WIRE_ICMP_PROTO = 2, WIRE_ICMP_PORT = 3,
	WIRE_ICMP_FRAG = 4
};

struct wire_icmp {
	uint8_t type, code;
	uint16_t id, seq;	/* echo */
	uint16_t mtu;		/* unreachable, fragmentation needed */
	uint8_t pointer;	/* parameter problem */
};

/* Header only; the checksum spans the message and is the caller's (csum_pkt). */
enum drop wire_icmp_parse(struct wire_icmp *out, const uint8_t *b, size_t n);

/* Writes 8 bytes, checksum zero. */
void wire_icmp_write(uint8_t *b, const struct wire_icmp *icmp);

/* The header quoted in an error: as wire_ipv4_parse() but without requiring the whole datagram, and
 * with at least 8 bytes behind it. */
enum drop wire_icmp_quoted(struct wire_ipv4 *out, const uint8_t *b, size_t n);

#endif
