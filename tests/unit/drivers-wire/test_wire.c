/* The cable in memory: ends, a switch of three, arrival in order of time, and no packet kept. */
#include "helper/unit.h"

#include "base/err.h"
#include "drivers/wire/wire.h"
#include "port/port.h"

#define FRAMES 64u

static nsec now = SEC(1);

nsec port_now(void)
{
	return now;
}

struct side {
	struct pool pool;
	void *region, *mem;
};

static struct side sides[3];
static struct wire *wire;
static unsigned events[3], arrivals[3];

static void on_event(void *ctx, const struct wire_event *e)
{
	if (e->arrival)
		arrivals[e->end]++;
	else
		events[e->to]++;
}

static void open_wire(struct wire_config *c)
{
	memset(events, 0, sizeof(events));
	memset(arrivals, 0, sizeof(arrivals));
	c->on_event = on_event;
	for (unsigned i = 0; i < c->ends; i++) {
		c->mac[i] = (struct mac){{2, 0, 0, 0, 0, (uint8_t)i}};
		if (!c->mtu[i])
			c->mtu[i] = 1500;
	}
	assert_int_equal(wire_new(&wire, c), 0);
	for (unsigned i = 0; i < c->ends; i++) {
		size_t n = ALIGN_UP(pool_bytes(FRAMES, 8), 64);

		sides[i].region = unit_memory(FRAME_SIZE, FRAMES * FRAME_SIZE);
		sides[i].mem = unit_memory(64, n);
		memset(sides[i].mem, 0, n);
		pool_init(&sides[i].pool, (struct region){sides[i].region, FRAMES}, 8,
			  sides[i].mem);
		wire_dev(wire, i)->pool = &sides[i].pool;
	}
}

static void close_wire(unsigned ends)
{
	for (unsigned i = 0; i < ends; i++) {
		struct netdev *dev = wire_dev(wire, i);

		dev->ops->close(dev);
		assert_true(pool_at_rest(&sides[i].pool));
		free(sides[i].region);
		free(sides[i].mem);
	}
	assert_int_equal(wire_in_flight(wire), 0);
	wire_free(wire);
}

/* Sends a frame of `len` bytes whose payload begins with `mark`. */
static void send_frame(unsigned from, uint8_t to, uint8_t mark, uint32_t len)
{
	static uint8_t b[1514];
	struct netdev *dev = wire_dev(wire, from);
	struct pkt *p = pkt_new(dev->pool);

	memset(b, to == 0xff ? 0xff : 0, 6);
	b[0] = to == 0xff ? 0xff : 2;
	b[5] = to;
	b[14] = mark;
	assert_int_equal(pkt_write(p, b, len), 0);
	assert_int_equal(dev->ops->tx(dev, &p, 1), 1);
}

/* The mark of the next frame that has arrived, -1: none. */
static int take(unsigned at)
{
	struct netdev *dev = wire_dev(wire, at);
	struct pkt *p;
	int mark;

	if (dev->ops->rx(dev, &p, 1) != 1)
		return -1;
	mark = p->data[14];
	pkt_put(p);
	return mark;
}

static void a_frame_arrives_when_its_delay_is_over(void **state)
{
	struct wire_config c = {.ends = 2, .faults[1] = {.delay = MSEC(10)}};

	open_wire(&c);
	send_frame(0, 1, 7, 60);
	assert_int_equal(take(1), -1);
	assert_int_equal(wire_due(wire, 1), now + MSEC(10));
	assert_false(wire_dev(wire, 1)->ops->arm(wire_dev(wire, 1)));
	now += MSEC(10);
	assert_true(wire_dev(wire, 1)->ops->arm(wire_dev(wire, 1)));
	assert_int_equal(take(1), 7);
	assert_int_equal(wire_due(wire, 1), NSEC_NEVER);
	assert_int_equal(events[1], 1);
	assert_int_equal(arrivals[1], 1);
	close_wire(2);
}

static void frames_of_one_moment_arrive_in_the_order_of_sending(void **state)
{
	struct wire_config c = {.ends = 2};

	open_wire(&c);
	for (uint8_t i = 0; i < 20; i++)
		send_frame(0, 1, i, 60);
	for (uint8_t i = 0; i < 20; i++)
		assert_int_equal(take(1), i);
	close_wire(2);
}

static void arrivals_are_in_order_of_time_whatever_the_order_of_sending(void **state)
{
	struct wire_config c = {.ends = 2};
	uint8_t b[60] = {2, 0, 0, 0, 0, 1};
	nsec start = now;

	open_wire(&c);
	for (unsigned i = 0; i < 50; i++) {
		b[14] = (uint8_t)(i * 37 % 50);
		assert_true(wire_inject(wire, 1, b, sizeof(b), start + b[14]));
	}
	now += 50;
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(take(1), i);
	close_wire(2);
}

static void a_switch_delivers_to_the_address_and_floods_groups(void **state)
{
	struct wire_config c = {.ends = 3};

	open_wire(&c);
	send_frame(0, 2, 1, 60);
	assert_int_equal(take(1), -1);
	assert_int_equal(take(2), 1);
	send_frame(1, 0xff, 2, 60);
	assert_int_equal(take(0), 2);
	assert_int_equal(take(1), -1);
	assert_int_equal(take(2), 2);
	close_wire(3);
}

static void a_frame_that_finds_no_memory_is_lost_and_counted(void **state)
{
	struct wire_config c = {.ends = 2};
	struct pkt *all[FRAMES];

	open_wire(&c);
	send_frame(0, 1, 1, 60);
	for (unsigned i = 0; i < FRAMES; i++)
		all[i] = pkt_new(&sides[1].pool);
	assert_int_equal(take(1), -1);
	assert_int_equal(wire_dev(wire, 1)->stats.rx_no_frame, 1);
	for (unsigned i = 0; i < FRAMES; i++)
		pkt_put(all[i]);
	close_wire(2);
}

static void a_frame_longer_than_the_device_takes_is_lost_and_counted(void **state)
{
	struct wire_config c = {.ends = 2, .mtu = {1500, 600}};

	open_wire(&c);
	send_frame(0, 1, 1, 615);
	assert_int_equal(take(1), -1);
	assert_int_equal(wire_dev(wire, 1)->stats.rx_oversize, 1);
	send_frame(0, 1, 2, 614);
	assert_int_equal(take(1), 2);
	close_wire(2);
}

static void a_small_ring_takes_no_more_than_it_has_room_for(void **state)
{
	struct wire_config c = {.ends = 2, .tx_max = 3};
	struct netdev *dev;
	struct pkt *p[5];

	open_wire(&c);
	dev = wire_dev(wire, 0);
	for (unsigned i = 0; i < 5; i++) {
		p[i] = pkt_new(dev->pool);
		p[i]->len = p[i]->total = 60;
	}
	assert_int_equal(dev->ops->tx(dev, p, 5), 3);
	assert_int_equal(dev->stats.tx_full, 2);
	pkt_put(p[3]);
	pkt_put(p[4]);
	close_wire(2);
}

static void a_full_wire_loses_frames_and_says_so(void **state)
{
	struct wire_config c = {.ends = 2, .in_flight_max = 2};

	open_wire(&c);
	for (uint8_t i = 0; i < 3; i++)
		send_frame(0, 1, i, 60);
	assert_int_equal(take(1), 0);
	assert_int_equal(take(1), 1);
	assert_int_equal(take(1), -1);
	close_wire(2);
}

static void nonsense_is_refused(void **state)
{
	struct wire_config c = {.ends = 1};

	assert_int_equal(wire_new(&wire, &c), -E_INVAL);
	c.ends = WIRE_ENDS_MAX + 1;
	assert_int_equal(wire_new(&wire, &c), -E_INVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_arrives_when_its_delay_is_over),
		cmocka_unit_test(frames_of_one_moment_arrive_in_the_order_of_sending),
		cmocka_unit_test(arrivals_are_in_order_of_time_whatever_the_order_of_sending),
		cmocka_unit_test(a_switch_delivers_to_the_address_and_floods_groups),
		cmocka_unit_test(a_frame_that_finds_no_memory_is_lost_and_counted),
		cmocka_unit_test(a_frame_longer_than_the_device_takes_is_lost_and_counted),
		cmocka_unit_test(a_small_ring_takes_no_more_than_it_has_room_for),
		cmocka_unit_test(a_full_wire_loses_frames_and_says_so),
		cmocka_unit_test(nonsense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
