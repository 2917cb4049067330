/* Datagrams out.
 *
 * A socket remembers the path of its last datagram, connected or not: whoever answers one peer
 * after another pays for a lookup only when the peer changes. */
#include "udp/udp_int.h"

#define HEADERS 48u		/* UDP, IP, Ethernet, and a little for a driver */

/* Where to, from which address, along which path. */
static int find_path(struct udp *u, struct udp_sock *s, const struct addr *to)
{
	int err;

	if (ip_path_fresh(u->ip, &s->path) && addr_eq(&s->path_dst, to) &&
	    (addr_is_any(&s->local) || addr_eq(&s->path_src, &s->local)))
		return 0;
	s->path_src = ip_is_bcast(u->ip, &s->local) ? (struct addr){0} : s->local;
	if (unlikely(s->mcast_if | s->bound_if) && ip_is_bcast(u->ip, to) &&
	    addr_is_any(&s->path_src))
		(void)ip_addr_on(u->ip, (uint8_t)((s->mcast_if ? s->mcast_if : s->bound_if) - 1),
				 &s->path_src);
	s->path_dst = *to;
	err = ip_path_find(u->ip, &s->path, &s->path_src, to);
	if (err)
		return err;
	if (s->path.kind & IP_PATH_BCAST && !s->broadcast) {
		s->path.generation = 0;
		return -E_ACCES;
	}
	return 0;
}

/* RFC 768: a sum of 0 goes as all ones, for 0 says that there is none. Fragments and looped
 * packets never meet the device that would fill it. */
static void fill_csum(const struct udp_sock *s, struct pkt *p)
{
	uint64_t sum = csum_pseudo(&s->path_src, &s->path_dst, WIRE_PROTO_UDP, p->total);
	uint16_t csum;

	if (s->path.kind & IP_PATH_LOOP)
		return;
	if (s->path.kind & IP_PATH_CSUM && p->total + WIRE_IPV4_LEN <= s->path.mtu) {
		csum = csum_fold_raw(sum);
		p->flags |= PKT_CSUM_TODO;
	} else {
		csum = csum_fold(udp_sum(p, sum));
		csum = csum ? csum : 0xffff;
	}
	mem_copy(p->data + 6, &csum, 2);
}

/* The headers need a first piece of our own with room in front. */
static struct pkt *with_room(struct udp *u, struct pkt *p TAKES)
{
	struct pkt *first;

	if (likely(p->refs == 1 && pkt_headroom(p) >= HEADERS)) {
		p->flags = 0;		/* what it may say from when it was received */
		return p;
	}
	first = pkt_new(u->core->pool);
	if (first)
		pkt_append(first, p);
	else
		core_drop(u->core, DROP_POOL_EMPTY, p);
	return first;
}

static int send_to(struct udp *u, struct udp_sock *s, const struct addr *to, uint16_t port,
		   struct pkt *p TAKES)
{
	struct ip_send how = {.proto = WIRE_PROTO_UDP, .tos = s->tos,
			      .dont_fragment = s->dont_fragment,
			      .no_loop = s->flags & UDPF_NO_LOOP};
	struct wire_udp h = {.sport = s->lport, .dport = port};
	int err = find_path(u, s, to);

	if (err) {
		pkt_put(p);
		return err;
	}
	p = with_room(u, p);
	if (!p)
		return -E_NOBUFS;
	how.ttl = s->path.kind & IP_PATH_MCAST ? s->mcast_ttl : s->ttl;
	h.len = (uint16_t)(p->total + WIRE_UDP_LEN);
	wire_udp_write(pkt_push(p, WIRE_UDP_LEN), &h);
	fill_csum(s, p);
	u->out++;
	return ip_output(u->ip, &s->path, &s->path_src, &s->path_dst, &how, p);
}

int udp_send(struct udp *u, struct udp_sock *s, const struct addr *to, uint16_t port, struct pkt *p)
{
	int err = -udp_take_error(s);

	if (unlikely(s->kind) && !err)
		return udp_raw_send(u, s, to, p);
	if (!to && !s->connected)
		err = err ? err : -E_DESTADDRREQ;
	if (!to) {
		to = &s->remote;
		port = s->rport;
	}
	if (!err && port == 0)
		err = -E_INVAL;
	if (!err && p->total > UDP_PAYLOAD_MAX)
		err = -E_MSGSIZE;
	if (!err)
		err = udp_bind_any(u, s, to, port);
	if (err) {
		pkt_put(p);
		return err;
	}
	return send_to(u, s, to, port, p);
}
