/* What must hold of a connection and of the whole, after every step: called by tests,
 * simulation and fuzzing. */
#include "tcp/tcp_int.h"

static void check_send_queues(const struct tcp_conn *c)
{
	uint32_t at = c->snd.una, lost = 0, sacked = 0;
	bool hint_seen = !c->rtx.hint;

	for (struct pkt *p = c->rtx.sent.head; p; p = tcp_tx(p)->link) {
		const struct tcp_tx *tx = tcp_tx(p);

		hint_seen |= p == c->rtx.hint;
		assert(tx->seq == at);
		assert(tx->len > 0);
		assert(!(tx->flags & TX_LOST) || hint_seen);
		at += tx->len;
		lost += tx->flags & TX_LOST ? tx->len : 0;
		sacked += tx->flags & TX_SACKED ? tx->len : 0;
		assert(!(tx->flags & TX_LOST && tx->flags & TX_SACKED));
		assert(tx->link || c->rtx.sent.tail == p);
	}
	assert(lost == c->rtx.lost_bytes);
	assert(sacked == tcp_sack_bytes(c));
	assert(at == c->snd.nxt - !!(c->flags & TCPF_FIN_SENT && !tcp_fin_acked(c)) ||
	       (tcp_fin_acked(c) && at == c->snd.nxt));
	for (struct pkt *p = c->snd.unsent.head; p; p = tcp_tx(p)->link) {
		assert(tcp_tx(p)->seq == at);
		assert(tcp_tx(p)->len > 0);
		at += tcp_tx(p)->len;
		assert(tcp_tx(p)->link || c->snd.unsent.tail == p);
	}
	assert(at == c->snd.end || tcp_fin_acked(c));
}

static void check_receive_queue(const struct tcp_conn *c)
{
	uint32_t bytes = 0;

	for (const struct pkt *p = c->rcv.head; p; p = p->next) {
		assert(p->total > 0);
		bytes += p->total;
		assert(p->next || c->rcv.tail == p);
	}
	assert(bytes == c->rcv.queued);
	tcp_reass_check(c);
}

void tcp_conn_check(const struct tcp *t, const struct tcp_conn *c)
{
	nsec first = MIN(MIN(MIN(c->timer.rtx_at, c->timer.ack_at), c->timer.life_at),
			 MIN(tcp_timer_keep_at(c), tcp_timer_pace_at(c)));

	assert(c->flags & TCPF_USED);
	assert(c->state < TCP_STATE_N);
	assert(c->states_passed & 1u << c->state);
	check_receive_queue(c);
	if (!(c->flags & TCPF_HASHED)) {
		assert(c->state == TCP_CLOSED || c->state == TCP_TIME_WAIT);
		assert(!wheel_armed(&c->timer.node));
		assert(!(c->flags & TCPF_ORPHAN));
		return;
	}
	assert(c->state != TCP_CLOSED && c->state != TCP_LISTEN && c->state != TCP_TIME_WAIT);
	assert(first == NSEC_NEVER ||
	       (wheel_armed(&c->timer.node) && c->timer.node.deadline <= first));
	if (!tcp_synchronized((enum tcp_state)c->state)) {
		assert(c->timer.rtx_at != NSEC_NEVER);
		return;
	}
	check_send_queues(c);
	assert(seq_le(c->snd.una, c->snd.nxt));
	assert(seq_le(c->snd.nxt, c->snd.end + 1));
	assert(c->snd.una == c->snd.nxt || c->timer.rtx_at != NSEC_NEVER);
	assert(!(c->flags & TCPF_FIN_QUEUED) ==
	       (c->state == TCP_ESTABLISHED || c->state == TCP_CLOSE_WAIT));
	assert(!(c->flags & TCPF_FIN_RCVD) ==
	       (c->state == TCP_ESTABLISHED || c->state == TCP_FIN_WAIT_1 ||
		c->state == TCP_FIN_WAIT_2));
	assert(c->cc.cwnd >= c->cc.mss);
}

void tcp_check(const struct tcp *t)
{
	uint32_t used = 0, losses = 0;

	for (uint32_t i = 0; i < t->config.conns_max; i++) {
		if (!(t->conns[i].flags & TCPF_USED))
			continue;
		used++;
		losses += !!t->conns[i].loss;
		tcp_conn_check(t, &t->conns[i]);
	}
	assert(used == t->conns_used);
	assert(losses == t->losses_used);
	tcp_timewait_check(t);
	tcp_synq_check(t);
	table_check(&t->table);
}
