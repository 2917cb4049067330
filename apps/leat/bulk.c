/* `leat bulk`: bytes in bulk, either way, and whether they arrived as they were sent.
 *
 * A server that gives and takes, and a client that asks it to.  A connection carries one order, 16
 * bytes: "take" or "give" (as the client sees it), a number, a line end; then so many bytes of a
 * pattern, which whoever receives compares; a giver waits for "good".  What is sent is lent, what
 * is received is compared where it lies. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leat/leat.h"

#include "apps/leat/leat.h"
#include "base/addr.h"
#include "base/fmt.h"
#include "port/port.h"

#define BULK_CONNS_MAX 64u
#define BULK_PERIOD 251u		/* byte i of the pattern is i modulo this */
#define BULK_BLOCK (BULK_PERIOD * 2048)	/* bytes lent at once */
#define BULK_ORDER 16u
#define BULK_AHEAD 2u			/* blocks lent at the same time */

enum bulk_what { BULK_ACCEPT, BULK_CONNECT, BULK_RECV, BULK_SEND, BULK_WORD, BULK_CLOSE };

struct bulk_conn {
	int fd;			/* 0: free */
	bool client, give;	/* give: we send the pattern */
	bool ordered, bad, over;
	char word[BULK_ORDER + 1];	/* the order; or what a giver hears */
	uint32_t word_n;
	uint64_t total, at;	/* bytes of the pattern, and those done or lent */
	uint32_t lent;		/* blocks */
};

struct bulk {
	const char *net, *poll, *where, *order, *count;
	uint32_t listen_port, runs;
	struct leat_ring *ring;
	struct bulk_conn conn[BULK_CONNS_MAX];
	uint8_t block[BULK_BLOCK + BULK_PERIOD];
	uint64_t bytes;
	bool done, failed;
	struct addr to;
	uint32_t to_port;
};

static struct leat_ring *bulk_ring;
static volatile sig_atomic_t bulk_signals;

static const char bulk_usage[] =
	"usage: leat bulk --listen PORT [--net LINK] [--poll MODE]\n"
	"       leat bulk ADDRESS:PORT take|give BYTES [--net LINK] [--poll MODE]\n"
	"\n"
	"Sends or takes so many bytes over one connection, compares them, and prints how fast\n"
	"that was.  BYTES may end in k, m or g.  The server answers until Ctrl-C.\n";

/* ---- submissions */

static void bulk_submit(struct bulk *b, struct bulk_conn *c, enum bulk_what what,
			struct leat_sqe sqe)
{
	sqe.user_data = (uint64_t)(c - b->conn) << 8 | what;
	if (leat_submit(b->ring, &sqe) < 0) {
		fprintf(stderr, "leat bulk: too much at once\n");
		b->failed = true;
	}
}

static void bulk_close(struct bulk *b, struct bulk_conn *c)
{
	if (c->over)
		return;
	c->over = true;
	bulk_submit(b, c, BULK_CLOSE, (struct leat_sqe){ .opcode = LEAT_OP_CLOSE, .fd = c->fd });
}

static void bulk_word(struct bulk *b, struct bulk_conn *c, const char *word)
{
	bulk_submit(b, c, BULK_WORD,
		    (struct leat_sqe){ .opcode = LEAT_OP_SEND, .fd = c->fd,
				       .addr = (uintptr_t)word,
				       .len = (uint32_t)strlen(word) });
}

static void bulk_lend(struct bulk *b, struct bulk_conn *c)
{
	while (c->lent < BULK_AHEAD && c->at < c->total) {
		uint32_t n = (uint32_t)MIN(c->total - c->at, (uint64_t)BULK_BLOCK);

		bulk_submit(b, c, BULK_SEND,
			    (struct leat_sqe){ .opcode = LEAT_OP_SEND_ZC, .fd = c->fd,
					       .addr = (uintptr_t)b->block, .len = n });
		c->at += n;
		c->lent++;
	}
}

static void bulk_recv(struct bulk *b, struct bulk_conn *c)
{
	bulk_submit(b, c, BULK_RECV,
		    (struct leat_sqe){ .opcode = LEAT_OP_RECV, .fd = c->fd,
				       .ioprio = LEAT_RECV_MULTISHOT });
}

/* ---- a connection */

static void bulk_end(struct bulk *b, struct bulk_conn *c, bool good)
{
	c->bad |= !good;
	b->failed |= c->client && c->bad;
	b->bytes += c->at;
	bulk_close(b, c);
}

/* The order is complete. */
static void bulk_order(struct bulk *b, struct bulk_conn *c)
{
	char *end;

	c->ordered = true;
	c->word[BULK_ORDER] = '\0';
	c->total = strtoull(c->word + 5, &end, 10);
	c->give = !memcmp(c->word, "take ", 5);
	if (*end != '\n' || (!c->give && memcmp(c->word, "give ", 5) != 0)) {
		bulk_end(b, c, false);
		return;
	}
	c->word_n = 0;
	if (c->give)
		bulk_lend(b, c);
}

/* Bytes of the pattern came. */
static void bulk_compare(struct bulk *b, struct bulk_conn *c, const uint8_t *bytes, uint32_t n)
{
	while (n) {
		const uint8_t *want = b->block + c->at % BULK_PERIOD;
		uint32_t part = MIN(n, BULK_BLOCK);

		if (c->at + n > c->total || memcmp(bytes, want, part) != 0)
			c->bad = true;
		c->at += part;
		bytes += part;
		n -= part;
	}
	if (c->at < c->total)
		return;
	if (c->client)
		bulk_end(b, c, true);
	else
		bulk_word(b, c, c->bad ? "bad!" : "good");
}

static void bulk_bytes(struct bulk *b, struct bulk_conn *c, const uint8_t *bytes, uint32_t n)
{
	uint32_t want = c->ordered ? 4 : BULK_ORDER;

	if (c->ordered && !c->give) {
		bulk_compare(b, c, bytes, n);
		return;
	}
	for (; n && c->word_n < want; n--)
		c->word[c->word_n++] = (char)*bytes++;
	if (c->word_n < want)
		return;
	if (c->ordered)		/* a giver hears how it was */
		bulk_end(b, c, !memcmp(c->word, "good", 4));
	else
		bulk_order(b, c);
	if (n && !c->give)
		bulk_compare(b, c, bytes, n);
}

static void bulk_accepted(struct bulk *b, int fd)
{
	for (unsigned i = 1; i < BULK_CONNS_MAX && fd > 0; i++) {
		if (b->conn[i].fd)
			continue;
		b->conn[i] = (struct bulk_conn){ .fd = fd };
		bulk_recv(b, &b->conn[i]);
		return;
	}
	if (fd > 0)
		leat_call(b->ring, &(struct leat_sqe){ .opcode = LEAT_OP_CLOSE, .fd = fd });
}

static void bulk_connected(struct bulk *b, struct bulk_conn *c, int res)
{
	if (res < 0) {
		fprintf(stderr, "leat bulk: cannot connect to %s: %s\n", b->where, strerror(-res));
		b->failed = true;
		bulk_close(b, c);
		return;
	}
	snprintf(c->word, sizeof(c->word), "%s %010llu\n", b->order, (unsigned long long)c->total);
	bulk_word(b, c, c->word);
}

/* A word went out: the client's order, or a taker's verdict. */
static void bulk_said(struct bulk *b, struct bulk_conn *c, int res)
{
	if (!c->client) {
		bulk_end(b, c, res > 0);
		return;
	}
	c->ordered = true;
	c->word_n = 0;
	bulk_recv(b, c);
	if (c->give)
		bulk_lend(b, c);
}

static void bulk_received(struct bulk *b, struct bulk_conn *c, const struct leat_cqe *cqe)
{
	if (cqe->flags & LEAT_CQE_F_BUFFER) {
		if (!c->over)
			bulk_bytes(b, c, leat_buf_ptr(b->ring, cqe), (uint32_t)cqe->res);
		leat_buf_put(b->ring, cqe);
		return;
	}
	if (cqe->flags & LEAT_CQE_F_MORE || c->over)
		return;
	if (cqe->res == -EAGAIN || cqe->res == -EBUSY) {	/* paused: it may go on */
		bulk_recv(b, c);
		return;
	}
	if (!c->give || c->client || c->at < c->total || cqe->res < 0)
		bulk_end(b, c, !c->client && c->give);
	else
		bulk_end(b, c, true);
}

static void bulk_completed(struct bulk *b, const struct leat_cqe *cqe)
{
	struct bulk_conn *c = &b->conn[cqe->user_data >> 8 & (BULK_CONNS_MAX - 1)];

	switch ((enum bulk_what)(cqe->user_data & 0xff)) {
	case BULK_ACCEPT:
		bulk_accepted(b, cqe->res);
		break;
	case BULK_CONNECT:
		bulk_connected(b, c, cqe->res);
		break;
	case BULK_WORD:
		bulk_said(b, c, cqe->res);
		break;
	case BULK_RECV:
		bulk_received(b, c, cqe);
		break;
	case BULK_SEND:
		if (cqe->flags & LEAT_CQE_F_MORE)
			break;
		c->lent--;
		if (cqe->res < 0 && !(cqe->flags & LEAT_CQE_F_NOTIF) && !c->over)
			bulk_end(b, c, false);
		else if (!c->over)
			bulk_lend(b, c);
		break;
	case BULK_CLOSE:
		b->done |= c->client;
		c->fd = 0;
		break;
	}
}

static void bulk_run(struct bulk *b)
{
	const struct leat_cqe *cqe;
	unsigned n;

	while (!b->done && !bulk_signals) {
		leat_wait(b->ring, LEAT_FOREVER);
		while ((n = leat_cq_peek(b->ring, &cqe))) {
			for (unsigned i = 0; i < n; i++)
				bulk_completed(b, &cqe[i]);
			leat_cq_advance(b->ring, n);
		}
	}
}

/* ---- start and end */

static int bulk_socket(struct bulk *b)
{
	int fd = leat_call(b->ring, &(struct leat_sqe){ .opcode = LEAT_OP_SOCKET,
							.fd = LEAT_AF_INET,
							.off = LEAT_SOCK_STREAM });

	if (fd < 0)
		fprintf(stderr, "leat bulk: no socket: %s\n", strerror(-fd));
	return fd;
}

static int bulk_listen(struct bulk *b)
{
	struct leat_addr any = { .ip = { [10] = 0xff, 0xff }, .port = (uint16_t)b->listen_port };
	int fd = bulk_socket(b), err;

	if (fd < 0)
		return fd;
	err = leat_call(b->ring, &(struct leat_sqe){ .opcode = LEAT_OP_BIND, .fd = fd,
						     .addr = (uintptr_t)&any });
	if (!err)
		err = leat_call(b->ring, &(struct leat_sqe){ .opcode = LEAT_OP_LISTEN, .fd = fd,
							     .len = 16 });
	if (!err)
		err = leat_publish(b->ring, NULL, any.port);
	if (err < 0) {
		fprintf(stderr, "leat bulk: cannot listen at port %u: %s\n", b->listen_port,
			strerror(-err));
		return err;
	}
	bulk_submit(b, &b->conn[0], BULK_ACCEPT,
		    (struct leat_sqe){ .opcode = LEAT_OP_ACCEPT, .fd = fd,
				       .ioprio = LEAT_ACCEPT_MULTISHOT });
	printf("leat: bulk at port %u (Ctrl-C ends)\n", b->listen_port);
	fflush(stdout);
	return 0;
}

static int bulk_connect(struct bulk *b)
{
	static struct leat_addr to;
	struct bulk_conn *c = &b->conn[1];

	mem_copy(to.ip, b->to.b, sizeof(to.ip));
	to.port = (uint16_t)b->to_port;
	c->fd = bulk_socket(b);
	if (c->fd < 0)
		return c->fd;
	c->client = true;
	c->give = !strcmp(b->order, "give");
	bulk_submit(b, c, BULK_CONNECT,
		    (struct leat_sqe){ .opcode = LEAT_OP_CONNECT, .fd = c->fd,
				       .addr = (uintptr_t)&to });
	return 0;
}

static int bulk_words(struct bulk *b, int n)
{
	struct bulk_conn *c = &b->conn[1];
	char *colon, *end;

	if (b->listen_port)
		return n ? LEAT_EXIT_USAGE : LEAT_EXIT_OK;
	if (n != 3 || (strcmp(b->order, "take") && strcmp(b->order, "give")))
		return LEAT_EXIT_USAGE;
	c->total = strtoull(b->count, &end, 10);
	if (*end) {
		const char *unit = strchr("kmg", *end);

		if (!unit || end[1] || end == b->count)
			return LEAT_EXIT_USAGE;
		c->total <<= 10 * (unit - "kmg" + 1);
	}
	colon = strrchr(b->where, ':');
	if (!colon || c->total > UINT64_C(9999999999))
		return LEAT_EXIT_USAGE;
	b->to_port = (uint32_t)strtoul(colon + 1, &end, 10);
	*colon = '\0';
	if (*end || !b->to_port || b->to_port > 65535 || !fmt_parse_addr(&b->to, b->where))
		return LEAT_EXIT_USAGE;
	return LEAT_EXIT_OK;
}

static int bulk_options(struct bulk *b, int argc, char **argv)
{
	const struct leat_option options[] = {
		{ "listen", 'l', LEAT_OPTION_NUMBER, &b->listen_port, 1, 65535 },
		{ "net", 0, LEAT_OPTION_TEXT, &b->net, 0, 0 },
		{ "poll", 0, LEAT_OPTION_TEXT, &b->poll, 0, 0 },
		{ NULL, 0, LEAT_OPTION_FLAG, NULL, 0, 0 },
	};
	const char *words[3] = { NULL };
	int n = leat_options_read("bulk", options, argc, argv, words, 3);

	if (n < 0)
		return LEAT_EXIT_USAGE;
	b->where = words[0];
	b->order = words[1];
	b->count = words[2];
	for (unsigned i = 0; i < sizeof(b->block); i++)
		b->block[i] = (uint8_t)(i % BULK_PERIOD);
	if (bulk_words(b, n)) {
		fputs(bulk_usage, stderr);
		return LEAT_EXIT_USAGE;
	}
	return leat_net_check("bulk", b->net);
}

static void bulk_on_signal(int sig)
{
	(void)sig;
	bulk_signals++;
	leat_wake(bulk_ring);
}

static int bulk_open(struct bulk *b)
{
	struct sigaction act = { .sa_handler = bulk_on_signal };
	struct leat_options options;
	char why[512];
	int err;

	leat_options_init(&options);
	err = leat_poll_mode("bulk", b->poll, &options.poll);
	if (err)
		return err;
	options.net = b->net;
	b->ring = bulk_ring = leat_ring_open(&options, why, sizeof(why));
	if (!b->ring) {
		fprintf(stderr, "leat bulk: %s\n", why);
		return LEAT_EXIT_FAILED;
	}
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	return LEAT_EXIT_OK;
}

static int bulk_main(int argc, char **argv)
{
	static struct bulk b = { .net = "slirp", .poll = "adaptive" };
	int status = bulk_options(&b, argc, argv);
	unsigned leaked;
	double seconds;
	nsec start;

	status = status ? status : bulk_open(&b);
	if (status)
		return status;
	start = port_now();
	if (b.listen_port ? bulk_listen(&b) : bulk_connect(&b))
		b.failed = true;
	else
		bulk_run(&b);
	seconds = (double)(port_now() - start) / 1e9;
	if (!b.listen_port && !b.failed && b.done)
		printf("leat: %s %.1f MB in %.2f s, %.0f Mbit/s, every byte as it should be\n",
		       b.order, (double)b.bytes / 1e6, seconds, (double)b.bytes * 8e-6 / seconds);
	else if (!b.listen_port)
		fprintf(stderr, "leat bulk: not every byte arrived as it was sent\n");
	leaked = leat_ring_close(b.ring);
	if (leaked)
		fprintf(stderr, "leat bulk: %u frames are missing; please report it\n", leaked);
	return leaked || b.failed || (!b.listen_port && !b.done) ? LEAT_EXIT_FAILED : LEAT_EXIT_OK;
}

const struct leat_command leat_bulk = {
	"bulk", "bytes in bulk, either way: how fast, and whether they are right", bulk_usage,
	bulk_main,
};
