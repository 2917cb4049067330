/* LISTEN: listeners, what arrives for them (RFC 9293 §3.10.7.2), connections that wait to be
 * accepted.
 *
 * A SYN goes to the queue of half-open connections (tcp_synq.c), or, when that is full, is answered
 * with a cookie (tcp_cookie.c); the ACK that completes either makes a connection here.
 * Always: `pending` counts connections that wait for tcp_accept(), `half` those in the queue of
 * half-open ones.  As in Linux one more connection waits than the backlog says, and when so many
 * do a SYN is dropped. */
#include "tcp/tcp_int.h"

/* ---- listeners */

static struct tcp_listener *listener_new(struct tcp *t, const struct addr *local, uint16_t port,
					 bool share, int *err)
{
	struct list *n;
	struct tcp_listener *l;

	list_for_each(o, tcp_listener_bucket(t, port)) {
		struct tcp_listener *other = container_of(o, struct tcp_listener, hash_node);

		if (other->port == port && !(share && other->share) &&
		    (addr_eq(&other->local, local) || addr_is_any(local) ||
		     addr_is_any(&other->local))) {
			*err = -E_ADDRINUSE;
			return NULL;
		}
	}
	n = list_pop_front(&t->listeners_free);
	if (!n) {
		*err = -E_NFILE;
		return NULL;
	}
	l = container_of(n, struct tcp_listener, hash_node);
	*l = (struct tcp_listener){.local = *local, .port = port, .used = true, .share = share};
	list_init(&l->accept);
	list_init(&l->ready_node);
	list_push_back(tcp_listener_bucket(t, port), &l->hash_node);
	return l;
}

bool tcp_listen_has_port(struct tcp *t, uint16_t port)
{
	list_for_each(n, tcp_listener_bucket(t, port))
		if (container_of(n, struct tcp_listener, hash_node)->port == port)
			return true;
	return false;
}

static struct tcp_listener *listen_at(struct tcp *t, const struct addr *local, uint16_t port,
				      uint32_t backlog, void *owner, bool share, int *err)
{
	struct tcp_listener *l;
	unsigned tries = TCP_EPHEMERAL_N;

	if (!addr_is_any(local) && !ip_is_local(t->ip, local)) {
		*err = -E_ADDRNOTAVAIL;
		return NULL;
	}
	while (!port && tries--) {
		uint16_t at =
			(uint16_t)(TCP_EPHEMERAL_MIN + prng_below(&t->core->prng, TCP_EPHEMERAL_N));

		if (!tcp_listen_has_port(t, at))
			port = at;
	}
	if (!port) {
		*err = -E_ADDRINUSE;
		return NULL;
	}
	l = listener_new(t, local, port, share, err);
	if (!l)
		return NULL;
	l->backlog = backlog ? backlog : t->config.backlog;
	l->owner = owner;
	if (share)
		tcp_synq_recount(t, port);
	*err = 0;
	return l;
}

struct tcp_listener *tcp_listen(struct tcp *t, const struct addr *local, uint16_t port,
				uint32_t backlog, void *owner, int *err)
{
	return listen_at(t, local, port, backlog, owner, false, err);
}

struct tcp_listener *tcp_listen_shared(struct tcp *t, const struct addr *local, uint16_t port,
				       uint32_t backlog, void *owner, int *err)
{
	return listen_at(t, local, port, backlog, owner, true, err);
}

void tcp_listener_backlog(struct tcp *t, struct tcp_listener *l, uint32_t backlog)
{
	l->backlog = backlog ? backlog : t->config.backlog;
}

uint16_t tcp_listener_port(const struct tcp_listener *l)
{
	return l->port;
}

const struct addr *tcp_listener_addr(const struct tcp_listener *l)
{
	return &l->local;
}

bool tcp_acceptable(const struct tcp_listener *l)
{
	return !list_empty(&l->accept);
}

void *tcp_listener_owner(const struct tcp_listener *l)
{
	return l->owner;
}

struct tcp_listener *tcp_ready_listener(struct tcp *t)
{
	struct list *n = list_pop_front(&t->ready_listeners);

	return n ? container_of(n, struct tcp_listener, ready_node) : NULL;
}

struct tcp_conn *tcp_accept(struct tcp *t, struct tcp_listener *l, void *owner)
{
	struct list *n = list_pop_front(&l->accept);
	struct tcp_conn *c;

	if (!n)
		return NULL;
	c = container_of(n, struct tcp_conn, ready_node);
	c->flags &= ~(uint32_t)TCPF_EMBRYO;
	c->owner = owner;
	l->pending--;
	if (c->ready)
		tcp_conn_ready(t, c, c->ready);	/* bytes that came before anybody asked */
	return c;
}

/* A connection that was never accepted ends. */
void tcp_listener_forget(struct tcp *t, struct tcp_conn *c)
{
	if (!(c->flags & TCPF_EMBRYO))
		return;
	c->listener->pending--;
	c->flags &= ~(uint32_t)TCPF_EMBRYO;
}

void tcp_listener_close(struct tcp *t, struct tcp_listener *l)
{
	tcp_synq_reset(t, l);
	for (uint32_t i = 0; i < t->config.conns_max && l->pending; i++)
		if (t->conns[i].flags & TCPF_EMBRYO && t->conns[i].listener == l)
			tcp_abort(t, &t->conns[i]);
	assert(l->pending == 0);
	list_del(&l->ready_node);
	list_del(&l->hash_node);
	l->used = false;
	list_push_front(&t->listeners_free, &l->hash_node);
}

/* Nobody accepts as fast as they come. */
bool tcp_listen_full(const struct tcp_listener *l)
{
	return l->pending > l->backlog;
}

static bool half_full(const struct tcp *t, const struct tcp_listener *l)
{
	return l->half >= l->backlog || !t->half_free;
}

bool tcp_listener_has_room(const struct tcp *t, const struct tcp_listener *l)
{
	return !tcp_listen_full(l) && !half_full(t, l) && !list_empty(&t->conns_free);
}

/* ---- a SYN, and what answers it */

static uint32_t buffer_of(const struct tcp *t, const struct tcp_listener *l)
{
	uint32_t buf = tcp_listener_get(t, l, TCP_OPT_RCVBUF);
	uint32_t clamp = tcp_listener_get(t, l, TCP_OPT_WINDOW_CLAMP);

	return clamp ? MIN(buf, clamp) : buf;
}

/* So large it may become, as tcp_tune_rcvbuf_max() will say. */
static uint32_t buffer_max(const struct tcp *t, const struct tcp_listener *l)
{
	uint32_t buf = buffer_of(t, l), chosen = 1u << TCP_OPT_RCVBUF | 1u << TCP_OPT_WINDOW_CLAMP;

	return l->opts.chosen & chosen ? buf : MAX(t->config.rcvbuf_max, buf);
}

/* What our SYN-ACK advertises: never scaled, RFC 7323 §2.2. */
uint32_t tcp_listen_window(const struct tcp *t, const struct tcp_listener *l)
{
	return MIN(MIN(t->config.rcv_wnd_initial, buffer_of(t, l)), UINT16_MAX);
}

void tcp_listen_syn_ack(struct tcp *t, const struct tcp_listener *l, const struct tcp_ends *e,
			const struct tcp_syn_ack *a)
{
	struct wire_tcp h = {.sport = e->lport,
			     .dport = e->rport,
			     .seq = a->iss,
			     .ack = a->irs + 1,
			     .flags = WIRE_TCP_SYN | WIRE_TCP_ACK,
			     .wnd = (uint16_t)tcp_listen_window(t, l),
			     .opts = WIRE_TCP_OPT_MSS};
	struct ip_path path = {0};
	struct addr src = e->local;

	if (a->ecn && t->config.ecn)
		h.flags |= WIRE_TCP_ECE;
	if (ip_path_find(t->ip, &path, &src, &e->remote) < 0)
		return;
	h.mss = tcp_open_mss_of(t, &path, tcp_listener_get(t, l, TCP_OPT_MAXSEG));
	if (a->ts) {
		h.opts |= WIRE_TCP_OPT_TS;
		h.ts_val = a->ts_val;
		h.ts_ecr = a->ts_ecr;
	}
	if (a->wscale) {
		h.opts |= WIRE_TCP_OPT_WSCALE;
		h.wscale = tcp_open_wscale(t, buffer_max(t, l));
	}
	if (a->sack)
		h.opts |= WIRE_TCP_OPT_SACK_OK;
	if (a->fastopen) {
		h.opts |= WIRE_TCP_OPT_FASTOPEN;
		h.fastopen_len = tcp_fastopen_cookie(t, &e->remote, h.fastopen);
	}
	tcp_reply_on(t, &path, &e->local, &e->remote, &h);
}

void tcp_listen_queue(struct tcp *t, struct tcp_listener *l, struct tcp_conn *c)
{
	list_push_back(&l->accept, &c->ready_node);
	if (!list_linked(&l->ready_node))
		list_push_back(&t->ready_listeners, &l->ready_node);
}

static enum drop take_syn(struct tcp *t, struct tcp_listener *l, struct tcp_seg *s)
{
	struct tcp_ends ends = tcp_seg_ends(s);
	struct ip_path path = {0};
	struct addr src = ends.local;
	uint32_t iss;

	if (tcp_listen_full(l)) {
		t->n.listen_overflows++;
		return DROP_TCP_BACKLOG;
	}
	if (list_empty(&t->conns_free))
		return DROP_TCP_CONNS;
	if (ip_path_find(t->ip, &path, &src, &ends.remote) < 0)
		return DROP_IP_NO_ROUTE;
	if (unlikely(s->h->opts & WIRE_TCP_OPT_FASTOPEN) && tcp_fastopen_take(t, l, s))
		return DROP_NOT;
	if (t->config.syn_cookies == TCP_COOKIES_ALWAYS || half_full(t, l)) {
		if (t->config.syn_cookies == TCP_COOKIES_NEVER)
			return DROP_TCP_SYNQ;
		tcp_cookie_answer(t, l, s);
		return DROP_NOT;
	}
	iss = tcp_iss(t, &ends);
	return tcp_synq_add(t, l, s, s->reopens ? tcp_iss_above(iss, s->old_nxt) : iss);
}

/* The handshake is done but for judging the ACK: a connection in SYN-RECEIVED that knows what
 * `syn` said.  NULL without a route. */
struct tcp_conn *tcp_listen_child(struct tcp *t, struct tcp_listener *l, const struct tcp_ends *e,
				  const struct wire_tcp *syn, uint32_t iss)
{
	struct tcp_conn *c = tcp_conn_new(t);

	assert(c != NULL);
	c->local = e->local;
	c->remote = e->remote;
	c->lport = e->lport;
	c->rport = e->rport;
	c->flags |= TCPF_PASSIVE;
	if (ip_path_find(t->ip, &c->path, &c->local, &c->remote) < 0 ||
	    tcp_demux_insert(t, c) < 0) {
		tcp_conn_free(t, c);
		return NULL;
	}
	c->flags |= TCPF_EMBRYO;
	c->listener = l;
	l->pending++;
	if (l->opts.chosen)
		(void)tcp_conn_set_all(t, c, &l->opts);	/* no side left: the defaults */
	tcp_set_state(t, c, TCP_LISTEN);
	tcp_conn_setup(t, c, iss);
	tcp_open_buffers(t, c);
	tcp_snd_options(t, c, syn);
	tcp_rcv_init(t, c, syn);
	tcp_set_state(t, c, TCP_SYN_RECEIVED);
	t->n.passive_opens++;
	return c;
}

enum drop tcp_listen_input(struct tcp *t, struct tcp_listener *l, struct tcp_seg *s,
			   struct tcp_conn **c)
{						/* RFC 9293 §3.10.7.2 */
	if (s->flags & WIRE_TCP_RST)
		return DROP_TCP_LISTEN_RST;
	if (s->flags & WIRE_TCP_ACK) {
		if (!(s->flags & WIRE_TCP_SYN) && tcp_cookie_recent(t, l))
			return tcp_cookie_input(t, l, s, c);
		tcp_reply_rst(t, &s->p->rx.dst, &s->p->rx.src, s);
		return DROP_TCP_LISTEN_ACK;
	}
	if (!(s->flags & WIRE_TCP_SYN))
		return DROP_TCP_LISTEN_JUNK;
	/* bytes on the SYN are not taken: the peer sends them again */
	return take_syn(t, l, s);
}
