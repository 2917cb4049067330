/* TIMEOUT and TIMEOUT_REMOVE: one wheel node for each that is pending.
 *
 * A relative time counts from the submission, not from the last poll: the clock is asked. */
#include "base/err.h"
#include "ring/ring.h"

static nsec deadline_of(struct leat_ring *ring, const struct leat_sqe *sqe)
{
	nsec now;

	if (sqe->op_flags & LEAT_TIMEOUT_ABS)
		return sqe->off;
	now = ring->now(ring->now_ctx);
	return sqe->off < NSEC_NEVER - now ? now + sqe->off : NSEC_NEVER;
}

void ring_timeout_arm(struct leat_ring *ring, struct sock_op *op, const struct leat_sqe *sqe)
{
	wheel_node_init(&op->timer, TIMER_RING);
	wheel_arm(&ring->net->core.wheel, &op->timer, deadline_of(ring, sqe));
}

int ring_timeout(struct socks *s, const struct leat_sqe *sqe)
{
	struct leat_ring *ring = container_of(s, struct leat_ring, socks);
	struct sock_op *op;

	if (sqe->op_flags & ~LEAT_TIMEOUT_ABS)
		return -E_INVAL;
	op = sock_op_new(s, sqe, NULL, SOCK_Q_TIMER);
	if (!op)
		return SOCK_BUSY;
	ring_timeout_arm(ring, op, sqe);
	return SOCK_PARKED;
}

int ring_timeout_remove(struct socks *s, const struct leat_sqe *sqe)
{
	struct leat_ring *ring = container_of(s, struct leat_ring, socks);
	struct sock_op *op = sock_op_find(s, sqe->addr, LEAT_OP_TIMEOUT);

	if (sqe->op_flags == LEAT_TIMEOUT_ABS)
		return -E_INVAL;
	if (!op)
		return -E_NOENT;
	if (sqe->op_flags & LEAT_TIMEOUT_UPDATE) {
		wheel_arm(&s->net->core.wheel, &op->timer, deadline_of(ring, sqe));
		return 0;
	}
	if (!sock_op_spare(s))
		return SOCK_BUSY;
	sock_op_finish(s, op, -E_CANCELED, 0);
	return 0;
}

/* The wheel has taken it out. */
void ring_timer(struct leat_ring *ring, struct wheel_node *n)
{
	struct sock_op *op = container_of(n, struct sock_op, timer);

	assert(n->kind == TIMER_RING);
	if (op->opcode == LEAT_OP_LINK_TIMEOUT)
		ring_link_expired(ring, op);
	else
		sock_op_finish(&ring->socks, op, -E_TIME, 0);
}
