/* How we open connections: SYN-SENT and simultaneous open (RFC 9293 §3.5, §3.10.7.3), initial
 * sequence numbers (RFC 6528), ports (RFC 6056 §3.3.4).
 *
 * How others open them is in tcp_listen.c, tcp_synq.c and tcp_cookie.c. */
#include "tcp/tcp_int.h"

#define ISS_STEP 65536u

struct tcp_ends tcp_conn_ends(const struct tcp_conn *c)
{
	return (struct tcp_ends){.local = c->local, .remote = c->remote, .lport = c->lport,
				 .rport = c->rport};
}

/* RFC 6528 §3: ISN = M + F(addresses, ports, secret), M ticking every 4 us. */
uint32_t tcp_iss(const struct tcp *t, const struct tcp_ends *e)
{
	uint64_t w[5] = {e->local.q[0], e->local.q[1], e->remote.q[0], e->remote.q[1],
			 (uint64_t)e->lport << 16 | e->rport};
	uint32_t iss = (uint32_t)(t->core->now / 4000u) +
		       (uint32_t)siphash_words(&t->core->secret_key, w, 5);

	if (unlikely(t->config.iss_below_wrap))
		return UINT32_MAX - iss % t->config.iss_below_wrap;
	return iss;
}

/* RFC 9293 §3.6.1: larger than any number of the connection before; a fast one may have overtaken
 * the clock. */
uint32_t tcp_iss_above(uint32_t iss, uint32_t old_nxt)
{
	return seq_gt(iss, old_nxt) ? iss : old_nxt + ISS_STEP;
}

/* RFC 7323 §5.4: each connection's clock is off by a number that only we know. */
uint32_t tcp_ts_offset(const struct tcp *t, const struct tcp_ends *e)
{
	uint64_t w[2] = {e->local.q[1] ^ e->remote.q[1], (uint64_t)e->lport << 16 | e->rport};

	return (uint32_t)siphash_words(&t->core->secret_key, w, 2);
}

uint8_t tcp_open_wscale(const struct tcp *t, uint32_t buf)
{
	uint8_t s = 0;

	while (s < TCP_WSCALE_MAX && (uint32_t)UINT16_MAX << s < buf)
		s++;
	return t->config.window_scale ? s : 0;
}

void tcp_open_buffers(struct tcp *t, struct tcp_conn *c)
{
	uint32_t buf = tcp_opt_rcvbuf(t, c);

	tcp_rcv_buffers(c, buf, 0);
	tcp_rcv_buffers(c, buf, tcp_open_wscale(t, tcp_tune_rcvbuf_max(t, c)));
}

/* What our SYN offers, RFC 9293 §3.7.1: the path's MTU less headers of fixed size. */
uint16_t tcp_open_mss_of(const struct tcp *t, const struct ip_path *path, uint32_t chosen)
{
	uint32_t mtu = ip_path_link_mtu(t->ip, path);
	uint32_t mss = mtu > 40 ? mtu - 40u : TCP_MSS_DEFAULT;

	return (uint16_t)(chosen ? MIN(mss, chosen) : mss);
}

uint16_t tcp_open_mss(const struct tcp *t, const struct tcp_conn *c)
{
	return tcp_open_mss_of(t, &c->path, tcp_conn_get(t, c, TCP_OPT_MAXSEG));
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
	if (tcp_conn_get(t, c, TCP_OPT_USER_TIMEOUT_TOLD)) {
		h.user_timeout = tcp_user_timeout_option(t, c);
		h.opts |= h.user_timeout ? WIRE_TCP_OPT_USER_TIMEOUT : 0;
	}
	h.flags |= tcp_ecn_syn_flags(t, c);
	c->segs_out++;
	if (c->snd.nxt == c->iss) {
		tcp_snd_syn_sent(c, t->core->now);
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
	tcp_keep_start(t, c);
	tcp_pmtu_start(t, c);
	tcp_fastopen_over(t, c);
	if (c->flags & TCPF_FIN_QUEUED)		/* closed before the handshake was done */
		tcp_set_state(t, c, TCP_FIN_WAIT_1);
	if (c->snd.unsent.head || c->flags & TCPF_FIN_QUEUED)
		tcp_want_output(t, c);
	if (!l) {
		tcp_conn_ready(t, c, TCP_READY_CONNECTED | TCP_READY_WRITABLE);
		return;
	}
	if (!list_linked(&c->ready_node))	/* else its SYN had bytes */
		tcp_listen_queue(t, l, c);
}

/* ---- active */

struct tcp_conn *tcp_open(struct tcp *t, void *owner)
{
	struct tcp_conn *c = tcp_conn_new(t);

	if (c)
		c->owner = owner;
	return c;
}

/* RFC 6056 §3.3.4: double-hash selection; who sees the ports of one destination learns nothing of
 * how many connections go to others. */
static uint16_t choose_port(struct tcp *t, const struct tcp_conn *c)
{
	uint64_t w[4] = {c->local.q[1], c->remote.q[0], c->remote.q[1], c->rport};
	uint64_t hash = siphash_words(&t->core->secret_key, w, 4);
	uint32_t offset = (uint32_t)hash;
	uint32_t *next = &t->ephemeral_next[hash >> 32 & 15];

	for (uint32_t i = 0; i < TCP_EPHEMERAL_N; i++) {
		uint16_t port = (uint16_t)(TCP_EPHEMERAL_MIN +
					   (offset + (*next)++) % TCP_EPHEMERAL_N);

		if (spread_is_home(&t->core->spread, &c->local, port, &c->remote, c->rport) &&
		    !tcp_listen_has_port(t, port) &&
		    !tcp_demux_busy(t, &c->local, port, &c->remote, c->rport))
			return port;
	}
	return 0;
}

int tcp_connect(struct tcp *t, struct tcp_conn *c, const struct addr *local, uint16_t lport,
		const struct addr *remote, uint16_t rport)
{
	struct tcp_ends ends;
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
	ends = tcp_conn_ends(c);
	tcp_conn_setup(t, c, tcp_iss(t, &ends));
	tcp_open_buffers(t, c);
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
	if (s->h->opts & WIRE_TCP_OPT_USER_TIMEOUT)
		tcp_user_timeout_told(t, c, s->h->user_timeout);
	if (ack) {
		tcp_open_established(t, c, s);
		tcp_ack_now(t, c);
	} else {
		tcp_set_state(t, c, TCP_SYN_RECEIVED);	/* both opened at once */
		tcp_open_send_syn(t, c);
	}
	return DROP_NOT;
}
