/* Routes, and the path to a destination: which interface, which neighbour, which source.
 *
 * Longest prefix first, so that the first match is the best (RFC 1122 §3.3.1). A path is an
 * answer to keep: whatever could make it wrong changes ip->generation. */
#include "ip/ip_int.h"

int ip_add_route(struct ip *ip, const struct ip_route *route)
{
	uint32_t dst = addr_to_v4(&route->dst);
	unsigned at = 0;

	if (!addr_is_v4(&route->dst) || route->prefix > 32 || (dst & ~ip_mask(route->prefix)))
		return -E_INVAL;
	if (route->if_index >= ip->link->devs_n)
		return -E_INVAL;
	if (route->via_gateway && (!addr_is_v4(&route->gateway) || addr_is_any(&route->gateway)))
		return -E_INVAL;
	for (unsigned i = 0; i < ip->routes_n; i++)
		if (ip->routes[i].prefix == route->prefix &&
		    addr_eq(&ip->routes[i].dst, &route->dst))
			return -E_EXIST;
	if (ip->routes_n == IP_ROUTES_MAX)
		return -E_NOSPC;
	while (at < ip->routes_n && ip->routes[at].prefix >= route->prefix)
		at++;
	mem_move(&ip->routes[at + 1], &ip->routes[at], (ip->routes_n - at) * sizeof(*route));
	ip->routes[at] = *route;
	ip->routes_n++;
	ip_generation_next(ip);
	return 0;
}

int ip_del_route(struct ip *ip, const struct addr *dst, uint8_t prefix)
{
	for (unsigned i = 0; i < ip->routes_n; i++) {
		if (ip->routes[i].prefix != prefix || !addr_eq(&ip->routes[i].dst, dst))
			continue;
		ip->routes_n--;
		mem_move(&ip->routes[i], &ip->routes[i + 1],
			 (ip->routes_n - i) * sizeof(ip->routes[0]));
		ip_generation_next(ip);
		return 0;
	}
	return -E_NOENT;
}

static const struct ip_route *route_to(const struct ip *ip, uint32_t dst)
{
	for (unsigned i = 0; i < ip->routes_n; i++) {
		const struct ip_route *r = &ip->routes[i];

		if (((addr_to_v4(&r->dst) ^ dst) & ip_mask(r->prefix)) == 0)
			return r;
	}
	return NULL;
}

/* The address of ours to talk to `next_hop` with: one in its subnet, else one of that
 * interface, else any. */
static const struct ip_addr *source_for(const struct ip *ip, uint8_t if_index, uint32_t next_hop)
{
	const struct ip_addr *same_if = NULL, *other = NULL;

	for (unsigned i = 0; i < ip->addrs_n; i++) {
		const struct ip_addr *a = &ip->addrs[i];

		if (a->addr.b[12] == 127)
			continue;
		if (!other)
			other = a;
		if (a->if_index != if_index)
			continue;
		if (((addr_to_v4(&a->addr) ^ next_hop) & ip_mask(a->prefix)) == 0)
			return a;
		if (!same_if)
			same_if = a;
	}
	return same_if ? same_if : other;
}

static int choose_source(const struct ip *ip, struct addr *src, uint8_t if_index, uint32_t next_hop)
{
	const struct ip_addr *a;

	if (!addr_is_any(src))		/* RFC 1122 §3.2.1.3 (g): 127/8 must not leave the host */
		return ip_is_local(ip, src) && src->b[12] != 127 ? 0 : -E_ADDRNOTAVAIL;
	a = source_for(ip, if_index, next_hop);
	if (!a)
		return -E_ADDRNOTAVAIL;
	*src = a->addr;
	return 0;
}

static int path_local(struct ip *ip, struct ip_path *path, struct addr *src, const struct addr *dst)
{
	if (addr_is_any(src))
		*src = *dst;
	else if (!ip_is_local(ip, src))
		return -E_ADDRNOTAVAIL;
	*path = (struct ip_path){
		.mtu = IP_LOOP_MTU,
		.if_index = IP_IF_LOOP,
		.kind = IP_PATH_LOOP,
		.generation = ip->generation,
	};
	return 0;
}

/* The interface for a broadcast or multicast: that of the subnet, of the source, of a route,
 * or else the first that has an address. -1: none. */
static int group_interface(const struct ip *ip, const struct addr *src, uint32_t dst)
{
	const struct ip_route *r = route_to(ip, dst);
	int i = ip_bcast_of(ip, dst);

	if (i >= 0)
		return ip->addrs[i].if_index;
	for (i = 0; i < (int)ip->addrs_n; i++)
		if (addr_eq(&ip->addrs[i].addr, src))
			return ip->addrs[i].if_index;
	if (r)
		return r->if_index;
	for (i = 0; i < (int)ip->addrs_n; i++)
		if (ip->addrs[i].if_index != IP_IF_LOOP)
			return ip->addrs[i].if_index;
	return -1;
}

static void path_set_dev(const struct ip *ip, struct ip_path *path, uint8_t if_index, uint8_t kind)
{
	const struct netdev *dev = ip->link->devs[if_index].dev;

	path->if_index = if_index;
	path->mtu = dev->mtu;
	path->kind = kind | (dev->features & NETDEV_CSUM_TX ? IP_PATH_CSUM : 0);
	path->generation = ip->generation;
}

int ip_group_device(const struct ip *ip, const struct addr *group)
{
	int i = group_interface(ip, &(struct addr){0}, addr_to_v4(group));

	return i == IP_IF_LOOP ? -1 : i;
}

bool ip_addr_on(const struct ip *ip, uint8_t if_index, struct addr *out)
{
	for (unsigned i = 0; i < ip->addrs_n; i++)
		if (ip->addrs[i].if_index == if_index) {
			*out = ip->addrs[i].addr;
			return true;
		}
	return false;
}

static int path_group(struct ip *ip, struct ip_path *path, struct addr *src, uint32_t dst)
{
	int i = group_interface(ip, src, dst), err;

	if (i < 0 || i == IP_IF_LOOP)
		return -E_NETUNREACH;
	err = choose_source(ip, src, (uint8_t)i, dst);
	if (err)
		return err;
	path->neigh = NULL;
	path_set_dev(ip, path, (uint8_t)i, ip_v4_is_multicast(dst) ? IP_PATH_MCAST : IP_PATH_BCAST);
	return 0;
}

int ip_path_find(struct ip *ip, struct ip_path *path, struct addr *src, const struct addr *dst)
{
	uint32_t v4 = addr_to_v4(dst), hop;
	const struct ip_route *r;
	struct addr next;
	int err;

	path->generation = 0;
	if (!addr_is_v4(dst) || v4 >> 24 == 0)
		return -E_NETUNREACH;
	if (ip_is_local(ip, dst))
		return path_local(ip, path, src, dst);
	if (ip_is_bcast(ip, dst))
		return path_group(ip, path, src, v4);
	r = v4 < IPV4(240, 0, 0, 0) ? route_to(ip, v4) : NULL;	/* RFC 1112 §4: class E */
	if (!r)
		return -E_NETUNREACH;
	next = r->via_gateway ? r->gateway : *dst;
	hop = addr_to_v4(&next);
	err = choose_source(ip, src, r->if_index, hop);
	if (err)
		return err;
	path->neigh = link_neigh_get(ip->link, r->if_index, &next);
	if (!path->neigh)
		return -E_NOBUFS;
	path_set_dev(ip, path, r->if_index, IP_PATH_NEIGH);
	ip_pmtu_apply(ip, path, dst);
	return 0;
}

uint16_t ip_path_link_mtu(const struct ip *ip, const struct ip_path *path)
{
	return path->kind & IP_PATH_LOOP ? path->mtu : ip->link->devs[path->if_index].dev->mtu;
}

void ip_path_confirm(struct ip *ip, const struct ip_path *path)
{
	if (ip_path_fresh(ip, path) && path->kind & IP_PATH_NEIGH)
		link_neigh_confirm(ip->link, path->neigh);
}
