/* A connection: what comes in, when it waits, and how it ends.
 *
 * Input is used where it lies, in the buffers that the ring hands over, and given back at once.  It
 * is held only while the connection must wait for its own output; when too much is held, receiving
 * is cancelled, the peer's window closes, and the peer waits as well.
 *
 * An end has two halves.  When we are done, a FIN goes out behind the last response, and what still
 * comes in is thrown away for a while: closing at once would answer it with a reset, which can
 * overtake the response in the peer's hands (RFC 9112 §9.6). */
#include "apps/httpd/httpd_int.h"

/* ---- birth and death */

struct httpd_conn *httpd_conn_new(struct httpd *h, int32_t fd)
{
	uint32_t slot = HTTPD_TAKE(h->conn_slots, h->conns), gen;
	struct httpd_conn *c;

	if (!slot)
		return NULL;
	c = &h->conns[slot - 1];
	gen = c->gen;
	*c = (struct httpd_conn){
		.fd = fd,
		.gen = gen,
		.state = HTTPD_HEAD,
		.deadline = h->tick + httpd_ticks(h, h->config.idle_ms),
	};
	h->conns_used++;
	h->n.conns_most = MAX(h->n.conns_most, h->conns_used);
	return c;
}

uint32_t httpd_partial_new(struct httpd *h)
{
	uint32_t slot = HTTPD_TAKE(h->partial_slots, h->partials);
	struct httpd_partial *q;

	assert(slot);	/* there is one more than connections */
	q = &h->partials[slot - 1];
	http_request_init(&q->r);
	q->g = (struct http_gather){ .buf = q->buf, .size = sizeof(q->buf) };
	return slot;
}

static void httpd_partial_free(struct httpd *h, struct httpd_conn *c)
{
	if (!c->partial)
		return;
	HTTPD_GIVE(h->partial_slots, h->partials, c->partial);
	c->partial = 0;
}

/* Gives the first held buffer back. */
static void httpd_hold_pop(struct httpd *h, struct httpd_conn *c)
{
	uint32_t hold = c->held_first;
	struct httpd_hold *d = &h->holds[hold - 1];

	leat_buf_put(h->ring, &d->cqe);
	c->held_first = d->next;
	if (!c->held_first)
		c->held_last = 0;
	c->held_n--;
	c->held_at = 0;
	HTTPD_GIVE(h->hold_slots, h->holds, hold);
}

static void httpd_conn_release(struct httpd *h, struct httpd_conn *c)
{
	httpd_partial_free(h, c);
	httpd_body_free(h, c);
	while (c->held_first)
		httpd_hold_pop(h, c);
	if (c->file)
		httpd_cache_put(h, c->file);
	c->file = NULL;
}

static void httpd_conn_end(struct httpd *h, struct httpd_conn *c, uint32_t how)
{
	struct leat_sqe sqe = {
		.opcode = LEAT_OP_CLOSE,
		.fd = c->fd,
		.op_flags = how,
		.user_data = httpd_tag(HTTPD_CLOSE, httpd_conn_index(h, c), c->gen),
	};

	if (c->state == HTTPD_CLOSING && !(c->flags & HTTPD_F_UNSAID))
		return;
	httpd_conn_release(h, c);
	c->state = HTTPD_CLOSING;
	if (httpd_submit(h, &sqe) < 0)
		c->flags |= HTTPD_F_UNSAID;	/* by and by: httpd_conn_tick() */
	else
		c->flags &= (uint8_t)~HTTPD_F_UNSAID;
}

void httpd_conn_close(struct httpd *h, struct httpd_conn *c)
{
	httpd_conn_end(h, c, 0);
}

void httpd_conn_reset(struct httpd *h, struct httpd_conn *c)
{
	httpd_conn_end(h, c, LEAT_CLOSE_RESET);
}

void httpd_conn_closed(struct httpd *h, struct httpd_conn *c)
{
	assert(c->state == HTTPD_CLOSING);
	c->state = HTTPD_FREE;
	c->gen++;
	HTTPD_GIVE(h->conn_slots, h->conns, httpd_conn_index(h, c) + 1);
	h->conns_used--;
}

/* ---- receiving */

static void httpd_recv_on(struct httpd *h, struct httpd_conn *c)
{
	struct leat_sqe sqe = {
		.opcode = LEAT_OP_RECV,
		.ioprio = LEAT_RECV_MULTISHOT,
		.fd = c->fd,
		.user_data = httpd_tag(HTTPD_RECV, httpd_conn_index(h, c), c->gen),
	};

	if (httpd_submit(h, &sqe) < 0) {
		h->n.overload++;
		httpd_conn_reset(h, c);
		return;
	}
	c->flags |= HTTPD_F_RECV;
}

static void httpd_recv_off(struct httpd *h, struct httpd_conn *c)
{
	struct leat_sqe sqe = {
		.opcode = LEAT_OP_ASYNC_CANCEL,
		.flags = LEAT_SQE_CQE_SKIP_SUCCESS,
		.addr = httpd_tag(HTTPD_RECV, httpd_conn_index(h, c), c->gen),
		.user_data = httpd_tag(HTTPD_IGNORED, 0, 0),
	};

	if (httpd_submit(h, &sqe) == 0)
		c->flags |= HTTPD_F_STOPPED;
}

/* After receiving was cancelled.  When the cancellation is not through yet, httpd_conn_recv() will
 * see that it is no longer wanted. */
static void httpd_recv_again(struct httpd *h, struct httpd_conn *c)
{
	if (!(c->flags & HTTPD_F_STOPPED))
		return;
	c->flags &= (uint8_t)~HTTPD_F_STOPPED;
	if (!(c->flags & (HTTPD_F_RECV | HTTPD_F_EOF)))
		httpd_recv_on(h, c);
}

/* ---- the end */

static void httpd_linger_over(struct httpd *h, struct httpd_conn *c)
{
	if (c->outs || c->lends)
		return;
	if (c->flags & HTTPD_F_EOF)
		httpd_conn_close(h, c);
	else
		c->deadline = h->tick + httpd_ticks(h, HTTPD_LINGER_MS);
}

void httpd_conn_finish(struct httpd *h, struct httpd_conn *c)
{
	struct leat_sqe sqe = {
		.opcode = LEAT_OP_SHUTDOWN,
		.flags = LEAT_SQE_CQE_SKIP_SUCCESS,
		.fd = c->fd,
		.len = 1,
		.user_data = httpd_tag(HTTPD_IGNORED, 0, 0),
	};

	c->flags |= HTTPD_F_LAST;
	if (c->state == HTTPD_FILE || c->state == HTTPD_LINGER || c->state == HTTPD_CLOSING)
		return;		/* later, already, or not any more */
	httpd_out_submit(h, c, false);
	httpd_partial_free(h, c);
	httpd_body_free(h, c);
	if (c->state == HTTPD_CLOSING)
		return;
	if (httpd_submit(h, &sqe) < 0) {
		h->n.overload++;
		httpd_conn_reset(h, c);
		return;
	}
	c->state = HTTPD_LINGER;
	c->deadline = h->tick + httpd_ticks(h, h->config.stall_ms);
	while (c->held_first)
		httpd_hold_pop(h, c);
	c->flags &= (uint8_t)~HTTPD_F_WAITS;
	httpd_recv_again(h, c);
	httpd_linger_over(h, c);
}

/* ---- input */

/* Whatever the next request asks for, can it be answered now? */
static bool httpd_conn_can_reply(const struct httpd *h, const struct httpd_conn *c)
{
	bool room = h->out && h->outs[h->out - 1].len + HTTPD_HEAD_SIZE <= sizeof(h->outs[0].bytes);

	return c->lends < HTTPD_LENDS_MAX && httpd_slots_any(&h->lend_slots) &&
	       (room || (c->outs < HTTPD_OUTS_MAX - 1 && httpd_slots_any(&h->out_slots)));
}

/* Bytes of a head; returns how many of them it took. */
static uint32_t httpd_take_head(struct httpd *h, struct httpd_conn *c, const uint8_t *p, uint32_t n)
{
	uint32_t partial = c->partial ? c->partial : h->spare;
	struct httpd_partial *q = &h->partials[partial - 1];
	size_t taken = n;
	enum http_error err = http_request_feed(&q->r, &h->http, &q->g, p, n, &taken);

	if (err == HTTP_MORE) {
		if (c->partial)
			return n;
		c->partial = partial;
		c->deadline = h->tick + httpd_ticks(h, h->config.head_ms);
		h->spare = httpd_partial_new(h);
		return n;
	}
	h->n.requests++;
	c->requests++;
	c->deadline = h->tick + httpd_ticks(h, h->config.idle_ms);
	if (err == HTTP_OK)
		httpd_reply(h, c, &q->r);
	else
		httpd_reply_refused(h, c, err);
	if (c->partial) {
		httpd_partial_free(h, c);
	} else if (partial == h->spare) {
		http_request_init(&q->r);
		q->g.len = 0;
	}
	return (uint32_t)taken;
}

/* Uses what it can of the bytes and returns how many that were. */
static uint32_t httpd_consume(struct httpd *h, struct httpd_conn *c, const uint8_t *p, uint32_t n)
{
	uint32_t at = 0;

	while (at < n) {
		switch ((enum httpd_state)c->state) {
		case HTTPD_HEAD:
		case HTTPD_BODY:
			if (!httpd_conn_can_reply(h, c))
				c->flags |= HTTPD_F_WAITS;
			else if (c->state == HTTPD_HEAD)
				at += httpd_take_head(h, c, p + at, n - at);
			else
				at += httpd_take_body(h, c, p + at, n - at);
			break;
		case HTTPD_FILE:
			c->flags |= HTTPD_F_WAITS;
			break;
		case HTTPD_LINGER:
			c->thrown += n - at;
			if (c->thrown > HTTPD_LINGER_BYTES)
				httpd_conn_reset(h, c);
			at = n;
			break;
		case HTTPD_FREE:
		case HTTPD_CLOSING:
			at = n;
			break;
		}
		if (c->flags & HTTPD_F_WAITS)
			break;
	}
	httpd_out_done(h, c);
	return at;
}

/* Keeps a buffer for later; bytes before c->held_at of the first one are used up. */
static void httpd_hold(struct httpd *h, struct httpd_conn *c, const struct leat_cqe *cqe)
{
	uint32_t hold = HTTPD_TAKE(h->hold_slots, h->holds);
	struct httpd_hold *d = &h->holds[hold - 1];

	if (!hold) {
		leat_buf_put(h->ring, cqe);
		h->n.overload++;
		httpd_conn_reset(h, c);
		return;
	}
	d->cqe = *cqe;
	d->next = 0;
	if (c->held_last)
		h->holds[c->held_last - 1].next = hold;
	else
		c->held_first = hold;
	c->held_last = hold;
	if (++c->held_n >= HTTPD_HOLD_MAX && c->flags & HTTPD_F_RECV &&
	    !(c->flags & HTTPD_F_STOPPED))
		httpd_recv_off(h, c);
}

static void httpd_conn_input(struct httpd *h, struct httpd_conn *c, const struct leat_cqe *cqe)
{
	uint32_t n = (uint32_t)cqe->res, used;

	if (c->held_first || c->flags & HTTPD_F_WAITS) {
		httpd_hold(h, c, cqe);
		return;
	}
	used = httpd_consume(h, c, leat_buf_ptr(h->ring, cqe), n);
	if (used == n || c->state == HTTPD_CLOSING) {
		leat_buf_put(h->ring, cqe);
		return;
	}
	httpd_hold(h, c, cqe);
	c->held_at = (uint16_t)used;
}

/* The peer is done, and all that it sent is used.  A request that it did not finish is forgotten.
 */
static void httpd_conn_eof(struct httpd *h, struct httpd_conn *c)
{
	switch ((enum httpd_state)c->state) {
	case HTTPD_HEAD:
	case HTTPD_BODY:
		httpd_conn_finish(h, c);
		break;
	case HTTPD_LINGER:
		httpd_linger_over(h, c);
		break;
	case HTTPD_FILE:
	case HTTPD_FREE:
	case HTTPD_CLOSING:
		break;
	}
}

void httpd_conn_recv(struct httpd *h, struct httpd_conn *c, const struct leat_cqe *cqe)
{
	if (!(cqe->flags & LEAT_CQE_F_MORE))
		c->flags &= (uint8_t)~HTTPD_F_RECV;
	if (c->state == HTTPD_CLOSING) {
		if (cqe->flags & LEAT_CQE_F_BUFFER)
			leat_buf_put(h->ring, cqe);
		return;
	}
	if (cqe->flags & LEAT_CQE_F_BUFFER) {
		httpd_conn_input(h, c, cqe);
	} else if (cqe->res == 0) {
		c->flags |= HTTPD_F_EOF;
		if (!c->held_first)
			httpd_conn_eof(h, c);
	} else if (cqe->res != -E_CANCELED && cqe->res != -E_NOBUFS) {
		h->n.resets++;
		httpd_conn_reset(h, c);
	}
	if (!(c->flags & (HTTPD_F_RECV | HTTPD_F_EOF | HTTPD_F_STOPPED)) &&
	    c->state != HTTPD_CLOSING)
		httpd_recv_on(h, c);
}

void httpd_conn_start(struct httpd *h, struct httpd_conn *c)
{
	httpd_recv_on(h, c);
}

void httpd_conn_resume(struct httpd *h, struct httpd_conn *c)
{
	if (c->state == HTTPD_LINGER)
		httpd_linger_over(h, c);
	if (!(c->flags & HTTPD_F_WAITS))
		return;
	c->flags &= (uint8_t)~HTTPD_F_WAITS;
	while (c->held_first && !(c->flags & HTTPD_F_WAITS)) {
		const struct leat_cqe *cqe = &h->holds[c->held_first - 1].cqe;
		uint32_t n = (uint32_t)cqe->res - c->held_at, used;
		const uint8_t *p = leat_buf_ptr(h->ring, cqe);

		used = httpd_consume(h, c, p + c->held_at, n);
		if (!c->held_first)
			break;	/* it ended, and everything was given back */
		if (used == n)
			httpd_hold_pop(h, c);
		else
			c->held_at = (uint16_t)(c->held_at + used);
	}
	if (c->state == HTTPD_CLOSING || c->held_first)
		return;
	httpd_recv_again(h, c);
	if (c->flags & HTTPD_F_EOF)
		httpd_conn_eof(h, c);
}

/* ---- time */

/* Has the peer taken anything since we looked last?  Whole pieces show by their completions, a part
 * of a long one by how much is still queued. */
static bool httpd_conn_moves(struct httpd *h, struct httpd_conn *c)
{
	bool moved = c->flags & HTTPD_F_MOVED;
	struct leat_conn_info info;
	uint32_t was = c->seen;

	c->flags &= (uint8_t)~HTTPD_F_MOVED;
	if (leat_conn_info(h->ring, c->fd, &info) < 0)
		return moved;
	c->seen = (uint32_t)info.bytes_queued;
	return moved || c->seen != was;
}

static void httpd_conn_late(struct httpd *h, struct httpd_conn *c)
{
	if (c->outs || c->lends) {
		if (httpd_conn_moves(h, c)) {
			c->deadline = h->tick + httpd_ticks(h, h->config.stall_ms);
			return;
		}
		h->n.timeouts_stall++;
		httpd_conn_reset(h, c);
	} else if (c->state == HTTPD_LINGER) {
		httpd_conn_close(h, c);
	} else if (c->state == HTTPD_BODY) {
		httpd_body_late(h, c);
	} else if (c->partial) {
		h->n.timeouts_head++;
		httpd_reply_late(h, c);
	} else {
		h->n.timeouts_idle++;
		httpd_conn_finish(h, c);
	}
}

void httpd_conn_tick(struct httpd *h, struct httpd_conn *c)
{
	const struct httpd_files *tree = h->config.tree;

	if (c->state == HTTPD_CLOSING) {
		if (c->flags & HTTPD_F_UNSAID)
			httpd_conn_reset(h, c);
		return;
	}
	if (c->file && !tree->intact(tree->ctx, &c->file->blob)) {
		h->n.broken++;
		httpd_conn_reset(h, c);
		return;
	}
	if ((int32_t)(h->tick - c->deadline) >= 0)
		httpd_conn_late(h, c);
}
