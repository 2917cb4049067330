/* Formatting against the C library's, address text against RFC 4291 and RFC 5952. */
#include "helper/unit.h"

#include "base/fmt.h"

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"

/* Asserts that we say what snprintf says, in every buffer size up to what is needed and beyond. */
#define SAME(...) \
	do { \
		char want_[512], got_[512]; \
		int n_ = snprintf(want_, sizeof(want_), __VA_ARGS__); \
		for (size_t size_ = 0; size_ < (size_t)n_ + 3; size_++) { \
			memset(got_, '~', sizeof(got_)); \
			snprintf(want_, size_, __VA_ARGS__); \
			assert_int_equal(fmt(got_, size_, __VA_ARGS__), n_); \
			if (size_) \
				assert_string_equal(got_, want_); \
			assert_int_equal(got_[MIN(size_, (size_t)n_ + 1)], '~'); \
		} \
	} while (0)

static void plain_text_and_conversions_read_as_snprintf_writes_them(void **state)
{
	(void)state;
	SAME("nothing");
	SAME("%d %i %u", -5, 7, 4000000000u);
	SAME("%x|%X|%08x|%-8x|%8X", 0xbeefu, 0xbeefu, 0xbeefu, 0xbeefu, 0xbeefu);
	SAME("%c%c|%3c|%-3c|", 'a', 'b', 'c', 'd');
	SAME("%s|%10s|%-10s|%.2s|%10.2s|", "one", "two", "three", "four", "five");
	SAME("%s", "");
	SAME("100%% of %d", 3);
	SAME("%p", (void *)(uintptr_t)0x1234);
	SAME("%20p|", (void *)(uintptr_t)0x7fffdeadbeef);
	SAME("%ld %lu %lx", INT64_MIN, UINT64_MAX, UINT64_MAX);
	SAME("%lld %llu %llx", (long long)INT64_MIN, 1ull << 63, 1ull << 63);
	SAME("%zu %zx", (size_t)-1, (size_t)4096);
	SAME("%hu %hhu %hd", (unsigned short)65535, (unsigned char)255, (short)-3);
	SAME("%d %d %d", INT32_MIN, INT32_MAX, 0);
	SAME("%.0d|%.0d|%.3d|%6.3d|%-6.3d|", 0, 1, 5, -5, 5);
	SAME("%*d|%-*d|%*d|%.*s|%.*d", 6, 1, 6, 2, -6, 3, 2, "abc", 3, 7);
	SAME("%5d|%05d|%05d", 3, -3, 3);
}

static void numbers_read_the_same_under_any_flags_width_and_precision(void **state)
{
	static const char *const flags[] = {"", "-", "0", "-0"};
	static const char conv[] = "diuxX";
	struct prng r;
	char f[32];

	(void)state;
	prng_seed(&r, 8);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t v = prng_u64(&r) >> prng_below(&r, 64);
		int n;

		if (prng_below(&r, 2))
			v = -v;
		n = snprintf(f, sizeof(f), "%%%s", flags[prng_below(&r, 4)]);

		if (prng_below(&r, 2))
			n += snprintf(f + n, sizeof(f) - (size_t)n, "%u", 1 + prng_below(&r, 25));
		if (prng_below(&r, 2))
			n += snprintf(f + n, sizeof(f) - (size_t)n, ".%u", prng_below(&r, 25));
		if (prng_below(&r, 2)) {
			snprintf(f + n, sizeof(f) - (size_t)n, "l%c|", conv[prng_below(&r, 5)]);
			SAME(f, v);
		} else {
			snprintf(f + n, sizeof(f) - (size_t)n, "%c|", conv[prng_below(&r, 5)]);
			SAME(f, (unsigned)v);
		}
	}
}

/* The result of one conversion. */
#define TEXT(...) (fmt(text, sizeof(text), __VA_ARGS__), text)
static char text[256];

static void odd_formats_do_no_harm(void **state)
{
	const char *null = NULL;

	(void)state;
	assert_string_equal(TEXT("%s", null), "(null)");
	assert_string_equal(TEXT("%p", (void *)0), "0x0");
	assert_string_equal(TEXT("a%"), "a%");
	assert_string_equal(TEXT("a%-0"), "a%");
	assert_string_equal(TEXT("%q%d", 1), "%q1");
	assert_int_equal(fmt(NULL, 0, "%99999999999d", 1), 9999);
	assert_int_equal(fmt(NULL, 0, "%*d", INT32_MIN, 1), 9999);
	assert_string_equal(TEXT("%.*d", -1, 7), "7");
}

static void addresses_are_written_in_their_short_form(void **state)
{
	struct addr v4 = addr_v4(IPV4(192, 0, 2, 255)), v6;
	struct mac mac = {{0x02, 0xab, 0, 0xff, 0x10, 0x09}};
	/* RFC 5952 §4: no leading zeros, the longest run of zeros, the first of equals, never one
	 * group alone, lower case. */
	static const struct { uint16_t g[8]; const char *want; } cases[] = {
		{{0, 0, 0, 0, 0, 0, 0, 0}, "::"},
		{{0, 0, 0, 0, 0, 0, 0, 1}, "::1"},
		{{1, 0, 0, 0, 0, 0, 0, 0}, "1::"},
		{{0x2001, 0xdb8, 0, 0, 1, 0, 0, 1}, "2001:db8::1:0:0:1"},
		{{0x2001, 0xdb8, 0, 1, 1, 1, 1, 1}, "2001:db8:0:1:1:1:1:1"},
		{{0x2001, 0, 0, 1, 0, 0, 0, 1}, "2001:0:0:1::1"},
		{{0, 0, 1, 2, 3, 4, 0, 0}, "::1:2:3:4:0:0"},
		{{0xfe80, 1, 2, 3, 4, 5, 0, 0}, "fe80:1:2:3:4:5::"},
		{{0xABCD, 1, 2, 3, 4, 5, 6, 7}, "abcd:1:2:3:4:5:6:7"},
		{{0, 1, 2, 3, 4, 5, 6, 0}, "0:1:2:3:4:5:6:0"},
	};

	(void)state;
	assert_string_equal(TEXT("%pI", (void *)&v4), "192.0.2.255");
	assert_string_equal(TEXT("[%16pI]", (void *)&v4), "[     192.0.2.255]");
	assert_string_equal(TEXT("[%-16pI]", (void *)&v4), "[192.0.2.255     ]");
	assert_string_equal(TEXT("%pM!", (void *)&mac), "02:ab:00:ff:10:09!");
	assert_string_equal(TEXT("%20pM!", (void *)&mac), "   02:ab:00:ff:10:09!");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (unsigned k = 0; k < 8; k++)
			store_be16(v6.b + 2 * k, cases[i].g[k]);
		assert_string_equal(TEXT("%pI", (void *)&v6), cases[i].want);
	}
}

static void every_address_reads_back_as_it_was_written(void **state)
{
	struct addr a, b;
	struct prng r;

	(void)state;
	prng_seed(&r, 9);
	for (unsigned i = 0; i < 20000; i++) {
		unit_fill(&r, a.b, 16);
		for (unsigned k = 0; k < 8; k++)
			if (prng_below(&r, 2))
				a.b[2 * k] = a.b[2 * k + 1] = 0;
		if (i % 4 == 0)
			a = addr_v4((uint32_t)prng_u64(&r) >> prng_below(&r, 32));
		TEXT("%pI", (void *)&a);
		assert_true(fmt_parse_addr(&b, text));
		assert_true(addr_eq(&a, &b));
	}
}

static void assert_parses(const char *s, const uint16_t want[8])
{
	struct addr a;

	assert_true(fmt_parse_addr(&a, s));
	for (unsigned k = 0; k < 8; k++)
		assert_int_equal(load_be16(a.b + 2 * k), want[k]);
}

static void the_text_forms_of_rfc_4291_are_read(void **state)
{
	(void)state;
#define G(...) (const uint16_t[8]){__VA_ARGS__}
	assert_parses("0.0.0.0", G(0, 0, 0, 0, 0, 0xffff, 0, 0));
	assert_parses("255.255.255.255", G(0, 0, 0, 0, 0, 0xffff, 0xffff, 0xffff));
	assert_parses("10.0.200.3", G(0, 0, 0, 0, 0, 0xffff, 0x0a00, 0xc803));
	assert_parses("ABCD:EF01:2345:6789:ABCD:EF01:2345:6789",
		      G(0xabcd, 0xef01, 0x2345, 0x6789, 0xabcd, 0xef01, 0x2345, 0x6789));
	assert_parses("2001:DB8:0:0:8:800:200C:417A",
		      G(0x2001, 0xdb8, 0, 0, 8, 0x800, 0x200c, 0x417a));
	assert_parses("FF01::101", G(0xff01, 0, 0, 0, 0, 0, 0, 0x101));
	assert_parses("::1", G(0, 0, 0, 0, 0, 0, 0, 1));
	assert_parses("::", G(0, 0, 0, 0, 0, 0, 0, 0));
	assert_parses("1::", G(1, 0, 0, 0, 0, 0, 0, 0));
	assert_parses("1:2:3:4:5:6:7::", G(1, 2, 3, 4, 5, 6, 7, 0));
	assert_parses("::2:3:4:5:6:7:8", G(0, 2, 3, 4, 5, 6, 7, 8));
	assert_parses("1::8", G(1, 0, 0, 0, 0, 0, 0, 8));
	assert_parses("0:0:0:0:0:0:13.1.68.3", G(0, 0, 0, 0, 0, 0, 0x0d01, 0x4403));
	assert_parses("::FFFF:129.144.52.38", G(0, 0, 0, 0, 0, 0xffff, 0x8190, 0x3426));
	assert_parses("1:2::3.4.5.6", G(1, 2, 0, 0, 0, 0, 0x0304, 0x0506));
#undef G
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const wrong[] = {
		"", " ", ".", "1", "1.2.3", "1.2.3.", ".1.2.3", "1.2.3.4.5", "1.2.3.4.",
		"1..2.3", "256.1.1.1", "1.1.1.256", "01.2.3.4", "1.2.3.04", "1.2.3.00",
		"0x1.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.-4", "+1.2.3.4", "1.2.3.a",
		"1.2.3.1000", "1.2.3.4294967297", ":", ":::", "1:", ":1", "1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8:", ":1:2:3:4:5:6:7:8", "1::2::3", "::1::",
		"1:::2", "12345::", "g::", "1:2:3:4:5:6:7::8", "::1:2:3:4:5:6:7:8",
		"1:2:3:4:5:6:7:8::", "::1.2.3", "1.2.3.4::", "::1.2.3.4:5",
		"1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:1.2.3.4", "::1%lo", "::1/64", "[::1]",
		"1: :2", "::1.2.3.256", "::01.2.3.4",
	};
	struct addr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		if (fmt_parse_addr(&a, wrong[i]))
			fail_msg("took \"%s\"", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_and_conversions_read_as_snprintf_writes_them),
		cmocka_unit_test(numbers_read_the_same_under_any_flags_width_and_precision),
		cmocka_unit_test(odd_formats_do_no_harm),
		cmocka_unit_test(addresses_are_written_in_their_short_form),
		cmocka_unit_test(every_address_reads_back_as_it_was_written),
		cmocka_unit_test(the_text_forms_of_rfc_4291_are_read),
		cmocka_unit_test(what_is_no_address_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
