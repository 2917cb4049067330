/* Sleeping on Linux: until a deadline, a descriptor or a wake-up, and never through one.
 *
 * Real time, with bounds wide enough for a busy machine. */
#include "helper/unit.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include "port/port.h"

static void a_sleep_ends_at_its_deadline_and_not_before(void **state)
{
	nsec start = port_now();

	port_idle_until(start + MSEC(20), NULL, 0);
	assert_true(port_now() >= start + MSEC(20));
	assert_true(port_now() < start + SEC(5));
}

static void a_deadline_in_the_past_does_not_sleep(void **state)
{
	nsec start = port_now();

	port_idle_until(start - MSEC(1), NULL, 0);
	assert_true(port_now() < start + SEC(5));
}

static void a_readable_descriptor_ends_the_sleep_and_is_marked(void **state)
{
	struct port_wait waits[2];
	int quiet[2], ready[2];

	assert_int_equal(pipe(quiet), 0);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(write(ready[1], "x", 1), 1);
	waits[0] = (struct port_wait){ .fd = quiet[0], .ready = true };
	waits[1] = (struct port_wait){ .fd = ready[0] };
	port_idle_until(NSEC_NEVER, waits, 2);
	assert_false(waits[0].ready);
	assert_true(waits[1].ready);
	for (int i = 0; i < 2; i++) {
		close(quiet[i]);
		close(ready[i]);
	}
}

static void a_wake_up_before_the_sleep_is_not_lost(void **state)
{
	port_wake();
	port_idle_until(NSEC_NEVER, NULL, 0);
}

static void one_wake_up_ends_one_sleep(void **state)
{
	nsec start;

	port_wake();
	port_wake();
	port_idle_until(NSEC_NEVER, NULL, 0);
	start = port_now();
	port_idle_until(start + MSEC(20), NULL, 0);
	/* The eventfd may have been left readable: one more sleep is cut short at most. */
	port_idle_until(start + MSEC(20), NULL, 0);
	assert_true(port_now() >= start + MSEC(20));
}

static void on_alarm(int sig)
{
	(void)sig;
	port_wake();
}

static void a_signal_handler_can_wake_the_sleeper(void **state)
{
	struct sigaction act = { .sa_handler = on_alarm }, old;
	struct itimerval soon = { .it_value.tv_usec = 20000 };

	sigaction(SIGALRM, &act, &old);
	setitimer(ITIMER_REAL, &soon, NULL);
	port_idle_until(NSEC_NEVER, NULL, 0);
	sigaction(SIGALRM, &old, NULL);
}

static void *wake_soon(void *arg)
{
	(void)arg;
	usleep(20000);
	port_wake();
	return NULL;
}

static void another_thread_can_wake_the_sleeper(void **state)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, wake_soon, NULL), 0);
	port_idle_until(NSEC_NEVER, NULL, 0);
	pthread_join(t, NULL);
}

static void the_clock_is_never_zero_and_never_goes_back(void **state)
{
	nsec last = port_now();

	assert_true(last >= SEC(1));
	for (int i = 0; i < 1000; i++) {
		nsec now = port_now();

		assert_true(now >= last);
		last = now;
	}
	assert_true(port_wall_seconds() > 1600000000u);
}

static void entropy_fills_everything_and_does_not_repeat(void **state)
{
	uint8_t a[512] = { 0 }, b[512] = { 0 };
	unsigned zero = 0;

	port_entropy(a, sizeof(a));
	port_entropy(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	for (size_t i = 0; i < sizeof(a); i++)
		zero += a[i] == 0;
	assert_true(zero < 32);	/* 2 expected */
}

static void mapped_memory_is_zeroed_aligned_and_all_there(void **state)
{
	static const size_t sizes[] = { 1, 4096, 5000, (2u << 20) + 4097, 9u << 20 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		for (int huge = 0; huge < 2; huge++) {
			uint8_t *mem = port_map(sizes[i], huge);

			assert_non_null(mem);
			assert_int_equal((uintptr_t)mem & (huge ? (2u << 20) - 1 : 4095), 0);
			for (size_t at = 0; at < sizes[i]; at += 4096)
				assert_int_equal(mem[at], 0);
			mem[0] = mem[sizes[i] - 1] = 1;
			port_unmap(mem, sizes[i]);
			assert_int_equal(msync((void *)((uintptr_t)mem & ~(uintptr_t)4095), 4096,
					       MS_ASYNC), -1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wake_up_before_the_sleep_is_not_lost),
		cmocka_unit_test(a_sleep_ends_at_its_deadline_and_not_before),
		cmocka_unit_test(a_deadline_in_the_past_does_not_sleep),
		cmocka_unit_test(a_readable_descriptor_ends_the_sleep_and_is_marked),
		cmocka_unit_test(one_wake_up_ends_one_sleep),
		cmocka_unit_test(a_signal_handler_can_wake_the_sleeper),
		cmocka_unit_test(another_thread_can_wake_the_sleeper),
		cmocka_unit_test(the_clock_is_never_zero_and_never_goes_back),
		cmocka_unit_test(entropy_fills_everything_and_does_not_repeat),
		cmocka_unit_test(mapped_memory_is_zeroed_aligned_and_all_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
