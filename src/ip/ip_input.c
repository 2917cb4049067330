/* IPv4 packets in: RFC 1122 §3.2.1 validation, then onto the batch of their protocol.
 *
 * Does not know what the protocols are: a number names a row. Packets from a wire come by
 * ip_input(), packets to ourselves by ip_deliver(), and both are judged by accept().
 *
 * Always: what is on a batch has rx filled, `data` at its transport header, `l3` the way back
 * to its IP header, exactly the datagram's bytes, and the first IP_CONTIGUOUS of them in one
 * piece. */
#include "ip/ip_int.h"

#define LOOP_BURST 32u

struct pkt *ip_contiguous(struct ip *ip, struct pkt *p, uint32_t n)
{
	struct pkt *q;

	n = MIN(n, p->total);
	if (p->len >= n)
		return p;
	q = pkt_new(ip->core->pool);
	if (!q) {
		core_drop(ip->core, DROP_POOL_EMPTY, p);
		return NULL;
	}
	mem_copy(q->data, p->data - p->l3, p->l3);	/* its IP header stays in front of it */
	q->data += p->l3;
	q->len = q->total = pkt_read(p, 0, q->data, n);
	q->l3 = p->l3;
	q->flags |= p->flags & (PKT_CSUM_OK | PKT_LINK_BCAST | PKT_LOOPED);
	q->if_index = p->if_index;
	q->rx = p->rx;
	if (n < p->total)
		pkt_append(q, pkt_trim_front(p, n));
	else
		pkt_put(p);
	return q;
}

/* A destination that is none of our addresses.  Everything but unicast is marked on the packet. */
static enum drop judge_group(const struct ip *ip, struct pkt *p, uint32_t dst)
{
	int i;

	if (dst >> 24 == 0 || dst >> 24 == 127)
		return DROP_IP_DST;
	if (dst >= IPV4(240, 0, 0, 0) && dst != UINT32_MAX)
		return DROP_IP_DST;
	i = ip_bcast_of(ip, dst);
	/* RFC 1122 §3.3.7: of groups, all-hosts is joined by itself. */
	if (dst != UINT32_MAX && dst != IPV4(224, 0, 0, 1) && !ip_group_in(ip, dst, p->if_index) &&
	    (i < 0 || ip->addrs[i].if_index != p->if_index))
		return DROP_IP_NOT_OURS;
	p->flags |= PKT_LINK_BCAST;
	return DROP_NOT;
}

/* What an arriving header says; the addresses as they stand there. */
struct arrival {
	uint32_t src, dst;
	uint16_t total_len, id, frag;
	uint8_t header_len, tos, ttl, proto;
};

/* RFC 1122 §3.2.1.3: both addresses of a packet from a wire. */
static NOINLINE enum drop judge_addrs(struct ip *ip, struct pkt *p, uint32_t src, uint32_t dst)
{
	uint8_t net = (uint8_t)src;
	bool ours = false, wrong = net == 0 || net == 127 || net >= 224;

	for (unsigned i = 0; i < ip->addrs_n; i++) {
		ours |= ip->v4[i].addr == dst;
		wrong |= ip->v4[i].addr == src || ip->v4[i].bcast == src;
	}
	if (unlikely(wrong))
		return DROP_IP_SRC;
	if (unlikely(!ours))
		return judge_group(ip, p, __builtin_bswap32(dst));
	/* RFC 1122 §3.3.6: unicast that came to everybody is not for us. */
	if (unlikely(p->flags & PKT_LINK_BCAST))
		return DROP_IP_DST;
	ip->pair = src | (uint64_t)dst << 32;
	return DROP_NOT;
}

/* Who spoke last speaks again, as a rule.  A packet of our own is not judged. */
static inline enum drop judge_pair(struct ip *ip, struct pkt *p, uint32_t src, uint32_t dst)
{
	uint64_t pair = src | (uint64_t)dst << 32;

	if (likely(pair == ip->pair && !(p->flags & PKT_LINK_BCAST)) || p->flags & PKT_LOOPED)
		return DROP_NOT;
	return judge_addrs(ip, p, src, dst);
}

static void deliver_row(struct ip *ip, unsigned row)
{
	unsigned n = ip->batch_n[row];

	ip->batch_n[row] = 0;
	ip->batched &= ~(1u << row);
	ip->delivered += n;
	ip->protos[row].input(ip->protos[row].self, ip->batch[row], n);
}

/* Onto the batch of its protocol. */
static inline void to_row(struct ip *ip, struct pkt *p TAKES)
{
	unsigned row = ip->row_of[p->rx.proto];

	if (unlikely(ip->raw != NULL) && ip->raw(ip->raw_self, p)) {
		pkt_put(p);
		return;
	}
	if (unlikely(!row)) {
		if (!ip->core->foreign)
			ip_icmp_error(ip, p, WIRE_ICMP_UNREACH, WIRE_ICMP_PROTO, 0);
		core_drop(ip->core, DROP_IP_PROTO, p);
		return;
	}
	row--;
	ip->batched |= 1u << row;
	ip->batch[row][ip->batch_n[row]++] = p;
	if (unlikely(ip->batch_n[row] == IP_BATCH))
		deliver_row(ip, row);
}

/* The usual header, five words without options and not of a fragment, judged in registers as a
 * little-endian machine sees it.  False: accept_other() looks again. */
static inline bool plain_header(const struct pkt *p, struct arrival *a)
{
	uint64_t q0, q1, sum;
	uint32_t w4;

	if (unlikely(p->len < WIRE_IPV4_LEN || p->frag))
		return false;
	mem_copy(&q0, p->data, 8);
	mem_copy(&q1, p->data + 8, 8);
	mem_copy(&w4, p->data + 16, 4);
	sum = (q0 & UINT32_MAX) + (q0 >> 32) + (q1 & UINT32_MAX) + (q1 >> 32) + w4;
	a->total_len = __builtin_bswap16((uint16_t)(q0 >> 16));
	if (unlikely((q0 & 0xff3f0000000000ff) != 0x45 || csum_fold(sum) ||
		     a->total_len < WIRE_IPV4_LEN || a->total_len > p->total))
		return false;
	a->header_len = WIRE_IPV4_LEN;
	a->tos = (uint8_t)(q0 >> 8);
	a->ttl = (uint8_t)q1;
	a->proto = (uint8_t)(q1 >> 8);
	a->src = (uint32_t)(q1 >> 32);
	a->dst = w4;
	a->frag = 0;
	return true;
}

/* Any header. */
static NOINLINE enum drop judge_header(const struct pkt *p, struct arrival *a)
{
	struct wire_ipv4 h;
	enum drop why = wire_ipv4_parse(&h, p->data, p->len, p->total);

	if (why)
		return why;
	if (h.source_route)
		return DROP_IP_SOURCE_ROUTE;
	*a = (struct arrival){
		.src = __builtin_bswap32(h.src), .dst = __builtin_bswap32(h.dst),
		.total_len = h.total_len, .id = h.id,
		.frag = h.frag & (WIRE_IPV4_MF | WIRE_IPV4_OFFSET),
		.header_len = h.header_len, .tos = h.tos, .ttl = h.ttl, .proto = h.proto,
	};
	return DROP_NOT;
}

/* What the header says, as the transports want it; the header and what is behind the datagram
 * (padding of short Ethernet frames) go. */
static inline void fill(struct pkt *p, const struct arrival *a)
{
	p->rx.src.q[0] = 0;
	p->rx.src.q[1] = ADDR_V4_PREFIX_W2 | (uint64_t)a->src << 32;
	p->rx.dst.q[0] = 0;
	p->rx.dst.q[1] = ADDR_V4_PREFIX_W2 | (uint64_t)a->dst << 32;
	p->rx.proto = a->proto;
	p->rx.ttl = a->ttl;
	p->rx.tos = a->tos;
	p->rx.ecn = a->tos & 3;
	p->l3 = a->header_len;
	if (unlikely(p->total != a->total_len))
		pkt_trim(p, a->total_len);
	pkt_pull(p, a->header_len);
}

/* A packet with an unusual header, in pieces, or a fragment; or one that is wrong. */
static NOINLINE void accept_other(struct ip *ip, struct pkt *p TAKES)
{
	struct arrival a;
	enum drop why;

	p->l3 = 0;
	p = ip_contiguous(ip, p, WIRE_IPV4_LEN_MAX + IP_CONTIGUOUS);
	if (!p)
		return;
	why = judge_header(p, &a);
	if (!why)
		why = judge_pair(ip, p, a.src, a.dst);
	if (why) {
		core_drop(ip->core, why, p);
		return;
	}
	fill(p, &a);
	if (a.frag) {
		p = ip_frag_input(ip, p, a.id, a.frag);
		if (!p)
			return;
	}
	to_row(ip, p);
}

static inline void accept(struct ip *ip, struct pkt *p TAKES)
{
	struct arrival a;
	enum drop why;

	if (unlikely(!plain_header(p, &a))) {
		accept_other(ip, p);
		return;
	}
	why = judge_pair(ip, p, a.src, a.dst);
	if (unlikely(why)) {
		core_drop(ip->core, why, p);
		return;
	}
	fill(p, &a);
	to_row(ip, p);
}

void ip_input(void *self, struct pkt **p, unsigned n)
{
	struct ip *ip = self;

	ip->in += n;
	for (unsigned i = 0; i < n; i++)
		accept(ip, p[i]);
}

static void deliver_rows(struct ip *ip)
{
	for (uint32_t rows = ip->batched; rows; rows &= rows - 1)
		deliver_row(ip, (unsigned)__builtin_ctz(rows));
}

/* What our transports send to ourselves while we deliver waits for the next call. */
bool ip_deliver(struct ip *ip)
{
	uint32_t left = MIN(ip->loop.n, IP_LOOP_BUDGET);

	deliver_rows(ip);
	if (likely(!left))
		return ip->loop.n > 0;
	while (left) {
		struct pkt *p[LOOP_BURST];
		unsigned n = MIN(left, LOOP_BURST);

		for (unsigned i = 0; i < n; i++)
			p[i] = pktq_pop(&ip->loop);
		ip_input(ip, p, n);
		left -= n;
	}
	deliver_rows(ip);
	return ip->loop.n > 0;
}
