/* DPDK as a link, without a stack: two memif devices of one process, joined by a Unix socket.
 *
 * Needs the plug-in, which is built where DPDK's headers are; needs no privilege and no huge
 * pages.  DPDK's own threads connect the two, so that the first frames wait for them. */
#include "helper/unit.h"

#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "drivers/drivers.h"
#include "port/port.h"

#define FRAMES 2048u
#define BARE 256u
#define WAIT SEC(5)

struct end {
	struct drivers_link link;
	struct pool pool;
	void *region, *mem;
};

struct rig {
	struct end a, b;
	char socket[64];
};

static void end_open(struct end *e, const char *spec)
{
	size_t bytes = pool_bytes(FRAMES, BARE);
	char why[256] = "";

	e->region = unit_memory(FRAME_SIZE, FRAMES * FRAME_SIZE);
	e->mem = unit_memory(CACHE_LINE, bytes);
	memset(e->mem, 0, bytes);
	pool_init(&e->pool, (struct region){ e->region, FRAMES }, BARE, e->mem);
	if (drivers_open(&e->link, spec, &e->pool, why, sizeof(why)))
		fail_msg("%s", why);
}

static void end_close(struct end *e)
{
	e->link.dev.ops->close(&e->link.dev);
	assert_true(pool_at_rest(&e->pool));
	free(e->region);
	free(e->mem);
}

/* A frame to nobody, to find out whether the two ends have met. */
static bool meets(struct end *from, struct end *to)
{
	struct pkt *p = pkt_new(&from->pool), *in;
	uint8_t frame[60] = { 0 };
	bool got = false;

	assert_int_equal(pkt_write(p, frame, sizeof(frame)), 0);
	if (from->link.dev.ops->tx(&from->link.dev, &p, 1) == 0)
		pkt_put(p);
	while (to->link.dev.ops->rx(&to->link.dev, &in, 1) == 1) {
		pkt_put(in);
		got = true;
	}
	return got;
}

static struct rig *rig_open(unsigned mtu)
{
	struct rig *g = calloc(1, sizeof(*g));
	static unsigned n;	/* DPDK frees an abstract socket's name some time after */
	nsec end = port_now() + WAIT;
	char spec[200];

	snprintf(g->socket, sizeof(g->socket), "/leat/test/%d/%u", (int)getpid(), n++);
	snprintf(spec, sizeof(spec), "dpdk:net_memif0,role=server,id=0,socket=%s,mtu=%u", g->socket,
		 mtu);
	end_open(&g->a, spec);
	snprintf(spec, sizeof(spec), "dpdk:net_memif1,role=client,id=0,socket=%s,mtu=%u", g->socket,
		 mtu);
	end_open(&g->b, spec);
	while (!meets(&g->a, &g->b) || !meets(&g->b, &g->a)) {
		assert_true(port_now() < end);
		usleep(1000);
	}
	return g;
}

static void rig_close(struct rig *g)
{
	end_close(&g->a);
	end_close(&g->b);
	free(g);
}

static uint8_t byte_of(unsigned frame, unsigned at)
{
	return (uint8_t)(frame * 31 + at * 7);
}

static void fill(uint8_t *to, unsigned frame, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		to[i] = byte_of(frame, i);
}

static void send_one(struct end *from, struct pkt *p)
{
	nsec end = port_now() + WAIT;

	while (from->link.dev.ops->tx(&from->link.dev, &p, 1) == 0)
		assert_true(port_now() < end);
}

/* The next frame at `to` is frame number `frame` with `n` bytes. */
static void expect(struct end *to, unsigned frame, unsigned n)
{
	nsec end = port_now() + WAIT;
	static uint8_t got[16384];
	struct pkt *p;

	while (to->link.dev.ops->rx(&to->link.dev, &p, 1) != 1) {
		struct port_wait wait = { .fd = to->link.dev.wake_fd };

		assert_true(port_now() < end);
		if (!to->link.dev.ops->arm(&to->link.dev))
			port_idle_until(to->link.dev.ops->deadline(&to->link.dev, port_now()),
					&wait, wait.fd >= 0);
	}
	assert_int_equal(p->total, n);
	assert_int_equal(pkt_read(p, 0, got, n), n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(got[i], byte_of(frame, i));
	pkt_put(p);
}

static void frames_of_every_size_go_both_ways(void **state)
{
	struct rig *g = rig_open(1500);
	uint8_t bytes[1514];

	for (unsigned n = 14; n <= sizeof(bytes); n += 50) {
		struct pkt *p = pkt_new(&g->a.pool), *q = pkt_new(&g->b.pool);

		fill(bytes, n, n);
		assert_int_equal(pkt_write(p, bytes, n), 0);
		assert_int_equal(pkt_write(q, bytes, n), 0);
		send_one(&g->a, p);
		send_one(&g->b, q);
		expect(&g->b, n, n);
		expect(&g->a, n, n);
	}
	rig_close(g);
}

/* Headers in a frame, a slice of another packet, and lent memory. */
static struct pkt *of_three_pieces(struct end *e, unsigned frame, const uint8_t *lent,
				   struct lend *lend)
{
	struct pkt *p = pkt_new(&e->pool), *body = pkt_new(&e->pool);
	uint8_t bytes[600];

	fill(bytes, frame, sizeof(bytes));
	assert_int_equal(pkt_write(p, bytes, 54), 0);
	assert_int_equal(pkt_write(body, bytes, sizeof(bytes)), 0);
	pkt_append(p, pkt_slice(body, 54, sizeof(bytes) - 54));
	pkt_append(p, pkt_lent(&e->pool, lend, lent + sizeof(bytes), 800));
	pkt_put(body);
	return p;
}

static void pieces_slices_and_lent_memory_go_as_one_frame_and_come_back(void **state)
{
	struct rig *g = rig_open(1500);
	struct lend lend = { .refs = 1 };
	static uint8_t lent[1400];

	for (unsigned i = 0; i < 100; i++) {
		fill(lent, i, sizeof(lent));
		send_one(&g->a, of_three_pieces(&g->a, i, lent, &lend));
		expect(&g->b, i, sizeof(lent));
	}
	assert_int_equal(lend.refs, 1);
	rig_close(g);
}

static void a_frame_longer_than_a_buffer_is_a_chain_at_both_ends(void **state)
{
	struct rig *g = rig_open(9000);
	static uint8_t bytes[9014];

	for (unsigned i = 0; i < 10; i++) {
		struct pkt *p = pkt_new(&g->a.pool);

		fill(bytes, i, sizeof(bytes));
		assert_int_equal(pkt_write(p, bytes, sizeof(bytes)), 0);
		assert_non_null(p->frag);
		send_one(&g->a, p);
		expect(&g->b, i, sizeof(bytes));
	}
	rig_close(g);
}

static void what_is_too_short_or_too_long_is_counted(void **state)
{
	struct rig *g = rig_open(1000);
	uint8_t bytes[1200] = { 0 };
	struct pkt *p = pkt_new(&g->a.pool);

	assert_int_equal(pkt_write(p, bytes, 10), 0);
	send_one(&g->a, p);
	p = pkt_new(&g->a.pool);
	assert_int_equal(pkt_write(p, bytes, sizeof(bytes)), 0);
	send_one(&g->a, p);
	p = pkt_new(&g->a.pool);
	fill(bytes, 5, 100);
	assert_int_equal(pkt_write(p, bytes, 100), 0);
	send_one(&g->a, p);
	expect(&g->b, 5, 100);
	assert_int_equal(g->b.link.dev.stats.rx_runt, 1);
	assert_int_equal(g->b.link.dev.stats.rx_oversize, 1);
	rig_close(g);
}

/* What is held by somebody else when it has left belongs to him still. */
static void a_packet_that_is_kept_is_still_there_after_it_was_sent(void **state)
{
	struct rig *g = rig_open(1500);
	struct pkt *p = pkt_new(&g->a.pool);
	uint8_t bytes[100];

	fill(bytes, 9, sizeof(bytes));
	assert_int_equal(pkt_write(p, bytes, sizeof(bytes)), 0);
	for (unsigned i = 0; i < 3; i++) {
		send_one(&g->a, pkt_get(p));
		expect(&g->b, 9, sizeof(bytes));
	}
	assert_int_equal(p->refs, 1);
	pkt_put(p);
	rig_close(g);
}

static void a_full_ring_hands_back_what_it_cannot_take(void **state)
{
	struct rig *g = rig_open(1500);
	struct netdev *a = &g->a.link.dev, *b = &g->b.link.dev;
	uint8_t bytes[60] = { 0 };
	unsigned sent = 0, got = 0;
	struct pkt *p, *in;

	for (;;) {
		p = pkt_new(&g->a.pool);
		assert_non_null(p);
		assert_int_equal(pkt_write(p, bytes, sizeof(bytes)), 0);
		if (a->ops->tx(a, &p, 1) == 0)
			break;
		sent++;
	}
	pkt_put(p);
	assert_true(a->stats.tx_full > 0);
	while (b->ops->rx(b, &in, 1) == 1) {
		pkt_put(in);
		got++;
	}
	assert_int_equal(sent, got);
	rig_close(g);
}

static void without_a_peer_frames_are_lost_and_counted(void **state)
{
	struct end *e = calloc(1, sizeof(*e));
	uint8_t bytes[60] = { 0 };
	char spec[128];
	struct pkt *p;

	snprintf(spec, sizeof(spec), "dpdk:net_memif7,role=server,id=7,socket=/tmp/leat-memif-%d-7",
		 (int)getpid());
	end_open(e, spec);
	p = pkt_new(&e->pool);
	assert_int_equal(pkt_write(p, bytes, sizeof(bytes)), 0);
	assert_int_equal(e->link.dev.ops->tx(&e->link.dev, &p, 1), 1);
	assert_int_equal(e->link.dev.stats.tx_error, 1);
	assert_false(e->link.dev.up);
	end_close(e);
	free(e);
}

static void naps_grow_while_nothing_comes_and_end_with_the_first_frame(void **state)
{
	struct rig *g = rig_open(1500);
	struct netdev *b = &g->b.link.dev;
	uint8_t bytes[60];
	struct pkt *p = pkt_new(&g->a.pool);

	for (unsigned i = 0; i < 20; i++)
		assert_false(b->ops->arm(b));
	assert_int_equal(b->ops->deadline(b, SEC(1)), SEC(1) + MSEC(2));
	fill(bytes, 1, sizeof(bytes));
	assert_int_equal(pkt_write(p, bytes, sizeof(bytes)), 0);
	send_one(&g->a, p);
	expect(&g->b, 1, sizeof(bytes));
	assert_true(b->ops->deadline(b, SEC(1)) <= SEC(1) + USEC(20));
	rig_close(g);
}

static void a_device_that_is_not_there_is_said_so(void **state)
{
	struct end e = { 0 };
	char why[256];

	assert_true(drivers_open(&e.link, "dpdk:net_nothing0", &e.pool, why, sizeof(why)) < 0);
	assert_non_null(strstr(why, "net_nothing0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_every_size_go_both_ways),
		cmocka_unit_test(pieces_slices_and_lent_memory_go_as_one_frame_and_come_back),
		cmocka_unit_test(a_frame_longer_than_a_buffer_is_a_chain_at_both_ends),
		cmocka_unit_test(what_is_too_short_or_too_long_is_counted),
		cmocka_unit_test(a_packet_that_is_kept_is_still_there_after_it_was_sent),
		cmocka_unit_test(a_full_ring_hands_back_what_it_cannot_take),
		cmocka_unit_test(without_a_peer_frames_are_lost_and_counted),
		cmocka_unit_test(naps_grow_while_nothing_comes_and_end_with_the_first_frame),
		cmocka_unit_test(a_device_that_is_not_there_is_said_so),
	};
	struct drivers_link link;
	struct pool pool = { .frames = 0 };
	char why[256];

	/* Opens nothing, but says when there is no plug-in. */
	drivers_open(&link, "dpdk:net_nothing0", &pool, why, sizeof(why));
	if (strstr(why, "tools/setup.sh")) {
		fprintf(stderr, "skipped: %s\n", why);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
