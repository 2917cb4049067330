/* UDP as a whole: how it comes up, and its invariants. Start reading at udp_input() and
 * udp_send(). */
#include "udp/udp_int.h"

void udp_init(struct udp *u, struct core *core, struct ip *ip)
{
	struct ip_proto row = {
		.proto = WIRE_PROTO_UDP,
		.input = udp_input,
		.error = udp_icmp_error,
		.self = u,
	};

	mem_zero(u, sizeof(*u));
	u->core = core;
	u->ip = ip;
	list_init(&u->ready);
	list_init(&u->raws);
	for (unsigned i = 0; i < UDP_PORTS_HASH; i++)
		list_init(&u->ports[i]);
	ip_add_proto(ip, &row);
}

static void sock_check(const struct udp_sock *s)
{
	uint32_t n = 0, bytes = 0;

	assert(s->bound && s->lport);
	assert(s->connected || s->rport == 0);
	assert(!s->ready || list_linked(&s->ready_node));
	for (const struct pkt *p = s->rx.head; p; p = p->next) {
		n++;
		bytes += udp_charge(p);
		assert(p->refs > 0);
	}
	assert(n == s->rx.n && bytes == s->rx_bytes);
}

void udp_check(const struct udp *u)
{
	for (unsigned i = 0; i < UDP_PORTS_HASH; i++) {
		list_for_each(at, &u->ports[i]) {
			const struct udp_sock *s = container_of(at, struct udp_sock, hash_node);

			assert((s->lport & (UDP_PORTS_HASH - 1)) == i);
			sock_check(s);
		}
	}
}
