/* IPv4 header: bytes to struct.  Judges form, never addresses. */
#include "wire/ipv4.h"

#define PLAIN 0x45	/* version 4, five words of header: no options, nearly all there is */

/* RFC 791 §3.1.  Of the options only the shape is judged, and source routes are told to ip/. */
enum { OPT_END = 0, OPT_NOP = 1, OPT_RECORD_ROUTE = 7, OPT_TIMESTAMP = 68, OPT_LSRR = 131,
       OPT_SSRR = 137 };

/* The least length that an option of this type can have: type, length, and pointer where it has
 * one. */
static unsigned option_len_min(uint8_t type)
{
	switch (type) {
	case OPT_RECORD_ROUTE:
	case OPT_LSRR:
	case OPT_SSRR:
		return 3;
	case OPT_TIMESTAMP:
		return 4;
	default:
		return 2;
	}
}

static enum drop read_options(struct wire_ipv4 *out, const uint8_t *b)
{
	unsigned at = WIRE_IPV4_LEN, end = out->header_len, len;

	while (at < end && b[at] != OPT_END) {
		if (b[at] == OPT_NOP) {
			at++;
			continue;
		}
		if (end - at < 2)
			return DROP_IP_OPTION;
		len = b[at + 1];
		if (len < option_len_min(b[at]) || len > end - at)
			return DROP_IP_OPTION;
		out->source_route |= b[at] == OPT_LSRR || b[at] == OPT_SSRR;
		at += len;
	}
	return DROP_NOT;
}

static void read_fields(struct wire_ipv4 *out, const uint8_t *b)
{
	out->tos = b[1];
	out->total_len = load_be16(b + 2);
	out->id = load_be16(b + 4);
	out->frag = load_be16(b + 6) & (WIRE_IPV4_DF | WIRE_IPV4_MF | WIRE_IPV4_OFFSET);
	out->ttl = b[8];
	out->proto = b[9];
	out->src = load_be32(b + 12);
	out->dst = load_be32(b + 16);
	out->source_route = false;
}

/* Version and header length, which say how far to read. */
static inline enum drop check_shape(struct wire_ipv4 *out, const uint8_t *b, size_t n)
{
	if (n < WIRE_IPV4_LEN)
		return DROP_IP_SHORT;
	if (b[0] >> 4 != 4)
		return DROP_IP_VERSION;
	out->header_len = (uint8_t)((b[0] & 15) * 4);
	if (out->header_len < WIRE_IPV4_LEN)
		return DROP_IP_HEADER_LEN;
	if (out->header_len > n)
		return DROP_IP_SHORT;
	return DROP_NOT;
}

static NOINLINE enum drop parse_with_options(struct wire_ipv4 *out, const uint8_t *b, size_t n,
					     size_t have)
{
	enum drop why = check_shape(out, b, n);

	if (why)
		return why;
	if (csum_fold(csum_partial(b, out->header_len, 0)))
		return DROP_IP_CSUM;
	read_fields(out, b);
	if (out->total_len < out->header_len || out->total_len > have)
		return DROP_IP_TOTAL_LEN;
	return read_options(out, b);
}

enum drop wire_ipv4_parse(struct wire_ipv4 *out, const uint8_t *b, size_t n, size_t have)
{
	if (unlikely(n < WIRE_IPV4_LEN || b[0] != PLAIN))
		return parse_with_options(out, b, n, have);
	if (unlikely(csum_fold(csum_partial(b, WIRE_IPV4_LEN, 0))))
		return DROP_IP_CSUM;
	out->header_len = WIRE_IPV4_LEN;
	read_fields(out, b);
	if (unlikely(out->total_len < WIRE_IPV4_LEN || out->total_len > have))
		return DROP_IP_TOTAL_LEN;
	return DROP_NOT;
}

enum drop wire_ipv4_parse_quoted(struct wire_ipv4 *out, const uint8_t *b, size_t n)
{
	enum drop why = check_shape(out, b, n);

	if (why)
		return why;
	read_fields(out, b);
	if (out->total_len < out->header_len)
		return DROP_IP_TOTAL_LEN;
	return read_options(out, b);
}
