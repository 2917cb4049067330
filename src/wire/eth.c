/* Ethernet II: bytes to struct.  Whose frame it is, link/ judges. */
#include "wire/eth.h"

#define ETH_TYPE_MIN 0x0600	/* IEEE 802.3 §3.2.6: below it the field is a length */

enum drop wire_eth_parse(struct wire_eth *out, const uint8_t *b, size_t n)
{
	if (n < WIRE_ETH_LEN)
		return DROP_LINK_SHORT;
	mem_copy(out->dst.b, b, 6);
	mem_copy(out->src.b, b + 6, 6);
	out->type = load_be16(b + 12);
	if (mac_is_group(out->src))
		return DROP_LINK_SRC_GROUP;
	if (out->type < ETH_TYPE_MIN)
		return DROP_LINK_TYPE;
	return DROP_NOT;
}
