/* What is remembered of ways that are narrower than our link.
 *
 * Method: paths are found before and after a transport says what it learnt, and as time goes by. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/lower.h"
#include "ip/ip_int.h"

#define FAR(i) IPV4(198, 18, (i) >> 8, (i) & 255)

static struct lower *l;
static struct ip_path path;

static int setup(void **state)
{
	l = lower_new(NULL);
	path = (struct ip_path){0};
	return 0;
}

static int teardown(void **state)
{
	lower_free(l);
	return 0;
}

static uint16_t mtu_to(uint32_t dst)
{
	struct addr src = {0}, to = addr_v4(dst);

	assert_int_equal(ip_path_find(&l->ip, &path, &src, &to), 0);
	return path.mtu;
}

static bool lower_to(uint32_t dst, uint16_t mtu)
{
	struct addr to = addr_v4(dst);

	return ip_pmtu_lower(&l->ip, &to, mtu);
}

static void narrow_way_is_known_for_its_destination_alone(void **state)
{
	assert_int_equal(mtu_to(FAR(1)), 1500);
	assert_true(lower_to(FAR(1), 1280));
	assert_false(ip_path_fresh(&l->ip, &path));
	assert_int_equal(mtu_to(FAR(1)), 1280);
	assert_int_equal(mtu_to(FAR(2)), 1500);
	assert_int_equal(ip_path_link_mtu(&l->ip, &path), 1500);
}

static void news_is_what_is_smaller(void **state)
{
	assert_true(lower_to(FAR(1), 1280));
	assert_false(lower_to(FAR(1), 1280));
	assert_false(lower_to(FAR(1), 1400));
	assert_true(lower_to(FAR(1), 1000));
	assert_int_equal(mtu_to(FAR(1)), 1000);
}

static void it_is_forgotten_after_ten_minutes(void **state)
{
	lower_to(FAR(1), 1280);
	lower_pass(l, SEC(300));
	lower_to(FAR(2), 1000);
	lower_pass(l, SEC(299));
	assert_int_equal(mtu_to(FAR(1)), 1280);
	lower_pass(l, SEC(2));
	assert_false(ip_path_fresh(&l->ip, &path));
	assert_int_equal(mtu_to(FAR(1)), 1500);
	assert_int_equal(mtu_to(FAR(2)), 1000);
	lower_pass(l, SEC(300));
	assert_int_equal(mtu_to(FAR(2)), 1500);
	assert_int_equal(l->ip.pmtus, 0);
}

static void what_is_too_small_to_be_true_lets_routers_fragment(void **state)
{
	assert_true(lower_to(FAR(1), 68));
	assert_int_equal(mtu_to(FAR(1)), IP_PMTU_MIN);
	assert_int_equal(path.kind & IP_PATH_FRAGMENT, IP_PATH_FRAGMENT);
	lower_to(FAR(2), IP_PMTU_MIN);
	assert_int_equal(mtu_to(FAR(2)), IP_PMTU_MIN);
	assert_int_equal(path.kind & IP_PATH_FRAGMENT, 0);
}

static void full_table_forgets_what_ends_first(void **state)
{
	for (unsigned i = 0; i < 4 * IP_PMTU_MAX; i++) {
		assert_true(lower_to(FAR(i), 1280));
		assert_int_equal(mtu_to(FAR(i)), 1280);
		lower_pass(l, MSEC(1));
	}
	assert_true(l->ip.pmtus <= IP_PMTU_MAX);
	ip_pmtu_check(&l->ip);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(narrow_way_is_known_for_its_destination_alone),
		T(news_is_what_is_smaller),
		T(it_is_forgotten_after_ten_minutes),
		T(what_is_too_small_to_be_true_lets_routers_fragment),
		T(full_table_forgets_what_ends_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
