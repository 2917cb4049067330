/* The network layer as a whole: how it comes up and goes down, its table of upper protocols,
 * its invariants.
 *
 * Start reading at ip_input() and ip_output(). */
#include "ip/ip_int.h"

#include "wire/eth.h"

size_t ip_bytes(void)
{
	return ALIGN_UP(IP_IDS * sizeof(uint32_t), CACHE_LINE) +
	       ALIGN_UP(ip_frag_bytes(), CACHE_LINE) + ip_pmtu_bytes();
}

/* Whoever remembers a path finds it again. */
void ip_generation_next(struct ip *ip)
{
	if (++ip->generation == 0)
		ip->generation = 1;
}

static void link_changed(void *self)
{
	ip_generation_next(self);
}

void ip_init(struct ip *ip, struct core *core, struct link *link, void *mem)
{
	struct ip_proto icmp = {.proto = WIRE_PROTO_ICMP, .input = ip_icmp_input, .self = ip};
	struct ip_proto igmp = {.proto = WIRE_PROTO_IGMP, .input = ip_igmp_input, .self = ip};
	uint8_t *m = mem;

	mem_zero(ip, sizeof(*ip));
	ip->core = core;
	ip->link = link;
	ip->generation = 1;
	ip->icmp_errors_per_s = 1000;
	pktq_init(&ip->loop);
	ip->ids = mem;
	for (unsigned i = 0; i < IP_IDS; i++)
		ip->ids[i] = (uint32_t)prng_u64(&core->prng);
	m += ALIGN_UP(IP_IDS * sizeof(uint32_t), CACHE_LINE);
	ip_frag_init(ip, m);
	ip_pmtu_init(ip, m + ALIGN_UP(ip_frag_bytes(), CACHE_LINE));
	link->unreachable = ip_unreachable;
	link->changed = link_changed;
	link->unreachable_ctx = ip;
	link_add_upper(link, WIRE_ETH_IPV4, ip_input, ip);
	ip_add_proto(ip, &icmp);
	ip_add_proto(ip, &igmp);
}

void ip_fini(struct ip *ip)
{
	for (unsigned row = 0; row < ip->protos_n; row++)
		while (ip->batch_n[row])
			pkt_put(ip->batch[row][--ip->batch_n[row]]);
	pktq_free(&ip->loop);
	ip_frag_fini(ip);
	ip_pmtu_fini(ip);
}

void ip_set_raw(struct ip *ip, bool (*raw)(void *self, struct pkt *p), void *self)
{
	ip->raw = raw;
	ip->raw_self = self;
}

void ip_add_proto(struct ip *ip, const struct ip_proto *proto)
{
	assert(ip->protos_n < IP_PROTOS_MAX);
	assert(!ip->row_of[proto->proto]);
	ip->protos[ip->protos_n++] = *proto;
	ip->row_of[proto->proto] = (uint8_t)ip->protos_n;
}

void ip_check(const struct ip *ip)
{
	uint32_t looped = 0;

	assert(ip->generation != 0);
	assert(ip->addrs_n <= IP_ADDRS_MAX && ip->routes_n <= IP_ROUTES_MAX);
	for (unsigned i = 0; i < ip->addrs_n; i++)
		assert(ip->v4[i].addr == ip->addrs[i].addr.w[3]);
	for (unsigned i = 1; i < ip->routes_n; i++)
		assert(ip->routes[i - 1].prefix >= ip->routes[i].prefix);
	for (unsigned row = 0; row < ip->protos_n; row++) {
		assert(ip->row_of[ip->protos[row].proto] == row + 1);
		assert(ip->batch_n[row] < IP_BATCH);
		assert(!(ip->batched >> row & 1) == !ip->batch_n[row]);
		for (unsigned i = 0; i < ip->batch_n[row]; i++)
			assert(ip->batch[row][i]->refs > 0);
	}
	for (const struct pkt *p = ip->loop.head; p; p = p->next) {
		assert(p->flags & PKT_LOOPED);
		looped++;
	}
	assert(looped == ip->loop.n && looped <= IP_LOOP_MAX);
	ip_frag_check(ip);
	ip_pmtu_check(ip);
}
