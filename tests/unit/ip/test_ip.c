/* The network layer as a whole: its rows, its end, and that generations are never 0. */
#include "helper/unit.h"

#include "helper/fakedev.h"
#include "helper/lower.h"
#include "link/link.h"

static struct lower *l;

static int setup(void **state)
{
	l = lower_new(NULL);
	lower_watch(l);
	return 0;
}

static int teardown(void **state)
{
	lower_free(l);
	return 0;
}

static void ninth_protocol_is_our_mistake(void **state)
{
	struct ip_proto row = {0};

	while (l->ip.protos_n < IP_PROTOS_MAX) {
		row.proto = (uint8_t)(100 + l->ip.protos_n);
		ip_add_proto(&l->ip, &row);
	}
	row.proto = 99;
	expect_assert_failure(ip_add_proto(&l->ip, &row));
}

static void second_row_for_a_protocol_is_our_mistake(void **state)
{
	struct ip_proto row = {.proto = LOWER_PROTO};

	expect_assert_failure(ip_add_proto(&l->ip, &row));
}

static void what_was_not_delivered_is_freed_at_the_end(void **state)
{
	struct pkt *p;

	lower_ip(l, "12345678", 8);
	p = fakedev_packet(l->dev, l->frame.b + FRAME_IP, l->frame.n - FRAME_IP);
	ip_input(&l->ip, &p, 1);
	assert_int_equal(l->got_n, 0);
	assert_int_equal(lower_send(l, LOWER_US, "12345678", 8, true), 0);
	ip_check(&l->ip);			/* teardown counts */
}

static void generation_skips_zero_which_means_never(void **state)
{
	struct ip_route r = {.dst = addr_v4(LOWER_FAR), .prefix = 32};
	struct ip_path none = {0};

	l->ip.generation = UINT32_MAX;
	assert_int_equal(ip_add_route(&l->ip, &r), 0);
	assert_int_equal(l->ip.generation, 1);
	assert_false(ip_path_fresh(&l->ip, &none));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ninth_protocol_is_our_mistake),
		T(second_row_for_a_protocol_is_our_mistake),
		T(what_was_not_delivered_is_freed_at_the_end),
		T(generation_skips_zero_which_means_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
