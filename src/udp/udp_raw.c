/* Datagram sockets that are not UDP's: raw(7), packet(7), and ICMP echo (icmp(7)).
 *
 * They are struct udp_sock with another kind: queue, filter, readiness and buffers are the same.
 * What they get are copies; only an answer to an ICMP echo of ours is taken from its protocol.
 *
 * Always: every one of them is on u->raws; ip and link look for them only while there is one. */
#include "udp/udp_int.h"

#include "link/link.h"
#include "wire/eth.h"

#define ALL_TYPES 3u		/* ETH_P_ALL */
enum packet_type { TO_HOST, TO_BROADCAST, TO_MULTICAST, TO_OTHER, OUTGOING };	/* packet(7) */

static void give(struct udp *u, struct udp_sock *s, struct pkt *p TAKES)
{
	if (!udp_filter(s, p)) {
		pkt_put(p);
		return;
	}
	(void)udp_enqueue(u, s, p);
}

/* ---- IP: raw and echo */

static bool wants_ip(const struct udp_sock *s, const struct pkt *p)
{
	if (s->kind == UDP_PACKET || s->proto != p->rx.proto ||
	    (s->bound_if && s->bound_if != p->if_index + 1))
		return false;
	if (!addr_is_any(&s->local) && !addr_eq(&s->local, &p->rx.dst))
		return false;
	if (s->connected && !addr_eq(&s->remote, &p->rx.src))
		return false;
	if (s->kind == UDP_RAW)
		return true;
	return p->len >= WIRE_ICMP_LEN && p->data[0] == WIRE_ICMP_ECHO_REPLY &&
	       load_be16(p->data + 4) == s->lport;
}

/* A copy, with its IP header for raw sockets. */
static void copy_ip(struct udp *u, struct udp_sock *s, struct pkt *p)
{
	uint32_t back = s->kind == UDP_RAW ? p->l3 : 0;
	struct pkt *copy;

	pkt_push(p, back);
	copy = pkt_copy(u->core->pool, p);
	pkt_pull(p, back);
	if (!copy) {
		core_count_drop(u->core, DROP_POOL_EMPTY, p);
		return;
	}
	copy->rx = p->rx;
	copy->rx.sport = 0;
	copy->rx.hash = (uint32_t)(u->core->now / 1000);
	copy->if_index = p->if_index;
	give(u, s, copy);
}

/* ip's: true when somebody took what no protocol need see. */
static bool from_ip(void *self, struct pkt *p)
{
	struct udp *u = self;
	bool taken = false;

	list_for_each(n, &u->raws) {
		struct udp_sock *s = container_of(n, struct udp_sock, hash_node);

		if (!wants_ip(s, p))
			continue;
		if (s->kind == UDP_PING && !(p->flags & PKT_LOOPED) &&
		    csum_fold(csum_pkt(p, 0, p->total, 0)))
			continue;
		copy_ip(u, s, p);
		taken |= s->kind == UDP_PING || !ip_speaks(u->ip, p->rx.proto);
	}
	return taken;
}

/* ---- frames */

static void from_link(void *self, uint8_t if_index, const struct pkt *frame, bool out)
{
	struct udp *u = self;
	uint16_t type;

	if (frame->len < WIRE_ETH_LEN)
		return;
	type = load_be16(frame->data + 12);
	list_for_each(n, &u->raws) {
		struct udp_sock *s = container_of(n, struct udp_sock, hash_node);
		struct pkt *copy;

		if (s->kind != UDP_PACKET || (s->proto != ALL_TYPES && (out || s->proto != type)) ||
		    !s->proto || (s->bound_if && s->bound_if != if_index + 1))
			continue;
		copy = pkt_copy(u->core->pool, frame);
		if (!copy) {
			core_count_drop(u->core, DROP_POOL_EMPTY, frame);
			return;
		}
		copy->rx.src = (struct addr){0};
		mem_copy(copy->rx.src.b, frame->data + 6, 6);
		copy->rx.ttl = out ? OUTGOING : !(frame->data[0] & 1) ? TO_HOST :
			       frame->data[0] == 0xff ? TO_BROADCAST : TO_MULTICAST;
		copy->rx.sport = type;
		copy->rx.hash = (uint32_t)(u->core->now / 1000);
		copy->if_index = if_index;
		if (s->cooked)
			pkt_pull(copy, WIRE_ETH_LEN);
		give(u, s, copy);
	}
}

static void look(struct udp *u)
{
	bool ip = false, link = false;

	list_for_each(n, &u->raws) {
		const struct udp_sock *s = container_of(n, struct udp_sock, hash_node);

		ip |= s->kind != UDP_PACKET;
		link |= s->kind == UDP_PACKET;
	}
	ip_set_raw(u->ip, ip ? from_ip : NULL, u);
	link_set_tap(u->ip->link, link ? from_link : NULL, u);
}

void udp_raw_init(struct udp *u, struct udp_sock *s, enum udp_kind kind, uint16_t proto,
		  bool cooked)
{
	s->kind = (uint8_t)kind;
	s->proto = proto;
	s->cooked = cooked;
	list_push_back(&u->raws, &s->hash_node);
	look(u);
}

void udp_raw_close(struct udp *u, struct udp_sock *s)
{
	list_del(&s->hash_node);
	look(u);
}

/* ---- addresses */

/* A number for echoes that nobody else has; 0: none is free. */
static uint16_t echo_id(const struct udp *u, uint16_t wanted)
{
	uint16_t id = wanted ? wanted : (uint16_t)(u->next_port | 1);

	for (uint32_t i = 0; i < 65536; i++, id++) {
		bool used = id == 0;

		list_for_each(n, &u->raws) {
			const struct udp_sock *s = container_of(n, struct udp_sock, hash_node);

			used |= s->kind == UDP_PING && s->lport == id;
		}
		if (!used)
			return id;
		if (wanted)
			return 0;
	}
	return 0;
}

int udp_raw_bind(struct udp *u, struct udp_sock *s, const struct addr *local, uint16_t port,
		 uint32_t scope)
{
	if (s->kind == UDP_PACKET) {
		if (scope > u->ip->link->devs_n)
			return -E_NODEV;
		s->bound_if = (uint8_t)scope;
		s->proto = port ? port : s->proto;
		return 0;
	}
	if (!addr_is_any(local) && !ip_is_local(u->ip, local) && !ip_is_bcast(u->ip, local))
		return -E_ADDRNOTAVAIL;
	if (s->kind == UDP_PING) {
		if (s->lport)
			return -E_INVAL;
		s->lport = echo_id(u, port);
		if (!s->lport)
			return -E_ADDRINUSE;
	}
	s->local = *local;
	s->bound = true;
	return 0;
}

/* ---- out */

static int send_echo(struct udp *u, struct udp_sock *s, const struct addr *to, struct pkt *p TAKES)
{
	struct ip_send how = {.proto = WIRE_PROTO_ICMP, .ttl = s->ttl, .tos = s->tos};
	struct ip_path path = {0};
	struct addr src = s->local;
	uint16_t csum;
	int err = p->len < WIRE_ICMP_LEN || p->data[0] != WIRE_ICMP_ECHO || p->data[1] ?
			  -E_INVAL : 0;

	if (!err && !s->lport)
		err = udp_raw_bind(u, s, &s->local, 0, 0);
	if (!err)
		err = ip_path_find(u->ip, &path, &src, to);
	if (err) {
		pkt_put(p);
		return err;
	}
	store_be16(p->data + 2, 0);
	store_be16(p->data + 4, s->lport);
	csum = csum_fold(csum_pkt(p, 0, p->total, 0));
	mem_copy(p->data + 2, &csum, 2);
	return ip_output(u->ip, &path, &src, to, &how, p);
}

static int send_ip(struct udp *u, struct udp_sock *s, const struct addr *to, struct pkt *p TAKES)
{
	struct ip_send how = {.proto = (uint8_t)s->proto, .ttl = s->ttl, .tos = s->tos,
			      .dont_fragment = s->dont_fragment};
	struct ip_path path = {0};
	struct addr src = s->local;
	int err;

	if (s->hdrincl)
		return ip_output_own(u->ip, to, p);
	err = ip_path_find(u->ip, &path, &src, to);
	if (!err && path.kind & IP_PATH_BCAST && !s->broadcast)
		err = -E_ACCES;
	if (err) {
		pkt_put(p);
		return err;
	}
	if (path.kind & IP_PATH_MCAST)
		how.ttl = s->mcast_ttl;
	return ip_output(u->ip, &path, &src, to, &how, p);
}

int udp_raw_send(struct udp *u, struct udp_sock *s, const struct addr *to, struct pkt *p TAKES)
{
	if (!to && !s->connected) {
		pkt_put(p);
		return -E_DESTADDRREQ;
	}
	to = to ? to : &s->remote;
	return s->kind == UDP_PING ? send_echo(u, s, to, p) : send_ip(u, s, to, p);
}

int udp_raw_connect(struct udp *u, struct udp_sock *s, const struct addr *remote)
{
	struct ip_path path = {0};
	struct addr src = s->local;
	int err;

	if (s->kind == UDP_PACKET)
		return -E_OPNOTSUPP;
	s->connected = !addr_is_any(remote);
	s->remote = *remote;
	if (!s->connected)
		return 0;
	err = ip_path_find(u->ip, &path, &src, remote);
	s->connected = !err;
	return err;
}

/* A frame: whole, or what goes behind a header to `mac`. */
int udp_packet_send(struct udp *u, struct udp_sock *s, const struct addr *mac, uint16_t type,
		    uint32_t scope, struct pkt *p TAKES)
{
	uint32_t dev = scope ? scope : s->bound_if;
	struct link *link = u->ip->link;
	struct mac to;

	if (!dev || dev > link->devs_n || (s->cooked && !mac)) {
		pkt_put(p);
		return s->cooked && !mac ? -E_DESTADDRREQ : -E_NODEV;
	}
	if (p->total + (s->cooked ? WIRE_ETH_LEN : 0) > link->devs[dev - 1].frame_max) {
		pkt_put(p);
		return -E_MSGSIZE;
	}
	if (!s->cooked && p->len < WIRE_ETH_LEN) {
		pkt_put(p);
		return -E_INVAL;
	}
	if (!s->cooked) {
		link_enqueue(link, &link->devs[dev - 1], p);
		return 0;
	}
	mem_copy(to.b, mac->b, sizeof(to.b));
	link_output_mac(link, (uint8_t)(dev - 1), to, type ? type : s->proto, p);
	return 0;
}

/* ---- filters */

int udp_attach(struct udp *u, struct udp_sock *s, const struct bpf_insn *insns, uint32_t n)
{
	struct udp_filter *f = NULL;

	if (bpf_check(insns, n))
		return -E_INVAL;
	if (n > UDP_FILTER_INSNS)
		return -E_NOMEM;
	for (unsigned i = 0; i < UDP_FILTERS_MAX && !f; i++)
		if (u->filters[i].sock == s)
			f = &u->filters[i];
	for (unsigned i = 0; i < UDP_FILTERS_MAX && !f; i++)
		if (!u->filters[i].sock)
			f = &u->filters[i];
	if (!f)
		return -E_NOMEM;
	f->sock = s;
	mem_copy(f->insns, insns, n * sizeof(*insns));
	s->filter = (const struct bpf_insn *)f->insns;
	return 0;
}

int udp_detach(struct udp *u, struct udp_sock *s)
{
	if (!s->filter)
		return -E_NOENT;
	for (unsigned i = 0; i < UDP_FILTERS_MAX; i++)
		if (u->filters[i].sock == s)
			u->filters[i].sock = NULL;
	s->filter = NULL;
	return 0;
}

bool udp_filter(const struct udp_sock *s, struct pkt *p)
{
	uint32_t keep = s->filter ? bpf_run(s->filter, p) : UINT32_MAX;

	if (keep && keep < p->total)
		pkt_trim(p, keep);
	return keep;
}
