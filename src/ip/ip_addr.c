/* Which addresses are ours, and which mean everybody here.
 *
 * Always: ip->v4[] says for each address of ip->addrs[] in header form what the arrival path
 * compares. */
#include "ip/ip_int.h"

static bool may_be_ours(uint32_t ip)
{
	return ip >> 24 != 0 && ip < IPV4(224, 0, 0, 0);
}

int ip_add_addr(struct ip *ip, const struct addr *addr, uint8_t prefix, uint8_t if_index)
{
	uint32_t v4 = addr_to_v4(addr), mask;
	struct ip_route route = {.prefix = prefix, .if_index = if_index};
	unsigned i = ip->addrs_n;
	int err;

	if (!addr_is_v4(addr) || prefix > 32 || !may_be_ours(v4))
		return -E_INVAL;
	if (if_index != IP_IF_LOOP && if_index >= ip->link->devs_n)
		return -E_INVAL;
	mask = ip_mask(prefix);
	for (unsigned k = 0; k < i; k++)
		if (addr_eq(&ip->addrs[k].addr, addr))
			return -E_EXIST;
	if (i == IP_ADDRS_MAX)
		return -E_NOSPC;
	if (if_index != IP_IF_LOOP) {
		route.dst = addr_v4(v4 & mask);
		err = ip_add_route(ip, &route);
		if (err && err != -E_EXIST)
			return err;
		err = link_add_local(ip->link, addr, if_index);
		if (err)
			return err;
	}
	ip->addrs[i] = (struct ip_addr){.addr = *addr, .prefix = prefix, .if_index = if_index};
	ip->v4[i].addr = addr->w[3];
	/* RFC 3021 §2.1: a 31-bit prefix has no broadcast address. */
	ip->v4[i].bcast = prefix < 31 ? __builtin_bswap32(v4 | ~mask) : 0;
	ip->addrs_n++;
	ip->pair = 0;
	ip_generation_next(ip);
	return 0;
}

int ip_del_addr(struct ip *ip, const struct addr *addr)
{
	for (unsigned i = 0; i < ip->addrs_n; i++) {
		struct ip_addr a = ip->addrs[i];
		struct addr dst = addr_v4(addr_to_v4(addr) & ip_mask(a.prefix));

		if (!addr_eq(&a.addr, addr))
			continue;
		ip->addrs_n--;
		for (unsigned k = i; k < ip->addrs_n; k++) {
			ip->addrs[k] = ip->addrs[k + 1];
			ip->v4[k] = ip->v4[k + 1];
		}
		ip->pair = 0;
		if (a.if_index != IP_IF_LOOP) {
			ip_del_route(ip, &dst, a.prefix);
			link_del_local(ip->link, addr, a.if_index);
		}
		ip_generation_next(ip);
		return 0;
	}
	return -E_NOENT;
}

bool ip_is_local(const struct ip *ip, const struct addr *a)
{
	if (!addr_is_v4(a))
		return false;
	if (a->b[12] == 127)
		return true;
	for (unsigned i = 0; i < ip->addrs_n; i++)
		if (ip->v4[i].addr == a->w[3])
			return true;
	return false;
}

int ip_bcast_of(const struct ip *ip, uint32_t dst)
{
	uint32_t be = __builtin_bswap32(dst);

	for (unsigned i = 0; i < ip->addrs_n; i++)
		if (ip->v4[i].bcast == be && be)
			return (int)i;
	return -1;
}

bool ip_is_bcast(const struct ip *ip, const struct addr *a)
{
	uint32_t v4 = addr_to_v4(a);

	if (!addr_is_v4(a))
		return a->b[0] == 0xff;		/* RFC 4291 §2.7 */
	return v4 == UINT32_MAX || ip_v4_is_multicast(v4) || ip_bcast_of(ip, v4) >= 0;
}
