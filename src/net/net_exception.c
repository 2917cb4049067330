/* The way back to the kernel: what is nobody's here goes to another device, and what comes from
 * there goes out.
 *
 * Both have the same addresses.  A packet for a port that nobody has here is not refused but handed
 * on: the kernel behind the other device may have it, and refuses it if not.  So services of both
 * live behind one address as long as their ports differ.  Requests for our address (ARP) are
 * answered here alone; answers go to both. */
#include "net/net.h"

#include "wire/eth.h"

/* The whole frame again: what was taken off in front is still there, but that a packet that was
 * brought together from pieces has no Ethernet header any more. */
static bool whole_frame(struct net *net, enum drop why, struct pkt *p)
{
	const struct netdev *dev = net->exception;
	struct mac to = p->flags & PKT_LINK_BCAST ? WIRE_MAC_BCAST : dev->mac;
	uint32_t front = WIRE_ETH_LEN;

	switch (why) {
	case DROP_LINK_TYPE:
	case DROP_ARP_UNSOLICITED:
		break;
	case DROP_IP_NOT_OURS:
	case DROP_IP_PROTO:
	case DROP_ICMP_TYPE:
	case DROP_ICMP_ABOUT:
	case DROP_UDP_NO_PORT:
	case DROP_TCP_NO_CONN:
	case DROP_TCP_RST_NO_CONN:
		front += p->l3;
		break;
	default:
		return false;
	}
	if (p->refs > 1 || p->flags & (PKT_LOOPED | PKT_BARE) || pkt_headroom(p) < front)
		return false;
	pkt_push(p, front);
	if (why != DROP_LINK_TYPE && why != DROP_ARP_UNSOLICITED)
		wire_eth_write(p->data, to, WIRE_MAC_NOBODY, WIRE_ETH_IPV4);
	return true;
}

static void flush(struct net *net)
{
	struct netdev *dev = net->exception;
	unsigned sent = dev->ops->tx(dev, net->foreign, net->foreign_n);

	while (net->foreign_n > sent)	/* who is full loses: nothing here waits for him */
		core_drop(&net->core, DROP_DEV_TX_FULL, net->foreign[--net->foreign_n]);
	net->foreign_n = 0;
}

static bool take(void *ctx, enum drop why, struct pkt *p)
{
	struct net *net = ctx;

	if (!whole_frame(net, why, p))
		return false;
	if (net->foreign_n == ARRAY_LEN(net->foreign))
		flush(net);
	net->foreign[net->foreign_n++] = p;
	net->foreign_out++;
	return true;
}

void net_exception(struct net *net, struct netdev *dev)
{
	assert(net->link.devs_n > 0 && !net->exception);
	net->exception = dev;
	net->core.foreign = take;
	net->core.foreign_ctx = net;
}

void net_exception_stop(struct net *net)
{
	net->core.foreign = NULL;
	while (net->foreign_n)
		pkt_put(net->foreign[--net->foreign_n]);
	net->exception = NULL;
}

bool net_exception_poll(struct net *net)
{
	struct netdev *dev = net->exception;
	struct pkt *burst[NETDEV_BURST];
	int n = dev->ops->rx(dev, burst, NETDEV_BURST);

	for (int i = 0; i < n; i++)
		link_enqueue(&net->link, &net->link.devs[0], burst[i]);
	net->foreign_in += n > 0 ? (unsigned)n : 0;
	if (net->foreign_n)
		flush(net);
	return n > 0;
}
