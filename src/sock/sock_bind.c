/* BIND and LISTEN, and struct sock_cold: what few sockets have.
 *
 * Who has which port of TCP is decided at BIND, as on Linux: a bound socket stays in s->binds until
 * it is closed, whatever becomes of it in between.  UDP's ports are udp's own business.
 *
 * Always: what is in s->binds is bound, and two with one port and overlapping addresses both said
 * SO_REUSEADDR (and at most one listens) or both SO_REUSEPORT. */
#include "sock/sock_int.h"

/* net.ipv4.ip_local_port_range of Linux */
#define EPHEMERAL_MIN 32768u
#define EPHEMERAL_N 28232u

/* ---- cold */

struct sock_cold *sock_cold_get(struct socks *s, struct sock *k)
{
	struct sock_cold *cold;
	uint32_t i = s->cold_free;

	if (k->cold)
		return &s->colds[k->cold];
	if (i) {
		s->cold_free = s->colds[i].next;
	} else {
		if (s->cold_fresh > s->colds_max)
			return NULL;
		i = s->cold_fresh++;
	}
	cold = &s->colds[i];
	*cold = (struct sock_cold){.sock = sock_index(s, k), .linger_s = -1,
				   .incoming_cpu = -1};
	list_init(&cold->bound);
	k->cold = i & 0xffffff;
	return cold;
}

void sock_cold_put(struct socks *s, struct sock *k)
{
	struct sock_cold *cold = sock_cold_of(s, k);

	if (!cold)
		return;
	list_del(&cold->bound);
	cold->next = s->cold_free;
	s->cold_free = k->cold;
	k->cold = 0;
}

/* Is there anything that a connection takes over? */
static bool special(const struct sock_cold *c)
{
	return c->priority | c->mark | c->busy_poll_us | c->rcvlowat || c->linger_s >= 0 ||
	       c->rcvtimeo || c->sndtimeo || c->incoming_cpu >= 0;
}

int sock_use_cc(struct socks *s, struct tcp_conn *c, const struct cc_ops *ops)
{
	size_t n = 0;

	while (ops->name[n])
		n++;
	return tcp_set_cc(&s->net->tcp, c, ops->name, n);
}

void sock_inherit(struct socks *s, const struct sock *listener, struct sock *k)
{
	const struct sock_cold *from = sock_cold_of(s, listener);
	struct sock_cold *to;

	k->opts = listener->opts;
	if (!from)
		return;
	if (from->cc)
		(void)sock_use_cc(s, k->conn, from->cc);
	if (!special(from))
		return;
	to = sock_cold_get(s, k);
	if (!to)
		return;
	to->priority = from->priority;
	to->mark = from->mark;
	to->busy_poll_us = from->busy_poll_us;
	to->rcvlowat = from->rcvlowat;
	to->linger_s = from->linger_s;
	to->rcvtimeo = from->rcvtimeo;
	to->sndtimeo = from->sndtimeo;
	to->incoming_cpu = from->incoming_cpu;
}

void sock_cold_check(const struct socks *s, const struct sock *k)
{
	const struct sock_cold *cold = sock_cold_of(s, k);

	if (!cold)
		return;
	assert(k->kind != SOCK_FREE && k->cold < s->cold_fresh);
	assert(&s->all[cold->sock] == k);
	assert(!list_linked(&cold->bound) == !cold->lport);
}

/* ---- ports of TCP */

static struct list *bucket(struct socks *s, uint16_t port)
{
	return &s->binds[port & (SOCK_BINDS_HASH - 1)];
}

static bool share(const struct socks *s, const struct sock_cold *a, const struct sock_cold *b)
{
	const struct sock *ka = &s->all[a->sock], *kb = &s->all[b->sock];
	uint8_t both = ka->opts & kb->opts;

	if (both & SOCKO_REUSEPORT)
		return true;
	return both & SOCKO_REUSEADDR && ka->kind != SOCK_LISTENER && kb->kind != SOCK_LISTENER;
}

static bool in_use(struct socks *s, const struct sock_cold *self, const struct addr *ip,
		   uint16_t port)
{
	list_for_each(n, bucket(s, port)) {
		const struct sock_cold *o = container_of(n, struct sock_cold, bound);

		if (o == self || o->lport != port || share(s, self, o))
			continue;
		if (addr_is_any(ip) || addr_is_any(&o->local) || addr_eq(&o->local, ip))
			return true;
	}
	return !(s->all[self->sock].opts & SOCKO_REUSEADDR) &&
	       tcp_port_busy(&s->net->tcp, ip, port);
}

static uint16_t choose_port(struct socks *s, const struct sock_cold *cold, const struct addr *ip)
{
	uint32_t at = prng_below(&s->net->core.prng, EPHEMERAL_N);

	for (uint32_t i = 0; i < EPHEMERAL_N; i++) {
		uint16_t port = (uint16_t)(EPHEMERAL_MIN + (at + i) % EPHEMERAL_N);

		if (!in_use(s, cold, ip, port))
			return port;
	}
	return 0;
}

static int bind_stream(struct socks *s, struct sock *k, const struct addr *ip, uint16_t port)
{
	struct sock_cold *cold;

	if (!addr_is_any(ip) && !ip_is_local(&s->net->ip, ip))
		return -E_ADDRNOTAVAIL;
	cold = sock_cold_get(s, k);
	if (!cold)
		return -E_NOBUFS;
	if (cold->lport)
		return -E_INVAL;
	if (port && in_use(s, cold, ip, port))
		return -E_ADDRINUSE;
	if (!port)
		port = choose_port(s, cold, ip);
	if (!port)
		return -E_ADDRINUSE;
	cold->local = *ip;
	cold->lport = port;
	list_push_back(bucket(s, port), &cold->bound);
	return 0;
}

int sock_bind(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *k = sock_of(s, sqe->fd);
	const struct leat_addr *a = (const struct leat_addr *)sqe->addr;
	struct addr ip;

	if (!k)
		return -E_BADF;
	if (!a)
		return -E_FAULT;
	sock_addr_in(&ip, a);
	switch ((enum sock_kind)k->kind) {
	case SOCK_DGRAM:
		if (k->udp->kind)
			return udp_raw_bind(&s->net->udp, k->udp, &ip, a->port, a->scope);
		return k->udp->bound ? -E_INVAL : udp_bind(&s->net->udp, k->udp, &ip, a->port);
	case SOCK_STREAM:
		return bind_stream(s, k, &ip, a->port);
	case SOCK_CONN:
	case SOCK_LISTENER:
		if (!addr_is_any(&ip) && !ip_is_local(&s->net->ip, &ip))
			return -E_ADDRNOTAVAIL;
		break;
	case SOCK_FREE:
		break;
	}
	return -E_INVAL;
}

/* ---- LISTEN */

int sock_listen(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *k = sock_of(s, sqe->fd);
	const struct addr any = {0};
	struct sock_cold *cold;
	struct tcp_listener *l;
	int err;

	if (!k)
		return -E_BADF;
	if (k->kind == SOCK_DGRAM)
		return -E_OPNOTSUPP;
	if (k->kind == SOCK_LISTENER) {
		tcp_listener_backlog(&s->net->tcp, k->listener, sqe->len);
		return 0;
	}
	if (k->kind != SOCK_STREAM)
		return -E_INVAL;
	cold = sock_cold_get(s, k);
	if (!cold)
		return -E_NOBUFS;
	if (!cold->lport) {
		err = bind_stream(s, k, &any, 0);
		if (err)
			return err;
	}
	l = (k->opts & SOCKO_REUSEPORT ? tcp_listen_shared : tcp_listen)(
		&s->net->tcp, &cold->local, cold->lport, sqe->len, k, &err);
	if (!l)
		return err;
	tcp_listener_set_all(l, &cold->tcp);
	k->listener = l;
	k->kind = SOCK_LISTENER;
	k->flags = 0;
	return 0;
}
