/* Clients from memory, against a test that answers by hand. */
#include "helper/unit.h"

#include "base/byteorder.h"
#include "base/csum.h"
#include "drivers/replay/replay.h"

#define FRAMES 256u
#define CONNS 5u
#define SIZE 3u

struct rig {
	struct netdev dev;
	struct pool pool;
	void *region, *mem;
	uint32_t seen;		/* of a client's timestamps */
};

static struct rig *rig_open(void)
{
	struct replay_config config = {
		.conns = CONNS, .size = SIZE, .addr = IPV4(10, 0, 0, 2),
		.clients = IPV4(10, 0, 0, 10), .port = 7,
	};
	size_t bytes = pool_bytes(FRAMES, 64);
	struct rig *g = calloc(1, sizeof(*g));

	g->region = unit_memory(FRAME_SIZE, FRAMES * FRAME_SIZE);
	g->mem = unit_memory(CACHE_LINE, bytes);
	memset(g->mem, 0, bytes);
	pool_init(&g->pool, (struct region){ g->region, FRAMES }, 64, g->mem);
	assert_int_equal(replay_open(&g->dev, &g->pool, &config), 0);
	return g;
}

static void rig_close(struct rig *g)
{
	g->dev.ops->close(&g->dev);
	assert_true(pool_at_rest(&g->pool));
	free(g->region);
	free(g->mem);
	free(g);
}

static uint8_t *tcp_of(struct pkt *p)
{
	return p->data + 34;
}

static bool sums_are_right(const struct pkt *p)
{
	const uint8_t *ip = p->data + 14;
	uint32_t n = load_be16(ip + 2) - 20u;
	struct addr a = addr_v4(load_be32(ip + 12)), b = addr_v4(load_be32(ip + 16));

	return csum_fold(csum_partial(ip, 20, 0)) == 0 &&
	       csum_fold(csum_bytes(ip + 20, n, csum_pseudo(&a, &b, 6, n))) == 0;
}

/* Makes of a segment its answer, with a right checksum, and gives it to the clients. */
static void turn_round(struct rig *g, struct pkt *p, uint32_t seq, uint32_t ack, int spoil)
{
	uint8_t *ip = p->data + 14, *tcp = tcp_of(p);
	uint32_t n = load_be16(ip + 2) - 20u, src = load_be32(ip + 12);
	struct addr a, b;
	uint16_t sum = 0;

	store_be32(ip + 12, load_be32(ip + 16));
	store_be32(ip + 16, src);
	store_be16(tcp + 2, load_be16(tcp));
	store_be16(tcp, 7);
	store_be32(tcp + 4, seq);
	store_be32(tcp + 8, ack);
	if (spoil >= 0)
		p->data[spoil] ^= 1;
	a = addr_v4(load_be32(ip + 12));
	b = addr_v4(load_be32(ip + 16));
	store_be16(tcp + 16, 0);
	sum = csum_fold(csum_bytes(tcp, n, csum_pseudo(&a, &b, 6, n)));
	if (spoil != -2)
		memcpy(tcp + 16, &sum, 2);
	assert_int_equal(g->dev.ops->tx(&g->dev, &p, 1), 1);
}

/* The next segment; ARP goes by. */
static struct pkt *next(struct rig *g)
{
	struct pkt *p;

	for (unsigned i = 0; i < 10; i++) {
		if (g->dev.ops->rx(&g->dev, &p, 1) != 1)
			return NULL;
		if (load_be16(p->data + 12) == 0x0800)
			return p;
		pkt_put(p);
	}
	return NULL;
}

/* All clients connect. */
static void connect_all(struct rig *g)
{
	replay_start(&g->dev);
	for (unsigned i = 0; i < CONNS; i++) {
		struct pkt *p = next(g);

		assert_non_null(p);
		assert_int_equal(tcp_of(p)[13], 2);
		assert_true(sums_are_right(p));
		tcp_of(p)[13] = 0x12;
		turn_round(g, p, 1000, load_be32(tcp_of(p) + 4) + 1, -1);
	}
	assert_int_equal(replay_open_conns(&g->dev), CONNS);
}

static void nothing_comes_before_the_start_and_hello_comes_first(void **state)
{
	struct rig *g = rig_open();
	struct pkt *p;

	assert_int_equal(g->dev.ops->rx(&g->dev, &p, 1), 0);
	replay_start(&g->dev);
	assert_int_equal(g->dev.ops->rx(&g->dev, &p, 1), 1);
	assert_int_equal(load_be16(p->data + 12), 0x0806);
	pkt_put(p);
	rig_close(g);
}

static void clients_connect_ask_and_ask_again(void **state)
{
	struct rig *g = rig_open();

	connect_all(g);
	for (unsigned i = 0; i < 10 * CONNS; i++) {
		struct pkt *p = next(g);
		uint32_t ack, seq;

		assert_non_null(p);
		assert_true(sums_are_right(p));
		assert_int_equal(p->total, 66 + SIZE);
		seq = load_be32(tcp_of(p) + 4);
		ack = load_be32(tcp_of(p) + 8);
		assert_int_equal(ack, 1001 + i / CONNS * SIZE);
		turn_round(g, p, ack, seq + SIZE, -1);
	}
	assert_int_equal(replay_answers(&g->dev), 10 * CONNS);
	assert_null(replay_fault(&g->dev));
	rig_close(g);
}

static void whoever_waits_says_nothing(void **state)
{
	struct rig *g = rig_open();
	struct pkt *p;

	connect_all(g);
	for (unsigned i = 0; i < CONNS; i++) {
		p = next(g);
		assert_non_null(p);
		pkt_put(p);
	}
	assert_null(next(g));
	assert_false(g->dev.ops->arm(&g->dev));
	rig_close(g);
}

static void faulty(unsigned off_seq, unsigned off_ack, int spoil, const char *what)
{
	struct rig *g = rig_open();
	struct pkt *p;
	uint32_t ack, seq;

	connect_all(g);
	p = next(g);
	seq = load_be32(tcp_of(p) + 4);
	ack = load_be32(tcp_of(p) + 8);
	turn_round(g, p, ack + off_seq, seq + SIZE + off_ack, spoil);
	assert_non_null(replay_fault(&g->dev));
	assert_string_equal(replay_fault(&g->dev), what);
	rig_close(g);
}

static void an_answer_that_is_wrong_is_told(void **state)
{
	faulty(1, 0, -1, "a number");
	faulty(0, 1, -1, "a number");
	faulty(0, 0, 66, "bytes");
	faulty(0, 0, -2, "a checksum");
	faulty(0, 0, 36, "a segment to nobody, or a reset");
}

static void sizes_that_cannot_be_are_refused(void **state)
{
	struct replay_config config = { .conns = 0, .size = 1 };
	struct pool pool = { .frames = 0 };
	struct netdev dev;

	assert_int_equal(replay_open(&dev, &pool, &config), -22);
	config.conns = 1;
	config.size = REPLAY_SIZE_MAX + 1;
	assert_int_equal(replay_open(&dev, &pool, &config), -22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_comes_before_the_start_and_hello_comes_first),
		cmocka_unit_test(clients_connect_ask_and_ask_again),
		cmocka_unit_test(whoever_waits_says_nothing),
		cmocka_unit_test(an_answer_that_is_wrong_is_told),
		cmocka_unit_test(sizes_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
