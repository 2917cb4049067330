/* What is known of the way to a destination: the largest packet that gets there, RFC 1191.
 *
 * A transport that has judged an ICMP error (or found out by itself) says so; whoever looks for a
 * path to that destination then gets the smaller MTU.  After ten minutes an entry is forgotten, so
 * that a way that became wider is found again (RFC 1191 §6.3).  An MTU below IP_PMTU_MIN is not
 * believed, since it would be an attack; such a way gets packets of that size which may be
 * fragmented.
 * Always: an entry in use has a time to end, and the timer is armed while there is one. */
#include "ip/ip_int.h"

#include "base/foldhash.h"

#define WAYS 4u			/* entries that a destination may be in */

struct ip_pmtu {
	struct addr dst;
	nsec until;		/* 0: not in use */
	uint16_t mtu;
	bool fragment;		/* smaller than what is believed */
};

size_t ip_pmtu_bytes(void)
{
	return IP_PMTU_MAX * sizeof(struct ip_pmtu);
}

void ip_pmtu_init(struct ip *ip, void *mem)
{
	ip->pmtu = mem;
	mem_zero(mem, ip_pmtu_bytes());
	wheel_node_init(&ip->pmtu_timer, TIMER_FRAG);
}

void ip_pmtu_fini(struct ip *ip)
{
	wheel_cancel(&ip->core->wheel, &ip->pmtu_timer);
}

static struct ip_pmtu *set_of(const struct ip *ip, const struct addr *dst)
{
	uint64_t h = foldhash_2(&ip->core->hash_key, dst->q[0], dst->q[1]);

	return &ip->pmtu[h % (IP_PMTU_MAX / WAYS) * WAYS];
}

static struct ip_pmtu *entry_of(const struct ip *ip, const struct addr *dst)
{
	struct ip_pmtu *e = set_of(ip, dst);

	for (unsigned i = 0; i < WAYS; i++)
		if (e[i].until && addr_eq(&e[i].dst, dst))
			return &e[i];
	return NULL;
}

void ip_pmtu_apply(const struct ip *ip, struct ip_path *path, const struct addr *dst)
{
	const struct ip_pmtu *e = ip->pmtus ? entry_of(ip, dst) : NULL;

	if (!e)
		return;
	path->mtu = MIN(path->mtu, e->mtu);
	path->kind |= e->fragment ? IP_PATH_FRAGMENT : 0;
}

/* Its own, a free one, or that which ends first. */
static struct ip_pmtu *entry_for(struct ip *ip, const struct addr *dst)
{
	struct ip_pmtu *e = entry_of(ip, dst), *set = set_of(ip, dst);

	for (unsigned i = 0; i < WAYS && !e; i++)
		if (!set[i].until)
			e = &set[i];
	if (!e) {
		e = set;
		for (unsigned i = 1; i < WAYS; i++)
			if (set[i].until < e->until)
				e = &set[i];
	}
	ip->pmtus += !e->until;
	return e;
}

bool ip_pmtu_lower(struct ip *ip, const struct addr *dst, uint16_t mtu)
{
	bool fragment = mtu < IP_PMTU_MIN;
	struct ip_pmtu *e = entry_of(ip, dst);

	mtu = MAX(mtu, IP_PMTU_MIN);
	if (e && e->mtu <= mtu && e->fragment >= fragment)
		return false;
	e = entry_for(ip, dst);
	*e = (struct ip_pmtu){.dst = *dst, .until = ip->core->now + IP_PMTU_AGE, .mtu = mtu,
			      .fragment = fragment};
	if (!wheel_armed(&ip->pmtu_timer))
		wheel_arm(&ip->core->wheel, &ip->pmtu_timer, e->until);
	ip_generation_next(ip);
	return true;
}

/* Forgets what is too old. */
void ip_pmtu_expire(struct ip *ip)
{
	nsec next = NSEC_NEVER;

	for (unsigned i = 0; i < IP_PMTU_MAX; i++) {
		struct ip_pmtu *e = &ip->pmtu[i];

		if (!e->until)
			continue;
		if (e->until <= ip->core->now) {
			e->until = 0;
			ip->pmtus--;
			ip_generation_next(ip);
		} else {
			next = MIN(next, e->until);
		}
	}
	if (next != NSEC_NEVER)
		wheel_arm(&ip->core->wheel, &ip->pmtu_timer, next);
}

void ip_pmtu_check(const struct ip *ip)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < IP_PMTU_MAX; i++)
		n += ip->pmtu[i].until != 0;
	assert(n == ip->pmtus);
	assert(!n || wheel_armed(&ip->pmtu_timer));
}
