/* What the user asks for, RFC 9293 §3.10.1 to §3.10.6: SEND, RECEIVE, CLOSE, ABORT.
 *
 * Nothing is sent from here: connections are marked and tcp_flush() decides. */
#include "tcp/tcp_int.h"

static int send_state(const struct tcp_conn *c)
{
	if (c->err_)
		return -c->err_;
	if (c->flags & TCPF_FIN_QUEUED)
		return -E_PIPE;
	if (c->state != TCP_ESTABLISHED && c->state != TCP_CLOSE_WAIT &&
	    !(c->flags & TCPF_FASTOPEN))
		return c->state == TCP_CLOSED && c->states_passed != 1u << TCP_CLOSED ? -E_PIPE
										      : -E_NOTCONN;
	return 0;
}

static uint32_t fold32(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (uint32_t)(sum + (sum >> 32));
}

/* Copies behind the last packet of the unsent queue while that has room; returns how much. */
static uint32_t append(struct tcp_conn *c, struct pkt *p, const uint8_t *from, uint32_t n)
{
	struct tcp_tx *tx = tcp_tx(p);
	uint32_t full = MIN((uint32_t)c->snd.mss, PKT_ROOM), room;
	uint64_t sum;

	if (p->flags & PKT_BARE || p->refs != 1 || tx->len >= full)
		return 0;
	room = MIN(full - tx->len, pkt_tailroom(p));
	n = MIN(n, room);
	sum = csum_copy(p->data + p->len, from, n, 0);
	if (p->len & 1)
		sum = csum_swap(sum);
	tx->sum = fold32((uint64_t)tx->sum + fold32(sum));
	p->len += n;
	p->total += n;
	tx->len += n;
	return n;
}

int tcp_write(struct tcp *t, struct tcp_conn *c, const void *from, uint32_t n)
{
	uint32_t done = 0, room = tcp_send_room(c), take = MIN(MIN(n, room), (uint32_t)INT32_MAX);
	const uint8_t *at = from;
	struct pool *pool = t->core->pool;
	struct pkt *p = c->snd.unsent.tail;
	int err = send_state(c);

	if (err)
		return err;
	/* The sum of a packet that was partly acknowledged or split is not kept: begin another. */
	if (p && tcp_tx(p)->flags & TX_SUM && tcp_tx(p)->payload == p->data) {
		done = append(c, p, at, take);
		tcp_snd_appended(c, done);
	}
	while (done < take) {
		if (!pool_spare(pool->free_frames_n, pool->frames))
			break;
		p = pkt_new(pool);
		if (!p)
			break;
		*tcp_tx(p) = (struct tcp_tx){.payload = p->data, .flags = TX_SUM};
		done += append(c, p, at + done, take - done);
		tcp_snd_queue(c, p);
	}
	if (done < n)
		c->flags |= TCPF_WANT_ROOM;
	if (done)
		tcp_want_output(t, c);
	return (int)done;
}

int tcp_send(struct tcp *t, struct tcp_conn *c, struct pkt *p TAKES)
{
	int err = send_state(c);

	if (!err && p->total > TCP_SEND_MAX)
		err = -E_MSGSIZE;
	if (err) {
		pkt_put(p);
		return err;
	}
	while (p) {
		struct pkt *rest = p->frag;

		p->frag = NULL;
		p->total = p->len;
		*tcp_tx(p) = (struct tcp_tx){.payload = p->data, .len = p->len};
		if (p->len)
			tcp_snd_queue(c, p);
		else
			pkt_put(p);
		p = rest;
	}
	tcp_want_output(t, c);
	return 0;
}

void tcp_want_room(struct tcp *t, struct tcp_conn *c)
{
	c->flags |= TCPF_WANT_ROOM;
}

void tcp_cork(struct tcp *t, struct tcp_conn *c, bool on)
{
	if (on) {
		c->flags |= TCPF_CORK;
		return;
	}
	c->flags &= ~(uint32_t)TCPF_CORK;
	if (c->snd.unsent.head)
		tcp_want_output(t, c);
}

void tcp_set_nodelay(struct tcp *t, struct tcp_conn *c, bool on)
{
	c->flags = on ? c->flags | TCPF_NODELAY : c->flags & ~(uint32_t)TCPF_NODELAY;
	if (on && c->snd.unsent.head)
		tcp_want_output(t, c);
}

int tcp_set_cc(struct tcp *t, struct tcp_conn *c, const char *name, size_t len)
{
	const struct cc_ops *ops = cc_find(name, len);

	if (!ops)
		return -E_NOENT;
	if (ops == c->cc.ops)
		return 0;
	tcp_pace_free(t, c);
	cc_switch(&c->cc, ops);
	tcp_pace_choose(t, c);
	return 0;
}

const char *tcp_cc_name(const struct tcp *t, const struct tcp_conn *c)
{
	return (c->cc.ops ? c->cc.ops : t->config.cc)->name;
}

struct pkt *tcp_recv(struct tcp *t, struct tcp_conn *c)
{
	struct pkt *p = c->rcv.head;

	if (p)
		tcp_rcv_taken(c, p);
	return p;
}

uint32_t tcp_peek(const struct tcp_conn *c, uint32_t off, void *to, uint32_t n)
{
	uint32_t got = 0;

	for (const struct pkt *p = c->rcv.head; p && got < n; p = p->next) {
		if (off < p->total)
			got += pkt_read(p, off, (uint8_t *)to + got, n - got);
		off -= MIN(off, p->total);
	}
	return got;
}

void tcp_unrecv(struct tcp *t, struct tcp_conn *c, struct pkt *p)
{
	tcp_rcv_untaken(c, p);
}

uint32_t tcp_recv_queued(const struct tcp_conn *c)
{
	return c->rcv.queued;
}

/* RFC 9293 §3.8.6.2.2: tell of new room when the peer may be waiting for it, else with the next
 * segment. */
void tcp_recv_done(struct tcp *t, struct tcp_conn *c, uint32_t bytes)
{
	uint32_t open, grown, half = tcp_rcv_window_max(c) / 2;

	tcp_rcv_given_back(c, bytes);
	if (!tcp_synchronized((enum tcp_state)c->state) || c->flags & TCPF_FIN_RCVD ||
	    !(c->flags & TCPF_HASHED))
		return;
	tcp_tune_received(t, c);
	open = c->rcv.adv - c->rcv.nxt;
	grown = tcp_rcv_free_space(c) - MIN(open, tcp_rcv_free_space(c));
	if (grown >= half || (open < c->rcv.mss && grown >= MIN(half, (uint32_t)c->rcv.mss)))
		tcp_ack_now(t, c);
}

static void queue_fin(struct tcp *t, struct tcp_conn *c)
{
	c->flags |= TCPF_FIN_QUEUED;
	if (c->state == TCP_SYN_RECEIVED)	/* tcp_open_established() goes on */
		return;
	tcp_set_state(t, c, c->state == TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT_1);
	tcp_want_output(t, c);
}

int tcp_shutdown(struct tcp *t, struct tcp_conn *c)
{
	if (c->flags & TCPF_FIN_QUEUED)
		return 0;
	if (c->state != TCP_ESTABLISHED && c->state != TCP_CLOSE_WAIT &&
	    !(c->flags & TCPF_FASTOPEN))
		return c->err_ ? -c->err_ : -E_NOTCONN;
	queue_fin(t, c);
	return 0;
}

void tcp_abort(struct tcp *t, struct tcp_conn *c)
{
	if (c->flags & TCPF_HASHED && c->state != TCP_SYN_SENT) {
		tcp_output_rst(t, c);
		tcp_set_state(t, c, TCP_CLOSED);
	} else if (c->state == TCP_SYN_SENT) {
		tcp_set_state(t, c, TCP_CLOSED);
	}
	tcp_conn_free(t, c);
}

void tcp_close(struct tcp *t, struct tcp_conn *c)
{
	if (!(c->flags & TCPF_HASHED) || c->state == TCP_SYN_SENT ||
	    (c->state == TCP_SYN_RECEIVED && !(c->flags & TCPF_FASTOPEN)) || c->rcv.queued) {
		tcp_abort(t, c);
		return;
	}
	c->flags |= TCPF_ORPHAN;
	c->flags &= ~(uint32_t)TCPF_CORK;
	c->owner = NULL;
	c->ready = 0;
	list_del(&c->ready_node);
	if (c->state == TCP_ESTABLISHED || c->state == TCP_CLOSE_WAIT ||
	    (c->state == TCP_SYN_RECEIVED && !(c->flags & TCPF_FIN_QUEUED)))
		queue_fin(t, c);
	else if (c->state == TCP_FIN_WAIT_2)
		tcp_timer_life(t, c, tcp_fin_wait_2_ends(t, c));
}
