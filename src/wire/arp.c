/* ARP for IPv4 over Ethernet. */
#include "wire/arp.h"

/* Hardware type 1, protocol type 0x0800, lengths 6 and 4: the first six bytes of all we speak. */
static const uint8_t ethernet_ipv4[6] = {0, 1, 8, 0, 6, 4};

enum drop wire_arp_parse(struct wire_arp *out, const uint8_t *b, size_t n)
{
	static const struct mac zero;

	if (n < WIRE_ARP_LEN)
		return DROP_ARP_SHORT;
	if (!mem_eq(b, ethernet_ipv4, sizeof(ethernet_ipv4)))
		return DROP_ARP_FORMAT;
	out->op = load_be16(b + 6);
	if (out->op != WIRE_ARP_REQUEST && out->op != WIRE_ARP_REPLY)
		return DROP_ARP_OP;
	mem_copy(out->sender_mac.b, b + 8, 6);
	out->sender_ip = load_be32(b + 14);
	mem_copy(out->target_mac.b, b + 18, 6);
	out->target_ip = load_be32(b + 24);
	if (mac_is_group(out->sender_mac) || mac_eq(out->sender_mac, zero))
		return DROP_ARP_SENDER;
	return DROP_NOT;
}

void wire_arp_write(uint8_t *b, const struct wire_arp *arp)
{
	mem_copy(b, ethernet_ipv4, sizeof(ethernet_ipv4));
	store_be16(b + 6, arp->op);
	mem_copy(b + 8, arp->sender_mac.b, 6);
	store_be32(b + 14, arp->sender_ip);
	mem_copy(b + 18, arp->target_mac.b, 6);
	store_be32(b + 24, arp->target_ip);
}
