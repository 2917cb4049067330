/* A door without a stack behind it, and a tree without files: what a test says happens, and nothing
 * else.
 *
 * Clients are slots of struct door: bytes are put in with door_says(), and what the server sends is
 * in `heard`.  A client takes `room` bytes and then no more until door_room(); lent memory comes
 * back with door_acks().  Submissions can be made to fail one by one.  door_free() is the leak
 * oracle: every buffer is back, every lend was answered, every file is closed.
 *
 * Include it in one file of a program only: it defines the functions of leat/ring.h. */
#ifndef UNIT_APPS_HTTPD_DOOR_H
#define UNIT_APPS_HTTPD_DOOR_H

#include "helper/unit.h"

#include <sys/mman.h>

#include "apps/httpd/httpd.h"
#include "base/err.h"
#include "base/mem.h"

#define DOOR_CLIENTS 64
#define DOOR_FIRST_FD 100
#define DOOR_CQES 65536u
#define DOOR_BUFS 1024u
#define DOOR_BUF_SIZE 2048u
#define DOOR_OPS 64u
#define DOOR_HEARD (4u << 20)
#define DOOR_FILES 16

struct door_op {		/* a send, in order */
	struct leat_sqe sqe;
	uint32_t done;
	bool taken, used;	/* taken: its first completion is out */
};

struct door_client {
	bool open, connected, eof, shut, reset;
	uint64_t recv;		/* user_data of the pending RECV */
	bool receiving;
	bool eof_told;
	struct door_op ops[DOOR_OPS];
	unsigned ops_n;
	uint64_t room;		/* bytes that will still be taken */
	char *heard;
	uint32_t heard_n, looked;
	uint8_t *wait;		/* said, while nobody receives */
	uint32_t wait_n;
	unsigned closes;
};

struct leat_ring {
	struct door_client c[DOOR_CLIENTS];
	struct leat_cqe cq[DOOR_CQES];
	uint32_t head, tail;
	uint8_t bufs[DOOR_BUFS][DOOR_BUF_SIZE];
	bool buf_out[DOOR_BUFS];
	uint32_t bufs_out, bufs_most;
	uint64_t accept, timeout;
	bool accepting, timing, listener_closed;
	int32_t listen_res;
	unsigned submissions;
	unsigned fail_at;	/* this submission is refused, 0: none */
	unsigned fail_n;	/* and so many after it */
	unsigned refused;
	uint32_t piece;		/* bytes of a buffer; 0: all that fit */
	unsigned resets;
	nsec now;
};

struct door_file {
	const char *path;
	uint8_t *data;
	uint64_t size, id;
	bool dir, forbidden, guarded, broken, stale;
	int open;
};

struct door {
	struct leat_ring ring;
	struct door_file files[DOOR_FILES];
	unsigned files_n;
	uint32_t broken;
	struct httpd_files tree;
	struct httpd_config config;
	void *mem;
	struct httpd *h;
	char log[8192];
};

/* ---- completions */

static void door_put(struct leat_ring *r, uint64_t user_data, int32_t res, uint32_t flags)
{
	assert_true(r->tail - r->head < DOOR_CQES);
	r->cq[r->tail++ % DOOR_CQES] = (struct leat_cqe){ user_data, res, flags };
}

unsigned leat_cq_peek(struct leat_ring *r, const struct leat_cqe **cqe)
{
	uint32_t at = r->head % DOOR_CQES;

	*cqe = &r->cq[at];
	return MIN(r->tail - r->head, DOOR_CQES - at);
}

void leat_cq_advance(struct leat_ring *r, unsigned n)
{
	assert_true(n <= r->tail - r->head);
	r->head += n;
}

const void *leat_buf_ptr(struct leat_ring *r, const struct leat_cqe *cqe)
{
	assert_true(cqe->flags & LEAT_CQE_F_BUFFER);
	assert_true(r->buf_out[cqe->flags >> LEAT_CQE_BUFFER_SHIFT]);
	return r->bufs[cqe->flags >> LEAT_CQE_BUFFER_SHIFT];
}

void leat_buf_put(struct leat_ring *r, const struct leat_cqe *cqe)
{
	uint32_t i = cqe->flags >> LEAT_CQE_BUFFER_SHIFT;

	assert_true(cqe->flags & LEAT_CQE_F_BUFFER);
	assert_true(r->buf_out[i]);
	r->buf_out[i] = false;
	r->bufs_out--;
	memset(r->bufs[i], 0xa5, DOOR_BUF_SIZE);	/* whoever still looks at it finds out */
}

int leat_ring_setsockopt(struct leat_ring *r, int fd, int level, int name, const void *value,
			 uint32_t len)
{
	return 0;
}

int leat_conn_info(struct leat_ring *r, int fd, struct leat_conn_info *out)
{
	struct door_client *c = &r->c[fd - DOOR_FIRST_FD];

	mem_zero(out, sizeof(*out));
	if (!c->connected)
		return -E_NOTCONN;
	memcpy(out->state, "ESTABLISHED", 12);
	out->states_passed = 0x1b;
	for (unsigned i = 0; i < c->ops_n; i++)
		out->bytes_queued += c->ops[i].sqe.len - c->ops[i].done;
	return 0;
}

/* ---- clients */

static void door_deliver(struct leat_ring *r, struct door_client *c)
{
	uint32_t at = 0;

	while (c->receiving && at < c->wait_n) {
		uint32_t n = MIN(c->wait_n - at, r->piece ? r->piece : DOOR_BUF_SIZE), i = 0;

		while (i < DOOR_BUFS && r->buf_out[i])
			i++;
		if (i == DOOR_BUFS)
			break;
		memcpy(r->bufs[i], c->wait + at, n);
		r->buf_out[i] = true;
		r->bufs_out++;
		r->bufs_most = MAX(r->bufs_most, r->bufs_out);
		door_put(r, c->recv, (int32_t)n,
			 LEAT_CQE_F_BUFFER | LEAT_CQE_F_MORE | i << LEAT_CQE_BUFFER_SHIFT);
		at += n;
	}
	memmove(c->wait, c->wait + at, c->wait_n - at);
	c->wait_n -= at;
	if (c->eof && !c->wait_n && c->receiving && !c->eof_told) {
		c->receiving = false;
		c->eof_told = true;
		door_put(r, c->recv, 0, 0);
	}
}

/* The client takes what it has room for, in order. */
static void door_take(struct leat_ring *r, struct door_client *c)
{
	for (unsigned i = 0; i < c->ops_n; i++) {
		struct door_op *op = &c->ops[i];
		uint32_t n = (uint32_t)MIN((uint64_t)(op->sqe.len - op->done), c->room);

		if (op->sqe.opcode == LEAT_OP_SHUTDOWN) {
			c->shut = true;
			op->taken = true;
			continue;
		}
		assert_true(c->heard_n + n < DOOR_HEARD);
		memcpy(c->heard + c->heard_n, (void *)(op->sqe.addr + op->done), n);
		c->heard_n += n;
		c->heard[c->heard_n] = '\0';
		c->room -= n;
		op->done += n;
		if (op->done < op->sqe.len)
			return;
		if (!op->taken)
			door_put(r, op->sqe.user_data, (int32_t)op->sqe.len,
				 op->sqe.opcode == LEAT_OP_SEND_ZC ? LEAT_CQE_F_MORE : 0);
		op->taken = true;
	}
}

/* Everything that was taken is acknowledged: lent memory comes back. */
static void door_acks(struct leat_ring *r, int fd)
{
	struct door_client *c = &r->c[fd - DOOR_FIRST_FD];
	unsigned kept = 0;

	for (unsigned i = 0; i < c->ops_n; i++) {
		if (!c->ops[i].taken)
			c->ops[kept++] = c->ops[i];
		else if (c->ops[i].sqe.opcode == LEAT_OP_SEND_ZC)
			door_put(r, c->ops[i].sqe.user_data, 0, LEAT_CQE_F_NOTIF);
	}
	c->ops_n = kept;
}

static void door_room(struct leat_ring *r, int fd, uint64_t room)
{
	r->c[fd - DOOR_FIRST_FD].room = room;
	door_take(r, &r->c[fd - DOOR_FIRST_FD]);
}

/* ---- submissions */

static void door_cancel_all(struct leat_ring *r, struct door_client *c)
{
	if (c->receiving)
		door_put(r, c->recv, -E_CANCELED, 0);
	c->receiving = false;
	for (unsigned i = 0; i < c->ops_n; i++) {
		struct door_op *op = &c->ops[i];

		if (op->taken)
			continue;
		if (op->sqe.opcode == LEAT_OP_SEND_ZC)
			door_put(r, op->sqe.user_data, op->done ? (int32_t)op->done : -E_CANCELED,
				 LEAT_CQE_F_MORE);
		else if (op->sqe.opcode == LEAT_OP_SEND)
			door_put(r, op->sqe.user_data, op->done ? (int32_t)op->done : -E_CANCELED,
				 0);
		op->taken = true;
	}
}

static void door_close(struct leat_ring *r, const struct leat_sqe *sqe)
{
	struct door_client *c;

	if (sqe->fd < DOOR_FIRST_FD) {
		r->listener_closed = true;
		if (r->accepting)
			door_put(r, r->accept, -E_CANCELED, 0);
		r->accepting = false;
		return;
	}
	c = &r->c[sqe->fd - DOOR_FIRST_FD];
	assert_true(c->connected);
	assert_int_equal(c->closes, 0);
	c->closes++;
	c->connected = false;
	c->reset = sqe->op_flags & LEAT_CLOSE_RESET;
	r->resets += c->reset;
	door_cancel_all(r, c);
	c->wait_n = 0;
	if (c->reset)
		door_acks(r, sqe->fd);
	if (!(sqe->flags & LEAT_SQE_CQE_SKIP_SUCCESS))
		door_put(r, sqe->user_data, 0, 0);
}

static void door_send(struct leat_ring *r, const struct leat_sqe *sqe)
{
	struct door_client *c = &r->c[sqe->fd - DOOR_FIRST_FD];

	assert_true(c->connected);
	assert_false(c->shut);
	assert_true(c->ops_n < DOOR_OPS);
	assert_true(sqe->len > 0 || sqe->opcode == LEAT_OP_SHUTDOWN);
	for (unsigned i = 0; i < c->ops_n; i++)
		assert_int_not_equal(c->ops[i].sqe.opcode, LEAT_OP_SHUTDOWN);
	c->ops[c->ops_n++] = (struct door_op){ .sqe = *sqe };
	door_take(r, c);
	if (sqe->opcode == LEAT_OP_SEND && c->ops_n && c->ops[c->ops_n - 1].taken)
		c->ops_n--;
}

static void door_recv(struct leat_ring *r, const struct leat_sqe *sqe)
{
	struct door_client *c = &r->c[sqe->fd - DOOR_FIRST_FD];

	assert_int_equal(sqe->ioprio, LEAT_RECV_MULTISHOT);
	assert_false(c->receiving);
	c->receiving = true;
	c->recv = sqe->user_data;
	door_deliver(r, c);
}

static void door_cancel(struct leat_ring *r, const struct leat_sqe *sqe)
{
	for (unsigned i = 0; i < DOOR_CLIENTS; i++) {
		struct door_client *c = &r->c[i];

		if (!c->connected || !c->receiving || c->recv != sqe->addr)
			continue;
		c->receiving = false;
		door_put(r, c->recv, -E_CANCELED, 0);
		return;
	}
	door_put(r, sqe->user_data, -E_NOENT, 0);
}

int leat_submit(struct leat_ring *r, const struct leat_sqe *sqe)
{
	r->submissions++;
	if (r->fail_at && r->submissions >= r->fail_at && r->submissions < r->fail_at + r->fail_n) {
		r->refused++;
		return -E_BUSY;
	}
	switch (sqe->opcode) {
	case LEAT_OP_SOCKET:
		door_put(r, sqe->user_data, 7, 0);
		break;
	case LEAT_OP_BIND:
		door_put(r, sqe->user_data, 0, 0);
		break;
	case LEAT_OP_LISTEN:
		door_put(r, sqe->user_data, r->listen_res, 0);
		break;
	case LEAT_OP_ACCEPT:
		assert_false(r->accepting);
		r->accepting = true;
		r->accept = sqe->user_data;
		break;
	case LEAT_OP_RECV:
		door_recv(r, sqe);
		break;
	case LEAT_OP_SEND:
	case LEAT_OP_SEND_ZC:
	case LEAT_OP_SHUTDOWN:
		door_send(r, sqe);
		break;
	case LEAT_OP_CLOSE:
		door_close(r, sqe);
		break;
	case LEAT_OP_TIMEOUT:
		assert_false(r->timing);
		r->timing = true;
		r->timeout = sqe->user_data;
		break;
	case LEAT_OP_ASYNC_CANCEL:
		door_cancel(r, sqe);
		break;
	default:
		fail_msg("opcode %u", sqe->opcode);
	}
	return 0;
}

/* ---- files in memory */

static enum httpd_found door_open(void *ctx, const char *path, struct httpd_blob *out)
{
	struct door *d = ctx;

	for (unsigned i = 0; i < d->files_n; i++) {
		struct door_file *f = &d->files[i];

		if (strcmp(f->path, path))
			continue;
		if (f->dir)
			return HTTPD_IS_DIR;
		if (f->forbidden)
			return HTTPD_FORBIDDEN;
		f->open++;
		*out = (struct httpd_blob){ .data = f->data, .size = f->size, .guarded = f->guarded,
					    .mtime_ns = 1000000000000000000u + f->id, .id = f->id,
					    .handle = f };
		return HTTPD_FOUND;
	}
	return HTTPD_NOT_FOUND;
}

static bool door_fresh(void *ctx, const char *path, const struct httpd_blob *blob)
{
	struct door_file *f = blob->handle;
	bool stale = f->stale;

	f->stale = false;
	return !stale;
}

static bool door_intact(void *ctx, const struct httpd_blob *blob)
{
	struct door_file *f = blob->handle;

	return !f->broken;
}

static void door_close_file(void *ctx, struct httpd_blob *blob)
{
	struct door_file *f = blob->handle;

	assert_true(f->open-- > 0);
}

static uint32_t door_broken(void *ctx)
{
	struct door *d = ctx;

	return d->broken;
}

/* ---- the whole */

static nsec door_now(void *ctx)
{
	struct door *d = ctx;

	return d->ring.now;
}

static uint64_t door_wall(void *ctx)
{
	return 784111777;	/* Sun, 06 Nov 1994 08:49:37 GMT */
}

static void door_log(void *ctx, const char *line)
{
	struct door *d = ctx;
	size_t n = strlen(d->log);

	snprintf(d->log + n, sizeof(d->log) - n, "%s\n", line);
}

static struct door_file *door_add(struct door *d, const char *path, uint64_t size)
{
	struct door_file *f = &d->files[d->files_n++];
	struct prng r;

	assert_true(d->files_n <= DOOR_FILES);
	prng_seed(&r, d->files_n);
	*f = (struct door_file){ .path = path, .size = size, .id = d->files_n };
	f->data = malloc(size + 1);
	unit_fill(&r, f->data, size);
	return f;
}

/* Zeroed, and most of it never touched. */
static void *door_memory(const struct httpd_config *config)
{
	void *mem = mmap(NULL, httpd_bytes(config), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(mem != MAP_FAILED);
	return mem;
}

/* DOOR_HEARD bytes: kept for the next one, since malloc() and free() may look at each of them. */
static void *heard_spare[2 * DOOR_CLIENTS];
static unsigned heard_spares;

static void *heard_new(void)
{
	return heard_spares ? heard_spare[--heard_spares] : malloc(DOOR_HEARD);
}

static void heard_put(void *heard)
{
	if (heard && heard_spares < ARRAY_LEN(heard_spare))
		heard_spare[heard_spares++] = heard;
	else
		free(heard);
}

/* A server that listens. */
static struct door *door_new(void (*change)(struct httpd_config *config))
{
	struct door *d = calloc(1, sizeof(*d));

	d->tree = (struct httpd_files){ door_open, door_fresh, door_intact, door_close_file,
					door_broken, d };
	httpd_config_default(&d->config);
	d->config.conns = 8;
	d->config.files = 8;
	d->config.demo = true;
	d->config.tree = &d->tree;
	d->config.now = door_now;
	d->config.wall_seconds = door_wall;
	d->config.ctx = d;
	if (change)
		change(&d->config);
	d->ring.now = SEC(1);
	d->mem = door_memory(&d->config);
	d->h = httpd_new(d->mem, &d->config, &d->ring);
	httpd_run(d->h);
	return d;
}

/* A new connection: its descriptor.  It has room for everything. */
static int door_client(struct door *d)
{
	struct leat_ring *r = &d->ring;

	for (int i = 0; i < DOOR_CLIENTS; i++) {
		struct door_client *c = &r->c[i];

		if (c->connected || c->ops_n)
			continue;
		heard_put(c->heard);
		heard_put(c->wait);
		*c = (struct door_client){ .connected = true, .room = UINT64_MAX };
		c->heard = heard_new();
		c->wait = heard_new();
		c->heard[0] = '\0';
		assert_true(r->accepting);
		door_put(r, r->accept, DOOR_FIRST_FD + i, LEAT_CQE_F_MORE);
		httpd_run(d->h);
		return DOOR_FIRST_FD + i;
	}
	fail_msg("no more clients");
	return -1;
}

static struct door_client *door_of(struct door *d, int fd)
{
	return &d->ring.c[fd - DOOR_FIRST_FD];
}

static void door_says_n(struct door *d, int fd, const void *bytes, size_t n)
{
	struct door_client *c = door_of(d, fd);

	if (!c->connected)
		return;
	assert_true(c->wait_n + n <= DOOR_HEARD);
	memcpy(c->wait + c->wait_n, bytes, n);
	c->wait_n += (uint32_t)n;
	door_deliver(&d->ring, c);
	httpd_run(d->h);
}

static void door_says(struct door *d, int fd, const char *text)
{
	door_says_n(d, fd, text, strlen(text));
}

static void door_hangs_up(struct door *d, int fd)
{
	struct door_client *c = door_of(d, fd);

	c->eof = true;
	door_deliver(&d->ring, c);
	httpd_run(d->h);
}

/* What was heard since the last time, as text. */
static const char *door_hears(struct door *d, int fd)
{
	struct door_client *c = door_of(d, fd);
	const char *text = c->heard + c->looked;

	c->looked = c->heard_n;
	return text;
}

static void door_ticks(struct door *d, unsigned n)
{
	while (n--) {
		if (!d->ring.timing)
			return;
		d->ring.timing = false;
		d->ring.now += SEC(1);
		door_put(&d->ring, d->ring.timeout, -E_TIME, 0);
		httpd_run(d->h);
	}
}

/* All that was sent is acknowledged, for every client. */
static void door_settle(struct door *d)
{
	for (int round = 0; round < 12; round++) {
		for (int i = 0; i < DOOR_CLIENTS; i++) {
			door_room(&d->ring, DOOR_FIRST_FD + i, UINT64_MAX);
			door_acks(&d->ring, DOOR_FIRST_FD + i);
		}
		httpd_run(d->h);
	}
}

static void door_free(struct door *d)
{
	d->ring.fail_at = 0;
	httpd_stop(d->h);
	httpd_run(d->h);
	httpd_abort(d->h);
	door_settle(d);
	door_ticks(d, 3);
	assert_true(d->ring.listener_closed || httpd_listens(d->h) < 0);
	assert_true(httpd_ended(d->h));
	assert_int_equal(d->ring.bufs_out, 0);
	for (int i = 0; i < DOOR_CLIENTS; i++) {
		assert_false(d->ring.c[i].connected);
		assert_int_equal(d->ring.c[i].ops_n, 0);
		heard_put(d->ring.c[i].heard);
		heard_put(d->ring.c[i].wait);
	}
	httpd_fini(d->h);
	for (unsigned i = 0; i < d->files_n; i++) {
		assert_int_equal(d->files[i].open, 0);
		free(d->files[i].data);
	}
	munmap(d->mem, httpd_bytes(&d->config));
	free(d);
}

#endif
