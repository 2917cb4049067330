/* Three stacks behind one link: who gets which frame, and how the others send.
 *
 * The real device is one side of drivers/loop; the test has the other and plays the network. */
#include "helper/unit.h"

#include <poll.h>

#include "base/byteorder.h"
#include "drivers/loop/loop.h"
#include "drivers/mesh/mesh.h"

#define STACKS 3u
#define FRAMES 4096u
#define BARE 64u
#define OURS IPV4(10, 0, 0, 2)
#define THEIRS IPV4(10, 0, 0, 1)

struct side {
	struct pool pool;
	void *region, *mem;
};

struct rig {
	struct side side[STACKS], net_side;
	struct netdev real[STACKS], far[STACKS], dev[STACKS];
	unsigned devices;	/* stacks that have one */
};

static void side_open(struct side *s)
{
	size_t bytes = pool_bytes(FRAMES, BARE);

	s->region = unit_memory(FRAME_SIZE, FRAMES * FRAME_SIZE);
	s->mem = unit_memory(CACHE_LINE, bytes);
	memset(s->mem, 0, bytes);
	pool_init(&s->pool, (struct region){ s->region, FRAMES }, BARE, s->mem);
}

static void side_close(struct side *s)
{
	assert_true(pool_at_rest(&s->pool));
	free(s->region);
	free(s->mem);
}

/* `devices`: STACKS (a queue each) or 1 (the first has it). */
static struct rig *rig_open(unsigned devices, bool by_queue)
{
	struct loop_config wire = { .sleeps = true };
	struct rig *g = calloc(1, sizeof(*g));

	g->devices = devices;
	side_open(&g->net_side);
	for (unsigned i = 0; i < STACKS; i++) {
		struct mesh_config config = {
			.spread = { .id = (uint16_t)i, .n = STACKS }, .by_queue = by_queue,
			.mac = { { 2, 0, 0, 0, 0, 9 } }, .mtu = 1500,
		};

		side_open(&g->side[i]);
		if (i < devices)
			assert_int_equal(loop_open(&g->real[i], &g->side[i].pool, &g->far[i],
						   &g->net_side.pool, &wire), 0);
		assert_int_equal(mesh_open(&g->dev[i], i < devices ? &g->real[i] : NULL,
					   &g->side[i].pool, &config), 0);
		for (unsigned k = 0; k < i; k++)
			assert_int_equal(mesh_join(&g->dev[k], &g->dev[i]), 0);
	}
	return g;
}

static void rig_close(struct rig *g)
{
	for (unsigned i = 0; i < STACKS; i++) {
		g->dev[i].ops->close(&g->dev[i]);
		if (i >= g->devices)
			continue;
		g->real[i].ops->close(&g->real[i]);
		g->far[i].ops->close(&g->far[i]);
	}
	for (unsigned i = 0; i < STACKS; i++)
		side_close(&g->side[i]);
	side_close(&g->net_side);
	free(g);
}

/* An Ethernet frame with an IPv4 packet of `proto` between two ends; returns its length. */
static unsigned packet(uint8_t *f, uint8_t proto, uint32_t src, uint16_t sport, uint32_t dst,
		       uint16_t dport)
{
	memset(f, 0, 60);
	store_be16(f + 12, 0x0800);
	f[14] = 0x45;
	store_be16(f + 16, 46);
	f[23] = proto;
	store_be32(f + 26, src);
	store_be32(f + 30, dst);
	store_be16(f + 34, sport);
	store_be16(f + 36, dport);
	return 60;
}

static void network_sends(struct rig *g, unsigned queue, const uint8_t *f, unsigned n)
{
	struct pkt *p = pkt_new(&g->net_side.pool);

	assert_int_equal(pkt_write(p, f, n), 0);
	assert_int_equal(g->far[queue].ops->tx(&g->far[queue], &p, 1), 1);
}

/* Polls all stacks twice; bit i: stack i got (exactly) one frame. */
static unsigned who(struct rig *g)
{
	unsigned got = 0;

	for (unsigned i = 0; i < 2 * STACKS; i++) {
		struct netdev *dev = &g->dev[i % STACKS];
		struct pkt *p[NETDEV_BURST];
		int n = dev->ops->rx(dev, p, NETDEV_BURST);

		assert_true(n <= 1 && (n == 0 || !(got & 1u << i % STACKS)));
		if (n == 1) {
			assert_ptr_equal(p[0]->pool, &g->side[i % STACKS].pool);
			pkt_put(p[0]);
			got |= 1u << i % STACKS;
		}
	}
	return got;
}

static void a_flow_has_one_home_whatever_queue_it_comes_by(void **state)
{
	struct rig *g = rig_open(STACKS, false);
	struct spread spread = { .n = STACKS };
	unsigned share[STACKS] = { 0 };
	uint8_t f[60];

	for (unsigned i = 0; i < 900; i++) {
		uint16_t port = (uint16_t)(40000 + i);
		unsigned home = spread_home(&spread, THEIRS, OURS, port, 80);

		assert_int_equal(home, spread_home(&spread, OURS, THEIRS, 80, port));
		network_sends(g, i % STACKS, f, packet(f, 6, THEIRS, port, OURS, 80));
		assert_int_equal(who(g), 1u << home);
		share[home]++;
	}
	for (unsigned i = 0; i < STACKS; i++)	/* nearly even */
		assert_in_range(share[i], 200, 400);
	rig_close(g);
}

static void with_one_device_the_first_stack_spreads(void **state)
{
	struct rig *g = rig_open(1, false);
	struct spread spread = { .n = STACKS };
	uint8_t f[60];

	for (unsigned i = 0; i < 300; i++) {
		unsigned home = spread_home(&spread, THEIRS, OURS, (uint16_t)(1024 + i), 53);

		network_sends(g, 0, f, packet(f, 17, THEIRS, (uint16_t)(1024 + i), OURS, 53));
		assert_int_equal(who(g), 1u << home);
	}
	rig_close(g);
}

static void a_flow_that_its_peer_put_on_a_queue_stays_there(void **state)
{
	struct rig *g = rig_open(STACKS, true);
	uint8_t f[60];

	for (unsigned i = 0; i < 30; i++) {
		network_sends(g, i % STACKS, f, packet(f, 6, THEIRS, (uint16_t)i, OURS, 80));
		assert_int_equal(who(g), 1u << i % STACKS);
	}
	rig_close(g);
}

static void what_arp_says_everybody_hears(void **state)
{
	uint8_t f[60] = { [12] = 8, 6 };

	for (unsigned devices = 1; devices <= STACKS; devices += STACKS - 1) {
		struct rig *g = rig_open(devices, false);

		network_sends(g, 0, f, sizeof(f));
		assert_int_equal(who(g), (1u << STACKS) - 1);
		rig_close(g);
	}
}

static void an_error_goes_where_its_flow_is_at_home(void **state)
{
	struct rig *g = rig_open(1, false);
	struct spread spread = { .n = STACKS };
	uint8_t f[100], inner[60];

	for (uint16_t port = 5000; port < 5100; port++) {
		unsigned home = spread_home(&spread, OURS, THEIRS, port, 443);

		packet(f, 1, IPV4(192, 0, 2, 1), 0, OURS, 0);	/* from a router in between */
		packet(inner, 6, OURS, port, THEIRS, 443);
		f[34] = 3;
		memcpy(f + 42, inner + 14, 28);
		network_sends(g, 0, f, 70);
		assert_int_equal(who(g), 1u << home);
	}
	rig_close(g);
}

static void pieces_of_a_packet_have_one_home(void **state)
{
	struct rig *g = rig_open(1, false);
	unsigned first;
	uint8_t f[60];

	packet(f, 17, THEIRS, 1, OURS, 2);
	f[20] = 0x20;		/* more fragments */
	network_sends(g, 0, f, sizeof(f));
	first = who(g);
	packet(f, 17, THEIRS, 77, OURS, 78);	/* not ports, but data */
	f[21] = 100;		/* offset */
	network_sends(g, 0, f, sizeof(f));
	assert_int_equal(who(g), first);
	rig_close(g);
}

static void who_has_no_device_sends_through_the_first(void **state)
{
	struct rig *g = rig_open(1, false);

	for (unsigned i = 0; i < STACKS; i++) {
		uint8_t f[60] = { [59] = (uint8_t)i };
		struct pkt *p = pkt_new(&g->side[i].pool);
		uint8_t mark;

		assert_int_equal(pkt_write(p, f, sizeof(f)), 0);
		assert_int_equal(g->dev[i].ops->tx(&g->dev[i], &p, 1), 1);
		assert_int_equal(who(g), 0);	/* stack 0 was polled, and kept nothing */
		assert_int_equal(g->far[0].ops->rx(&g->far[0], &p, 1), 1);
		assert_int_equal(pkt_read(p, 59, &mark, 1), 1);
		assert_int_equal(mark, i);
		pkt_put(p);
	}
	rig_close(g);
}

static bool readable(int fd)
{
	struct pollfd at = { .fd = fd, .events = POLLIN };

	return poll(&at, 1, 0) == 1;
}

static void who_sleeps_is_woken_by_a_sibling(void **state)
{
	struct rig *g = rig_open(1, false);
	uint8_t f[60] = { [12] = 8, 6 };
	struct pkt *p[NETDEV_BURST];

	for (unsigned i = 0; i < STACKS; i++)
		assert_false(g->dev[i].ops->arm(&g->dev[i]));
	network_sends(g, 0, f, sizeof(f));
	assert_int_equal(readable(g->dev[0].wake_fd), true);
	assert_int_equal(readable(g->dev[1].wake_fd), false);
	assert_int_equal(g->dev[0].ops->rx(&g->dev[0], p, NETDEV_BURST), 1);
	pkt_put(p[0]);
	assert_int_equal(readable(g->dev[1].wake_fd), true);
	assert_true(g->dev[1].ops->arm(&g->dev[1]));
	rig_close(g);
}

/* A stack that does not poll loses its own frames, counted, and nobody else's. */
static void a_full_wire_loses_and_counts(void **state)
{
	struct rig *g = rig_open(1, false);
	struct spread spread = { .n = STACKS };
	unsigned sent = 0;
	uint8_t f[60];
	uint16_t port = 1;

	while (spread_home(&spread, THEIRS, OURS, port, 80) != 1)
		port++;
	for (; sent < 1500; sent++) {
		struct pkt *p;

		network_sends(g, 0, f, packet(f, 6, THEIRS, port, OURS, 80));
		assert_int_equal(g->dev[0].ops->rx(&g->dev[0], &p, 1), 0);
	}
	g->dev[0].ops->arm(&g->dev[0]);
	assert_int_equal(g->dev[0].stats.rx_overrun, sent - 1024);
	rig_close(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_has_one_home_whatever_queue_it_comes_by),
		cmocka_unit_test(with_one_device_the_first_stack_spreads),
		cmocka_unit_test(a_flow_that_its_peer_put_on_a_queue_stays_there),
		cmocka_unit_test(what_arp_says_everybody_hears),
		cmocka_unit_test(an_error_goes_where_its_flow_is_at_home),
		cmocka_unit_test(pieces_of_a_packet_have_one_home),
		cmocka_unit_test(who_has_no_device_sends_through_the_first),
		cmocka_unit_test(who_sleeps_is_woken_by_a_sibling),
		cmocka_unit_test(a_full_wire_loses_and_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
