/* The pool of pending operations, their queues, their names, and the ring of completions.
 *
 * Without a network: operations are parked, found, finished and cancelled by hand. */
#include "helper/unit.h"

#include "base/err.h"
#include "sock/sock_int.h"

#define OPS 40u

struct world {
	struct net net;
	struct socks s;
	void *mem[3];
};

static struct world *world_new(void)
{
	const struct sock_config config = {.sockets = 8, .dgrams = 2, .ops = OPS,
					   .completions = 16};
	struct world *w = calloc(1, sizeof(*w));
	struct net_config g;
	const char *why = NULL;
	size_t n[3];

	assert_non_null(w);
	net_config_default(&g);
	g.frames = g.bare = 64;
	g.tcp.conns_max = 16;
	g.tcp.timewaits_max = 16;
	n[0] = net_region_bytes(&g, &why);
	n[1] = net_private_bytes(&g, &why);
	n[2] = sock_bytes(&config, &why);
	assert_null(why);
	for (int i = 0; i < 3; i++) {
		w->mem[i] = unit_memory(FRAME_SIZE, n[i]);
		memset(w->mem[i], 0, n[i]);
	}
	net_init(&w->net, &g, w->mem[0], w->mem[1], SEC(1));
	sock_init(&w->s, &config, &w->net, w->mem[2]);
	return w;
}

static void world_free(struct world *w)
{
	sock_check(&w->s);
	sock_fini(&w->s);
	net_fini(&w->net);
	assert_true(pool_at_rest(&w->net.pool));
	for (int i = 0; i < 3; i++)
		free(w->mem[i]);
	free(w);
}

static struct sock *dgram(struct world *w)
{
	struct leat_sqe sqe = {.fd = LEAT_AF_INET, .off = LEAT_SOCK_DGRAM};
	int fd = sock_socket(&w->s, &sqe);

	assert_true(fd > 0);
	return sock_of(&w->s, fd);
}

static struct sock_op *park(struct world *w, struct sock *k, uint64_t user_data)
{
	struct leat_sqe sqe = {.opcode = LEAT_OP_RECV, .user_data = user_data};

	return sock_op_new(&w->s, &sqe, k, SOCK_Q_RX);
}

static void a_queue_keeps_its_order_whoever_leaves(void **state)
{
	struct world *w = world_new();
	struct sock *k = dgram(w);
	struct sock_op *op[5];
	uint64_t left[] = {1, 3};
	uint32_t at;

	for (unsigned i = 0; i < 5; i++)
		op[i] = park(w, k, i);
	sock_op_finish(&w->s, op[2], 7, 0);
	sock_op_finish(&w->s, op[0], 7, 0);
	sock_op_finish(&w->s, op[4], 7, 0);
	sock_check(&w->s);
	at = k->rx;
	for (unsigned i = 0; i < 2; i++, at = w->s.ops[at].next)
		assert_int_equal(w->s.ops[at].user_data, left[i]);
	assert_int_equal(at, k->rx);
	assert_int_equal(w->s.ops_used, 2);
	sock_cancel_all(&w->s, k, &k->rx);
	assert_int_equal(k->rx, 0);
	assert_int_equal(w->s.ops_used, 0);
	world_free(w);
}

static void the_pool_has_an_end_and_gives_everything_again(void **state)
{
	struct world *w = world_new();
	struct sock *k = dgram(w);

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < OPS; i++)
			assert_non_null(park(w, k, i));
		assert_null(park(w, k, 1));
		sock_check(&w->s);
		sock_cancel_all(&w->s, k, &k->rx);
		sock_cq_advance(&w->s, 16);
		sock_cq_advance(&w->s, 16);
		sock_cq_advance(&w->s, 16);
		assert_int_equal(w->s.ops_used, 0);
	}
	world_free(w);
}

static void names_are_found_among_many_and_by_kind(void **state)
{
	struct world *w = world_new();
	struct sock *k = dgram(w);
	struct leat_sqe poll = {.opcode = LEAT_OP_POLL_ADD, .user_data = 4};
	struct sock_op *op[OPS - 1], *p;

	for (unsigned i = 0; i < OPS - 1; i++)
		op[i] = park(w, k, i % 8);
	p = sock_op_new(&w->s, &poll, k, SOCK_Q_POLL);
	assert_ptr_equal(sock_op_find(&w->s, 4, LEAT_OP_POLL_ADD), p);
	assert_null(sock_op_find(&w->s, 4, LEAT_OP_TIMEOUT));
	assert_null(sock_op_find(&w->s, 9, LEAT_OP_N));
	for (unsigned n = 0; n < 5; n++) {
		struct sock_op *found = sock_op_find(&w->s, 3, LEAT_OP_N);

		assert_int_equal(found->user_data, 3);
		sock_op_finish(&w->s, found, 0, 0);
	}
	assert_null(sock_op_find(&w->s, 3, LEAT_OP_N));
	sock_check(&w->s);
	sock_cancel_all(&w->s, k, &k->rx);
	assert_null(sock_op_find(&w->s, 5, LEAT_OP_N));
	assert_ptr_equal(sock_op_find(&w->s, 4, LEAT_OP_N), p);
	(void)op;
	world_free(w);
}

static void what_finds_no_room_waits_behind_what_waits(void **state)
{
	struct world *w = world_new();
	struct sock *k = dgram(w);

	for (unsigned i = 0; i < OPS; i++)
		park(w, k, i);
	sock_cancel_all(&w->s, k, &k->rx);
	for (unsigned i = 0; i < OPS; i++) {
		assert_int_equal(w->s.cqes[w->s.cq_head & w->s.cq_mask].user_data, i);
		assert_int_equal(w->s.cq_tail - w->s.cq_head, MIN(16, OPS - i));
		sock_cq_advance(&w->s, 1);
		sock_check(&w->s);
	}
	world_free(w);
}

static void slots_are_used_in_turn(void **state)
{
	struct world *w = world_new();
	struct sock *k[8], *again;
	int fd;

	for (unsigned i = 0; i < 8; i++)
		k[i] = sock_new(&w->s, SOCK_STREAM);
	assert_null(sock_new(&w->s, SOCK_STREAM));
	fd = k[5]->fd;
	sock_free(&w->s, k[5]);
	sock_free(&w->s, k[2]);
	sock_check(&w->s);
	assert_null(sock_of(&w->s, fd));
	again = sock_new(&w->s, SOCK_STREAM);
	assert_ptr_equal(again, k[5]);
	assert_null(sock_of(&w->s, fd));
	assert_ptr_equal(sock_of(&w->s, again->fd), again);
	assert_ptr_equal(sock_new(&w->s, SOCK_STREAM), k[2]);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_keeps_its_order_whoever_leaves),
		cmocka_unit_test(the_pool_has_an_end_and_gives_everything_again),
		cmocka_unit_test(names_are_found_among_many_and_by_kind),
		cmocka_unit_test(what_finds_no_room_waits_behind_what_waits),
		cmocka_unit_test(slots_are_used_in_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
