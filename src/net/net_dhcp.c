/* An address by DHCP: carries messages between dhcp/ and the wire, and leases into ip.
 *
 * Before there is an address nothing goes through ip: a question is a whole packet from 0.0.0.0 to
 * everybody, and its answer comes to everybody.  Afterwards renewals are ordinary datagrams. */
#include "net/net.h"

#include "base/csum.h"
#include "base/err.h"
#include "wire/eth.h"
#include "wire/ipv4.h"
#include "wire/udp.h"

#define CONFLICT_WATCH SEC(2)	/* our announcements are answered within, RFC 5227 §2.3 */

int net_dhcp_start(struct net *net, struct net_dhcp *d, uint8_t if_index)
{
	struct addr any = addr_v4(0);
	int err;

	assert(!net->dhcp && if_index < net->link.devs_n);
	mem_zero(d, sizeof(*d));
	d->if_index = if_index;
	udp_sock_init(&d->sock, NULL);
	err = udp_bind(&net->udp, &d->sock, &any, DHCP_PORT_CLIENT);
	if (err)
		return err;
	dhcp_init(&d->dhcp, &net->core.prng, net->link.devs[if_index].dev->mac, net->core.now);
	net->dhcp = d;
	return 0;
}

void net_dhcp_stop(struct net *net)
{
	if (net->dhcp)
		udp_close(&net->udp, &net->dhcp->sock);
	net->dhcp = NULL;
}

/* ---- leases into ip */

static void lease_drop(struct net *net, struct net_dhcp *d)
{
	struct addr none = addr_v4(0);

	if (!d->bound)
		return;
	if (d->routed)
		ip_del_route(&net->ip, &none, 0);
	ip_del_addr(&net->ip, &d->addr);
	d->bound = d->routed = false;
}

static void lease_take(struct net *net, struct net_dhcp *d)
{
	const struct dhcp_lease *l = &d->dhcp.lease;
	struct addr addr = addr_v4(l->addr);
	struct ip_route out = { .dst = addr_v4(0), .via_gateway = true, .if_index = d->if_index,
				.gateway = addr_v4(l->router) };

	if (d->bound && addr_eq(&addr, &d->addr) && l->prefix == d->prefix &&
	    l->router == d->router)
		return;			/* renewed as it was */
	lease_drop(net, d);
	if (ip_add_addr(&net->ip, &addr, l->prefix, d->if_index))
		return;			/* a static one is the same, or there are too many */
	d->addr = addr;
	d->prefix = l->prefix;
	d->router = l->router;
	d->bound = true;
	d->bound_at = net->core.now;
	d->conflicts = net->link.conflicts;
	d->routed = l->router && ip_add_route(&net->ip, &out) == 0;
	core_log(&net->core, LOG_INFO, "DHCP: %pI/%u from a server, for %u s", &addr, l->prefix,
		 (unsigned)MIN((l->until - net->core.now) / SEC(1), (nsec)UINT32_MAX));
}

/* ---- messages out and in */

static void transmit(struct net *net, struct net_dhcp *d, const uint8_t *b, uint32_t n,
		     uint32_t src, uint32_t dst)
{
	struct addr from = addr_v4(src), to = addr_v4(dst);
	struct wire_udp udp = { .sport = DHCP_PORT_CLIENT, .dport = DHCP_PORT_SERVER,
				.len = (uint16_t)(WIRE_UDP_LEN + n) };
	struct wire_ipv4 ip = { .src = src, .dst = dst, .ttl = IP_TTL_DEFAULT,
				.proto = WIRE_PROTO_UDP, .header_len = WIRE_IPV4_LEN,
				.total_len = (uint16_t)(WIRE_IPV4_LEN + WIRE_UDP_LEN + n) };
	struct ip_send how = { .proto = WIRE_PROTO_UDP };
	struct ip_path path = { 0 };
	struct pkt *p = pkt_new(&net->pool);
	uint16_t csum;

	if (!p || pkt_write(p, b, n)) {		/* said again later */
		if (p)
			pkt_put(p);
		return;
	}
	wire_udp_write(pkt_push(p, WIRE_UDP_LEN), &udp);
	csum = csum_fold(csum_pkt(p, 0, p->total, csum_pseudo(&from, &to, WIRE_PROTO_UDP,
							      p->total)));
	csum = csum ? csum : 0xffff;
	mem_copy(p->data + 6, &csum, 2);
	if (dst != UINT32_MAX) {
		ip_output(&net->ip, &path, &from, &to, &how, p);
		return;
	}
	wire_ipv4_write(pkt_push(p, WIRE_IPV4_LEN), &ip);
	link_output_mac(&net->link, d->if_index, WIRE_MAC_BCAST, WIRE_ETH_IPV4, p);
}

static void happened(struct net *net, struct net_dhcp *d, enum dhcp_event event)
{
	if (event == DHCP_BOUND)
		lease_take(net, d);
	if (event == DHCP_LOST)
		lease_drop(net, d);
}

static void receive(struct net *net, struct net_dhcp *d)
{
	uint8_t b[1500];
	struct pkt *p;

	/* Its owner is here, not in the layer above. */
	if (list_linked(&d->sock.ready_node))
		list_del(&d->sock.ready_node);
	d->sock.ready = 0;
	while ((p = udp_recv(&net->udp, &d->sock))) {
		uint32_t n = pkt_read(p, 0, b, sizeof(b));
		enum drop why = p->rx.sport == DHCP_PORT_SERVER ? DROP_NOT : DROP_DHCP_NOT_OURS;

		if (!why)
			happened(net, d, dhcp_input(&d->dhcp, net->core.now, b, n, &why));
		if (why)
			core_drop(&net->core, why, p);
		else
			pkt_put(p);
	}
}

nsec net_dhcp_poll(struct net *net)
{
	struct net_dhcp *d = net->dhcp;
	uint8_t b[DHCP_MESSAGE_MAX];
	uint32_t n, src, dst;
	enum dhcp_event event;

	receive(net, d);
	if (d->bound && d->conflicts != net->link.conflicts &&
	    net->core.now < d->bound_at + CONFLICT_WATCH && d->dhcp.state == DHCP_HELD) {
		lease_drop(net, d);
		dhcp_decline(&d->dhcp, net->core.now, b, &n);
		transmit(net, d, b, n, 0, UINT32_MAX);
	}
	event = dhcp_output(&d->dhcp, net->core.now, b, &n, &src, &dst);
	happened(net, d, event);
	if (n)
		transmit(net, d, b, n, src, dst);
	return dhcp_deadline(&d->dhcp);
}
