/* struct sockaddr of the C library to and from the door's struct leat_addr. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <string.h>

#include "posix/posix_int.h"

#define HARDWARE_BYTES 8

static int in4(struct leat_addr *to, const struct sockaddr *from, socklen_t len)
{
	struct sockaddr_in in;

	if (len < sizeof(in))
		return -E_INVAL;
	memcpy(&in, from, sizeof(in));
	if (in.sin_family != AF_INET && in.sin_family != AF_UNSPEC)
		return -E_AFNOSUPPORT;
	*to = (struct leat_addr){ .port = ntohs(in.sin_port) };
	to->ip[10] = to->ip[11] = 0xff;
	memcpy(to->ip + 12, &in.sin_addr, 4);
	return 0;
}

static int in_packet(struct leat_addr *to, const struct sockaddr *from, socklen_t len)
{
	struct sockaddr_ll ll;

	if (len < sizeof(ll))
		return -E_INVAL;
	memcpy(&ll, from, sizeof(ll));
	if (ll.sll_family != AF_PACKET)
		return -E_INVAL;
	*to = (struct leat_addr){ .port = ntohs(ll.sll_protocol),
				  .scope = (uint32_t)ll.sll_ifindex, .pad = ll.sll_pkttype };
	memcpy(to->ip, ll.sll_addr, HARDWARE_BYTES);
	return 0;
}

int posix_addr_in(struct leat_addr *to, const struct sockaddr *from, socklen_t len, int domain)
{
	if (!from)
		return -E_FAULT;
	return domain == AF_PACKET ? in_packet(to, from, len) : in4(to, from, len);
}

void posix_addr_out(struct sockaddr *to, socklen_t *len, const struct leat_addr *from, int domain)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(from->port) };
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(from->port),
				  .sll_ifindex = (int)from->scope, .sll_hatype = 1,
				  .sll_pkttype = (uint8_t)from->pad, .sll_halen = 6 };
	bool packet = domain == AF_PACKET;
	socklen_t size = packet ? sizeof(ll) : sizeof(in);

	memcpy(&in.sin_addr, from->ip + 12, 4);
	memcpy(ll.sll_addr, from->ip, HARDWARE_BYTES);
	memcpy(to, packet ? (void *)&ll : (void *)&in, MIN(*len, size));
	*len = size;
}
