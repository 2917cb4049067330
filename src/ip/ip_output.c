/* IPv4 packets out: the header, its identification, and which way.
 *
 * The usual case (a fresh path to a neighbour that is reachable, no fragmenting) is
 * ip_output() itself; everything else is output_slow(). Does not choose routes (ip_route.c)
 * and does not fragment (ip_split.c).
 *
 * Always: what leaves has a source of ours, a TTL above 0, and fits the MTU of its path. */
#include "ip/ip_int.h"

#include "base/foldhash.h"
#include "wire/eth.h"

/* RFC 6864 §4: an identification must not come again for the same (source, destination,
 * protocol) while the old datagram may live; what may not be fragmented needs none. Counters
 * picked by a keyed hash, so that nobody can tell from his own what others get (RFC 7739
 * §5.3). */
uint16_t ip_id(struct ip *ip, const struct addr *src, const struct addr *dst, uint8_t proto)
{
	uint64_t w[2] = {src->w[3] | (uint64_t)dst->w[3] << 32, proto};
	uint64_t h = foldhash_2(&ip->core->hash_key, w[0], w[1]);

	return (uint16_t)ip->ids[h & (IP_IDS - 1)]++;
}

/* Built in registers, as a little-endian machine sees the bytes: five words, summed on the way. */
static inline void header_write(struct ip *ip, uint8_t *b, const struct addr *src,
				const struct addr *dst, const struct ip_send *how,
				uint32_t total_len)
{
	uint32_t w0 = 0x45u | (uint32_t)how->tos << 8 |
		      (uint32_t)__builtin_bswap16((uint16_t)total_len) << 16;
	uint32_t w1 = 0x00400000;	/* DF */
	uint32_t w2 = (how->ttl ? how->ttl : IP_TTL_DEFAULT) | (uint32_t)how->proto << 8;
	uint64_t q;

	if (!how->dont_fragment)
		w1 = __builtin_bswap16(ip_id(ip, src, dst, how->proto));
	w2 |= (uint32_t)csum_fold((uint64_t)w0 + w1 + w2 + src->w[3] + dst->w[3]) << 16;
	q = w0 | (uint64_t)w1 << 32;
	mem_copy(b, &q, 8);
	q = w2 | (uint64_t)src->w[3] << 32;
	mem_copy(b + 8, &q, 8);
	mem_copy(b + 16, &dst->w[3], 4);
}

void ip_header_write(struct ip *ip, uint8_t *b, const struct addr *src, const struct addr *dst,
		     const struct ip_send *how, uint32_t total_len)
{
	header_write(ip, b, src, dst, how, total_len);
}

/* To ourselves: by way of a queue, so that input never runs inside output. A packet that its
 * sender still holds is copied, since input writes into the descriptor. */
static int loop_back(struct ip *ip, struct pkt *p TAKES)
{
	if (ip->loop.n == IP_LOOP_MAX) {
		core_drop(ip->core, DROP_IP_LOOP_FULL, p);
		return -E_NOBUFS;
	}
	if (unlikely(p->refs > 1)) {
		struct pkt *own = pkt_copy(ip->core->pool, p);

		if (!own) {
			core_drop(ip->core, DROP_POOL_EMPTY, p);
			return -E_NOBUFS;
		}
		pkt_put(p);
		p = own;
	}
	p->flags = (uint8_t)((p->flags & ~PKT_CSUM_TODO) | PKT_LOOPED | PKT_CSUM_OK);
	p->if_index = IP_IF_LOOP;
	pktq_push(&ip->loop, p);
	return 0;
}

/* RFC 1112 §6.4: the low 23 bits of the group below 01-00-5e. */
static struct mac group_mac(uint32_t group)
{
	return (struct mac){{1, 0, 0x5e, (uint8_t)(group >> 16 & 0x7f), (uint8_t)(group >> 8),
			     (uint8_t)group}};
}

int ip_send_on(struct ip *ip, const struct ip_path *path, const struct addr *dst, struct pkt *p)
{
	ip->out++;
	if (path->kind & IP_PATH_NEIGH) {
		link_output(ip->link, path->neigh, WIRE_ETH_IPV4, p);
		return 0;
	}
	if (path->kind & IP_PATH_LOOP)
		return loop_back(ip, p);
	link_output_mac(ip->link, path->if_index,
			path->kind & IP_PATH_MCAST ? group_mac(addr_to_v4(dst)) : WIRE_MAC_BCAST,
			WIRE_ETH_IPV4, p);
	return 0;
}

static enum drop reason_for(int err)
{
	switch (err) {
	case -E_ADDRNOTAVAIL:
		return DROP_IP_SRC;
	case -E_NOBUFS:
		return DROP_NEIGH_FULL;
	default:
		return DROP_IP_NO_ROUTE;
	}
}

static int refresh(struct ip *ip, struct ip_path *path, const struct addr *src,
		   const struct addr *dst)
{
	struct addr from = *src;

	if (ip_path_fresh(ip, path))
		return 0;
	return addr_is_any(src) ? -E_ADDRNOTAVAIL : ip_path_find(ip, path, &from, dst);
}

/* What goes to a group that we are in comes to us as well. */
static void group_loop(struct ip *ip, const struct pkt *p)
{
	struct pkt *copy = pkt_copy(ip->core->pool, p);

	if (!copy) {
		core_count_drop(ip->core, DROP_POOL_EMPTY, p);
		return;
	}
	copy->flags = PKT_LINK_BCAST;
	(void)loop_back(ip, copy);
}

static NOINLINE int output_slow(struct ip *ip, struct ip_path *path, const struct addr *src,
				const struct addr *dst, const struct ip_send *how,
				struct pkt *p TAKES)
{
	uint32_t total = p->total + WIRE_IPV4_LEN;
	int err = refresh(ip, path, src, dst);

	if (err) {
		core_drop(ip->core, reason_for(err), p);
		return err;
	}
	if (total > path->mtu) {
		if (!how->dont_fragment)
			return ip_split(ip, path, src, dst, how, p);
		core_drop(ip->core, DROP_IP_DF, p);
		return -E_MSGSIZE;
	}
	header_write(ip, pkt_push(p, WIRE_IPV4_LEN), src, dst, how, total);
	if (path->kind & IP_PATH_MCAST && !how->no_loop &&
	    ip_group_in(ip, addr_to_v4(dst), path->if_index))
		group_loop(ip, p);
	return ip_send_on(ip, path, dst, p);
}

int ip_output(struct ip *ip, struct ip_path *path, const struct addr *src, const struct addr *dst,
	      const struct ip_send *how, struct pkt *p)
{
	uint32_t total = p->total + WIRE_IPV4_LEN;
	uint8_t *b;

	if (unlikely(!ip_path_fresh(ip, path) || total > path->mtu || !path->neigh ||
		     path->neigh->state < NEIGH_REACHABLE))
		return output_slow(ip, path, src, dst, how, p);
	b = pkt_push(p, WIRE_IPV4_LEN + LINK_HEADER);
	header_write(ip, b + LINK_HEADER, src, dst, how, total);
	ip->out++;
	link_output_known(ip->link, path->neigh, p);
	return 0;
}

int ip_output_own(struct ip *ip, const struct addr *dst, struct pkt *p)
{
	struct ip_path path = {0};
	struct addr src = {0};
	uint8_t *b = p->data;
	uint32_t len = p->len ? (b[0] & 15u) * 4 : 0;
	uint16_t csum;
	int err = p->len < WIRE_IPV4_LEN || b[0] >> 4 != 4 || len < WIRE_IPV4_LEN || len > p->len ?
			  -E_INVAL : ip_path_find(ip, &path, &src, dst);

	if (!err && p->total > path.mtu)
		err = -E_MSGSIZE;
	if (err) {
		pkt_put(p);
		return err;
	}
	store_be16(b + 2, (uint16_t)p->total);
	if (!load_be16(b + 4))
		store_be16(b + 4, ip_id(ip, &src, dst, b[9]));
	if (!load_be32(b + 12))
		mem_copy(b + 12, &src.w[3], 4);
	store_be16(b + 10, 0);
	csum = csum_fold(csum_partial(b, len, 0));
	mem_copy(b + 10, &csum, 2);
	return ip_send_on(ip, &path, dst, p);
}
