/* ARP for IPv4 over Ethernet, RFC 826, bytes <-> struct. */
#ifndef WIRE_ARP_H
#define WIRE_ARP_H

#include "base/addr.h"
#include "base/drop.h"

#define WIRE_ARP_LEN 28u
#define WIRE_ARP_REQUEST 1
#define WIRE_ARP_REPLY 2

struct wire_arp {
	uint16_t op;
	struct mac sender_mac, target_mac;
	uint32_t sender_ip, target_ip;	/* host order */
};

/* Refuses other hardware and protocol types, unknown operations, a group or zero sender MAC. */
enum drop wire_arp_parse(struct wire_arp *out, const uint8_t *b, size_t n);
void wire_arp_write(uint8_t *b, const struct wire_arp *arp);

#endif
