/* The lower half of a stack for tests. */
#include "helper/lower.h"

#include <stdlib.h>
#include <string.h>

#include "helper/fakedev.h"
#include "link/link.h"

#define NEIGHS 64u

static void *memory(size_t n)
{
	void *p = aligned_alloc(CACHE_LINE, ALIGN_UP(n, (size_t)CACHE_LINE));

	assert(p);
	memset(p, 0, n);
	return p;
}

static void configure(struct lower *l)
{
	struct addr us = addr_v4(LOWER_US);
	struct ip_route out = {
		.dst = addr_v4(0), .via_gateway = true, .gateway = addr_v4(LOWER_PEER),
	};

	assert(ip_add_addr(&l->ip, &us, 24, 0) == 0);
	assert(ip_add_route(&l->ip, &out) == 0);
	link_flush(l->link);
	lower_out_skip(l);
}

struct lower *lower_new(const struct lower_config *config)
{
	static const struct lower_config none;
	struct lower *l = memory(sizeof(*l));

	if (!config)
		config = &none;
	stage_init(&l->stage, config->frames ? config->frames : LOWER_FRAMES, 256);
	l->link = memory(sizeof(*l->link));
	l->dev = memory(sizeof(*l->dev));
	l->mem[0] = memory(link_bytes(NEIGHS));
	l->mem[1] = memory(ip_bytes());
	memset(l->link, 0xa5, sizeof(*l->link));	/* nobody cleared it */
	memset(&l->ip, 0xa5, sizeof(l->ip));
	link_init(l->link, &l->stage.core, NEIGHS, l->mem[0]);
	ip_init(&l->ip, &l->stage.core, l->link, l->mem[1]);
	fakedev_init(l->dev, &l->stage.pool, LOWER_MAC_US, config->mtu ? config->mtu : 1500,
		     (config->csum_tx ? NETDEV_CSUM_TX : 0) |
		     (config->chain_tx ? NETDEV_CHAIN_TX : 0));
	assert(link_add_dev(l->link, &l->dev->dev) == 0);
	configure(l);
	if (!config->unresolved)
		lower_resolve(l);
	return l;
}

static void check(struct lower *l)
{
	link_check(l->link);
	ip_check(&l->ip);
	if (l->udp)
		l->check_udp(l->udp);
	wheel_check(&l->stage.core.wheel);
}

static void keep(void *self, struct pkt **p, unsigned n)
{
	struct lower *l = self;

	l->got_calls++;
	for (unsigned i = 0; i < n; i++) {
		assert(l->got_n < LOWER_GOT_MAX);
		l->got_p[l->got_n++] = p[i];
	}
}

static void keep_error(void *self, const struct ip_error *e)
{
	struct lower *l = self;

	l->error = *e;
	l->errors_n++;
	memcpy(l->error_l4, e->l4, MIN(e->l4_len, sizeof(l->error_l4)));
}

void lower_watch(struct lower *l)
{
	struct ip_proto row = {
		.proto = LOWER_PROTO, .input = keep, .error = keep_error, .self = l,
	};

	ip_add_proto(&l->ip, &row);
}

void lower_free(struct lower *l)
{
	check(l);
	for (unsigned i = 0; i < l->got_n; i++)
		pkt_put(l->got_p[i]);
	ip_fini(&l->ip);
	link_fini(l->link);
	fakedev_fini(l->dev);
	stage_fini(&l->stage);
	free(l->link);
	free(l->udp);
	free(l->dev);
	free(l->mem[0]);
	free(l->mem[1]);
	free(l);
}

struct frame *lower_udp(struct lower *l, uint16_t sport, uint16_t dport, const void *data,
			uint32_t n)
{
	frame_eth(&l->frame, LOWER_MAC_US, LOWER_MAC_PEER, WIRE_ETH_IPV4);
	frame_udp(&l->frame, LOWER_PEER, sport, LOWER_US, dport, data, n);
	return &l->frame;
}

struct frame *lower_icmp(struct lower *l, const struct wire_icmp *icmp, const void *data,
			 uint32_t n)
{
	frame_eth(&l->frame, LOWER_MAC_US, LOWER_MAC_PEER, WIRE_ETH_IPV4);
	frame_icmp(&l->frame, LOWER_PEER, LOWER_US, icmp, data, n);
	return &l->frame;
}

struct frame *lower_ip(struct lower *l, const void *data, uint32_t n)
{
	frame_eth(&l->frame, LOWER_MAC_US, LOWER_MAC_PEER, WIRE_ETH_IPV4);
	frame_ip(&l->frame, LOWER_PEER, LOWER_US, LOWER_PROTO, n);
	frame_data(&l->frame, data, n);
	return &l->frame;
}

int lower_send(struct lower *l, uint32_t dst, const void *data, uint32_t n, bool dont_fragment)
{
	struct addr from = addr_v4(LOWER_US), to = addr_v4(dst);
	struct ip_send how = {.proto = LOWER_PROTO, .dont_fragment = dont_fragment};
	struct ip_path path = {0};
	struct pkt *p = fakedev_packet(l->dev, data, n);

	assert(p);
	return ip_output(&l->ip, &path, &from, &to, &how, p);
}

void lower_run(struct lower *l)
{
	ip_deliver(&l->ip);
	link_flush(l->link);
	check(l);
}

void lower_in(struct lower *l)
{
	struct pkt *p;

	if (!fakedev_put(l->dev, l->frame.b, l->frame.n))
		core_count_drop(&l->stage.core, DROP_POOL_EMPTY, NULL);
	while (l->dev->dev.ops->rx(&l->dev->dev, &p, 1) == 1)
		link_input(l->link, 0, &p, 1);
	lower_run(l);
}

static void fire(void *ctx, struct wheel_node *n)
{
	struct lower *l = ctx;

	if (n->kind == TIMER_NEIGH)
		link_timer(l->link, n);
	else if (n->kind == TIMER_GROUP)
		ip_group_timer(&l->ip, n);
	else
		ip_frag_timer(&l->ip, n);
	lower_run(l);
}

void lower_pass(struct lower *l, nsec duration)
{
	stage_pass(&l->stage, duration, fire, l);
	lower_run(l);
}

struct frame *lower_out(struct lower *l)
{
	const struct fakedev_frame *f = fakedev_take(l->dev);

	if (!f)
		return NULL;
	l->got.n = f->n;
	l->got_flags = f->flags;
	memcpy(l->got.b, f->b, f->n);
	return &l->got;
}

unsigned lower_out_n(const struct lower *l)
{
	return l->dev->out_n - l->dev->out_at;
}

void lower_out_skip(struct lower *l)
{
	l->dev->out_at = l->dev->out_n;
}

void lower_resolve(struct lower *l)
{
	struct addr peer = addr_v4(LOWER_PEER), us = addr_v4(LOWER_US);
	struct ip_send how = {.proto = LOWER_PROTO};
	struct ip_path path = {0};
	struct wire_arp answer = {
		.op = WIRE_ARP_REPLY, .sender_mac = LOWER_MAC_PEER, .sender_ip = LOWER_PEER,
		.target_mac = LOWER_MAC_US, .target_ip = LOWER_US,
	};

	ip_output(&l->ip, &path, &us, &peer, &how, pkt_new(&l->stage.pool));
	lower_run(l);
	frame_arp(&l->frame, LOWER_MAC_US, &answer);
	lower_in(l);
	assert(path.neigh->state == NEIGH_REACHABLE);
	lower_out_skip(l);
}

uint64_t lower_drops_all(const struct lower *l)
{
	uint64_t n = 0;

	for (unsigned i = 1; i < DROP_N; i++)
		n += l->stage.core.drops[i];
	return n;
}
