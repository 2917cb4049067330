/* Pending operations and completions: the pool, the queues, finding one by user_data, the backlog.
 *
 * What an operation does is not known here, but for what must be undone when it ends early: a timer
 * is disarmed, lent memory is awaited. */
#include "sock/sock_int.h"

/* ---- circular queues through indices */

static void queue_push(struct socks *s, uint32_t *queue, struct sock_op *op)
{
	uint32_t i = sock_op_index(s, op);
	struct sock_op *first;

	if (*queue == 0) {
		*queue = op->next = op->prev = i;
		return;
	}
	first = &s->ops[*queue];
	op->next = *queue;
	op->prev = first->prev;
	s->ops[first->prev].next = i;
	first->prev = i;
}

static void queue_del(struct socks *s, uint32_t *queue, struct sock_op *op)
{
	uint32_t i = sock_op_index(s, op);

	if (op->next == i) {
		*queue = 0;
		return;
	}
	s->ops[op->prev].next = op->next;
	s->ops[op->next].prev = op->prev;
	if (*queue == i)
		*queue = op->next;
}

static uint32_t *queue_of(struct socks *s, const struct sock_op *op)
{
	struct sock *k = &s->all[op->sock];

	switch ((enum sock_queue)op->queue) {
	case SOCK_Q_RX:
		return &k->rx;
	case SOCK_Q_TX:
		return &k->tx;
	case SOCK_Q_POLL:
		return &k->polls;
	case SOCK_Q_BACKLOG:
		return &s->backlog;
	case SOCK_Q_NONE:
	case SOCK_Q_TIMER:
	case SOCK_Q_LINK:
		break;
	}
	return NULL;
}

/* Off its queue and whatever else an operation that waits hangs on. */
static void unhook(struct socks *s, struct sock_op *op)
{
	uint32_t *queue = queue_of(s, op);

	if (queue)
		queue_del(s, queue, op);
	if (op->queue == SOCK_Q_RX || op->queue == SOCK_Q_POLL ||
	    (op->queue == SOCK_Q_TX && op->opcode == LEAT_OP_SEND))
		list_del(&op->rx.stall);
	else if (op->queue == SOCK_Q_TIMER)
		wheel_cancel(&s->net->core.wheel, &op->timer);
	op->queue = SOCK_Q_NONE;
}

/* ---- by user_data */

/* Fibonacci hashing: user_data is often a pointer, whose low bits say nothing. */
static uint32_t *chain_of(struct socks *s, uint64_t user_data)
{
	return &s->op_hash[(user_data * 0x9e3779b97f4a7c15u) >> s->op_hash_shift];
}

static void hash_add(struct socks *s, struct sock_op *op)
{
	uint32_t *chain = chain_of(s, op->user_data);

	op->hash_prev = 0;
	op->hash_next = *chain;
	if (*chain)
		s->ops[*chain].hash_prev = sock_op_index(s, op);
	*chain = sock_op_index(s, op);
	op->flags |= SOCK_OP_HASHED;
}

static void hash_del(struct socks *s, struct sock_op *op)
{
	if (!(op->flags & SOCK_OP_HASHED))
		return;
	op->flags &= (uint8_t)~SOCK_OP_HASHED;
	if (op->hash_next)
		s->ops[op->hash_next].hash_prev = op->hash_prev;
	if (op->hash_prev)
		s->ops[op->hash_prev].hash_next = op->hash_next;
	else
		*chain_of(s, op->user_data) = op->hash_next;
}

struct sock_op *sock_op_find(struct socks *s, uint64_t user_data, unsigned opcode)
{
	for (uint32_t i = *chain_of(s, user_data); i; i = s->ops[i].hash_next) {
		struct sock_op *op = &s->ops[i];

		if (op->user_data == user_data && (opcode == LEAT_OP_N || op->opcode == opcode))
			return op;
	}
	return NULL;
}

/* Another name for one that waits. */
void sock_op_rename(struct socks *s, struct sock_op *op, uint64_t user_data)
{
	hash_del(s, op);
	op->user_data = user_data;
	hash_add(s, op);
}

/* ---- life */

static struct sock_op *op_get(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock_op *op = &s->ops[s->ops_free];

	if (s->ops_free == 0)
		return NULL;
	s->ops_free = op->next;
	s->ops_used++;
	op->user_data = sqe->user_data;
	op->opcode = sqe->opcode;
	op->flags = sqe->flags & LEAT_SQE_CQE_SKIP_SUCCESS ? SOCK_OP_SKIP : 0;
	op->queue = SOCK_Q_NONE;
	op->link = 0;
	op->sock = 0;
	return op;
}

static void op_put(struct socks *s, struct sock_op *op)
{
	op->opcode = LEAT_OP_N;
	op->next = s->ops_free;
	s->ops_free = sock_op_index(s, op);
	s->ops_used--;
}

struct sock_op *sock_op_new(struct socks *s, const struct leat_sqe *sqe, struct sock *k,
			    enum sock_queue queue)
{
	struct sock_op *op = op_get(s, sqe);

	if (!op)
		return NULL;
	op->queue = queue;
	if (queue == SOCK_Q_RX || queue == SOCK_Q_TX || queue == SOCK_Q_POLL)
		list_init(&op->rx.stall);
	if (k) {
		op->sock = sock_index(s, k);
		queue_push(s, queue_of(s, op), op);
	}
	s->last_op = op;
	if (queue != SOCK_Q_LINK)	/* has not begun: nobody finds it */
		hash_add(s, op);
	return op;
}

void sock_op_drop(struct socks *s, struct sock_op *op)
{
	unhook(s, op);
	hash_del(s, op);
	op_put(s, op);
}

/* ---- completions */

/* What is linked behind it may begin, or not. */
static COLD void link_over(struct socks *s, struct sock_op *op, int32_t res)
{
	uint64_t bit = 1ull << (op->link - 1);

	op->link = 0;
	if (op->opcode == LEAT_OP_LINK_TIMEOUT)
		return;
	s->chains_over |= bit;
	if (res < 0)
		s->chains_failed |= bit;
}

/* True when `op` is not needed any more. */
static bool answer(struct socks *s, struct sock_op *op, int32_t res, uint32_t cqe_flags)
{
	bool lent = cqe_flags & LEAT_CQE_F_MORE;

	hash_del(s, op);	/* nothing is left that could be cancelled */
	if (unlikely(op->link))
		link_over(s, op, res);
	if (res >= 0 && op->flags & SOCK_OP_SKIP)
		return !lent;
	if (unlikely(sock_cq_room(s) == 0)) {
		op->done.res = res;
		op->done.cqe_flags = cqe_flags;
		op->queue = SOCK_Q_BACKLOG;
		queue_push(s, &s->backlog, op);
		s->n.backlogged++;
		return false;
	}
	sock_cq_put(s, op->user_data, res, cqe_flags);
	return !lent;
}

static bool is_zc(const struct sock_op *op)
{
	return op->opcode == LEAT_OP_SEND_ZC;
}

/* The last packet that named the memory of `op` is gone. */
void sock_op_lend_back(struct socks *s, struct sock_op *op)
{
	assert(is_zc(op) && op->flags & SOCK_OP_LENT);
	if (op->queue == SOCK_Q_BACKLOG) {
		op->flags |= SOCK_OP_LEND_BACK;
		return;
	}
	op->flags &= (uint8_t)~SOCK_OP_LENT;
	if (op->flags & SOCK_OP_ALL ? answer(s, op, (int32_t)op->tx.done, 0) :
				      answer(s, op, 0, LEAT_CQE_F_NOTIF))
		op_put(s, op);
}

/* Who sent something gets two completions, even when the memory is back already.  The reference
 * that is dropped is the operation's own; what remains are packets of the layers below. */
static void finish_zc(struct socks *s, struct sock_op *op, int32_t res)
{
	bool lent = --op->tx.lend.refs;

	if (!lent && res <= 0) {
		if (answer(s, op, res, 0))
			op_put(s, op);
		return;
	}
	op->flags |= SOCK_OP_LENT;
	if (op->flags & SOCK_OP_ALL) {
		hash_del(s, op);
		op->tx.done = (uint32_t)res;
	} else {
		(void)answer(s, op, res, LEAT_CQE_F_MORE);
	}
	if (!lent)
		sock_op_lend_back(s, op);
}

void sock_op_finish(struct socks *s, struct sock_op *op, int32_t res, uint32_t cqe_flags)
{
	unhook(s, op);
	op->sock = 0;
	if (unlikely(is_zc(op))) {
		finish_zc(s, op, res);
		return;
	}
	if (likely(answer(s, op, res, cqe_flags)))
		op_put(s, op);
}

void sock_cq_answer(struct socks *s, const struct leat_sqe *sqe, int32_t res)
{
	struct sock_op *op;

	if (res >= 0 && sqe->flags & LEAT_SQE_CQE_SKIP_SUCCESS)
		return;
	if (likely(sock_cq_room(s))) {
		sock_cq_put(s, sqe->user_data, res, 0);
		return;
	}
	op = op_get(s, sqe);
	assert(op != NULL);
	(void)answer(s, op, res, 0);
}

/* ---- room */

static void flush_backlog(struct socks *s)
{
	while (s->backlog && sock_cq_room(s)) {
		struct sock_op *op = &s->ops[s->backlog];
		bool lent = op->done.cqe_flags & LEAT_CQE_F_MORE;

		unhook(s, op);
		sock_cq_put(s, op->user_data, op->done.res, op->done.cqe_flags);
		if (!lent) {
			op_put(s, op);
			continue;
		}
		if (op->flags & SOCK_OP_LEND_BACK)
			sock_op_lend_back(s, op);
	}
}

void sock_op_stall(struct socks *s, struct sock_op *op)
{
	if (list_linked(&op->rx.stall))
		return;
	list_push_back(&s->stalled, &op->rx.stall);
	s->n.stalls++;
}

/* Gives each stalled operation one chance, first come first served. */
void sock_op_retry_stalled(struct socks *s)
{
	struct list todo, *n;

	list_init(&todo);
	list_splice_back(&todo, &s->stalled);
	while (sock_cq_open(s) && (n = list_pop_front(&todo))) {
		struct sock_op *op = container_of(n, struct sock_op, rx.stall);
		struct sock *k = &s->all[op->sock];

		if (op->queue == SOCK_Q_POLL)
			sock_poll_retry(s, k, op);
		else if (op->queue == SOCK_Q_TX)
			sock_stream_tx(s, k);
		else if (k->kind == SOCK_CONN)
			sock_stream_rx(s, k, ~0u);
		else if (k->kind == SOCK_LISTENER)
			sock_listener_rx(s, k);
		else
			sock_dgram_rx(s, k);
	}
	list_splice_back(&todo, &s->stalled);
	list_splice_back(&s->stalled, &todo);
}

void sock_cq_let_in(struct socks *s)
{
	flush_backlog(s);
	if (!list_empty(&s->stalled))
		sock_op_retry_stalled(s);
}

/* ---- cancel */

/* Ends a parked operation early.  What was done in part counts as done. */
void sock_op_cancel(struct socks *s, struct sock_op *op)
{
	uint32_t done = 0;

	if (op->opcode == LEAT_OP_SEND || is_zc(op))
		done = op->tx.done;
	else if (op->queue == SOCK_Q_RX && !(op->flags & (SOCK_OP_MULTI | SOCK_OP_PEEK)))
		done = op->rx.done;
	sock_op_finish(s, op, done ? (int32_t)done : -E_CANCELED, 0);
}

/* One that ASYNC_CANCEL names, or NULL. */
static struct sock_op *match(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *k;

	if (sqe->op_flags & LEAT_ASYNC_CANCEL_ANY) {
		for (uint32_t i = 1; i <= s->ops_max; i++)
			if (s->ops[i].opcode != LEAT_OP_N && s->ops[i].flags & SOCK_OP_HASHED)
				return &s->ops[i];
		return NULL;
	}
	if (!(sqe->op_flags & LEAT_ASYNC_CANCEL_FD))
		return sock_op_find(s, sqe->addr, LEAT_OP_N);
	k = sock_of(s, sqe->fd);
	if (!k || !(k->rx | k->tx | k->polls))
		return NULL;
	return &s->ops[k->rx ? k->rx : k->tx ? k->tx : k->polls];
}

int sock_cancel(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock_op *op = match(s, sqe);
	int n = 0;

	if (op && !sock_op_spare(s))
		return SOCK_BUSY;
	if (!(sqe->op_flags & (LEAT_ASYNC_CANCEL_ALL | LEAT_ASYNC_CANCEL_ANY))) {
		if (!op)
			return -E_NOENT;
		sock_op_cancel(s, op);
		return 0;
	}
	for (; op; op = match(s, sqe), n++)
		sock_op_cancel(s, op);
	return n;
}

/* ---- belief */

static uint32_t check_queue(const struct socks *s, uint32_t first, uint32_t sock, uint8_t queue)
{
	uint32_t i = first, n = 0;

	if (first == 0)
		return 0;
	do {
		const struct sock_op *op = &s->ops[i];

		assert(op->opcode < LEAT_OP_N);
		assert(op->queue == queue);
		assert(op->sock == sock);
		assert(s->ops[op->next].prev == i);
		assert(++n <= s->ops_used);
		i = op->next;
	} while (i != first);
	return n;
}

void sock_op_check(const struct socks *s)
{
	uint32_t hung = check_queue(s, s->backlog, 0, SOCK_Q_BACKLOG);
	uint32_t loose = 0, hashed = 0, found = 0;

	assert(s->cq_tail - s->cq_head <= s->cq_mask + 1);
	assert(s->cq_full == s->cq_head + s->cq_mask + 1);
	assert(!s->backlog || sock_cq_room(s) == 0);
	for (uint32_t i = 1; i <= s->sockets; i++) {
		const struct sock *k = &s->all[i];

		if (k->kind == SOCK_FREE)
			continue;
		hung += check_queue(s, k->rx, i, SOCK_Q_RX);
		hung += check_queue(s, k->tx, i, SOCK_Q_TX);
		hung += check_queue(s, k->polls, i, SOCK_Q_POLL);
	}
	for (uint32_t i = 1; i <= s->ops_max; i++) {
		const struct sock_op *op = &s->ops[i];

		if (op->opcode == LEAT_OP_N)
			continue;
		loose += op->queue == SOCK_Q_TIMER || op->queue == SOCK_Q_NONE ||
			 op->queue == SOCK_Q_LINK;
		assert(op->queue != SOCK_Q_NONE || op->flags & SOCK_OP_LENT);
		hashed += !!(op->flags & SOCK_OP_HASHED);
	}
	assert(hung + loose == s->ops_used);
	for (uint32_t c = 0; c <= UINT64_MAX >> s->op_hash_shift; c++)
		for (uint32_t i = s->op_hash[c]; i; i = s->ops[i].hash_next)
			found++;
	assert(found == hashed);
}
