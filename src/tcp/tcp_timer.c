/* All deadlines of a connection behind one wheel node.
 *
 * Deadlines move later all the time (every ACK pushes the RTO back); the node is left where it
 * is and looks again when it fires, so that a running connection touches the wheel only a few
 * times a second.
 * Always: an armed node's deadline is not later than the earliest of the connection's. */
#include "tcp/tcp_int.h"

void tcp_timer_init(struct tcp_conn *c)
{
	wheel_node_init(&c->timer.node, TIMER_TCP_CONN);
	c->timer.rtx_at = c->timer.ack_at = c->timer.life_at = NSEC_NEVER;
}

void tcp_timer_stop(struct tcp *t, struct tcp_conn *c)
{
	wheel_cancel(&t->core->wheel, &c->timer.node);
	tcp_keep_stop(c);
	c->timer.rtx_at = c->timer.ack_at = c->timer.life_at = NSEC_NEVER;
}

static inline void arm(struct tcp *t, struct tcp_conn *c, nsec at)
{
	if (at == NSEC_NEVER || (wheel_armed(&c->timer.node) && c->timer.node.deadline <= at))
		return;
	wheel_arm(&t->core->wheel, &c->timer.node, at);
}

void tcp_timer_rtx(struct tcp *t, struct tcp_conn *c, nsec at)
{
	c->timer.rtx_at = at;
	arm(t, c, at);
}

void tcp_timer_ack(struct tcp *t, struct tcp_conn *c, nsec at)
{
	c->timer.ack_at = at;
	arm(t, c, at);
}

void tcp_timer_life(struct tcp *t, struct tcp_conn *c, nsec at)
{
	c->timer.life_at = at;
	arm(t, c, at);
}

void tcp_timer_keep(struct tcp *t, struct tcp_conn *c)
{
	arm(t, c, tcp_timer_keep_at(c));
}

void tcp_timer_pace(struct tcp *t, struct tcp_conn *c)
{
	arm(t, c, tcp_timer_pace_at(c));
}

static void conn_timer(struct tcp *t, struct tcp_conn *c)
{
	nsec now = t->core->now;

	if (c->timer.life_at <= now) {
		tcp_conn_gone(t, c);	/* an orphan's peer never closed */
		return;
	}
	if (c->timer.ack_at <= now) {
		c->timer.ack_at = NSEC_NEVER;
		t->n.delayed_acks++;
		tcp_ack_now(t, c);
	}
	if (c->timer.rtx_at <= now) {
		c->timer.rtx_at = NSEC_NEVER;
		tcp_rtx_expired(t, c);
		if (!(c->flags & TCPF_USED) || c->state == TCP_CLOSED)
			return;
	}
	if (unlikely(tcp_timer_pace_at(c) <= now))
		tcp_pace_expired(t, c);
	if (unlikely(tcp_timer_keep_at(c) <= now) && !tcp_keep_expired(t, c))
		return;
	arm(t, c, MIN(MIN(MIN(c->timer.rtx_at, c->timer.ack_at), c->timer.life_at),
		      MIN(tcp_timer_keep_at(c), tcp_timer_pace_at(c))));
}

void tcp_timer(struct tcp *t, struct wheel_node *n)
{
	if (n == &t->half_timer)
		tcp_synq_expire(t);
	else if (n->kind == TIMER_TCP_MISC)
		tcp_timewait_expire(t);
	else
		conn_timer(t, container_of(n, struct tcp_conn, timer.node));
}
