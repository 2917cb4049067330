/* What things cost in bytes, as docs/memory.md states it (which quotes the table below).
 *
 * Method: what a stack asks for with one thing more of a kind, less what it asks for without; so
 * nothing that belongs to the thing can be forgotten.  Frames are counted while nothing happens. */
#include "helper/unit.h"

#include "base/table.h"
#include "helper/duo.h"

#define MANY 4096u		/* with more, the lookup table takes less for each */

enum thing {
	CONNECTION, LOSS, SIDE, PACE, TIME_WAIT, HALF_OPEN, DESCRIPTOR, RARE, OPERATION, COMPLETION,
	NEIGHBOUR, FRAME, BARE
};

static const struct cost {
	enum thing what;
	uint32_t bytes;		/* rounded up */
} costs[] = {
	/* costs: begin */
	{ CONNECTION, 466 },	/* its block 448, its place in the lookup table 18 */
	{ DESCRIPTOR, 32 },	/* of a socket, whatever it names */
	{ RARE, 192 },		/* what a socket takes that is bound or has options few have */
	{ OPERATION, 80 },	/* that waits: 64, and at most 16 to find it by its user_data */
	{ COMPLETION, 16 },	/* place in the completion ring */
	{ LOSS, 216 },		/* what a connection takes while something is missing */
	{ SIDE, 200 },		/* what one takes for what its owner chose, or something rare */
	{ PACE, 240 },		/* one that thinks in rates, while it sends */
	{ TIME_WAIT, 82 },	/* its entry 64, its place in the lookup table 18 */
	{ HALF_OPEN, 82 },	/* its entry 64, its place in the lookup table 18 */
	{ NEIGHBOUR, 210 },	/* its entry 192, its place in the lookup table 18 */
	{ FRAME, 2184 },	/* 2048 bytes, its descriptor 128, its place in the free stack 8 */
	{ BARE, 136 },		/* a descriptor without a frame, its place in the free stack */
	/* costs: end */
};

/* All memory of a stack and its ring. */
static size_t bytes_of(const struct net_config *net, const struct ring_config *ring)
{
	const char *why = NULL;
	size_t region = net_region_bytes(net, &why), private = net_private_bytes(net, &why),
	       door = ring_direct_bytes(ring, &why);

	if (!region || !private || !door)
		fail_msg("%s", why);
	return region + private + door;
}

/* The field of a configuration that says how many there are. */
static uint32_t *many_of(enum thing what, struct net_config *net, struct ring_config *ring)
{
	switch (what) {
	case CONNECTION:
		return &net->tcp.conns_max;
	case LOSS:
		return &net->tcp.losses_max;
	case SIDE:
		return &net->tcp.sides_max;
	case PACE:
		return &net->tcp.paces_max;
	case TIME_WAIT:
		return &net->tcp.timewaits_max;
	case HALF_OPEN:
		return &net->tcp.halves_max;
	case DESCRIPTOR:
		return &ring->sock.sockets;
	case RARE:
		ring->sock.sockets = 2 * MANY;
		return &ring->sock.colds;
	case OPERATION:
		return &ring->sock.ops;
	case COMPLETION:
		return &ring->sock.completions;
	case NEIGHBOUR:
		return &net->neighs_max;
	case FRAME:
		return &net->frames;
	case BARE:
		return &net->bare;
	}
	return NULL;
}

static uint32_t cost_of(enum thing what)
{
	struct net_config net;
	struct ring_config ring;
	size_t before, after;
	uint32_t *n;

	net_config_default(&net);
	ring_config_default(&ring);
	n = many_of(what, &net, &ring);
	*n = MANY;
	before = bytes_of(&net, &ring);
	*n = 2 * MANY;
	after = bytes_of(&net, &ring);
	return (uint32_t)((after - before + MANY - 1) / MANY);
}

static uint32_t stated(enum thing what)
{
	for (size_t i = 0; i < ARRAY_LEN(costs); i++)
		if (costs[i].what == what)
			return costs[i].bytes;
	fail_msg("thing %d is not stated", what);
	return 0;
}

static void everything_costs_what_is_stated(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(costs); i++)
		if (cost_of(costs[i].what) != costs[i].bytes)
			fail_msg("row %zu costs %u bytes; here and in docs/memory.md stand %u", i,
				 cost_of(costs[i].what), costs[i].bytes);
}

static void an_idle_connection_costs_less_than_512_bytes_all_in(void **state)
{
	assert_true(stated(CONNECTION) + stated(DESCRIPTOR) < 512);
}

/* Both ends have sent and read, nothing waits: neither holds a frame or a bare descriptor. */
static void an_idle_connection_holds_no_frame(void **state)
{
	struct duo *d = duo_new(NULL);
	char text[1000], got[sizeof(text)];
	int fd[2];

	memset(text, 'x', sizeof(text));
	duo_pair(d, fd);
	for (unsigned side = 0; side < 2; side++) {
		duo_submit(d, side, &(struct leat_sqe){ .opcode = LEAT_OP_SEND, .fd = fd[side],
							.addr = (uintptr_t)text,
							.len = sizeof(text) });
		assert_int_equal(duo_do(d, !side, duo_sqe_recv(fd[!side], got, sizeof(got))),
				 sizeof(text));
	}
	duo_run(d, SEC(1));
	for (unsigned side = 0; side < 2; side++) {
		const struct pool *pool = &d->h[side].net.pool;

		assert_int_equal(pool->free_frames_n, pool->frames);
		assert_int_equal(pool->free_bare_n, pool->bare);
		assert_int_equal(d->h[side].net.tcp.conns_used, 1);
	}
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_costs_what_is_stated),
		cmocka_unit_test(an_idle_connection_costs_less_than_512_bytes_all_in),
		cmocka_unit_test(an_idle_connection_holds_no_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
