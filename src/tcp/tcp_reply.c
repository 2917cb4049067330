/* Segments that no connection sends: answers for who has none (RFC 9293 §3.10.7.1), SYN-ACKs of
 * half-open ones, resets.
 *
 * Borrows the header's parts from the caller, finds the path anew or takes one; keeps nothing. */
#include "tcp/tcp_int.h"

void tcp_reply_on(struct tcp *t, struct ip_path *path, const struct addr *local,
		  const struct addr *remote, const struct wire_tcp *h)
{
	static const struct ip_send how = {.proto = WIRE_PROTO_TCP, .ttl = IP_TTL_DEFAULT};
	struct pkt *p;
	uint16_t csum;
	uint8_t *b;
	unsigned len = wire_tcp_size(h);

	p = pkt_new(t->core->pool);
	if (!p) {
		t->n.out_no_memory++;
		return;
	}
	b = pkt_push(p, len);
	wire_tcp_write(b, h);
	csum = csum_fold(csum_partial(b, len, csum_pseudo(local, remote, WIRE_PROTO_TCP, len)));
	mem_copy(b + 16, &csum, 2);
	t->n.out_segs++;
	t->n.out_rsts += !!(h->flags & WIRE_TCP_RST);
	ip_output(t->ip, path, local, remote, &how, p);
}

void tcp_reply(struct tcp *t, const struct addr *local, const struct addr *remote,
	       const struct wire_tcp *h)
{
	struct ip_path path = {0};
	struct addr src = *local;

	if (ip_path_find(t->ip, &path, &src, remote) == 0)
		tcp_reply_on(t, &path, local, remote, h);
}

void tcp_reply_rst(struct tcp *t, const struct addr *local, const struct addr *remote,
		   const struct tcp_seg *s)
{
	struct wire_tcp h = {.sport = s->h->dport, .dport = s->h->sport, .flags = WIRE_TCP_RST};

	if (s->flags & WIRE_TCP_RST)
		return;
	if (s->flags & WIRE_TCP_ACK) {
		h.seq = s->ack;
	} else {
		h.ack = tcp_seg_end(s);
		h.flags |= WIRE_TCP_ACK;
	}
	tcp_reply(t, local, remote, &h);
}
