/* How connections begin: LISTEN, SYN-SENT, simultaneous open (RFC 9293 §3.5, §3.10.7.2,
 * §3.10.7.3), initial sequence numbers (RFC 6528), ports (RFC 6056 §3.3.3).
 *
 * A half-open connection counts against its listener's backlog; when that is full a SYN is
 * dropped and the peer tries again. */
#include "tcp/tcp_int.h"

#define ISS_STEP 65536u

/* RFC 6528 §3: ISN = M + F(addresses, ports, secret), M ticking every 4 us. */
static uint32_t iss_of(const struct tcp *t, const struct tcp_conn *c)
{
	uint64_t w[5] = {c->local.q[0], c->local.q[1], c->remote.q[0], c->remote.q[1],
			 (uint64_t)c->lport << 16 | c->rport};
	uint32_t iss = (uint32_t)(t->core->now / 4000u) +
		       (uint32_t)siphash_words(&t->core->secret_key, w, 5);

	if (unlikely(t->config.iss_below_wrap))
		return UINT32_MAX - iss % t->config.iss_below_wrap;
	return iss;
}

/* RFC 9293 §3.6.1: larger than any number of the connection before; a fast one may have overtaken
 * the clock. */
static uint32_t iss_above(uint32_t iss, uint32_t old_nxt)
{
	return seq_gt(iss, old_nxt) ? iss : old_nxt + ISS_STEP;
}

static uint8_t rcv_wscale(const struct tcp *t, uint32_t buf)
{
	uint8_t s = 0;

	while (s < TCP_WSCALE_MAX && (uint32_t)UINT16_MAX << s < buf)
		s++;
	return t->config.window_scale ? s : 0;
}

static void set_buffers(struct tcp *t, struct tcp_conn *c)
{
	uint32_t buf = tcp_opt_rcvbuf(t, c);

	tcp_rcv_buffers(c, buf, 0);
	tcp_rcv_buffers(c, buf, rcv_wscale(t, tcp_tune_rcvbuf_max(t, c)));
}

/* What our SYN offers, RFC 9293 §3.7.1: the path's MTU less headers of fixed size. */
uint16_t tcp_open_mss(const struct tcp *t, const struct tcp_conn *c)
{
	uint32_t path = c->path.mtu > 40 ? c->path.mtu - 40u : TCP_MSS_DEFAULT;
	uint32_t chosen = tcp_conn_get(t, c, TCP_OPT_MAXSEG);

	return (uint16_t)(chosen ? MIN(path, chosen) : path);
}

/* SYN in SYN-SENT, SYN-ACK in SYN-RECEIVED; the first time or again. */
void tcp_open_send_syn(struct tcp *t, struct tcp_conn *c)
{
	bool ack = c->state == TCP_SYN_RECEIVED;
	struct wire_tcp h = {.sport = c->lport,
			     .dport = c->rport,
			     .seq = c->iss,
			     .flags = WIRE_TCP_SYN,
			     .wnd = tcp_rcv_syn_window(t, c),
			     .opts = WIRE_TCP_OPT_MSS,
			     .mss = tcp_open_mss(t, c)};

	if (ack) {
		h.flags |= WIRE_TCP_ACK;
		h.ack = c->rcv.nxt;
		c->flags &= ~(uint32_t)TCPF_ACK_NOW;
	}
	if (ack ? c->flags & TCPF_TS : t->config.timestamps) {
		h.opts |= WIRE_TCP_OPT_TS;
		h.ts_val = tcp_clock_ms(t) + c->ts_offset;
		h.ts_ecr = c->rcv.ts_recent;
	}
	if (ack ? c->flags & TCPF_WSCALE : t->config.window_scale) {
		h.opts |= WIRE_TCP_OPT_WSCALE;
		h.wscale = c->rcv.wscale;
	}
	if (ack ? c->flags & TCPF_SACK : t->config.sack)
		h.opts |= WIRE_TCP_OPT_SACK_OK;
	c->segs_out++;
	if (c->snd.nxt == c->iss) {
		tcp_snd_syn_sent(t, c);
	} else {
		c->retrans_segs++;
		t->n.retrans_segs++;
	}
	tcp_rtx_syn_sent(t, c);
	tcp_reply(t, &c->local, &c->remote, &h);
}

void tcp_open_established(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s)
{
	struct tcp_listener *l = c->flags & TCPF_EMBRYO ? c->listener : NULL;

	tcp_snd_syn_acked(c);
	tcp_rtx_established(t, c, s);
	tcp_set_state(t, c, TCP_ESTABLISHED);
	if (!l) {
		tcp_conn_ready(t, c, TCP_READY_CONNECTED | TCP_READY_WRITABLE);
		return;
	}
	list_push_back(&l->accept, &c->ready_node);
	if (!list_linked(&l->ready_node))
		list_push_back(&t->ready_listeners, &l->ready_node);
}

/* ---- listeners */

static struct tcp_listener *listener_new(struct tcp *t, const struct addr *local, uint16_t port,
					 int *err)
{
	struct list *n;
	struct tcp_listener *l;

	list_for_each(o, tcp_listener_bucket(t, port)) {
		struct tcp_listener *other = container_of(o, struct tcp_listener, hash_node);

		if (other->port == port && (addr_eq(&other->local, local) || addr_is_any(local) ||
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
	*l = (struct tcp_listener){.local = *local, .port = port, .used = true};
	list_init(&l->accept);
	list_init(&l->ready_node);
	list_push_back(tcp_listener_bucket(t, port), &l->hash_node);
	return l;
}

static bool port_has_listener(struct tcp *t, uint16_t port)
{
	list_for_each(n, tcp_listener_bucket(t, port))
		if (container_of(n, struct tcp_listener, hash_node)->port == port)
			return true;
	return false;
}

struct tcp_listener *tcp_listen(struct tcp *t, const struct addr *local, uint16_t port,
				uint32_t backlog, void *owner, int *err)
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

		if (!port_has_listener(t, at))
			port = at;
	}
	if (!port) {
		*err = -E_ADDRINUSE;
		return NULL;
	}
	l = listener_new(t, local, port, err);
	if (!l)
		return NULL;
	l->backlog = backlog ? backlog : t->config.backlog;
	l->owner = owner;
	*err = 0;
	return l;
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
	for (uint32_t i = 0; i < t->config.conns_max && l->pending; i++)
		if (t->conns[i].flags & TCPF_EMBRYO && t->conns[i].listener == l)
			tcp_abort(t, &t->conns[i]);
	assert(l->pending == 0);
	list_del(&l->ready_node);
	list_del(&l->hash_node);
	l->used = false;
	list_push_front(&t->listeners_free, &l->hash_node);
}

bool tcp_listener_has_room(const struct tcp *t, const struct tcp_listener *l)
{
	return l->pending < l->backlog && !list_empty(&t->conns_free);
}

/* A SYN for a listener makes a connection in SYN-RECEIVED. */
static enum drop passive_open(struct tcp *t, struct tcp_listener *l, struct tcp_seg *s)
{
	struct tcp_conn *c;

	if (l->pending >= l->backlog)
		return DROP_TCP_BACKLOG;
	c = tcp_conn_new(t);
	if (!c)
		return DROP_TCP_CONNS;
	c->local = s->p->rx.dst;
	c->remote = s->p->rx.src;
	c->lport = s->h->dport;
	c->rport = s->h->sport;
	c->flags |= TCPF_PASSIVE;
	if (ip_path_find(t->ip, &c->path, &c->local, &c->remote) < 0) {
		tcp_conn_free(t, c);
		return DROP_IP_NO_ROUTE;
	}
	if (tcp_demux_insert(t, c) < 0) {
		tcp_conn_free(t, c);
		return DROP_TCP_CONNS;
	}
	c->flags |= TCPF_EMBRYO;
	c->listener = l;
	l->pending++;
	if (l->opts.chosen)
		(void)tcp_conn_set_all(t, c, &l->opts);	/* no side left: the defaults */
	tcp_set_state(t, c, TCP_LISTEN);
	tcp_conn_setup(t, c, s->reopens ? iss_above(iss_of(t, c), s->old_nxt) : iss_of(t, c));
	set_buffers(t, c);
	tcp_snd_options(t, c, s->h);
	tcp_rcv_init(t, c, s->h);
	tcp_set_state(t, c, TCP_SYN_RECEIVED);
	t->n.passive_opens++;
	tcp_open_send_syn(t, c);
	return DROP_NOT;
}

enum drop tcp_listen_input(struct tcp *t, struct tcp_listener *l, struct tcp_seg *s)
{						/* RFC 9293 §3.10.7.2 */
	if (s->flags & WIRE_TCP_RST)
		return DROP_TCP_LISTEN_RST;
	if (s->flags & WIRE_TCP_ACK) {
		tcp_reply_rst(t, &s->p->rx.dst, &s->p->rx.src, s);
		return DROP_TCP_LISTEN_ACK;
	}
	if (!(s->flags & WIRE_TCP_SYN))
		return DROP_TCP_LISTEN_JUNK;
	/* bytes on the SYN are not taken: the peer sends them again */
	return passive_open(t, l, s);
}

/* ---- active */

struct tcp_conn *tcp_open(struct tcp *t, void *owner)
{
	struct tcp_conn *c = tcp_conn_new(t);

	if (c)
		c->owner = owner;
	return c;
}

/* RFC 6056 §3.3.3: simple hash-based selection. */
static uint16_t choose_port(struct tcp *t, const struct tcp_conn *c)
{
	uint64_t w[4] = {c->local.q[1], c->remote.q[0], c->remote.q[1], c->rport};
	uint32_t offset = (uint32_t)siphash_words(&t->core->secret_key, w, 4);

	for (uint32_t i = 0; i < TCP_EPHEMERAL_N; i++) {
		uint16_t port = (uint16_t)(TCP_EPHEMERAL_MIN +
					   (offset + t->ephemeral_next++) % TCP_EPHEMERAL_N);

		if (!port_has_listener(t, port) &&
		    !tcp_demux_busy(t, &c->local, port, &c->remote, c->rport))
			return port;
	}
	return 0;
}

int tcp_connect(struct tcp *t, struct tcp_conn *c, const struct addr *local, uint16_t lport,
		const struct addr *remote, uint16_t rport)
{
	int err;

	if (c->state != TCP_CLOSED || c->err_ || c->states_passed != 1u << TCP_CLOSED)
		return -E_ISCONN;
	if (!rport || addr_is_any(remote) || ip_is_bcast(t->ip, remote))
		return -E_INVAL;
	c->local = *local;
	c->remote = *remote;
	c->rport = rport;
	err = ip_path_find(t->ip, &c->path, &c->local, remote);
	if (err < 0)
		return err;
	c->lport = lport ? lport : choose_port(t, c);
	if (!c->lport)
		return -E_ADDRNOTAVAIL;
	if (lport && tcp_demux_busy(t, &c->local, lport, remote, rport))
		return -E_ADDRINUSE;
	if (tcp_demux_insert(t, c) < 0)
		return -E_NOBUFS;
	tcp_set_state(t, c, TCP_SYN_SENT);
	tcp_conn_setup(t, c, iss_of(t, c));
	set_buffers(t, c);
	t->n.active_opens++;
	tcp_open_send_syn(t, c);
	return 0;
}

enum drop tcp_syn_sent_input(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s)
{						/* RFC 9293 §3.10.7.3 */
	bool ack = s->flags & WIRE_TCP_ACK;

	if (ack && s->ack != c->snd.nxt) {	/* first: the ACK bit */
		tcp_reply_rst(t, &c->local, &c->remote, s);
		return seq_le(s->ack, c->iss) ? DROP_TCP_ACK_OLD : DROP_TCP_ACK_FUTURE;
	}
	if (s->flags & WIRE_TCP_RST) {		/* second: RST */
		if (!ack)
			return DROP_TCP_RST_SEQ;
		tcp_conn_fail(t, c, E_CONNREFUSED);
		return DROP_TCP_RST;
	}
	if (!(s->flags & WIRE_TCP_SYN))		/* fourth: SYN, fifth: neither */
		return ack ? DROP_TCP_SEQ : DROP_TCP_NO_ACK;
	tcp_snd_options(t, c, s->h);
	tcp_rcv_init(t, c, s->h);
	if (ack) {
		tcp_open_established(t, c, s);
		tcp_ack_now(t, c);
	} else {
		tcp_set_state(t, c, TCP_SYN_RECEIVED);	/* both opened at once */
		tcp_open_send_syn(t, c);
	}
	return DROP_NOT;
}
