/* Anything at any time: random operations on two rings that are too small, over a wire that fails,
 * in stacks that run out of frames.
 *
 * Oracles: every submission that was taken gets exactly one last completion, with flags that its
 * opcode may have; bytes arrive as they were sent, in order; all invariants after each step; at the
 * end nothing is left.  A failure prints its seed. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

#define SEEDS 60u
#define STEPS 1500u
#define SLOTS 512u
#define FDS 64u
#define KEPT 64u
#define PERIOD 65521u
#define LONGEST 300000u

struct sub {			/* a submission that is not answered yet */
	uint64_t user_data;	/* 0: free */
	uint8_t opcode;
	bool multi, lent;
	int fd;
	uint32_t len;
	uint8_t in[2048];
};

struct flow {			/* one direction of one connection */
	uint64_t sent, received;
	bool loose;		/* a send was cut short: what comes behind it cannot be told */
};

struct side {
	struct sub subs[SLOTS];
	int fds[FDS];		/* open, or closed not long ago */
	int32_t port[FDS];	/* of the side that connected; 0: no connection */
	uint8_t client[FDS];	/* which side that was */
	unsigned fds_n;
	struct leat_cqe kept[KEPT];
	unsigned kept_n;
	uint64_t seq;
	int listener;
	bool lazy;		/* does not look at its completions for now */
};

struct chaos {
	struct duo *d;
	struct prng r;
	struct side s[2];
	struct flow flow[2][2][65536];	/* client, from, port */
};

static uint8_t pattern[PERIOD + LONGEST];
static struct leat_addr addrs[2], nowhere[2];	/* where somebody listens, and nobody */

static uint32_t below(struct chaos *c, uint32_t n)
{
	return prng_below(&c->r, n);
}

/* ---- what descriptors are */

static int fd_index(const struct side *s, int fd)
{
	for (unsigned i = 0; i < s->fds_n; i++)
		if (s->fds[i] == fd)
			return (int)i;
	return -1;
}

static void fd_add(struct chaos *c, unsigned side, int fd)
{
	struct side *s = &c->s[side];
	struct leat_conn_info info;
	unsigned i = s->fds_n < FDS ? s->fds_n++ : below(c, FDS);

	assert_int_equal(fd_index(s, fd), -1);
	while (s->fds_n == FDS && s->fds[i] &&
	       leat_conn_info(&c->d->h[side].ring, s->fds[i], &info) != -E_BADF)
		i = (i + 1) % FDS;
	s->fds[i] = fd;
	s->port[i] = 0;
}

static void learn(struct chaos *c, unsigned side, int fd, unsigned client)
{
	struct leat_conn_info info;
	int i = fd_index(&c->s[side], fd);

	if (i < 0 || leat_conn_info(&c->d->h[side].ring, fd, &info))
		return;
	if (c->s[side].port[i] && c->s[side].client[i] != client)
		return;		/* a CONNECT of what was accepted */
	c->s[side].port[i] = client == side ? info.local.port : info.remote.port;
	c->s[side].client[i] = (uint8_t)client;
}

static struct flow *flow_of(struct chaos *c, unsigned side, int fd, unsigned from)
{
	int i = fd_index(&c->s[side], fd);

	if (i < 0 || !c->s[side].port[i])
		return NULL;
	return &c->flow[c->s[side].client[i]][from][c->s[side].port[i]];
}

/* ---- completions */

static void look(struct chaos *c, unsigned side);

static bool as_sent(const struct flow *f, const uint8_t *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (b[i] != pattern[(f->received + i) % PERIOD])
			return false;
	return true;
}

static void check_bytes(struct chaos *c, unsigned side, int fd, const uint8_t *b, uint32_t n)
{
	struct flow *f = flow_of(c, side, fd, !side);

	if (!f)
		return;
	if (!f->loose && !as_sent(f, b, n))
		look(c, !side);		/* the news that a send was cut short may be waiting */
	assert_true(f->loose || as_sent(f, b, n));
	f->received += n;
	assert_true(f->loose || f->received <= f->sent);
}

static void buffer(struct chaos *c, unsigned side, const struct sub *sub,
		   const struct leat_cqe *cqe)
{
	struct side *s = &c->s[side];
	struct leat_ring *ring = &c->d->h[side].ring;

	assert_true(sub->multi && sub->opcode == LEAT_OP_RECV && cqe->res > 0);
	assert_true(cqe->flags & LEAT_CQE_F_MORE);
	check_bytes(c, side, sub->fd, leat_buf_ptr(ring, cqe), (uint32_t)cqe->res);
	if (s->kept_n < KEPT && below(c, 3) == 0)
		s->kept[s->kept_n++] = *cqe;
	else
		leat_buf_put(ring, cqe);
}

static void last(struct chaos *c, unsigned side, struct sub *sub, const struct leat_cqe *cqe)
{
	struct flow *f;

	switch (sub->opcode) {
	case LEAT_OP_RECV:
		if (cqe->res > 0)
			check_bytes(c, side, sub->fd, sub->in, (uint32_t)cqe->res);
		break;
	case LEAT_OP_SEND:
	case LEAT_OP_SEND_ZC:
		f = flow_of(c, side, sub->fd, side);
		if (f && !sub->lent && cqe->res != (int)sub->len)
			f->loose = true;
		break;
	case LEAT_OP_SOCKET:
	case LEAT_OP_ACCEPT:
		if (cqe->res > 0)
			fd_add(c, side, cqe->res);
		if (cqe->res > 0 && sub->opcode == LEAT_OP_ACCEPT)
			learn(c, side, cqe->res, !side);
		break;
	}
}

static void completion(struct chaos *c, unsigned side, const struct leat_cqe *cqe)
{
	struct sub *sub = &c->s[side].subs[cqe->user_data % SLOTS];

	assert_int_equal(sub->user_data, cqe->user_data);
	if (cqe->flags & LEAT_CQE_F_BUFFER) {
		buffer(c, side, sub, cqe);
		return;
	}
	if (!(cqe->flags & LEAT_CQE_F_MORE)) {
		assert_int_equal(!!(cqe->flags & LEAT_CQE_F_NOTIF), sub->lent);
		last(c, side, sub, cqe);
		sub->user_data = 0;
		return;
	}
	if (sub->opcode == LEAT_OP_SEND_ZC) {
		assert_false(sub->lent);
		last(c, side, sub, cqe);
		sub->lent = true;
		return;
	}
	assert_true(sub->multi && sub->opcode == LEAT_OP_ACCEPT && cqe->res > 0);
	last(c, side, sub, cqe);
}

/* Takes all completions, one at a time or many. */
static void look(struct chaos *c, unsigned side)
{
	struct leat_ring *ring = &c->d->h[side].ring;
	const struct leat_cqe *cqe;
	struct leat_cqe copy;
	unsigned n;

	while ((n = leat_cq_peek(ring, &cqe))) {
		copy = *cqe;
		leat_cq_advance(ring, 1);
		completion(c, side, &copy);
	}
}

/* ---- submissions */

static int some_fd(struct chaos *c, unsigned side)
{
	struct side *s = &c->s[side];

	return s->fds_n ? s->fds[below(c, s->fds_n)] : 1 << 20;
}

/* Of an operation that waits, most likely. */
static uint64_t some_sub(struct chaos *c, unsigned side)
{
	for (unsigned i = 0; i < 50; i++) {
		struct sub *sub = &c->s[side].subs[below(c, SLOTS)];

		if (sub->user_data)
			return sub->user_data;
	}
	return 12345;
}

static void submit(struct chaos *c, unsigned side, struct leat_sqe sqe)
{
	struct side *s = &c->s[side];
	struct flow *f = flow_of(c, side, sqe.fd, side);
	struct sub *sub, *victim;
	unsigned slot = below(c, SLOTS);

	while (s->subs[slot].user_data)
		slot = (slot + 1) % SLOTS;
	sub = &s->subs[slot];
	*sub = (struct sub){.opcode = sqe.opcode, .fd = sqe.fd, .len = sqe.len,
			    .multi = sqe.ioprio != 0};
	if (sqe.opcode == LEAT_OP_RECV)
		sqe.addr = (uintptr_t)sub->in;
	if (f && (sqe.opcode == LEAT_OP_SEND || sqe.opcode == LEAT_OP_SEND_ZC))
		sqe.addr = (uintptr_t)&pattern[f->sent % PERIOD];
	sqe.user_data = ++s->seq * SLOTS + slot;
	victim = &s->subs[sqe.addr % SLOTS];
	if (sqe.opcode == LEAT_OP_ASYNC_CANCEL && victim->user_data == sqe.addr &&
	    flow_of(c, side, victim->fd, side))
		flow_of(c, side, victim->fd, side)->loose = true;
	sub->user_data = sqe.user_data;
	if (leat_submit(&c->d->h[side].ring, &sqe)) {
		sub->user_data = 0;
		return;
	}
	if (f && (sqe.opcode == LEAT_OP_SEND || sqe.opcode == LEAT_OP_SEND_ZC))
		f->sent += sqe.len;
	if (sqe.opcode == LEAT_OP_CONNECT)
		learn(c, side, sqe.fd, side);
}

static struct leat_sqe some_sqe(struct chaos *c, unsigned side)
{
	static const uint8_t ops[] = {
		LEAT_OP_NOP, LEAT_OP_SOCKET, LEAT_OP_SOCKET, LEAT_OP_ACCEPT, LEAT_OP_CONNECT,
		LEAT_OP_CONNECT, LEAT_OP_CONNECT, LEAT_OP_RECV, LEAT_OP_RECV, LEAT_OP_RECV,
		LEAT_OP_RECV, LEAT_OP_RECV, LEAT_OP_SEND, LEAT_OP_SEND, LEAT_OP_SEND, LEAT_OP_SEND,
		LEAT_OP_SEND_ZC, LEAT_OP_SEND_ZC, LEAT_OP_SHUTDOWN, LEAT_OP_CLOSE, LEAT_OP_CLOSE,
		LEAT_OP_POLL_ADD, LEAT_OP_POLL_REMOVE, LEAT_OP_TIMEOUT, LEAT_OP_TIMEOUT_REMOVE,
		LEAT_OP_ASYNC_CANCEL, LEAT_OP_ASYNC_CANCEL,
	};
	struct leat_sqe sqe = duo_sqe(ops[below(c, sizeof(ops))], some_fd(c, side));

	switch (sqe.opcode) {
	case LEAT_OP_SOCKET:
		sqe.fd = LEAT_AF_INET;
		sqe.off = LEAT_SOCK_STREAM;
		break;
	case LEAT_OP_ACCEPT:
		sqe.fd = c->s[side].listener;
		sqe.ioprio = (uint16_t)below(c, 2);
		break;
	case LEAT_OP_CONNECT:
		sqe.addr = (uintptr_t)(below(c, 5) ? &addrs[!side] : &nowhere[!side]);
		break;
	case LEAT_OP_RECV:
		sqe.ioprio = below(c, 2) ? LEAT_RECV_MULTISHOT : 0;
		sqe.len = below(c, 2049);
		break;
	case LEAT_OP_SEND:
	case LEAT_OP_SEND_ZC:
		sqe.len = 1 + below(c, below(c, 4) ? 5000 : LONGEST);
		sqe.addr = (uintptr_t)pattern;
		sqe.op_flags = below(c, 5) ? 0 : LEAT_MSG_MORE;
		break;
	case LEAT_OP_SHUTDOWN:
		sqe.len = below(c, 4);
		break;
	case LEAT_OP_CLOSE:
		sqe.op_flags = below(c, 4) ? 0 : LEAT_CLOSE_RESET;
		break;
	case LEAT_OP_POLL_ADD:
		sqe.op_flags = below(c, 0x20);
		break;
	case LEAT_OP_TIMEOUT:
		sqe.off = below(c, 100000000);
		break;
	case LEAT_OP_POLL_REMOVE:
	case LEAT_OP_TIMEOUT_REMOVE:
	case LEAT_OP_ASYNC_CANCEL:
		sqe.addr = some_sub(c, side);
		break;
	}
	return sqe;
}

static void put_one(struct chaos *c, unsigned side)
{
	struct side *s = &c->s[side];
	unsigned i;

	if (s->kept_n == 0)
		return;
	i = below(c, s->kept_n);
	leat_buf_put(&c->d->h[side].ring, &s->kept[i]);
	s->kept[i] = s->kept[--s->kept_n];
}

static void step(struct chaos *c)
{
	unsigned side = below(c, 2);
	struct side *s = &c->s[side];
	uint32_t dice = below(c, 100);

	if (dice < 55)
		submit(c, side, some_sqe(c, side));
	else if (dice < 65)
		put_one(c, side);
	else if (dice < 68)
		s->lazy = below(c, 3) == 0;
	else if (dice < 70)
		c->d->h[side].deaf = below(c, 3) == 0;
	else if (dice < 95)
		duo_step(c->d);
	else
		duo_run(c->d, USEC(1) << below(c, 19));
	for (unsigned i = 0; i < 2; i++)
		if (!c->s[i].lazy)
			look(c, i);
	ring_check(&c->d->h[side].ring);
}

/* Closes everything and waits for the end of all connections. */
static void finish(struct chaos *c)
{
	for (unsigned side = 0; side < 2; side++) {
		c->d->h[side].deaf = false;
		c->s[side].lazy = false;
	}
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned side = 0; side < 2; side++) {
			look(c, side);
			submit(c, side, duo_sqe(LEAT_OP_CLOSE, c->s[side].listener));
			look(c, side);
			for (unsigned i = 0; i < c->s[side].fds_n; i++) {
				submit(c, side, duo_sqe(LEAT_OP_CLOSE, c->s[side].fds[i]));
				look(c, side);
			}
		}
		duo_run(c->d, SEC(500));
	}
	for (unsigned side = 0; side < 2; side++) {
		look(c, side);
		for (unsigned i = 0; i < SLOTS; i++)
			assert_int_equal(c->s[side].subs[i].user_data, 0);
		assert_int_equal(c->d->h[side].ring.socks.ops_used, 0);
		assert_int_equal(c->d->h[side].ring.socks.socks_used, 0);
		assert_int_equal(c->d->h[side].net.tcp.conns_used, 0);
	}
}

static void run(uint64_t seed)
{
	static struct chaos c;
	struct duo_config config;

	memset(&c, 0, sizeof(c));
	prng_seed(&c.r, seed);
	duo_config_default(&config);
	config.net.frames = 64 + below(&c, 512);
	config.net.bare = 64 + below(&c, 256);
	config.net.tcp.conns_max = 20;
	config.ring.sock = (struct sock_config){.sockets = 4 + below(&c, 30),
						.ops = 4 + below(&c, 100),
						.completions = 16u << below(&c, 4)};
	c.d = duo_new(&config);
	for (unsigned side = 0; side < 2; side++) {
		addrs[side] = duo_addr(side, 80);
		nowhere[side] = duo_addr(side, 81);
		c.s[side].listener = duo_listen(c.d, side, 80);
		c.d->h[side].hold = true;
	}
	for (unsigned i = 0; i < STEPS; i++)
		step(&c);
	finish(&c);
	duo_free(c.d);
}

static uint64_t seed_now;

static void every_submission_is_answered_once_and_bytes_arrive_as_sent(void **state)
{
	const char *one = getenv("SEED");
	uint64_t first = one ? strtoull(one, NULL, 0) : 1, n = one ? 1 : SEEDS;
	struct prng r;

	prng_seed(&r, 99);
	unit_fill(&r, pattern, PERIOD);
	for (uint32_t i = PERIOD; i < sizeof(pattern); i++)
		pattern[i] = pattern[i - PERIOD];
	for (seed_now = first; seed_now < first + n; seed_now++)
		run(seed_now);
	seed_now = 0;
}

static int say_seed(void **state)
{
	if (seed_now)
		printf("run again with SEED=%llu\n", (unsigned long long)seed_now);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			every_submission_is_answered_once_and_bytes_arrive_as_sent, say_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
