/* Links by name: what can be typed, and what is said to somebody who typed it wrong. */
#include "helper/unit.h"

#include "base/err.h"
#include "drivers/drivers.h"

#define FRAMES 64u
#define BARE 16u

static struct pool pool;

static int setup(void **state)
{
	void *mem = unit_memory(CACHE_LINE, pool_bytes(FRAMES, BARE));

	memset(mem, 0, pool_bytes(FRAMES, BARE));
	pool_init(&pool, (struct region){ unit_memory(FRAME_SIZE, FRAMES * FRAME_SIZE), FRAMES },
		  BARE, mem);
	return 0;
}

static int teardown(void **state)
{
	free(pool.region.base);
	free(pool.pkts);
	return 0;
}

static void slirp_opens_with_the_addresses_of_its_network(void **state)
{
	struct drivers_link link;
	char why[160] = "";
	struct addr at = addr_v4(IPV4(10, 0, 2, 15)), gateway = addr_v4(IPV4(10, 0, 2, 2));

	assert_int_equal(drivers_open(&link, "slirp", &pool, why, sizeof(why)), 0);
	assert_string_equal(link.dev.ops->kind, "slirp");
	assert_true(addr_eq(&link.addr, &at));
	assert_true(link.via_gateway && addr_eq(&link.gateway, &gateway));
	assert_int_equal(link.prefix, 24);
	assert_non_null(link.publish);
	link.dev.ops->close(&link.dev);
}

static void options_follow_a_comma(void **state)
{
	struct drivers_link link;
	char why[160] = "";
	struct addr at = addr_v4(IPV4(10, 9, 8, 15));

	assert_int_equal(drivers_open(&link, "slirp,mtu=1500,network=10.9.8.0", &pool, why,
				      sizeof(why)), 0);
	assert_int_equal(link.dev.mtu, 1500);
	assert_true(addr_eq(&link.addr, &at));
	link.dev.ops->close(&link.dev);
}

static void what_cannot_be_opened_is_said_in_a_line(void **state)
{
	static const struct {
		const char *spec;
		int err;
		const char *says;
	} wrong[] = {
		{ "", -E_INVAL, "there are: slirp" },
		{ "eth0", -E_INVAL, "no link of kind \"eth0\"; there are: slirp" },
		{ "tap:tap0", -E_OPNOTSUPP, "come with a later version" },
		{ "loop", -E_INVAL, "two stacks" },
		{ "slirp:x", -E_INVAL, "takes no \"x\"" },
		{ "slirp,mtu", -E_INVAL, "KIND:ARG,key=value" },
		{ "slirp,mtu=", -E_INVAL, "not a number" },
		{ "slirp,mtu=15x", -E_INVAL, "not a number from 576 to 65521" },
		{ "slirp,mtu=70000", -E_INVAL, "not a number from 576 to 65521" },
		{ "slirp,network=10.0.2.1", -E_INVAL, "/24" },
		{ "slirp,network=::1", -E_INVAL, "/24" },
		{ "slirp,color=red", -E_INVAL, "no option \"color\"; it has: mtu, network" },
		{ "slirp,a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1", -E_INVAL, "KIND:ARG" },
	};
	struct drivers_link link;

	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		char why[160] = "";

		assert_int_equal(drivers_open(&link, wrong[i].spec, &pool, why, sizeof(why)),
				 wrong[i].err);
		if (!strstr(why, wrong[i].says))
			fail_msg("%s: %s", wrong[i].spec, why);
	}
}

static void a_spec_of_any_length_is_refused_without_harm(void **state)
{
	struct drivers_link link;
	char spec[2000], why[32];

	for (size_t n = 200; n < sizeof(spec); n += 7) {
		memset(spec, 'x', n);
		spec[n] = '\0';
		assert_int_equal(drivers_open(&link, spec, &pool, why, sizeof(why)), -E_INVAL);
		assert_true(strlen(why) < sizeof(why));
	}
}

static void none_opens_without_a_device(void **state)
{
	struct drivers_link link;
	char why[160];

	assert_int_equal(drivers_open(&link, "none", NULL, why, sizeof(why)), 0);
	assert_null(link.dev.ops);
	assert_int_equal(drivers_open(&link, "none,mtu=1500", NULL, why, sizeof(why)), -E_INVAL);
}

static void every_kind_has_a_line(void **state)
{
	const char *what;
	bool later;
	unsigned n = 0, now = 0;

	for (; drivers_kind(n, &what, &later); n++) {
		assert_true(strlen(what) > 10);
		now += !later;
	}
	assert_true(n >= 8 && now >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slirp_opens_with_the_addresses_of_its_network),
		cmocka_unit_test(options_follow_a_comma),
		cmocka_unit_test(what_cannot_be_opened_is_said_in_a_line),
		cmocka_unit_test(a_spec_of_any_length_is_refused_without_harm),
		cmocka_unit_test(none_opens_without_a_device),
		cmocka_unit_test(every_kind_has_a_line),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
