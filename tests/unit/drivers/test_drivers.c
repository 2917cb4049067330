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
		{ "packet", -E_INVAL, "packet needs a name: packet:" },
		{ "tap", -E_INVAL, "tap needs a name: tap:NAME" },
		{ "tap:", -E_INVAL, "tap needs a name: tap:NAME" },
		{ "loop", -E_INVAL, "two stacks" },
		{ "slirp:x", -E_INVAL, "takes no \"x\"" },
		{ "slirp,mtu", -E_INVAL, "\"mtu\" is not key=value; the keys are: mtu network" },
		{ "slirp,", -E_INVAL, "\"\" is not key=value" },
		{ "slirp,mtu=", -E_INVAL, "is not a number" },
		{ "slirp,mtu=15x", -E_INVAL, "is not a number from 576 to 65521" },
		{ "slirp,mtu=70000", -E_INVAL, "is not a number from 576 to 65521" },
		{ "slirp,mtu=1500,mtu=1500", -E_INVAL, "mtu= stands there twice" },
		{ "slirp,network=10.0.2.1", -E_INVAL, "/24" },
		{ "slirp,network=::1", -E_INVAL, "/24" },
		{ "slirp,color=red", -E_INVAL, "no key \"color\"; it has: mtu network" },
		{ "slirp,ip=10.0.0.1/24", -E_INVAL, "no key \"ip\"; it has: mtu network" },
		{ "tap:a,ip=10.0.0.1", -E_INVAL, "ip=10.0.0.1 is not ADDRESS/PREFIX or dhcp" },
		{ "tap:a,ip=10.0.0.1/33", -E_INVAL, "is not ADDRESS/PREFIX" },
		{ "tap:a,ip=10.0.0.1/0", -E_INVAL, "is not ADDRESS/PREFIX" },
		{ "tap:a,ip=224.0.0.1/24", -E_INVAL, "is not ADDRESS/PREFIX" },
		{ "tap:a,ip=fe80::1/24", -E_INVAL, "is not ADDRESS/PREFIX" },
		{ "tap:a,ip=dhcp,ip=10.0.0.1/24", -E_INVAL, "ip= stands there twice" },
		{ "tap:a,gw=0.0.0.0", -E_INVAL, "gw=0.0.0.0 is not ADDRESS" },
		{ "tap:a,mac=02:00:00:00:00", -E_INVAL, "is not XX:XX" },
		{ "tap:a,mac=02:00:00:00:00:0g", -E_INVAL, "is not XX:XX" },
		{ "tap:a,mac=02:00:00:00:00:001", -E_INVAL, "is not XX:XX" },
		{ "tap:a,mac=02:00:00:00:00:+1", -E_INVAL, "is not XX:XX" },
		{ "tap:a,mac=01:00:00:00:00:01", -E_INVAL, "not a group's" },
		{ "tap:a,mac=00:00:00:00:00:00", -E_INVAL, "is not XX:XX" },
		{ "tap:a,exception=b", -E_INVAL, "exception=b is not tap:NAME" },
		{ "tap:a,exception=tap:", -E_INVAL, "is not tap:NAME" },
		{ "tap:a,exception=tap:a234567890123456", -E_INVAL, "is not tap:NAME" },
		{ "tap:a,queues=2", -E_INVAL, "no key \"queues\"" },
		{ "xdp:a,queues=0", -E_INVAL, "is not a number from 1 to 64" },
		{ "tap:a,mode=warp", -E_INVAL, "mode=warp is none of" },
	};
	struct drivers_link link;

	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		char why[256] = "";

		if (wrong[i].err == -E_INVAL && strcmp(wrong[i].spec, "loop"))
			assert_int_equal(drivers_check(wrong[i].spec, why, sizeof(why)), -E_INVAL);
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

static void keys_mean_the_same_for_every_kind(void **state)
{
	static const uint8_t mac[6] = { 0x02, 0, 0xaB, 0xff, 0, 0x01 };
	struct drivers_spec spec;
	char why[256] = "";
	struct addr ip = addr_v4(IPV4(192, 168, 7, 2)), gw = addr_v4(IPV4(192, 168, 7, 1));

	assert_int_equal(drivers_spec_parse(&spec, "tap:t0,ip=192.168.7.2/24,gw=192.168.7.1,"
					    "mac=02:00:aB:ff:00:01,mtu=9000,exception=tap:k0",
					    why, sizeof(why)), 0);
	assert_string_equal(spec.kind, "tap");
	assert_string_equal(spec.arg, "t0");
	assert_true(spec.has_ip && addr_eq(&spec.ip, &ip) && spec.prefix == 24 && !spec.dhcp);
	assert_true(spec.has_gw && addr_eq(&spec.gw, &gw));
	assert_true(spec.has_mac && !memcmp(spec.mac.b, mac, 6));
	assert_int_equal(spec.mtu, 9000);
	assert_string_equal(spec.exception, "k0");
	assert_int_equal(drivers_spec_parse(&spec, "packet:eth0,ip=dhcp", why, sizeof(why)), 0);
	assert_true(spec.dhcp && !spec.has_ip && !spec.has_gw && !spec.mode);
	assert_int_equal(drivers_spec_parse(&spec, "wire:/tmp/a:b", why, sizeof(why)), 0);
	assert_string_equal(spec.arg, "/tmp/a:b");
}

static void keys_that_are_the_device_s_are_handed_on_as_typed(void **state)
{
	struct drivers_spec spec;
	char why[256] = "";

	assert_int_equal(drivers_spec_parse(&spec, "dpdk:net_memif0,ip=10.0.0.2/24,role=server,"
					    "socket=/tmp/s,mtu=1500,zc", why, sizeof(why)), 0);
	assert_string_equal(spec.devargs, "net_memif0,role=server,socket=/tmp/s,zc");
	assert_int_equal(spec.mtu, 1500);
	assert_true(spec.has_ip);
}

static void every_kind_and_every_key_has_a_line(void **state)
{
	const struct drivers_help *k;
	const char *form, *what;
	unsigned n = 0, now = 0;

	for (; (k = drivers_kind(n)); n++) {
		assert_true(strlen(k->what) > 10 && strlen(k->form) > 3 && k->keys);
		now += !k->later;
	}
	assert_true(n >= 8 && now >= 1);
	for (n = 0; drivers_key(n, &form, &what); n++)
		assert_true(strlen(what) > 10 && *form);
	assert_true(n >= 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slirp_opens_with_the_addresses_of_its_network),
		cmocka_unit_test(options_follow_a_comma),
		cmocka_unit_test(what_cannot_be_opened_is_said_in_a_line),
		cmocka_unit_test(a_spec_of_any_length_is_refused_without_harm),
		cmocka_unit_test(none_opens_without_a_device),
		cmocka_unit_test(keys_mean_the_same_for_every_kind),
		cmocka_unit_test(keys_that_are_the_device_s_are_handed_on_as_typed),
		cmocka_unit_test(every_kind_and_every_key_has_a_line),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
