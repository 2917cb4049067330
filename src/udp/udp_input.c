/* Datagrams in, and errors about those that went out.
 *
 * Always: what is on a socket's queue is charged to it, and the socket is on the ready list. */
#include "udp/udp_int.h"

static void make_ready(struct udp *u, struct udp_sock *s, enum udp_ready what)
{
	s->ready |= (uint8_t)what;
	if (!list_linked(&s->ready_node))
		list_push_back(&u->ready, &s->ready_node);
}

/* The header is judged and the packet cut to what it says; `data` stays at the header. */
static inline enum drop judge(const struct udp *u, struct pkt *p)
{
	struct wire_udp h;
	enum drop why = wire_udp_parse(&h, p->data, p->len, p->total);
	uint64_t sum;

	if (unlikely(why))
		return why;
	if (unlikely(h.dport == 0))
		return DROP_UDP_PORT_ZERO;
	p->rx.sport = h.sport;
	p->rx.dport = h.dport;
	p->rx.hash = u->now_us;
	if (unlikely(p->total != h.len))
		pkt_trim(p, h.len);
	if (!h.has_csum || p->flags & PKT_CSUM_OK)
		return DROP_NOT;
	sum = csum_pseudo(&p->rx.src, &p->rx.dst, WIRE_PROTO_UDP, h.len);
	if (unlikely(csum_fold(udp_sum(p, sum))))
		return DROP_UDP_CSUM;
	return DROP_NOT;
}

/* A socket that has nothing takes a datagram of any size. */
bool udp_enqueue(struct udp *u, struct udp_sock *s, struct pkt *p TAKES)
{
	uint32_t charge = udp_charge(p);

	if (unlikely(s->rx_bytes && s->rx_bytes + charge > s->rcvbuf)) {
		core_drop(u->core, DROP_UDP_RCVBUF, p);
		return false;
	}
	s->rx_bytes += charge;
	pktq_push(&s->rx, p);
	make_ready(u, s, UDP_READABLE);
	return true;
}

/* Takes the header off, behind which the owner's bytes begin; the filter sees it still. */
static inline bool deliver(struct udp *u, struct udp_sock *s, struct pkt *p TAKES)
{
	if (unlikely(s->filter)) {
		if (!udp_filter(s, p) || p->total < WIRE_UDP_LEN) {
			core_drop(u->core, DROP_UDP_FILTER, p);
			return true;
		}
	}
	pkt_pull(p, WIRE_UDP_LEN);
	return udp_enqueue(u, s, p);
}

/* RFC 1122 §4.1.3.1 asks for port unreachable. */
static void nobody(struct udp *u, struct pkt *p TAKES)
{
	u->no_port++;
	if (!u->core->foreign)
		ip_icmp_error(u->ip, p, WIRE_ICMP_UNREACH, WIRE_ICMP_PORT, 0);
	core_drop(u->core, DROP_UDP_NO_PORT, p);
}

/* A datagram to a group is for each socket that matches. */
static void to_group(struct udp *u, struct pkt *p TAKES)
{
	struct udp_sock *last = NULL;

	list_for_each(at, udp_bucket(u, p->rx.dport)) {
		struct udp_sock *s = container_of(at, struct udp_sock, hash_node);
		struct pkt *copy;

		if (!udp_match(s, &p->rx.src, p->rx.sport, &p->rx.dst, p->rx.dport) ||
		    (s->bound_if && s->bound_if != p->if_index + 1) ||
		    !udp_wants_group(u, s, p))
			continue;
		if (last) {
			copy = pkt_copy(u->core->pool, p);
			if (!copy) {
				core_count_drop(u->core, DROP_POOL_EMPTY, p);
				break;
			}
			deliver(u, last, copy);
		}
		last = s;
	}
	if (!last) {
		nobody(u, p);
		return;
	}
	deliver(u, last, p);
}

static inline bool same_flow(const struct pkt *a, const struct pkt *b)
{
	return a->rx.sport == b->rx.sport && a->rx.dport == b->rx.dport &&
	       addr_eq(&a->rx.src, &b->rx.src) && addr_eq(&a->rx.dst, &b->rx.dst);
}

void udp_input(void *self, struct pkt **p, unsigned n)
{
	struct udp *u = self;
	struct udp_sock *s = NULL;

	u->in += n;
	u->now_us = (uint32_t)(u->core->now / 1000);
	for (unsigned i = 0; i < n; i++) {
		enum drop why = judge(u, p[i]);

		if (unlikely(why)) {
			core_drop(u->core, why, p[i]);
			s = NULL;
			continue;
		}
		if (unlikely(p[i]->flags & PKT_LINK_BCAST)) {
			to_group(u, p[i]);
			s = NULL;
			continue;
		}
		if (!s || !same_flow(p[i], p[i - 1]))
			s = udp_lookup(u, &p[i]->rx.src, p[i]->rx.sport, &p[i]->rx.dst,
				       p[i]->rx.dport);
		if (unlikely(!s)) {
			nobody(u, p[i]);
			continue;
		}
		if (unlikely(s->bound_if) && s->bound_if != p[i]->if_index + 1) {
			nobody(u, p[i]);
			s = NULL;
			continue;
		}
		if (!deliver(u, s, p[i]))
			s = NULL;
	}
}

/* What was sent and failed, for whoever wants to know more than a number. */
static void tell(struct udp *u, struct udp_sock *s, const struct ip_error *e)
{
	struct udp_told told = {.offender = e->from, .info = e->mtu, .err = (uint8_t)e->err,
				.type = e->type, .code = e->code,
				.port = load_be16(e->l4 + 2)};
	struct pkt *p;

	if (s->errors.n == UDP_ERRORS_MAX)
		return;
	p = pkt_new(u->core->pool);
	if (!p)
		return;
	if (e->l4_len > WIRE_UDP_LEN)
		(void)pkt_write(p, e->l4 + WIRE_UDP_LEN,
				MIN((uint32_t)e->l4_len - WIRE_UDP_LEN, PKT_ROOM));
	mem_copy(&p->cb[0], &e->dst, sizeof(e->dst));
	mem_copy(&p->cb[2], &told, sizeof(told));
	pktq_push(&s->errors, p);
}

struct pkt *udp_take_told(struct udp_sock *s, struct udp_told *told, struct addr *to)
{
	struct pkt *p = pktq_pop(&s->errors);

	if (!p)
		return NULL;
	mem_copy(to, &p->cb[0], sizeof(*to));
	mem_copy(told, &p->cb[2], sizeof(*told));
	s->err = 0;		/* the next one's, if any */
	if (s->errors.head) {
		struct udp_told next;

		mem_copy(&next, &s->errors.head->cb[2], sizeof(next));
		s->err = next.err;
	}
	return p;
}

/* RFC 1122 §4.1.3.3: errors are for the application; as on other systems for those that said
 * with whom they talk. */
void udp_icmp_error(void *self, const struct ip_error *e)
{
	struct udp *u = self;
	struct udp_sock *s;
	uint16_t lport = load_be16(e->l4), rport = load_be16(e->l4 + 2);

	s = udp_lookup(u, &e->dst, rport, &e->src, lport);
	if (!s || (!s->connected && !(s->flags & UDPF_ERRORS))) {
		core_count_drop(u->core, DROP_ICMP_ABOUT, NULL);
		return;
	}
	if (s->flags & UDPF_ERRORS)
		tell(u, s, e);
	s->err = e->err;
	make_ready(u, s, UDP_ERROR);
}

struct udp_sock *udp_ready_sock(struct udp *u, unsigned *bits)
{
	struct list *at = list_pop_front(&u->ready);
	struct udp_sock *s;

	if (!at)
		return NULL;
	s = container_of(at, struct udp_sock, ready_node);
	*bits = s->ready;
	s->ready = 0;
	return s;
}

int udp_take_error(struct udp_sock *s)
{
	int err = s->err;

	s->err = 0;
	return err;
}

void udp_drop_second(struct udp *u, struct udp_sock *s)
{
	struct pkt *first = pktq_pop(&s->rx), *second = pktq_pop(&s->rx);

	s->rx_bytes -= udp_charge(second);
	pkt_put(second);
	pktq_unpop(&s->rx, first);
}

struct pkt *udp_recv(struct udp *u, struct udp_sock *s)
{
	struct pkt *p = pktq_pop(&s->rx);

	if (p)
		s->rx_bytes -= udp_charge(p);
	return p;
}
