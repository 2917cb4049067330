/* A DHCP message: bytes <-> struct.  RFC 2131 §2, RFC 2132.  Pure functions. */
#ifndef DHCP_DHCP_MSG_H
#define DHCP_DHCP_MSG_H

#include "dhcp/dhcp.h"

enum dhcp_type {
	DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE, DHCP_ACK, DHCP_NAK,
	DHCP_RELEASE, DHCP_INFORM
};

/* What a server says; 0 where it said nothing. */
struct dhcp_msg {
	uint8_t op, type;
	uint32_t xid, yiaddr;
	struct mac mac;
	uint32_t server, mask, router, lease_s, renew_s, rebind_s;
	uint16_t mtu;
	uint32_t dns[DHCP_DNS_MAX];
	uint8_t dns_n;
};

/* What we say. */
struct dhcp_say {
	uint8_t type;
	uint32_t xid, ciaddr, requested, server;	/* 0: left out */
	uint16_t secs;
	struct mac mac;
	bool broadcast;		/* we cannot take unicast yet, RFC 2131 §4.1 */
};

enum drop dhcp_msg_parse(struct dhcp_msg *out, const uint8_t *b, uint32_t n);

/* Writes DHCP_MESSAGE_MAX bytes. */
void dhcp_msg_write(uint8_t *b, const struct dhcp_say *say);

#endif
