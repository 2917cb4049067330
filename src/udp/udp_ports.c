/* Who has which port: bind, connect, close, and the lookup of a datagram's socket.
 *
 * Always: a bound socket is in the bucket of its port; two sockets share an address and port
 * only when both said so (reuse_addr) or both are connected elsewhere. */
#include "udp/udp_int.h"

#include "base/siphash.h"

#define EPHEMERAL_N (65536u - UDP_EPHEMERAL_MIN)

void udp_sock_init(struct udp_sock *s, void *owner)
{
	mem_zero(s, sizeof(*s));
	list_init(&s->ready_node);
	list_init(&s->hash_node);
	pktq_init(&s->rx);
	pktq_init(&s->errors);
	s->mcast_ttl = 1;
	s->discover = 1;
	s->rcvbuf = UDP_RCVBUF_DEFAULT;
	s->ttl = IP_TTL_DEFAULT;
	s->owner = owner;
}

unsigned udp_match(const struct udp_sock *s, const struct addr *src, uint16_t sport,
		   const struct addr *dst, uint16_t dport)
{
	unsigned score = 1;

	if (s->lport != dport)
		return 0;
	if (!addr_is_any(&s->local)) {
		if (!addr_eq(&s->local, dst))
			return 0;
		score += 1;
	}
	if (s->connected) {
		if (s->rport != sport || !addr_eq(&s->remote, src))
			return 0;
		score += 2;
	}
	return score;
}

/* Of several that share a port and match as well as `first`, one for each flow. */
static struct udp_sock *spread(struct udp *u, struct udp_sock *first, const struct addr *src,
			       uint16_t sport, const struct addr *dst)
{
	uint64_t w[3] = {src->q[1], dst->q[1], (uint64_t)sport << 16 | first->lport};
	unsigned n = 0, at;

	list_for_each(i, udp_bucket(u, first->lport)) {
		const struct udp_sock *s = container_of(i, struct udp_sock, hash_node);

		n += s->reuse_port && s->lport == first->lport && !s->connected &&
		     addr_eq(&s->local, &first->local);
	}
	at = (unsigned)(siphash_words(&u->core->hash_key, w, 3) % n);
	list_for_each(i, udp_bucket(u, first->lport)) {
		struct udp_sock *s = container_of(i, struct udp_sock, hash_node);

		if (s->reuse_port && s->lport == first->lport && !s->connected &&
		    addr_eq(&s->local, &first->local) && at-- == 0)
			return s;
	}
	return first;
}

/* Of equals the one bound last, as Linux does, or one of those that share. */
struct udp_sock *udp_lookup(struct udp *u, const struct addr *src, uint16_t sport,
			    const struct addr *dst, uint16_t dport)
{
	struct udp_sock *best = NULL;
	unsigned best_score = 0;

	list_for_each(at, udp_bucket(u, dport)) {
		struct udp_sock *s = container_of(at, struct udp_sock, hash_node);
		unsigned score = udp_match(s, src, sport, dst, dport);

		if (score > best_score) {
			best = s;
			best_score = score;
		}
	}
	if (best && unlikely(best->reuse_port) && !best->connected)
		return spread(u, best, src, sport, dst);
	return best;
}

static bool in_use(struct udp *u, const struct udp_sock *self, const struct addr *local,
		   uint16_t port)
{
	list_for_each(at, udp_bucket(u, port)) {
		const struct udp_sock *s = container_of(at, struct udp_sock, hash_node);

		if (s == self || s->lport != port || (s->reuse_addr && self->reuse_addr) ||
		    (s->reuse_port && self->reuse_port))
			continue;
		if (addr_is_any(local) || addr_is_any(&s->local) || addr_eq(&s->local, local))
			return true;
	}
	return false;
}

/* The address that datagrams to `remote` will have, as far as it matters for where answers come. */
static struct addr source_for(struct udp *u, const struct addr *local, const struct addr *remote)
{
	struct addr src = *local;
	struct ip_path path = {0};

	if (u->core->spread.n < 2 || !addr_is_any(&src) || addr_is_any(remote))
		return src;
	return ip_path_find(u->ip, &path, &src, remote) ? *local : src;
}

/* RFC 6056 §3.3.3: an offset that only we can know for this pair of ends, and from there the
 * next free one. 0 when none is. */
static uint16_t choose_port(struct udp *u, const struct udp_sock *s, const struct addr *local,
			    const struct addr *remote, uint16_t rport)
{
	uint64_t w[5] = {local->q[0], local->q[1], remote->q[0], remote->q[1], rport};
	uint32_t at = (uint32_t)siphash_words(&u->core->secret_key, w, 5) + u->next_port;
	struct addr src = source_for(u, local, remote);

	for (uint32_t i = 0; i < EPHEMERAL_N; i++) {
		uint16_t port = (uint16_t)(UDP_EPHEMERAL_MIN + (at + i) % EPHEMERAL_N);

		if (!spread_is_home(&u->core->spread, &src, port, remote, rport) ||
		    in_use(u, s, local, port))
			continue;
		u->next_port += i + 1;
		return port;
	}
	return 0;
}

static int bind_to(struct udp *u, struct udp_sock *s, const struct addr *local, uint16_t port,
		   const struct addr *remote, uint16_t rport)
{
	bool port_given = port;

	if (port && in_use(u, s, local, port))
		return -E_ADDRINUSE;
	if (!port)
		port = choose_port(u, s, local, remote, rport);
	if (!port)
		return -E_ADDRINUSE;
	s->local = *local;
	s->lport = port;
	s->bound = true;
	s->port_given = port_given;
	list_push_front(udp_bucket(u, port), &s->hash_node);
	return 0;
}

int udp_bind(struct udp *u, struct udp_sock *s, const struct addr *local, uint16_t port)
{
	const struct addr any = {0};

	if (s->kind)
		return udp_raw_bind(u, s, local, port, 0);
	if (s->bound)
		return -E_INVAL;
	if (!addr_is_any(local) && !ip_is_local(u->ip, local) && !ip_is_bcast(u->ip, local))
		return -E_ADDRNOTAVAIL;
	return bind_to(u, s, local, port, &any, 0);
}

int udp_bind_any(struct udp *u, struct udp_sock *s, const struct addr *remote, uint16_t rport)
{
	const struct addr any = {0};

	return s->bound ? 0 : bind_to(u, s, &any, 0, remote, rport);
}

static void disconnect(struct udp_sock *s)
{
	s->connected = false;
	s->remote = (struct addr){0};
	s->rport = 0;
	if (s->local_chosen)
		s->local = (struct addr){0};
	s->local_chosen = false;
}

/* Taken back, a port that nobody asked for goes as well. */
static void release_port(struct udp_sock *s)
{
	if (!s->bound || s->port_given || !addr_is_any(&s->local))
		return;
	list_del(&s->hash_node);
	s->bound = false;
	s->lport = 0;
}

int udp_connect(struct udp *u, struct udp_sock *s, const struct addr *remote, uint16_t port)
{
	struct addr src = s->local_chosen ? (struct addr){0} : s->local;
	struct ip_path path = {0};
	bool choose = addr_is_any(&src);
	int err;

	if (s->kind)
		return udp_raw_connect(u, s, remote);

	if (addr_is_any(remote)) {
		disconnect(s);
		release_port(s);
		return 0;
	}
	if (ip_is_bcast(u->ip, &src))	/* bound to a group: receives for it, sends as itself */
		src = (struct addr){0};
	err = ip_path_find(u->ip, &path, &src, remote);
	if (err)
		return err;
	if (path.kind & IP_PATH_BCAST && !s->broadcast)
		return -E_ACCES;
	err = udp_bind_any(u, s, remote, port);
	if (err)
		return err;
	if (choose) {
		s->local = src;
		s->local_chosen = true;
	}
	s->connected = true;
	s->remote = *remote;
	s->rport = port;
	s->path = path;
	s->path_dst = *remote;
	s->path_src = src;
	return 0;
}

void udp_close(struct udp *u, struct udp_sock *s)
{
	udp_leave_all(u, s);
	(void)udp_detach(u, s);
	if (s->kind)
		udp_raw_close(u, s);
	list_del(&s->hash_node);
	list_del(&s->ready_node);
	pktq_free(&s->rx);
	pktq_free(&s->errors);
	udp_sock_init(s, s->owner);
}
