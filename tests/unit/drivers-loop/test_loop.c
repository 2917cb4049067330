/* The in-memory wire: what goes in on one side comes out on the other, whole, once and in order.
 *
 * Two pools, two devices, frames whose bytes say which they are. */
#include "helper/unit.h"

#include <poll.h>
#include <pthread.h>

#include "base/err.h"
#include "drivers/loop/loop.h"

#define FRAMES 2048u
#define BARE 64u

struct end {
	struct netdev dev;
	struct pool pool;
	void *region, *mem;
};

struct wire {
	struct end a, b;
};

static void end_init(struct end *e)
{
	size_t bytes = ALIGN_UP(pool_bytes(FRAMES, BARE), 64);

	e->region = aligned_alloc(FRAME_SIZE, FRAMES * FRAME_SIZE);
	e->mem = aligned_alloc(64, bytes);
	memset(e->mem, 0, bytes);
	pool_init(&e->pool, (struct region){ e->region, FRAMES }, BARE, e->mem);
}

static void end_fini(struct end *e)
{
	if (e->dev.priv)
		e->dev.ops->close(&e->dev);
	pool_check(&e->pool);
	assert_true(pool_at_rest(&e->pool));
	free(e->region);
	free(e->mem);
}

static struct wire *wire_open(uint32_t mtu, uint32_t slots, bool sleeps)
{
	struct loop_config config = { .mtu = mtu, .slots = slots, .sleeps = sleeps };
	struct wire *w = calloc(1, sizeof(*w));

	end_init(&w->a);
	end_init(&w->b);
	assert_int_equal(loop_open(&w->a.dev, &w->a.pool, &w->b.dev, &w->b.pool, &config), 0);
	return w;
}

static void wire_close(struct wire *w)
{
	end_fini(&w->a);
	end_fini(&w->b);
	free(w);
}

/* A frame of `n` bytes that all follow from `seed`. */
static struct pkt *frame(struct pool *pool, uint32_t n, uint32_t seed)
{
	struct pkt *p = pkt_new(pool);

	assert_non_null(p);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t b = (uint8_t)(seed * 31 + i * 7 + (i >> 8));

		assert_int_equal(pkt_write(p, &b, 1), 0);
	}
	return p;
}

static void expect_frame(struct pkt *p, uint32_t n, uint32_t seed)
{
	uint32_t i = 0, total = 0;

	assert_int_equal(p->total, n);
	for (struct pkt *f = p; f; f = f->frag) {
		total += f->len;
		for (uint32_t j = 0; j < f->len; j++, i++)
			assert_int_equal(f->data[j], (uint8_t)(seed * 31 + i * 7 + (i >> 8)));
	}
	assert_int_equal(total, n);
	pkt_put(p);
}

static unsigned send_one(struct end *e, uint32_t n, uint32_t seed)
{
	struct pkt *p = frame(&e->pool, n, seed);
	unsigned sent = e->dev.ops->tx(&e->dev, &p, 1);

	if (!sent)
		pkt_put(p);
	return sent;
}

static void a_frame_of_any_length_arrives_whole(void **state)
{
	static const uint32_t lengths[] = { 14,		  60,		1514, PKT_ROOM,
					    PKT_ROOM + 1, 2 * PKT_ROOM, 9014, 65521 + 14 };
	struct wire *w = wire_open(65521, 0, false);
	struct pkt *got[NETDEV_BURST];

	for (uint32_t i = 0; i < ARRAY_LEN(lengths); i++) {
		assert_int_equal(send_one(&w->a, lengths[i], i), 1);
		assert_int_equal(w->b.dev.ops->rx(&w->b.dev, got, NETDEV_BURST), 1);
		expect_frame(got[0], lengths[i], i);
		assert_int_equal(send_one(&w->b, lengths[i], i + 100), 1);
		assert_int_equal(w->a.dev.ops->rx(&w->a.dev, got, NETDEV_BURST), 1);
		expect_frame(got[0], lengths[i], i + 100);
	}
	assert_int_equal(w->b.dev.stats.rx_frames, ARRAY_LEN(lengths));
	assert_int_equal(w->b.dev.stats.rx_bytes, w->a.dev.stats.tx_bytes);
	wire_close(w);
}

static void a_full_wire_hands_frames_back_and_loses_none(void **state)
{
	struct wire *w = wire_open(1500, 8, false);
	struct pkt *got[NETDEV_BURST];
	uint32_t next = 0;

	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(send_one(&w->a, 100 + i, i), 1);
	assert_int_equal(send_one(&w->a, 100, 8), 0);
	assert_int_equal(w->a.dev.stats.tx_full, 1);
	assert_int_equal(w->b.dev.ops->rx(&w->b.dev, got, 3), 3);
	while (next < 3) {
		expect_frame(got[next], 100 + next, next);
		next++;
	}
	for (uint32_t i = 8; i < 11; i++)
		assert_int_equal(send_one(&w->a, 100 + i, i), 1);
	assert_int_equal(w->b.dev.ops->rx(&w->b.dev, got, NETDEV_BURST), 8);
	for (uint32_t i = 0; i < 8; i++, next++)
		expect_frame(got[i], 100 + next, next);
	wire_close(w);
}

static void a_long_frame_waits_until_all_of_it_fits(void **state)
{
	struct wire *w = wire_open(9000, 8, false);
	struct pkt *got[NETDEV_BURST];

	assert_int_equal(send_one(&w->a, 9014, 1), 1);	/* 5 slots */
	assert_int_equal(send_one(&w->a, 9014, 2), 0);
	assert_int_equal(send_one(&w->a, 60, 3), 1);
	assert_int_equal(w->b.dev.ops->rx(&w->b.dev, got, NETDEV_BURST), 2);
	expect_frame(got[0], 9014, 1);
	expect_frame(got[1], 60, 3);
	assert_int_equal(send_one(&w->a, 9014, 2), 1);
	assert_int_equal(w->b.dev.ops->rx(&w->b.dev, got, NETDEV_BURST), 1);
	expect_frame(got[0], 9014, 2);
	wire_close(w);
}

static void a_receiver_without_memory_stops_the_sender_and_goes_on_later(void **state)
{
	struct wire *w = wire_open(1500, 8, false);
	struct pkt *got[NETDEV_BURST], *hold[FRAMES];
	unsigned held = 0;

	while (w->b.pool.free_frames_n > 0)
		hold[held++] = pkt_new(&w->b.pool);
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(send_one(&w->a, 60, i), 1);
	assert_int_equal(w->b.dev.ops->rx(&w->b.dev, got, NETDEV_BURST), 8);
	assert_int_equal(send_one(&w->a, 60, 8), 0);
	assert_int_equal(w->b.pool.empty, 0);
	for (uint32_t i = 0; i < 8; i++)
		expect_frame(got[i], 60, i);
	assert_int_equal(w->b.dev.ops->rx(&w->b.dev, got, NETDEV_BURST), 0);
	assert_int_equal(send_one(&w->a, 60, 8), 1);
	while (held)
		pkt_put(hold[--held]);
	wire_close(w);
}

static void a_frame_longer_than_the_mtu_is_counted_and_lost(void **state)
{
	struct wire *w = wire_open(1500, 0, false);
	struct pkt *got[1];

	assert_int_equal(send_one(&w->a, 1515, 1), 1);
	assert_int_equal(w->a.dev.stats.tx_error, 1);
	assert_int_equal(w->b.dev.ops->rx(&w->b.dev, got, 1), 0);
	wire_close(w);
}

static void what_is_sent_to_a_closed_side_is_lost_without_harm(void **state)
{
	struct wire *w = wire_open(1500, 0, false);
	struct pkt *got[1];

	assert_int_equal(send_one(&w->a, 60, 1), 1);
	assert_int_equal(send_one(&w->b, 60, 2), 1);
	w->b.dev.ops->close(&w->b.dev);
	assert_true(pool_at_rest(&w->b.pool));
	assert_int_equal(send_one(&w->a, 60, 3), 1);
	assert_int_equal(w->a.dev.stats.tx_error, 1);
	assert_int_equal(w->a.dev.ops->rx(&w->a.dev, got, 1), 1);
	expect_frame(got[0], 60, 2);
	wire_close(w);
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void an_armed_side_is_woken_and_one_that_is_awake_is_not(void **state)
{
	struct wire *w = wire_open(1500, 0, true);
	struct pkt *got[4];

	assert_int_equal(send_one(&w->a, 60, 1), 1);
	assert_false(readable(w->b.dev.wake_fd));
	assert_true(w->b.dev.ops->arm(&w->b.dev));
	assert_int_equal(w->b.dev.ops->rx(&w->b.dev, got, 4), 1);
	expect_frame(got[0], 60, 1);
	assert_false(w->b.dev.ops->arm(&w->b.dev));
	assert_int_equal(send_one(&w->a, 60, 2), 1);
	assert_true(readable(w->b.dev.wake_fd));
	assert_int_equal(w->b.dev.ops->rx(&w->b.dev, got, 4), 1);
	expect_frame(got[0], 60, 2);
	assert_false(w->b.dev.ops->arm(&w->b.dev));
	assert_false(readable(w->b.dev.wake_fd));
	wire_close(w);
}

static void sizes_that_cannot_be_are_refused(void **state)
{
	static const struct loop_config wrong[] = {
		{ .mtu = 100 }, { .mtu = 65522 }, { .slots = 3 }, { .slots = 8192 },
		{ .mtu = 9000, .slots = 4 },
	};
	struct wire *w = wire_open(1500, 0, false);
	struct netdev a, b;

	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(loop_open(&a, &w->a.pool, &b, &w->b.pool, &wrong[i]), -E_INVAL);
	wire_close(w);
}

#define MANY 200000u

static void *send_many(void *arg)
{
	struct end *e = arg;

	for (uint32_t i = 0; i < MANY;) {
		struct pkt *p = pkt_new(&e->pool);
		uint8_t junk[4000] = { 0 };

		memcpy(junk, &i, 4);
		assert_int_equal(pkt_write(p, junk, 60 + i % 3900), 0);
		if (e->dev.ops->tx(&e->dev, &p, 1))
			i++;
		else
			pkt_put(p);
	}
	return NULL;
}

/* Method: one thread sends numbered frames as fast as the wire takes them, this one receives. */
static void two_threads_lose_nothing(void **state)
{
	struct wire *w = wire_open(9000, 64, false);
	struct pkt *got[NETDEV_BURST];
	uint32_t next = 0;
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, send_many, &w->a), 0);
	while (next < MANY) {
		int n = w->b.dev.ops->rx(&w->b.dev, got, NETDEV_BURST);

		for (int i = 0; i < n; i++, next++) {
			assert_memory_equal(got[i]->data, &next, 4);
			assert_int_equal(got[i]->total, 60 + next % 3900);
			pkt_put(got[i]);
		}
	}
	pthread_join(t, NULL);
	wire_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_of_any_length_arrives_whole),
		cmocka_unit_test(a_full_wire_hands_frames_back_and_loses_none),
		cmocka_unit_test(a_long_frame_waits_until_all_of_it_fits),
		cmocka_unit_test(a_receiver_without_memory_stops_the_sender_and_goes_on_later),
		cmocka_unit_test(a_frame_longer_than_the_mtu_is_counted_and_lost),
		cmocka_unit_test(what_is_sent_to_a_closed_side_is_lost_without_harm),
		cmocka_unit_test(an_armed_side_is_woken_and_one_that_is_awake_is_not),
		cmocka_unit_test(sizes_that_cannot_be_are_refused),
		cmocka_unit_test(two_threads_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
