/* Links: submissions that wait for the one in front of them, and time-outs of a submission.
 *
 * A chain begins with a submission that says LEAT_SQE_IO_LINK and ends with the first that does
 * not.  One of it runs at a time; while it does, those behind it are kept, each with a sock_op of
 * its own, so that whatever becomes of it can be told.  What ends is noted by sock/ (a bit of
 * s->chains_over) and looked at when no operation is in the middle of something.
 *
 * Always: a chain that waits has an operation with its number in op->link; ring->open is the chain
 * that the next submission belongs to, 0: none. */
#include "base/err.h"
#include "ring/ring.h"

#define LINKS (LEAT_SQE_IO_LINK | LEAT_SQE_IO_HARDLINK)

static struct ring_chain *chain_at(struct leat_ring *r, unsigned i)
{
	return &r->chains[i - 1];
}

static unsigned chain_new(struct leat_ring *r)
{
	for (unsigned i = 1; i <= RING_CHAINS; i++)
		if (chain_at(r, i)->state == CHAIN_FREE) {
			*chain_at(r, i) = (struct ring_chain){.state = CHAIN_RUNS};
			return i;
		}
	return 0;
}

/* ---- one that is kept */

static bool keep(struct leat_ring *r, struct ring_chain *c, const struct leat_sqe *sqe)
{
	uint8_t i = r->links_free;
	struct sock_op *op;

	if (!i)
		return false;
	op = sock_op_new(&r->socks, sqe, NULL, SOCK_Q_LINK);
	if (!op)
		return false;
	r->links_free = r->links[i - 1].next;
	r->links[i - 1] = (struct ring_kept){.sqe = *sqe, .op = op};
	if (c->last)
		r->links[c->last - 1].next = i;
	else
		c->first = i;
	c->last = i;
	return true;
}

static struct ring_kept take(struct leat_ring *r, struct ring_chain *c)
{
	uint8_t i = c->first;
	struct ring_kept kept = r->links[i - 1];

	c->first = kept.next;
	if (!c->first)
		c->last = 0;
	r->links[i - 1].next = r->links_free;
	r->links_free = i;
	return kept;
}

/* ---- one that runs */

static void settle(struct ring_chain *c, const struct leat_sqe *sqe, int res)
{
	c->state = res >= 0 || sqe->flags & LEAT_SQE_IO_HARDLINK ? CHAIN_DONE : CHAIN_FAILED;
}

/* The operation that it has become, if it waits. */
static int start(struct leat_ring *r, unsigned number, const struct leat_sqe *sqe)
{
	struct ring_chain *c = chain_at(r, number);
	struct leat_sqe bare = *sqe;
	int res;

	bare.flags &= (uint8_t)~LINKS;
	r->socks.last_op = NULL;
	res = ring_run(r, &bare);
	if (res == SOCK_BUSY)
		return res;
	c->hard = sqe->flags & LEAT_SQE_IO_HARDLINK;
	if (res != SOCK_PARKED) {
		settle(c, sqe, res);
		sock_cq_answer(&r->socks, &bare, res);
	} else if (r->socks.last_op && r->socks.last_op->user_data == sqe->user_data &&
		   r->socks.last_op->queue != SOCK_Q_NONE) {
		c->state = CHAIN_RUNS;
		c->op = r->socks.last_op;
		c->op->link = (uint8_t)number;
	} else {		/* it was parked, and is done already */
		c->state = CHAIN_DONE;
	}
	return SOCK_PARKED;
}

/* A time-out for what runs. */
static void guard(struct leat_ring *r, unsigned number, const struct leat_sqe *sqe)
{
	struct ring_chain *c = chain_at(r, number);
	struct sock_op *op;

	if (c->state != CHAIN_RUNS || c->timeout) {
		sock_cq_answer(&r->socks, sqe, c->timeout ? -E_INVAL : -E_CANCELED);
		return;
	}
	op = sock_op_new(&r->socks, sqe, NULL, SOCK_Q_TIMER);
	if (!op) {
		sock_cq_answer(&r->socks, sqe, -E_NOBUFS);
		return;
	}
	op->link = (uint8_t)number;
	ring_timeout_arm(r, op, sqe);
	c->timeout = op;
}

/* Goes on with a chain whose last one ended, until one waits again. */
static void proceed(struct leat_ring *r, unsigned number)
{
	struct ring_chain *c = chain_at(r, number);

	if (c->timeout) {
		struct sock_op *op = c->timeout;

		c->timeout = NULL;
		op->link = 0;
		sock_op_finish(&r->socks, op, -E_CANCELED, 0);
	}
	while (c->state != CHAIN_RUNS && c->first) {
		struct ring_kept kept = take(r, c);

		if (c->state == CHAIN_FAILED || kept.sqe.opcode == LEAT_OP_LINK_TIMEOUT) {
			sock_op_finish(&r->socks, kept.op, -E_CANCELED, 0);
			continue;
		}
		sock_op_drop(&r->socks, kept.op);
		if (start(r, number, &kept.sqe) == SOCK_BUSY) {
			c->state = CHAIN_FAILED;
			sock_cq_answer(&r->socks, &kept.sqe, -E_NOBUFS);
		}
		if (c->first && r->links[c->first - 1].sqe.opcode == LEAT_OP_LINK_TIMEOUT &&
		    c->state == CHAIN_RUNS) {
			kept = take(r, c);
			sock_op_drop(&r->socks, kept.op);
			guard(r, number, &kept.sqe);
		}
	}
	if (c->state != CHAIN_RUNS && !c->first && r->socks.chain_open != number)
		c->state = CHAIN_FREE;
}

void ring_links_run(struct leat_ring *r)
{
	struct socks *s = &r->socks;

	for (unsigned rounds = 0; s->chains_over && rounds < RING_CHAINS; rounds++) {
		unsigned i = (unsigned)__builtin_ctzll(s->chains_over) + 1;
		bool failed = s->chains_failed >> (i - 1) & 1;
		struct ring_chain *c = chain_at(r, i);

		s->chains_over &= s->chains_over - 1;
		s->chains_failed &= ~(1ull << (i - 1));
		c->op = NULL;
		c->state = failed && !c->hard ? CHAIN_FAILED : CHAIN_DONE;
		proceed(r, i);
	}
}

/* A LINK_TIMEOUT's time has come: what it guards ends, and then it. */
void ring_link_expired(struct leat_ring *r, struct sock_op *op)
{
	struct ring_chain *c = op->link ? chain_at(r, op->link) : NULL;

	op->link = 0;
	if (c) {
		c->timeout = NULL;
		if (c->op)
			sock_op_cancel(&r->socks, c->op);
	}
	sock_op_finish(&r->socks, op, -E_TIME, 0);
}

/* ---- what is submitted */

static int append(struct leat_ring *r, unsigned number, const struct leat_sqe *sqe)
{
	struct ring_chain *c = chain_at(r, number);

	if (sqe->opcode == LEAT_OP_LINK_TIMEOUT && !c->first) {
		guard(r, number, sqe);
		return SOCK_PARKED;
	}
	if (c->state == CHAIN_RUNS)
		return keep(r, c, sqe) ? SOCK_PARKED : SOCK_BUSY;
	if (c->state == CHAIN_FAILED) {
		sock_cq_answer(&r->socks, sqe, -E_CANCELED);
		return SOCK_PARKED;
	}
	return start(r, number, sqe);
}

int ring_link_submit(struct leat_ring *r, const struct leat_sqe *sqe)
{
	struct socks *s = &r->socks;
	unsigned number = s->chain_open;
	int res;

	if (sqe->ioprio & (LEAT_ACCEPT_MULTISHOT | LEAT_RECV_MULTISHOT))
		return -E_INVAL;
	if (!number) {
		number = chain_new(r);
		if (!number)
			return SOCK_BUSY;
		res = start(r, number, sqe);
	} else {
		res = append(r, number, sqe);
	}
	if (res == SOCK_BUSY) {
		if (!s->chain_open)
			chain_at(r, number)->state = CHAIN_FREE;
		return res;
	}
	s->chain_open = sqe->flags & LINKS ? number : 0;
	if (!s->chain_open && chain_at(r, number)->state != CHAIN_RUNS)
		proceed(r, number);
	return SOCK_PARKED;
}

void ring_links_init(struct leat_ring *r)
{
	for (unsigned i = 0; i < LEAT_LINKS_MAX; i++)
		r->links[i].next = (uint8_t)(i + 1 < LEAT_LINKS_MAX ? i + 2 : 0);
	r->links_free = 1;
	for (unsigned i = 0; i < RING_CHAINS; i++)
		r->chains[i].state = CHAIN_FREE;
}
