/* A side on tcp.h: what sock/ does, in its simplest form.
 *
 * All of it happens in net->drain, between the poll's input and its output. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/mouth.h"

#define CHUNK 16384u
#define TRY_AGAIN MSEC(50)

static struct net *net_of(struct station *st)
{
	return &st->host.net;
}

static struct tcp *tcp_of(struct side *s)
{
	return &s->station->host.net.tcp;
}

/* ---- events */

/* What a connection's owner is: which side it is of shows only after it was accepted. */
struct seat {
	struct side *side;
};

static struct seat *seat_new(struct side *s)
{
	struct seat *seat = calloc(1, sizeof(*seat));

	assert(seat != NULL);
	seat->side = s;
	return seat;
}

static void accept_all(struct station *st, struct tcp_listener *l)
{
	struct tcp *t = &net_of(st)->tcp;
	struct tcp_conn *c;
	struct tcp_info info;
	struct seat *seat;
	struct side *s;

	while (seat = seat_new(NULL), (c = tcp_accept(t, l, seat)) != NULL) {
		tcp_get_info(t, c, &info);
		side_accepted(st, &info.remote, info.rport, info.lport, &s);
		if (!s) {
			tcp_abort(t, c);
			free(seat);
			continue;
		}
		seat->side = s;
		s->seat = seat;
		s->conn = c;
		pktq_init(&s->held);
		tcp_set_nodelay(t, c, s->plan->nodelay);
	}
	free(seat);
}

static void events(struct station *st)
{
	struct tcp *t = &net_of(st)->tcp;
	struct tcp_listener *l;
	struct tcp_conn *c;
	unsigned bits;

	while ((l = tcp_ready_listener(t)) != NULL)
		accept_all(st, l);
	while ((c = tcp_ready_conn(t, &bits)) != NULL) {
		struct side *s = ((struct seat *)tcp_owner(c))->side;

		if (bits & TCP_READY_CONNECTED)
			side_opened(s);
		if (bits & TCP_READY_EOF)
			s->ended = true;
		if (bits & TCP_READY_ERROR)
			side_failed(s, tcp_error(c));
	}
}

static void step_all(struct station *st)
{
	st->next = NSEC_NEVER;
	list_for_each_safe(n, tmp, &st->sides) {
		nsec next = side_step(container_of(n, struct side, node));

		st->next = MIN(st->next, next);
	}
	st->next = MIN(st->next, beside_step(st));
}

static bool drain(void *ctx)
{
	struct station *st = ctx;

	events(st);
	step_all(st);
	return false;
}

static nsec poll(struct station *st)
{
	nsec next = net_poll(net_of(st), world_now(st->world));

	return MIN(next, st->next);
}

static void start(struct station *st)
{
	net_of(st)->drain = drain;
	net_of(st)->drain_ctx = st;
}

static void stop(struct station *st)
{
	net_of(st)->drain = NULL;
}

static void listen(struct station *st, unsigned which, uint16_t port, uint32_t backlog)
{
	struct addr any = addr_v4(0);
	int err;

	st->listener[which] = tcp_listen(&net_of(st)->tcp, &any, port, backlog, st, &err);
	if (!st->listener[which])
		world_fail(st->world, "host%u cannot listen: %d", st->index, err);
}

static void unlisten(struct station *st, unsigned which)
{
	tcp_listener_close(&net_of(st)->tcp, st->listener[which]);
	st->listener[which] = NULL;
}

/* ---- a side */

static void give_back(struct side *s)
{
	struct pkt *p;

	while ((p = pktq_pop(&s->held)) != NULL) {
		if (s->conn)
			tcp_recv_done(tcp_of(s), s->conn, p->total);
		pkt_put(p);
	}
}

static void close_conn(struct side *s, void (*how)(struct tcp *, struct tcp_conn *))
{
	struct tcp_conn *c = s->conn;

	if (!c)
		return;
	give_back(s);
	s->conn = NULL;
	how(tcp_of(s), c);
	free(s->seat);
	s->seat = NULL;
}

static bool connect(struct side *s, uint32_t to, uint16_t port, uint16_t from_port)
{
	struct addr local = addr_v4(0), remote = addr_v4(to);
	struct tcp_info info;
	int err;

	pktq_init(&s->held);
	s->seat = seat_new(s);
	s->conn = tcp_open(tcp_of(s), s->seat);
	if (!s->conn) {
		free(s->seat);
		return false;		/* a full table */
	}
	tcp_set_nodelay(tcp_of(s), s->conn, s->plan->nodelay);
	err = tcp_connect(tcp_of(s), s->conn, &local, from_port, &remote, port);
	if (err) {
		close_conn(s, tcp_abort);
		if (err != -E_ADDRINUSE && err != -E_NOBUFS)
			side_failed(s, -err);
		return false;
	}
	tcp_get_info(tcp_of(s), s->conn, &info);
	if (s->which == 0)
		s->flow->cport = info.lport;
	return true;
}

static uint32_t write_copy(struct side *s, uint32_t n)
{
	uint8_t bytes[CHUNK];
	int took;

	n = MIN(n, CHUNK);
	side_fill(s->flow, s->which, s->sent, bytes, n);
	took = tcp_write(tcp_of(s), s->conn, bytes, n);
	return took > 0 ? (uint32_t)took : 0;
}

/* In packets of our own, of any cut. */
static uint32_t write_packet(struct side *s, uint32_t n)
{
	struct pkt *p = pkt_new(&net_of(s->station)->pool);
	uint8_t bytes[4096];

	if (!p)
		return 0;
	n = MIN(n, (uint32_t)sizeof(bytes));
	side_fill(s->flow, s->which, s->sent, bytes, n);
	if (pkt_write(p, bytes, n) < 0) {
		pkt_put(p);
		return 0;
	}
	return tcp_send(tcp_of(s), s->conn, p) == 0 ? n : 0;
}

static uint32_t write(struct side *s, uint32_t n, bool more)
{
	uint32_t took;

	if (!s->conn || tcp_send_room(s->conn) == 0)
		return 0;
	if (more || s->corked)
		tcp_cork(tcp_of(s), s->conn, more);
	s->corked = more;
	took = s->plan->lend ? write_packet(s, n) : write_copy(s, n);
	if (!took)			/* no memory: nobody tells when there is some */
		s->write_at = world_now(s->station->world) + TRY_AGAIN;
	return took;
}

static void take_packet(struct side *s, struct pkt *p)
{
	for (struct pkt *f = p; f; f = f->frag)
		side_take(s, f->data, f->len);
}

static uint32_t read(struct side *s, uint32_t n)
{
	uint32_t got = 0;
	struct pkt *p;

	if (!s->conn)
		return 0;
	give_back(s);
	while (got < n && (p = tcp_recv(tcp_of(s), s->conn)) != NULL) {
		uint32_t len = p->total;

		take_packet(s, p);
		got += len;
		if (s->plan->hold) {
			pktq_push(&s->held, p);
		} else {
			pkt_put(p);
			tcp_recv_done(tcp_of(s), s->conn, len);
		}
	}
	if (got < n && s->ended) {
		give_back(s);
		side_eof(s);
	}
	return got;
}

static void shutdown(struct side *s)
{
	tcp_shutdown(tcp_of(s), s->conn);
}

static bool busy(const struct side *s)
{
	return false;
}

static void release(struct side *s)
{
	close_conn(s, tcp_abort);
}

static void close(struct side *s)
{
	close_conn(s, tcp_close);
}

static void abort_conn(struct side *s)
{
	close_conn(s, tcp_abort);
}

const struct mouth mouth_tcp = {
	.name = "tcp.h", .start = start, .stop = stop, .listen = listen, .unlisten = unlisten,
	.poll = poll, .connect = connect, .write = write, .read = read, .shutdown = shutdown,
	.close = close, .abort = abort_conn, .busy = busy, .release = release,
};
