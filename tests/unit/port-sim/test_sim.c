/* Virtual time: tasks run in order of their moments, and the clock never moves on its own. */
#include "helper/unit.h"

#include "port/sim/sim.h"

static struct sim sim;
static char order[64];
static unsigned order_n;

struct actor {
	struct sim_task task;
	char name;
	nsec period;
	unsigned left;
};

static nsec act(void *ctx)
{
	struct actor *a = ctx;

	order[order_n++] = a->name;
	return --a->left ? port_now() + a->period : NSEC_NEVER;
}

static void start(struct actor *a, char name, nsec at, nsec period, unsigned times)
{
	*a = (struct actor){.name = name, .period = period, .left = times};
	sim_task_init(&a->task, act, a);
	sim_task_by(&sim, &a->task, SIM_START + at);
}

static int setup(void **state)
{
	sim_init(&sim, 1);
	memset(order, 0, sizeof(order));
	order_n = 0;
	return 0;
}

static void tasks_run_in_order_of_their_moments(void **state)
{
	struct actor a, b, c;

	start(&a, 'a', 30, 30, 3);
	start(&b, 'b', 20, 20, 3);
	start(&c, 'c', 1, 0, 1);
	while (sim_step(&sim, NSEC_NEVER))
		;
	assert_string_equal(order, "cbababa");	/* at 60 a had asked before b */
	assert_int_equal(port_now(), SIM_START + 90);
}

static void equal_moments_go_by_the_order_of_asking(void **state)
{
	struct actor a, b, c;

	start(&c, 'c', 5, 0, 1);
	start(&a, 'a', 5, 0, 1);
	start(&b, 'b', 5, 0, 1);
	while (sim_step(&sim, NSEC_NEVER))
		;
	assert_string_equal(order, "cab");
}

static void an_earlier_wish_moves_a_task_and_a_later_does_not(void **state)
{
	struct actor a, b;

	start(&a, 'a', 50, 0, 1);
	start(&b, 'b', 40, 0, 1);
	sim_task_by(&sim, &a.task, SIM_START + 60);
	sim_task_by(&sim, &a.task, SIM_START + 10);
	assert_true(sim_step(&sim, NSEC_NEVER));
	assert_int_equal(port_now(), SIM_START + 10);
	assert_true(sim_step(&sim, NSEC_NEVER));
	assert_false(sim_step(&sim, NSEC_NEVER));
	assert_string_equal(order, "ab");
}

static void a_step_does_not_go_beyond_its_limit(void **state)
{
	struct actor a;

	start(&a, 'a', 50, 0, 1);
	assert_false(sim_step(&sim, SIM_START + 49));
	assert_int_equal(port_now(), SIM_START + 49);
	assert_true(sim_step(&sim, SIM_START + 50));
}

static void idling_lets_the_others_run_until_the_deadline(void **state)
{
	struct actor a;

	start(&a, 'a', 10, 10, 100);
	port_idle_until(SIM_START + 35, NULL, 0);
	assert_int_equal(port_now(), SIM_START + 35);
	assert_string_equal(order, "aaa");
}

static nsec wake(void *ctx)
{
	port_wake();
	return NSEC_NEVER;
}

static void a_wake_up_ends_the_idling(void **state)
{
	struct sim_task t;

	sim_task_init(&t, wake, NULL);
	sim_task_by(&sim, &t, SIM_START + 7);
	port_idle_until(NSEC_NEVER, NULL, 0);
	assert_int_equal(port_now(), SIM_START + 7);
}

static void entropy_is_the_seeds(void **state)
{
	uint8_t a[16], b[16];

	port_entropy(a, sizeof(a));
	sim_init(&sim, 1);
	port_entropy(b, sizeof(b));
	assert_memory_equal(a, b, sizeof(a));
	sim_init(&sim, 2);
	port_entropy(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(tasks_run_in_order_of_their_moments, setup),
		cmocka_unit_test_setup(equal_moments_go_by_the_order_of_asking, setup),
		cmocka_unit_test_setup(an_earlier_wish_moves_a_task_and_a_later_does_not, setup),
		cmocka_unit_test_setup(a_step_does_not_go_beyond_its_limit, setup),
		cmocka_unit_test_setup(idling_lets_the_others_run_until_the_deadline, setup),
		cmocka_unit_test_setup(a_wake_up_ends_the_idling, setup),
		cmocka_unit_test_setup(entropy_is_the_seeds, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
