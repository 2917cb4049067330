/* Groups that we are in: IGMPv3 (RFC 3376), and answers to IGMPv2 queries (RFC 2236).
 *
 * A group is joined on a device as often as somebody asks, and told when the first comes and the
 * last goes.  Always without a list of sources: everything that is sent to it is wanted.
 *
 * Not here: which socket gets what (udp). */
#include "ip/ip_int.h"

#define QUERY 0x11
#define REPORT_V2 0x16
#define LEAVE_V2 0x17
#define REPORT_V3 0x22
#define ALL_ROUTERS IPV4(224, 0, 0, 2)
#define ALL_REPORTS IPV4(224, 0, 0, 22)	/* RFC 3376 §4.2.14 */
#define HEADER 24u		/* IPv4 with Router Alert, RFC 2113 §2.1 */

enum record { IS_EXCLUDE = 2, TO_INCLUDE = 3, TO_EXCLUDE = 4 };	/* RFC 3376 §4.2.12 */

static struct ip_group *find(struct ip *ip, uint32_t group, uint8_t if_index)
{
	for (unsigned i = 0; i < IP_GROUPS_MAX; i++) {
		struct ip_group *g = &ip->groups[i];

		if (g->refs && g->group == group && g->if_index == if_index)
			return g;
	}
	return NULL;
}

bool ip_group_in(const struct ip *ip, uint32_t group, uint8_t if_index)
{
	return ip->groups_n && find((struct ip *)ip, group, if_index);
}

/* ---- out */

static uint32_t source_on(const struct ip *ip, uint8_t if_index)
{
	for (unsigned i = 0; i < ip->addrs_n; i++)
		if (ip->addrs[i].if_index == if_index)
			return addr_to_v4(&ip->addrs[i].addr);
	return 0;
}

static void send(struct ip *ip, uint8_t if_index, uint32_t to, const uint8_t *message, uint32_t n)
{
	struct ip_path path = {.if_index = if_index, .kind = IP_PATH_MCAST,
			       .generation = ip->generation};
	struct pkt *p = pkt_new(ip->core->pool);
	struct addr dst = addr_v4(to);
	uint16_t csum;
	uint8_t *b;

	if (!p)
		return;		/* the next query asks again */
	(void)pkt_write(p, message, n);
	csum = csum_fold(csum_partial(p->data, n, 0));
	mem_copy(p->data + 2, &csum, 2);
	b = pkt_push(p, HEADER);
	mem_zero(b, HEADER);
	b[0] = 0x46;
	b[1] = 0xc0;		/* internetwork control, RFC 3376 §4 */
	store_be16(b + 2, (uint16_t)(HEADER + n));
	store_be16(b + 6, WIRE_IPV4_DF);
	b[8] = 1;
	b[9] = WIRE_PROTO_IGMP;
	store_be32(b + 12, source_on(ip, if_index));
	store_be32(b + 16, to);
	b[20] = 0x94;
	b[21] = 4;
	csum = csum_fold(csum_partial(b, HEADER, 0));
	mem_copy(b + 10, &csum, 2);
	(void)ip_send_on(ip, &path, &dst, p);
}

static void report(struct ip *ip, const struct ip_group *g, enum record what)
{
	uint8_t m[16] = {0};

	if (g->v2) {
		m[0] = what == TO_INCLUDE ? LEAVE_V2 : REPORT_V2;
		store_be32(m + 4, g->group);
		send(ip, g->if_index, what == TO_INCLUDE ? ALL_ROUTERS : g->group, m, 8);
		return;
	}
	m[0] = REPORT_V3;
	m[7] = 1;
	m[8] = (uint8_t)what;
	store_be32(m + 12, g->group);
	send(ip, g->if_index, ALL_REPORTS, m, sizeof(m));
}

/* ---- join and leave */

int ip_join(struct ip *ip, const struct addr *group, uint8_t if_index)
{
	uint32_t v4 = addr_to_v4(group);
	struct ip_group *g = find(ip, v4, if_index);

	if (!addr_is_v4(group) || !ip_v4_is_multicast(v4))
		return -E_INVAL;
	if (if_index >= ip->link->devs_n)
		return -E_NODEV;
	if (g) {
		g->refs++;
		return 0;
	}
	for (unsigned i = 0; i < IP_GROUPS_MAX; i++) {
		g = &ip->groups[i];
		if (g->refs)
			continue;
		*g = (struct ip_group){.group = v4, .if_index = if_index, .refs = 1};
		wheel_node_init(&g->timer, TIMER_GROUP);
		ip->groups_n++;
		report(ip, g, TO_EXCLUDE);
		return 0;
	}
	return -E_NOBUFS;
}

void ip_leave(struct ip *ip, const struct addr *group, uint8_t if_index)
{
	struct ip_group *g = find(ip, addr_to_v4(group), if_index);

	assert(g != NULL);
	if (--g->refs)
		return;
	wheel_cancel(&ip->core->wheel, &g->timer);
	ip->groups_n--;
	report(ip, g, TO_INCLUDE);
}

/* ---- in */

/* RFC 3376 §4.1.1: in tenths of a second, above 127 with an exponent. */
static nsec delay_of(uint8_t code)
{
	uint32_t tenths = code < 128 ? code : ((code & 15u) | 16u) << ((code >> 4 & 7) + 3);

	return MSEC(100) * tenths;
}

static enum drop judge(const struct pkt *p)
{
	if (p->total < 8 || p->len < 8)
		return DROP_IGMP_SHORT;
	if (!(p->flags & PKT_LOOPED) && csum_fold(csum_pkt(p, 0, p->total, 0)))
		return DROP_IGMP_CSUM;
	return p->data[0] == QUERY ? DROP_NOT : DROP_IGMP_TYPE;
}

/* RFC 3376 §5.2: the answer leaves after a while that is picked by chance. */
static void queried(struct ip *ip, const struct pkt *p)
{
	uint32_t group = load_be32(p->data + 4);
	bool v2 = p->total == 8;
	nsec most = v2 && !p->data[1] ? SEC(10) : delay_of(p->data[1]);

	for (unsigned i = 0; i < IP_GROUPS_MAX; i++) {
		struct ip_group *g = &ip->groups[i];

		if (!g->refs || g->if_index != p->if_index || (group && group != g->group))
			continue;
		g->v2 = v2;
		if (!wheel_armed(&g->timer))
			wheel_arm(&ip->core->wheel, &g->timer,
				  ip->core->now + prng_u64(&ip->core->prng) % (most + 1));
	}
}

void ip_igmp_input(void *self, struct pkt **p, unsigned n)
{
	struct ip *ip = self;

	for (unsigned i = 0; i < n; i++) {
		enum drop why = judge(p[i]);

		if (why) {
			core_drop(ip->core, why, p[i]);
			continue;
		}
		queried(ip, p[i]);
		pkt_put(p[i]);
	}
}

void ip_group_timer(struct ip *ip, struct wheel_node *n)
{
	report(ip, container_of(n, struct ip_group, timer), IS_EXCLUDE);
}
