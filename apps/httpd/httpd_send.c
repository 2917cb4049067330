/* What goes out: bytes that are copied, bytes that are lent, and the end of a guarded file.
 *
 * Copied bytes (heads, small pages) are put one behind the other into a buffer of the connection at
 * hand, so that what a burst of pipelined requests brings about leaves in one piece; the buffer is
 * submitted when lent bytes must follow, when it is full, and when the burst is over.  It is in use
 * until the sends that name it are complete.
 *
 * A guarded file may be cut short while it is lent.  Its last bytes are held back until all others
 * are acknowledged, so that none will be read again; then they are copied, the file is asked
 * whether it is what it was, and only then does the client get them.  So a response that is
 * complete is right (docs/adr/0013-a-file-that-shrinks.md). */
#include "apps/httpd/httpd_int.h"

#define HTTPD_WINDOW (1ull << 30)	/* bytes of a guarded file that are lent at once */

/* ---- copied */

static struct httpd_out *httpd_out_new(struct httpd *h, struct httpd_conn *c)
{
	struct httpd_out *o;

	if (c->outs == HTTPD_OUTS_MAX || !httpd_slots_any(&h->out_slots))
		return NULL;
	h->out = HTTPD_TAKE(h->out_slots, h->outs);
	o = &h->outs[h->out - 1];
	o->conn = httpd_conn_index(h, c);
	o->gen = c->gen;
	o->refs = 1;
	o->len = o->sent = 0;
	c->outs++;
	return o;
}

/* True when it was the last reference. */
static bool httpd_out_put(struct httpd *h, uint32_t out)
{
	struct httpd_out *o = &h->outs[out - 1];

	if (--o->refs)
		return false;
	HTTPD_GIVE(h->out_slots, h->outs, out);
	return true;
}

uint8_t *httpd_out_room(struct httpd *h, struct httpd_conn *c, uint32_t n)
{
	struct httpd_out *o = h->out ? &h->outs[h->out - 1] : NULL;

	if (o && sizeof(o->bytes) - o->len < n) {
		httpd_out_done(h, c);
		o = NULL;
	}
	if (!o)
		o = httpd_out_new(h, c);
	return o ? o->bytes + o->len : NULL;
}

void httpd_out_add(struct httpd *h, uint32_t n)
{
	struct httpd_out *o = &h->outs[h->out - 1];

	assert(n <= sizeof(o->bytes) - o->len);
	o->len += n;
	h->n.out_bytes += n;
}

void httpd_out_submit(struct httpd *h, struct httpd_conn *c, bool more)
{
	struct httpd_out *o = h->out ? &h->outs[h->out - 1] : NULL;
	struct leat_sqe sqe;
	uint32_t n;

	if (!o || o->len == o->sent || c->state == HTTPD_CLOSING)
		return;
	n = o->len - o->sent;
	sqe = (struct leat_sqe){
		.opcode = LEAT_OP_SEND,
		.fd = c->fd,
		.addr = (uintptr_t)(o->bytes + o->sent),
		.len = n,
		.op_flags = more ? LEAT_MSG_MORE : 0,
		.user_data = httpd_tag(HTTPD_SEND, h->out - 1, n),
	};
	o->sent = o->len;
	if (httpd_submit(h, &sqe) < 0) {
		h->n.overload++;
		httpd_conn_reset(h, c);
		return;
	}
	o->refs++;
}

void httpd_out_done(struct httpd *h, struct httpd_conn *c)
{
	uint32_t out = h->out;

	if (!out)
		return;
	httpd_out_submit(h, c, false);
	h->out = 0;
	if (httpd_out_put(h, out))
		c->outs--;
}

/* The connection of a completion, unless its slot has another life by now. */
static struct httpd_conn *httpd_conn_of(struct httpd *h, uint32_t index, uint32_t gen)
{
	struct httpd_conn *c = &h->conns[index];

	return c->gen == gen && c->state != HTTPD_FREE ? c : NULL;
}

/* Something could not be sent, or not all of it: what follows would be out of place. */
static void httpd_send_failed(struct httpd *h, struct httpd_conn *c)
{
	if (!c || c->state == HTTPD_CLOSING)
		return;
	h->n.resets++;
	httpd_conn_reset(h, c);
}

void httpd_sent(struct httpd *h, uint32_t out, uint32_t len, const struct leat_cqe *cqe)
{
	struct httpd_out *o = &h->outs[out];
	struct httpd_conn *c = httpd_conn_of(h, o->conn, o->gen);
	bool last = httpd_out_put(h, out + 1);

	if (!c)
		return;
	c->flags |= HTTPD_F_MOVED;
	if (last)
		c->outs--;
	if (cqe->res != (int32_t)len)
		httpd_send_failed(h, c);
	else if (last)
		httpd_conn_resume(h, c);
}

/* ---- lent */

void httpd_upload_memory_free(struct httpd *h, uint32_t memory)
{
	if (memory)
		h->uploads_memory_used &= ~(1u << (memory - 1));
}

static void httpd_lend_free(struct httpd *h, uint32_t lend)
{
	struct httpd_lend *l = &h->lends[lend];

	if (l->file)
		httpd_cache_put(h, l->file);
	httpd_upload_memory_free(h, l->upload_memory);
	HTTPD_GIVE(h->lend_slots, h->lends, lend + 1);
	h->lends_used--;
}

/* `what` names the owner of the bytes, whose reference is taken over. */
static void httpd_lend(struct httpd *h, struct httpd_conn *c, const uint8_t *p, uint32_t n,
		       const struct httpd_lend *what)
{
	uint32_t slot = HTTPD_TAKE(h->lend_slots, h->lends), lend = slot - 1;
	struct httpd_lend *l = &h->lends[lend];
	struct leat_sqe sqe = {
		.opcode = LEAT_OP_SEND_ZC,
		.fd = c->fd,
		.addr = (uintptr_t)p,
		.len = n,
		.user_data = httpd_tag(HTTPD_LEND, lend, n),
	};

	assert(slot);		/* httpd_conn_can_reply() */
	h->lends_used++;
	*l = *what;
	l->conn = httpd_conn_index(h, c);
	l->gen = c->gen;
	if (c->state == HTTPD_CLOSING || httpd_submit(h, &sqe) < 0) {
		httpd_lend_free(h, lend);
		if (c->state != HTTPD_CLOSING)
			h->n.overload++;
		httpd_conn_reset(h, c);
		return;
	}
	c->lends++;
	h->n.out_bytes += n;
	h->n.lent_bytes += n;
}

void httpd_lend_bytes(struct httpd *h, struct httpd_conn *c, const uint8_t *p, uint32_t n,
		      struct httpd_file *file, uint32_t upload_memory)
{
	struct httpd_lend what = { .file = file, .upload_memory = upload_memory };

	httpd_out_submit(h, c, true);
	httpd_lend(h, c, p, n, &what);
}

/* ---- guarded files */

static uint64_t httpd_file_tail(const struct httpd_file *f)
{
	return MIN(f->blob.size, (uint64_t)HTTPD_TAIL);
}

static void httpd_file_over(struct httpd *h, struct httpd_conn *c)
{
	struct httpd_file *f = c->file;

	c->file = NULL;
	c->state = HTTPD_HEAD;
	c->deadline = h->tick + httpd_ticks(h, h->config.idle_ms);
	httpd_cache_put(h, f);
	if (c->flags & HTTPD_F_LAST || (c->flags & HTTPD_F_EOF && !c->held_first))
		httpd_conn_finish(h, c);
}

/* Everything else is acknowledged.  Copied first and asked afterwards: reading may find it broken.
 */
static void httpd_file_end(struct httpd *h, struct httpd_conn *c)
{
	const struct httpd_files *tree = h->config.tree;
	struct httpd_file *f = c->file;
	uint32_t n = (uint32_t)httpd_file_tail(f);
	uint8_t *to = httpd_out_room(h, c, n);

	if (!to) {
		h->n.overload++;
		httpd_conn_reset(h, c);
		return;
	}
	mem_copy(to, f->blob.data + f->blob.size - n, n);
	if (!tree->intact(tree->ctx, &f->blob)) {
		h->n.broken++;
		httpd_conn_reset(h, c);
		httpd_out_done(h, c);
		return;
	}
	httpd_out_add(h, n);
	httpd_out_done(h, c);
	if (c->state != HTTPD_CLOSING)
		httpd_file_over(h, c);
}

/* Lends the next window, or ends the file. */
static void httpd_file_next(struct httpd *h, struct httpd_conn *c, uint64_t at)
{
	struct httpd_file *f = c->file;
	uint64_t n = MIN(f->blob.size - httpd_file_tail(f) - at, HTTPD_WINDOW);
	struct httpd_lend what = { .file = f, .end = at + n };

	if (n == 0) {
		httpd_file_end(h, c);
		return;
	}
	f->refs++;
	httpd_lend(h, c, f->blob.data + at, (uint32_t)n, &what);
}

void httpd_send_file(struct httpd *h, struct httpd_conn *c, struct httpd_file *f)
{
	httpd_out_submit(h, c, true);
	if (c->state == HTTPD_CLOSING) {
		httpd_cache_put(h, f);
		return;
	}
	c->state = HTTPD_FILE;
	c->file = f;
	c->deadline = h->tick + httpd_ticks(h, h->config.stall_ms);
	httpd_file_next(h, c, 0);
}

void httpd_lent(struct httpd *h, uint32_t lend, uint32_t len, const struct leat_cqe *cqe)
{
	struct httpd_lend *l = &h->lends[lend];
	struct httpd_conn *c = httpd_conn_of(h, l->conn, l->gen);
	bool notif = cqe->flags & LEAT_CQE_F_NOTIF;
	uint64_t end = l->end;

	if (!notif && cqe->res != (int32_t)len)
		httpd_send_failed(h, c);
	if (cqe->flags & LEAT_CQE_F_MORE)
		return;		/* taken; it comes back later */
	httpd_lend_free(h, lend);
	if (!c)
		return;
	c->flags |= HTTPD_F_MOVED;
	c->lends--;
	if (c->state == HTTPD_FILE && end)
		httpd_file_next(h, c, end);
	if (c->state != HTTPD_CLOSING)
		httpd_conn_resume(h, c);
}
