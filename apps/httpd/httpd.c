/* The server's start and end, its completions, and its time.
 *
 * Time is counted in ticks, by one TIMEOUT of the ring that is pending while there are connections;
 * each tick looks at every connection's deadline, which costs a cache line a connection a tick and
 * nothing a request.
 *
 * Start reading at httpd_run(). */
#include "apps/httpd/httpd_int.h"

#define HTTPD_TICKS 4u		/* in the shortest time-out: they are late by a quarter at most */
#define HTTPD_TICK_MS_MIN 10u
#define HTTPD_TICK_MS_MAX 1000u

void httpd_config_default(struct httpd_config *config)
{
	*config = (struct httpd_config){
		.conns = 1024,
		.files = 1024,
		.file_bytes = 32u << 20,
		.idle_ms = 30000,
		.head_ms = 10000,
		.body_ms = 60000,
		.stall_ms = 300000,
		.body_max = 1u << 20,
	};
}

/* ---- memory */

struct httpd_layout {
	size_t conns, partials, uploads, outs, lends, holds, files, hash, memory, end;
	uint32_t conns_n, outs_n, lends_n, holds_n, hash_n;
};

static size_t httpd_place(size_t *end, size_t n, size_t size)
{
	size_t at = ALIGN_UP(*end, (size_t)4096);

	*end = at + n * size;
	return at;
}

static struct httpd_layout httpd_layout(const struct httpd_config *g)
{
	struct httpd_layout at = { .end = sizeof(struct httpd) };
	uint32_t n = at.conns_n = g->conns + HTTPD_CONNS_SPARE;

	at.outs_n = n * HTTPD_OUTS_MAX;
	at.lends_n = n * 4 + HTTPD_LENDS_MAX;
	at.holds_n = n * 8 + HTTPD_HOLDS_LEAST;
	at.hash_n = 16;
	while (at.hash_n < g->files)
		at.hash_n *= 2;
	at.conns = httpd_place(&at.end, n, sizeof(struct httpd_conn));
	at.partials = httpd_place(&at.end, n + 1, sizeof(struct httpd_partial));
	at.uploads = httpd_place(&at.end, n, sizeof(struct httpd_upload));
	at.outs = httpd_place(&at.end, at.outs_n, sizeof(struct httpd_out));
	at.lends = httpd_place(&at.end, at.lends_n, sizeof(struct httpd_lend));
	at.holds = httpd_place(&at.end, at.holds_n, sizeof(struct httpd_hold));
	at.files = httpd_place(&at.end, g->files, sizeof(struct httpd_file));
	at.hash = httpd_place(&at.end, at.hash_n, sizeof(struct list));
	at.memory = httpd_place(&at.end, g->demo ? HTTPD_UPLOADS_MAX : 0, g->body_max);
	return at;
}

size_t httpd_bytes(const struct httpd_config *config)
{
	return httpd_layout(config).end;
}

size_t httpd_conn_bytes(void)
{
	return sizeof(struct httpd_conn);
}

static void httpd_tables(struct httpd *h, const struct httpd_layout *at, uint8_t *mem)
{
	uint32_t n = at->conns_n;

	h->conns = (struct httpd_conn *)(mem + at->conns);
	h->partials = (struct httpd_partial *)(mem + at->partials);
	h->uploads = (struct httpd_upload *)(mem + at->uploads);
	h->outs = (struct httpd_out *)(mem + at->outs);
	h->lends = (struct httpd_lend *)(mem + at->lends);
	h->holds = (struct httpd_hold *)(mem + at->holds);
	h->files = (struct httpd_file *)(mem + at->files);
	h->file_hash = (struct list *)(mem + at->hash);
	h->file_hash_mask = at->hash_n - 1;
	h->upload_memory = h->config.demo ? mem + at->memory : NULL;
	h->conn_slots.n = n;
	h->partial_slots.n = n + 1;
	h->upload_slots.n = n;
	h->out_slots.n = at->outs_n;
	h->lend_slots.n = at->lends_n;
	h->hold_slots.n = at->holds_n;
	h->spare = httpd_partial_new(h);
	httpd_cache_init(h);
}

/* ---- submissions */

int httpd_submit(struct httpd *h, const struct leat_sqe *sqe)
{
	return leat_submit(h->ring, sqe);
}

/* An operation whose completion brings the listener one step further. */
static void httpd_step(struct httpd *h, const struct leat_sqe *sqe)
{
	int err = httpd_submit(h, sqe);

	if (err < 0)
		h->listens = err;
}

static void httpd_accept_on(struct httpd *h)
{
	struct leat_sqe sqe = {
		.opcode = LEAT_OP_ACCEPT,
		.ioprio = LEAT_ACCEPT_MULTISHOT,
		.fd = h->listener,
		.user_data = httpd_tag(HTTPD_ACCEPT, 0, 0),
	};

	if (!h->stopping && !h->accepting)
		h->accepting = httpd_submit(h, &sqe) == 0;	/* else httpd_run() tries again */
}

void httpd_tick_on(struct httpd *h)
{
	struct leat_sqe sqe = {
		.opcode = LEAT_OP_TIMEOUT,
		.off = MSEC(h->tick_ms),
		.user_data = httpd_tag(HTTPD_TICK, 0, 0),
	};

	if (!h->ticking)
		h->ticking = httpd_submit(h, &sqe) == 0;
}

/* ---- listening: SOCKET, BIND, LISTEN, ACCEPT, each when the one before has completed */

static void httpd_socket(struct httpd *h)
{
	struct leat_sqe sqe = {
		.opcode = LEAT_OP_SOCKET,
		.fd = LEAT_AF_INET,
		.off = LEAT_SOCK_STREAM,
		.user_data = httpd_tag(HTTPD_SOCKET, 0, 0),
	};

	httpd_step(h, &sqe);
}

static void httpd_bind(struct httpd *h, int32_t fd)
{
	struct leat_sqe sqe = {
		.opcode = LEAT_OP_BIND,
		.fd = fd,
		.addr = (uintptr_t)&h->bind,
		.user_data = httpd_tag(HTTPD_BIND, 0, 0),
	};

	const int on = 1;

	h->listener = fd;
	/* what is left of an earlier server's connections must not keep the port from this one */
	(void)leat_ring_setsockopt(h->ring, fd, 1, 2, &on, sizeof(on));	/* SO_REUSEADDR */
	h->bind = (struct leat_addr){ .ip = { [10] = 0xff, 0xff }, .port = h->config.port };
	httpd_step(h, &sqe);
}

static void httpd_listen(struct httpd *h)
{
	struct leat_sqe sqe = {
		.opcode = LEAT_OP_LISTEN,
		.fd = h->listener,
		.len = HTTPD_BACKLOG,
		.user_data = httpd_tag(HTTPD_LISTEN, 0, 0),
	};

	httpd_step(h, &sqe);
}

struct httpd *httpd_new(void *mem, const struct httpd_config *config, struct leat_ring *ring)
{
	struct httpd_layout at = httpd_layout(config);
	struct httpd *h = mem;
	uint32_t least = MIN(MIN(config->idle_ms, config->head_ms),
			     MIN(config->body_ms, config->stall_ms));

	h->config = *config;
	h->ring = ring;
	h->listener = -1;
	h->tick_ms = MIN(MAX(least / HTTPD_TICKS, HTTPD_TICK_MS_MIN), HTTPD_TICK_MS_MAX);
	http_conf_init(&h->http);
	h->http.body_max = config->body_max;
	httpd_tables(h, &at, mem);
	httpd_socket(h);
	return h;
}

/* ---- accepting */

/* Makes room by ending a connection that is between two requests. */
static bool httpd_evict(struct httpd *h)
{
	for (uint32_t i = 0; i < h->conn_slots.fresh; i++) {
		struct httpd_conn *c = &h->conns[h->evict_hand];

		h->evict_hand = (h->evict_hand + 1) % h->conn_slots.fresh;
		if (c->state != HTTPD_HEAD || c->requests == 0 || c->held_first ||
		    httpd_conn_busy(c))
			continue;
		h->n.evicted++;
		httpd_conn_close(h, c);
		return true;
	}
	return false;
}

static void httpd_turn_away(struct httpd *h, int32_t fd)
{
	struct leat_sqe sqe = {
		.opcode = LEAT_OP_CLOSE,
		.flags = LEAT_SQE_CQE_SKIP_SUCCESS,
		.fd = fd,
		.op_flags = LEAT_CLOSE_RESET,
		.user_data = httpd_tag(HTTPD_IGNORED, 0, 0),
	};

	h->n.turned_away++;
	httpd_submit(h, &sqe);
}

static void httpd_accepted(struct httpd *h, int32_t fd)
{
	bool room = h->conns_used < h->config.conns || httpd_evict(h);
	struct httpd_conn *c = httpd_conn_new(h, fd);

	h->n.conns++;
	if (!c) {
		httpd_turn_away(h, fd);
		return;
	}
	httpd_tick_on(h);
	httpd_conn_start(h, c);
	if (room || c->state == HTTPD_CLOSING)
		return;
	h->n.turned_away++;
	httpd_reply_error(h, c, NULL, 503, "too many connections; try again");
	httpd_out_done(h, c);
}

static void httpd_on_accept(struct httpd *h, const struct leat_cqe *cqe)
{
	if (cqe->res > 0)
		httpd_accepted(h, cqe->res);
	if (cqe->flags & LEAT_CQE_F_MORE)
		return;
	h->accepting = false;
	httpd_accept_on(h);
}

/* ---- time */

static void httpd_on_tick(struct httpd *h)
{
	h->ticking = false;
	h->tick++;
	for (uint32_t i = 0; i < h->conn_slots.fresh; i++)
		if (h->conns[i].state != HTTPD_FREE)
			httpd_conn_tick(h, &h->conns[i]);
	if (h->conns_used)
		httpd_tick_on(h);
}

/* A file was found to be cut short while its bytes were read: its readers go before they get more.
 */
static void httpd_check_files(struct httpd *h)
{
	const struct httpd_files *tree = h->config.tree;
	uint32_t broken = tree->broken(tree->ctx);

	if (likely(broken == h->broken_seen))
		return;
	h->broken_seen = broken;
	for (uint32_t i = 0; i < h->conn_slots.fresh; i++) {
		struct httpd_conn *c = &h->conns[i];

		if (c->state != HTTPD_FILE || tree->intact(tree->ctx, &c->file->blob))
			continue;
		h->n.broken++;
		httpd_conn_reset(h, c);
	}
}

/* ---- completions */

static void httpd_on_listener(struct httpd *h, enum httpd_what what, int32_t res)
{
	if (res < 0)
		h->listens = res;
	else if (what == HTTPD_SOCKET)
		httpd_bind(h, res);
	else if (what == HTTPD_BIND)
		httpd_listen(h);
	else
		httpd_accept_on(h);
	if (what == HTTPD_LISTEN && !h->listens)
		h->listens = 1;
}

static void httpd_event(struct httpd *h, const struct leat_cqe *cqe)
{
	enum httpd_what what = (enum httpd_what)(cqe->user_data >> 60);
	uint32_t index = (uint32_t)(cqe->user_data >> 32) & 0x0fffffff;
	uint32_t argument = (uint32_t)cqe->user_data;

	switch (what) {
	case HTTPD_RECV:
		assert(h->conns[index].gen == argument);	/* CLOSE completes behind it */
		httpd_conn_recv(h, &h->conns[index], cqe);
		break;
	case HTTPD_SEND:
		httpd_sent(h, index, argument, cqe);
		break;
	case HTTPD_LEND:
		httpd_lent(h, index, argument, cqe);
		break;
	case HTTPD_CLOSE:
		httpd_conn_closed(h, &h->conns[index]);
		break;
	case HTTPD_ACCEPT:
		httpd_on_accept(h, cqe);
		break;
	case HTTPD_TICK:
		httpd_on_tick(h);
		break;
	case HTTPD_SOCKET:
	case HTTPD_BIND:
	case HTTPD_LISTEN:
		httpd_on_listener(h, what, cqe->res);
		break;
	case HTTPD_IGNORED:
		break;
	}
}

void httpd_run(struct httpd *h)
{
	const struct leat_cqe *cqe;
	unsigned n;

	h->now = h->config.now(h->config.ctx);
	h->wall_s = h->config.wall_seconds(h->config.ctx);
	httpd_check_files(h);
	if (h->listens > 0)
		httpd_accept_on(h);
	if (h->conns_used)
		httpd_tick_on(h);
	while ((n = leat_cq_peek(h->ring, &cqe))) {
		n = MIN(n, HTTPD_BATCH);
		for (unsigned i = 0; i < n; i++)
			httpd_event(h, &cqe[i]);
		leat_cq_advance(h->ring, n);
	}
}

/* ---- the end */

int httpd_listens(const struct httpd *h)
{
	return h->listens;
}

void httpd_stop(struct httpd *h)
{
	struct leat_sqe sqe = {
		.opcode = LEAT_OP_CLOSE,
		.fd = h->listener,
		.user_data = httpd_tag(HTTPD_IGNORED, 0, 0),
	};

	if (h->stopping)
		return;
	h->stopping = true;
	if (h->listener >= 0)
		httpd_submit(h, &sqe);
	for (uint32_t i = 0; i < h->conn_slots.fresh; i++) {
		struct httpd_conn *c = &h->conns[i];

		if (c->state == HTTPD_HEAD && !httpd_conn_busy(c) && !c->held_first)
			httpd_conn_close(h, c);
	}
}

void httpd_abort(struct httpd *h)
{
	for (uint32_t i = 0; i < h->conn_slots.fresh; i++) {
		struct httpd_conn *c = &h->conns[i];

		if (c->state == HTTPD_FREE || c->state == HTTPD_CLOSING)
			continue;
		h->n.cut_off += c->outs || c->lends || c->state == HTTPD_FILE;
		httpd_conn_reset(h, c);
	}
}

bool httpd_ended(const struct httpd *h)
{
	return h->stopping && h->conns_used == 0 && h->lends_used == 0;
}

void httpd_fini(struct httpd *h)
{
	httpd_cache_fini(h);
}

const struct httpd_counters *httpd_counters(const struct httpd *h)
{
	return &h->n;
}
