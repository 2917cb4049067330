/* Builds one stack out of the layers and runs its poll.
 *
 * The order of a poll is the order of a packet: received frames, link to ip to the transports,
 * timers, the layer above (which reads and writes), output, doorbells.  Each step is bounded,
 * so that none starves another. */
#include "net/net.h"

#include "base/err.h"

#define RX_ROUNDS 4u		/* bursts taken from one device in one poll */
#define TIMERS_MAX 1024u	/* timers fired in one poll */
#define LOOP_ROUNDS 4u		/* rounds of packets to ourselves */

void net_config_default(struct net_config *config)
{
	*config = (struct net_config){.frames = 16384, .bare = 16384, .neighs_max = LINK_NEIGHS_MAX,
				      .tcp = tcp_config_default};
}

struct net_layout {
	size_t pool, link, ip, tcp, end;
};

static bool layout(const struct net_config *g, struct net_layout *at, const char **why)
{
	size_t tcp = tcp_bytes(&g->tcp, why);

	if (!tcp)
		return false;
	if (g->frames < 64 || g->frames >= 1u << 24) {
		*why = "frames must be 64 to 2^24 - 1";
		return false;
	}
	if (g->bare < 64 || g->bare >= 1u << 24) {
		*why = "bare must be 64 to 2^24 - 1";
		return false;
	}
	if (g->neighs_max < 4 || g->neighs_max > 1u << 20) {
		*why = "neighs_max must be 4 to 2^20";
		return false;
	}
	at->pool = 0;
	at->link = ALIGN_UP(at->pool + pool_bytes(g->frames, g->bare), CACHE_LINE);
	at->ip = ALIGN_UP(at->link + link_bytes(g->neighs_max), CACHE_LINE);
	at->tcp = ALIGN_UP(at->ip + ip_bytes(), CACHE_LINE);
	at->end = at->tcp + tcp;
	return true;
}

size_t net_region_bytes(const struct net_config *config, const char **why)
{
	struct net_layout at;

	return layout(config, &at, why) ? (size_t)config->frames * FRAME_SIZE : 0;
}

size_t net_private_bytes(const struct net_config *config, const char **why)
{
	struct net_layout at;

	return layout(config, &at, why) ? at.end : 0;
}

void net_init(struct net *net, const struct net_config *config, void *region, void *mem, nsec now)
{
	struct net_layout at;
	const char *why;
	bool good = layout(config, &at, &why);
	uint8_t *m = mem;

	assert(good);
	assert(now > 0);
	mem_zero(net, sizeof(*net));
	net->core.now = now;
	net->core.pool = &net->pool;
	net->core.hash_key = config->hash_key;
	net->core.secret_key = config->secret_key;
	net->core.spread = config->spread;
	net->core.log = config->log;
	net->core.log_ctx = config->log_ctx;
	prng_seed(&net->core.prng, config->seed);
	wheel_init(&net->core.wheel, now);
	pool_init(&net->pool, (struct region){.base = region, .frames = config->frames},
		  config->bare, m + at.pool);
	link_init(&net->link, &net->core, config->neighs_max, m + at.link);
	ip_init(&net->ip, &net->core, &net->link, m + at.ip);
	udp_init(&net->udp, &net->core, &net->ip);
	tcp_init(&net->tcp, &net->core, &net->ip, &config->tcp, m + at.tcp);
}

void net_fini(struct net *net)
{
	net_exception_stop(net);
	net_dhcp_stop(net);
	tcp_fini(&net->tcp);
	ip_fini(&net->ip);
	link_fini(&net->link);
}

int net_add_dev(struct net *net, struct netdev *dev)
{
	return link_add_dev(&net->link, dev);
}

/* True when a device had more than a poll may take. */
static bool receive(struct net *net, bool *any)
{
	struct pkt *burst[NETDEV_BURST];
	bool more = false;

	for (unsigned d = 0; d < net->link.devs_n; d++) {
		struct netdev *dev = net->link.devs[d].dev;

		for (unsigned round = 0; round < RX_ROUNDS; round++) {
			int n = dev->ops->rx(dev, burst, NETDEV_BURST);

			if (n <= 0)
				break;
			*any = true;
			link_input(&net->link, (uint8_t)d, burst, (unsigned)n);
			if ((unsigned)n < NETDEV_BURST)
				break;
			more |= round + 1 == RX_ROUNDS;
		}
	}
	return more;
}

static void fire(struct net *net, struct wheel_node *n)
{
	switch (n->kind) {
	case TIMER_NEIGH:
		link_timer(&net->link, n);
		break;
	case TIMER_FRAG:
		ip_frag_timer(&net->ip, n);
		break;
	case TIMER_GROUP:
		ip_group_timer(&net->ip, n);
		break;
	case TIMER_TCP_CONN:
	case TIMER_TCP_MISC:
		tcp_timer(&net->tcp, n);
		break;
	default:
		assert(net->sock_timer != NULL);
		net->sock_timer(net->drain_ctx, n);
		break;
	}
}

static bool timers(struct net *net)
{
	struct wheel_node *n;
	unsigned fired = 0;

	while (fired < TIMERS_MAX && (n = wheel_pop(&net->core.wheel, net->core.now))) {
		fire(net, n);
		fired++;
	}
	return fired == TIMERS_MAX;
}

void net_flush(struct net *net)
{
	tcp_flush(&net->tcp);
	link_flush(&net->link);
}

nsec net_poll(struct net *net, nsec now)
{
	bool any = false, again;
	nsec next, dhcp = NSEC_NEVER;

	assert(now >= net->core.now);
	net->core.now = now;
	again = receive(net, &any);
	for (unsigned round = 0; round < LOOP_ROUNDS; round++)
		if (!ip_deliver(&net->ip))
			break;
	again |= timers(net);
	if (net->dhcp)
		dhcp = net_dhcp_poll(net);
	if (unlikely(net->exception != NULL))
		any |= net_exception_poll(net);
	if (net->drain)
		again |= net->drain(net->drain_ctx);
	net_flush(net);
	net->polls++;
	net->polls_idle += !any;
	if (again || !list_empty(&net->tcp.out) || net->ip.loop.head)
		return now;
	next = MIN(wheel_next(&net->core.wheel), dhcp);
	for (unsigned d = 0; d < net->link.devs_n; d++) {
		struct netdev *dev = net->link.devs[d].dev;

		if (net->link.devs[d].tx_n)
			next = MIN(next, now + USEC(50));	/* a full ring: try again soon */
		if (dev->ops->deadline)
			next = MIN(next, dev->ops->deadline(dev, now));
	}
	return MAX(next, now);
}

void net_check(const struct net *net)
{
	pool_check(&net->pool);
	wheel_check(&net->core.wheel);
	link_check(&net->link);
	ip_check(&net->ip);
	udp_check(&net->udp);
	tcp_check(&net->tcp);
	if (net->dhcp)
		dhcp_check(&net->dhcp->dhcp);
}
