/* UDP header: bytes to struct.  Ports and the checksum are judged by udp/. */
#include "wire/udp.h"

enum drop wire_udp_parse(struct wire_udp *out, const uint8_t *b, size_t n, size_t have)
{
	if (n < WIRE_UDP_LEN)
		return DROP_UDP_SHORT;
	out->sport = load_be16(b);
	out->dport = load_be16(b + 2);
	out->len = load_be16(b + 4);
	out->has_csum = load_be16(b + 6) != 0;
	if (out->len < WIRE_UDP_LEN || out->len > have)
		return DROP_UDP_LEN;
	return DROP_NOT;
}
