/* ICMP for IPv4, bytes <-> struct.  Of the second word only what the type gives a meaning is read
 * and written; the rest is zero. */
#include "wire/icmp.h"

#define QUOTE_MIN 8u	/* bytes of the quoted datagram behind its header, RFC 792 */

enum drop wire_icmp_parse(struct wire_icmp *out, const uint8_t *b, size_t n)
{
	if (n < WIRE_ICMP_LEN)
		return DROP_ICMP_SHORT;
	*out = (struct wire_icmp){.type = b[0], .code = b[1]};
	switch (out->type) {
	case WIRE_ICMP_ECHO:
	case WIRE_ICMP_ECHO_REPLY:
		out->id = load_be16(b + 4);
		out->seq = load_be16(b + 6);
		break;
	case WIRE_ICMP_UNREACH:
		if (out->code == WIRE_ICMP_FRAG)
			out->mtu = load_be16(b + 6);
		break;
	case WIRE_ICMP_PARAM:
		out->pointer = b[4];
		break;
	default:
		break;
	}
	return DROP_NOT;
}

void wire_icmp_write(uint8_t *b, const struct wire_icmp *icmp)
{
	mem_zero(b, WIRE_ICMP_LEN);
	b[0] = icmp->type;
	b[1] = icmp->code;
	switch (icmp->type) {
	case WIRE_ICMP_ECHO:
	case WIRE_ICMP_ECHO_REPLY:
		store_be16(b + 4, icmp->id);
		store_be16(b + 6, icmp->seq);
		break;
	case WIRE_ICMP_UNREACH:
		if (icmp->code == WIRE_ICMP_FRAG)
			store_be16(b + 6, icmp->mtu);
		break;
	case WIRE_ICMP_PARAM:
		b[4] = icmp->pointer;
		break;
	default:
		break;
	}
}

enum drop wire_icmp_quoted(struct wire_ipv4 *out, const uint8_t *b, size_t n)
{
	enum drop why = wire_ipv4_parse_quoted(out, b, n);

	if (why)
		return why;
	if (n - out->header_len < QUOTE_MIN)
		return DROP_ICMP_SHORT;
	return DROP_NOT;
}
