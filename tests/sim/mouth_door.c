/* A side through the door: submissions and completions, one-shot and multishot, copied and
 * lent.
 *
 * A submission that finds no room waits in a queue of ours, so that traffic behaves the same on
 * a small ring.  Memory of a SEND_ZC is spoiled the moment it comes back: whoever still reads
 * it shows. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/mouth.h"

#define OUT_MAX 32768u
#define IN_MAX 32768u
#define HELD_MAX 4096u
#define QUEUE_MAX 4096u
#define ROUNDS_MAX 64u

enum kind { K_LISTEN, K_SOCKET, K_BIND, K_CONNECT, K_SEND, K_RECV, K_SHUTDOWN, K_CLOSE, K_IGNORED };

struct door_side {
	uint8_t out[OUT_MAX], in[IN_MAX];
	uint32_t out_len, in_len;
	bool sending, lent, receiving;
	/* buffers that wait to be read, or (before `read`) to be put */
	struct leat_cqe held[HELD_MAX];
	uint32_t held_first, held_n, to_put;
	uint32_t connect_to;
	uint16_t connect_port, from_port;
	struct leat_addr local, remote;
};

struct door_station {
	struct leat_sqe queue[QUEUE_MAX];
	uint32_t first, n;
	int listener[2];
	struct leat_addr address[2];
	uint32_t backlog[2];
	bool open[2];
};

/* ---- submissions */

static uint64_t tag(const struct side *s, enum kind kind)
{
	const struct world *w = s->station->world;

	return ((uint64_t)(s->flow - w->flow) * 2 + s->which + 16) << 8 | kind;
}

static void submitted(struct station *st, const struct leat_sqe *q)
{
	struct leat_conn_info info;
	struct side *s;

	st->acted = true;
	if (q->opcode != LEAT_OP_CONNECT)
		return;
	s = &st->world->flow[((q->user_data >> 8) - 16) / 2].side[((q->user_data >> 8) - 16) % 2];
	if (s->fd && leat_conn_info(&st->ring, s->fd, &info) == 0)
		s->flow->cport = info.local.port;
}

static void flush(struct station *st)
{
	struct door_station *d = st->door;

	while (d->n && leat_submit(&st->ring, &d->queue[d->first]) == 0) {
		submitted(st, &d->queue[d->first]);
		d->first = (d->first + 1) % QUEUE_MAX;
		d->n--;
	}
}

static void submit(struct station *st, const struct leat_sqe *q)
{
	struct door_station *d = st->door;

	flush(st);
	if (d->n == 0 && leat_submit(&st->ring, q) == 0) {
		submitted(st, q);
		return;
	}
	assert(d->n < QUEUE_MAX);
	d->queue[(d->first + d->n++) % QUEUE_MAX] = *q;
}

static void set_address(struct leat_addr *a, uint32_t ip, uint16_t port)
{
	struct addr v4 = addr_v4(ip);

	memset(a, 0, sizeof(*a));
	memcpy(a->ip, v4.b, 16);
	a->port = port;
}

/* ---- listeners: user_data is 1 + which */

static uint64_t listener_tag(unsigned which, enum kind kind)
{
	return (uint64_t)(1 + which) << 8 | kind;
}

static void accept_one(struct station *st, unsigned which)
{
	bool multi = st->index & 1;

	submit(st, &(struct leat_sqe){.opcode = LEAT_OP_ACCEPT, .fd = st->door->listener[which],
				      .ioprio = multi ? LEAT_ACCEPT_MULTISHOT : 0,
				      .user_data = listener_tag(which, K_RECV)});
}

static void listen(struct station *st, unsigned which, uint16_t port, uint32_t backlog)
{
	set_address(&st->door->address[which], 0, port);
	st->door->backlog[which] = backlog;
	submit(st, &(struct leat_sqe){.opcode = LEAT_OP_SOCKET, .fd = LEAT_AF_INET,
				      .off = LEAT_SOCK_STREAM,
				      .user_data = listener_tag(which, K_SOCKET)});
}

static void unlisten(struct station *st, unsigned which)
{
	struct door_station *d = st->door;

	if (d->open[which])
		submit(st, &(struct leat_sqe){.opcode = LEAT_OP_CLOSE, .fd = d->listener[which],
					      .user_data = listener_tag(which, K_IGNORED)});
	d->open[which] = false;
}

static void accepted(struct station *st, int fd)
{
	struct leat_conn_info info;
	struct addr remote;
	struct side *s = NULL;

	if (leat_conn_info(&st->ring, fd, &info) == 0) {
		memcpy(remote.b, info.remote.ip, 16);
		side_accepted(st, &remote, info.remote.port, info.local.port, &s);
	}
	if (!s) {			/* nobody's, or gone already */
		submit(st, &(struct leat_sqe){.opcode = LEAT_OP_CLOSE, .fd = fd,
					      .user_data = listener_tag(0, K_IGNORED)});
		return;
	}
	s->fd = fd;
	s->door = calloc(1, sizeof(*s->door));
	assert(s->door != NULL);
}

static void listener_event(struct station *st, unsigned which, enum kind kind,
			   const struct leat_cqe *c)
{
	struct door_station *d = st->door;

	if (kind == K_SOCKET && c->res > 0) {
		d->listener[which] = c->res;
		d->open[which] = true;
		leat_ring_setsockopt(&st->ring, c->res, 1, 2, &(int){1}, 4);	/* SO_REUSEADDR */
		submit(st, &(struct leat_sqe){.opcode = LEAT_OP_BIND, .fd = c->res,
					      .addr = (uintptr_t)&d->address[which],
					      .user_data = listener_tag(which, K_BIND)});
		submit(st, &(struct leat_sqe){.opcode = LEAT_OP_LISTEN, .fd = c->res,
					      .len = d->backlog[which],
					      .user_data = listener_tag(which, K_LISTEN)});
		accept_one(st, which);
	} else if (kind == K_RECV) {
		if (c->res > 0)
			accepted(st, c->res);
		if (d->open[which] && !(c->flags & LEAT_CQE_F_MORE))
			accept_one(st, which);
	} else if (kind != K_IGNORED && c->res < 0) {
		world_fail(st->world, "host%u cannot listen: %d at %d", st->index, c->res, kind);
	}
}

/* ---- completions of a side */

static void connect_now(struct side *s)
{
	struct door_side *d = s->door;

	if (d->from_port) {
		set_address(&d->local, 0, d->from_port);
		submit(s->station, &(struct leat_sqe){.opcode = LEAT_OP_BIND, .fd = s->fd,
						      .addr = (uintptr_t)&d->local,
						      .user_data = tag(s, K_BIND)});
	}
	set_address(&d->remote, d->connect_to, d->connect_port);
	submit(s->station, &(struct leat_sqe){.opcode = LEAT_OP_CONNECT, .fd = s->fd,
					      .addr = (uintptr_t)&d->remote,
					      .user_data = tag(s, K_CONNECT)});
}

static void received(struct side *s, const struct leat_cqe *c)
{
	struct door_side *d = s->door;

	if (!(c->flags & LEAT_CQE_F_MORE))
		d->receiving = false;
	if (c->flags & LEAT_CQE_F_BUFFER) {
		if (s->state != SIDE_OPEN) {
			leat_buf_put(&s->station->ring, c);
			return;
		}
		assert(d->held_n < HELD_MAX);
		d->held[(d->held_first + d->held_n++) % HELD_MAX] = *c;
	} else if (c->res > 0) {
		d->in_len = (uint32_t)c->res;
	} else if (c->res == 0) {
		s->ended = true;
	} else if (c->res != -E_CANCELED && c->res != -E_NOBUFS) {
		side_failed(s, -c->res);
	}
}

static void sent(struct side *s, const struct leat_cqe *c)
{
	struct door_side *d = s->door;

	if (c->flags & LEAT_CQE_F_NOTIF) {
		memset(d->out, 0xdd, d->out_len);
		d->lent = false;
		return;
	}
	d->sending = false;
	d->lent = c->flags & LEAT_CQE_F_MORE;
	if (c->res == -E_NOBUFS) {	/* too many pieces are lent for now */
		s->write_at = world_now(s->station->world) + MSEC(1);
		s->sent -= d->out_len;
	} else if (c->res < 0 && c->res != -E_CANCELED) {
		side_failed(s, -c->res);
	}
	if (c->res >= 0)		/* less only when it failed: the next one says so */
		s->sent -= d->out_len - (uint32_t)c->res;
}

static void side_event(struct station *st, struct side *s, enum kind kind, const struct leat_cqe *c)
{
	if (kind == K_SOCKET) {
		s->fd = MAX(c->res, 0);
		if (c->res < 0)
			side_failed(s, -c->res);
		else if (s->state == SIDE_DONE)
			s->station->mouth->close(s);
		else
			connect_now(s);
	} else if (kind == K_CONNECT && s->state == SIDE_OPENING) {
		if (c->res < 0)
			side_failed(s, -c->res);
		else
			side_opened(s);
	} else if (kind == K_SEND) {
		sent(s, c);
	} else if (kind == K_RECV) {
		received(s, c);
	} else if ((kind == K_BIND || kind == K_SHUTDOWN) && c->res < 0 &&
		   s->state == SIDE_OPENING) {
		side_failed(s, -c->res);
	}
}

static void completions(struct station *st)
{
	const struct leat_cqe *c;
	unsigned n;

	while ((n = leat_cq_peek(&st->ring, &c)) > 0) {
		struct leat_cqe one = *c;
		uint64_t who = one.user_data >> 8;

		leat_cq_advance(&st->ring, 1);
		st->acted = true;
		if (who < 16)
			listener_event(st, (unsigned)who - 1, one.user_data & 0xff, &one);
		else
			side_event(st, &st->world->flow[(who - 16) / 2].side[(who - 16) % 2],
				   one.user_data & 0xff, &one);
	}
}

static void step_all(struct station *st)
{
	st->next = NSEC_NEVER;
	list_for_each_safe(n, tmp, &st->sides) {
		nsec next = side_step(container_of(n, struct side, node));

		st->next = MIN(st->next, next);
	}
}

static nsec poll(struct station *st)
{
	nsec next;

	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		next = leat_poll(&st->ring);
		st->acted = false;
		flush(st);
		completions(st);
		step_all(st);
		flush(st);
		if (!st->acted)
			return MIN(next, st->next);
	}
	return world_now(st->world);
}

static nsec ring_now(void *ctx)
{
	return world_now(ctx);
}

static void start(struct station *st)
{
	struct ring_config g;
	const char *why;

	ring_config_default(&g);
	g.sock.sockets = 256;
	g.sock.dgrams = 4;
	/* Each connection may hold a RECV and a SEND_ZC for as long as the other side likes:
	 * with fewer operations than that, two hosts can wait for each other for ever. */
	g.sock.ops = st->plan->completions == 16 ? MAX(64u, 3 * st->plan->config.tcp.conns_max)
						 : 1024;
	g.sock.completions = st->plan->completions;
	g.now = ring_now;
	g.now_ctx = st->world;
	st->ring_bytes = ring_direct_bytes(&g, &why);
	assert(st->ring_bytes > 0);
	st->ring_mem = port_map(st->ring_bytes, false);
	ring_direct_init(&st->ring, &g, &st->host.net, st->ring_mem);
	st->door = calloc(1, sizeof(*st->door));
	assert(st->door != NULL);
}

static void stop(struct station *st)
{
	ring_direct_fini(&st->ring);
	port_unmap(st->ring_mem, st->ring_bytes);
	free(st->door);
}

/* ---- a side */

static bool connect(struct side *s, uint32_t to, uint16_t port, uint16_t from_port)
{
	s->door = calloc(1, sizeof(*s->door));
	assert(s->door != NULL);
	s->door->connect_to = to;
	s->door->connect_port = port;
	s->door->from_port = from_port;
	submit(s->station, &(struct leat_sqe){.opcode = LEAT_OP_SOCKET,
					      .fd = LEAT_AF_INET,
					      .off = LEAT_SOCK_STREAM,
					      .user_data = tag(s, K_SOCKET)});
	return true;
}

static uint32_t write(struct side *s, uint32_t n, bool more)
{
	struct door_side *d = s->door;

	if (d->sending || d->lent)
		return 0;
	n = MIN(n, OUT_MAX);
	side_fill(s->flow, s->which, s->sent, d->out, n);
	d->out_len = n;
	d->sending = true;
	submit(s->station, &(struct leat_sqe){
		.opcode = s->plan->lend ? LEAT_OP_SEND_ZC : LEAT_OP_SEND, .fd = s->fd,
		.addr = (uintptr_t)d->out, .len = n,
		.op_flags = more && !s->plan->lend ? LEAT_MSG_MORE : 0,
		.user_data = tag(s, K_SEND)});
	return n;
}

/* Gives back the buffers that were read. */
static void put_read(struct side *s)
{
	struct door_side *d = s->door;

	for (; d->to_put; d->to_put--, d->held_n--) {
		leat_buf_put(&s->station->ring, &d->held[d->held_first]);
		d->held_first = (d->held_first + 1) % HELD_MAX;
		s->station->acted = true;
	}
}

static uint32_t read_held(struct side *s, uint32_t n)
{
	struct door_side *d = s->door;
	uint32_t got = 0;

	put_read(s);
	while (got < n && d->to_put < d->held_n) {
		struct leat_cqe *c = &d->held[(d->held_first + d->to_put++) % HELD_MAX];

		side_take(s, leat_buf_ptr(&s->station->ring, c), (uint32_t)c->res);
		got += (uint32_t)c->res;
	}
	if (!s->plan->hold || d->to_put < d->held_n)
		put_read(s);
	return got;
}

static uint32_t read(struct side *s, uint32_t n)
{
	struct door_side *d = s->door;
	uint32_t got = 0;

	if (d->in_len) {
		got = d->in_len;
		side_take(s, d->in, got);
		d->in_len = 0;
	} else {
		got = read_held(s, n);
	}
	if (got == 0 && s->ended) {
		put_read(s);
		side_eof(s);
	} else if (!d->receiving && !s->ended && d->in_len == 0) {
		d->receiving = true;
		submit(s->station, &(struct leat_sqe){
			.opcode = LEAT_OP_RECV, .fd = s->fd,
			.addr = s->plan->multishot ? 0 : (uintptr_t)d->in,
			.len = s->plan->multishot ? 0 : MIN(n, IN_MAX),
			.ioprio = s->plan->multishot ? LEAT_RECV_MULTISHOT : 0,
			.user_data = tag(s, K_RECV)});
	}
	return got;
}

static bool busy(const struct side *s)
{
	return s->door->sending;
}

static void shutdown(struct side *s)
{
	submit(s->station, &(struct leat_sqe){.opcode = LEAT_OP_SHUTDOWN, .fd = s->fd, .len = 1,
					      .user_data = tag(s, K_SHUTDOWN)});
}

static void put_all(struct side *s)
{
	s->door->to_put = s->door->held_n;
	put_read(s);
}

/* Buffers go back before or after: both are allowed. */
static void close(struct side *s)
{
	bool before = s->flow->plan->key & 1;

	if (!s->fd)
		return;
	if (before)
		put_all(s);
	submit(s->station, &(struct leat_sqe){.opcode = LEAT_OP_CLOSE, .fd = s->fd,
					      .user_data = tag(s, K_CLOSE)});
	s->fd = 0;
	if (!before)
		put_all(s);
}

/* After the ring has ended. */
static void release(struct side *s)
{
	free(s->door);
	s->door = NULL;
}

const struct mouth mouth_door = {
	.name = "door", .start = start, .stop = stop, .listen = listen, .unlisten = unlisten,
	.poll = poll, .connect = connect, .write = write, .read = read, .shutdown = shutdown,
	.close = close, .abort = close, .busy = busy, .release = release,
};
