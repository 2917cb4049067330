/* TCP headers: every reason to refuse one, every option, the layout that is written, the round
 * trip. */
#include "helper/unit.h"

#include "fuzz/guard.h"
#include "helper/tcp_header.h"
#include "wire/tcp.h"

/* A header without options; its offset is set by the tests. */
static const uint8_t plain[WIRE_TCP_LEN] = {
	0x12, 0x34, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 0x50, 0x18, 0xff, 0xfe, 0xaa, 0xbb, 0, 9,
};

/* Parses a header with these bytes of options, ending at the guard page. */
static enum drop parse_options(struct wire_tcp *h, const uint8_t *options, size_t n)
{
	uint8_t b[WIRE_TCP_LEN_MAX];

	memcpy(b, plain, sizeof(plain));
	b[12] = (uint8_t)((WIRE_TCP_LEN + n) << 2);
	memcpy(b + WIRE_TCP_LEN, options, n);
	memset(h, 0xa5, sizeof(*h));
	return wire_tcp_parse(h, guard_input(b, WIRE_TCP_LEN + n), WIRE_TCP_LEN + n);
}

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}
#define PARSE(h, ...) parse_options(h, BYTES(__VA_ARGS__), sizeof(BYTES(__VA_ARGS__)))

/* Asserts what options are written for `h`, and that they read back. */
static void assert_options(const struct wire_tcp *h, const uint8_t *want, size_t n)
{
	uint8_t b[WIRE_TCP_LEN_MAX + 4];
	struct wire_tcp out;

	memset(b, 0xee, sizeof(b));
	assert_int_equal(wire_tcp_size(h), WIRE_TCP_LEN + n);
	assert_int_equal(wire_tcp_write(b, h), WIRE_TCP_LEN + n);
	assert_memory_equal(b + WIRE_TCP_LEN, want, n);
	assert_int_equal(b[WIRE_TCP_LEN + n], 0xee);
	assert_int_equal(wire_tcp_parse(&out, b, WIRE_TCP_LEN + n), DROP_NOT);
	assert_int_equal(out.header_len, WIRE_TCP_LEN + n);
	assert_true(tcp_header_same(h, &out));
}

#define WRITES(h, ...) assert_options(h, BYTES(__VA_ARGS__), sizeof(BYTES(__VA_ARGS__)))

static void a_header_is_read_field_by_field(void **state)
{
	struct wire_tcp h;

	(void)state;
	assert_int_equal(wire_tcp_parse(&h, guard_input(plain, 20), 20), DROP_NOT);
	assert_int_equal(h.sport, 0x1234);
	assert_int_equal(h.dport, 80);
	assert_int_equal(h.seq, 0x01020304);
	assert_int_equal(h.ack, 0x05060708);
	assert_int_equal(h.header_len, 20);
	assert_int_equal(h.flags, WIRE_TCP_ACK | WIRE_TCP_PSH);
	assert_int_equal(h.wnd, 0xfffe);
	assert_int_equal(h.urg, 9);
	assert_int_equal(h.opts, 0);
	assert_int_equal(h.sack_n, 0);
	assert_int_equal(h.fastopen_len, 0);
}

static void a_header_is_written_with_its_checksum_zero(void **state)
{
	uint8_t b[WIRE_TCP_LEN + 1], want[WIRE_TCP_LEN];
	struct wire_tcp h;

	(void)state;
	assert_int_equal(wire_tcp_parse(&h, plain, sizeof(plain)), DROP_NOT);
	memcpy(want, plain, sizeof(want));
	want[16] = want[17] = 0;
	b[WIRE_TCP_LEN] = 0xee;
	h.header_len = 60;
	assert_int_equal(wire_tcp_write(b, &h), WIRE_TCP_LEN);
	assert_memory_equal(b, want, sizeof(want));
	assert_int_equal(b[WIRE_TCP_LEN], 0xee);
}

static void a_segment_shorter_than_a_header_is_refused(void **state)
{
	struct wire_tcp h;

	(void)state;
	for (size_t n = 0; n < WIRE_TCP_LEN; n++)
		assert_int_equal(wire_tcp_parse(&h, guard_input(plain, n), n), DROP_TCP_SHORT);
}

static void an_offset_below_five_or_beyond_the_segment_is_refused(void **state)
{
	uint8_t b[WIRE_TCP_LEN_MAX] = {0};
	struct wire_tcp h;

	(void)state;
	for (size_t n = WIRE_TCP_LEN; n <= WIRE_TCP_LEN_MAX; n++) {
		for (unsigned words = 0; words < 16; words++) {
			memcpy(b, plain, sizeof(plain));
			b[12] = (uint8_t)(words << 4);
			assert_int_equal(wire_tcp_parse(&h, guard_input(b, n), n),
					 words < 5 || words * 4 > n ? DROP_TCP_OFFSET : DROP_NOT);
		}
	}
}

static void the_reserved_bits_are_ignored(void **state)
{
	uint8_t b[WIRE_TCP_LEN];
	struct wire_tcp h;

	(void)state;
	memcpy(b, plain, sizeof(b));
	b[12] |= 0x0f;
	assert_int_equal(wire_tcp_parse(&h, b, sizeof(b)), DROP_NOT);
	assert_int_equal(h.header_len, 20);
	assert_int_equal(h.flags, 0x18);
}

static void timestamps_are_read_on_the_short_way_and_on_the_long(void **state)
{
	struct wire_tcp a, b;

	(void)state;
	assert_int_equal(PARSE(&a, 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8), DROP_NOT);
	assert_int_equal(a.opts, WIRE_TCP_OPT_TS);
	assert_int_equal(a.ts_val, 0x01020304);
	assert_int_equal(a.ts_ecr, 0x05060708);
	assert_int_equal(PARSE(&b, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 0), DROP_NOT);
	assert_true(tcp_header_same(&a, &b));
	assert_int_equal(PARSE(&b, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0), DROP_NOT);
	assert_true(tcp_header_same(&a, &b));
}

static void every_option_is_read(void **state)
{
	struct wire_tcp h;

	(void)state;
	assert_int_equal(PARSE(&h, 2, 4, 0x05, 0xb4), DROP_NOT);
	assert_int_equal(h.opts, WIRE_TCP_OPT_MSS);
	assert_int_equal(h.mss, 1460);
	assert_int_equal(PARSE(&h, 3, 3, 15, 0), DROP_NOT);
	assert_int_equal(h.opts, WIRE_TCP_OPT_WSCALE);
	assert_int_equal(h.wscale, 15);
	assert_int_equal(PARSE(&h, 1, 1, 4, 2), DROP_NOT);
	assert_int_equal(h.opts, WIRE_TCP_OPT_SACK_OK);
	assert_int_equal(PARSE(&h, 28, 4, 0x80, 5), DROP_NOT);
	assert_int_equal(h.opts, WIRE_TCP_OPT_USER_TIMEOUT);
	assert_int_equal(h.user_timeout, 0x8005);
	assert_int_equal(PARSE(&h, 34, 2, 1, 1), DROP_NOT);
	assert_int_equal(h.opts, WIRE_TCP_OPT_FASTOPEN);
	assert_int_equal(h.fastopen_len, 0);
	assert_int_equal(PARSE(&h, 34, 8, 1, 2, 3, 4, 5, 6), DROP_NOT);
	assert_int_equal(h.opts, WIRE_TCP_OPT_FASTOPEN);
	assert_int_equal(h.fastopen_len, 6);
	assert_memory_equal(h.fastopen, "\1\2\3\4\5\6", 6);
}

static void one_to_four_sack_blocks_are_read(void **state)
{
	uint8_t o[36] = {1, 1, 5};
	struct wire_tcp h;

	(void)state;
	for (unsigned i = 4; i < sizeof(o); i++)
		o[i] = (uint8_t)i;
	for (unsigned n = 1; n <= WIRE_TCP_SACK_MAX; n++) {
		o[3] = (uint8_t)(2 + 8 * n);
		assert_int_equal(parse_options(&h, o, 4 + 8 * n), DROP_NOT);
		assert_int_equal(h.opts, WIRE_TCP_OPT_SACK);
		assert_int_equal(h.sack_n, n);
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(h.sack[i].left, load_be32(o + 4 + 8 * i));
			assert_int_equal(h.sack[i].right, load_be32(o + 8 + 8 * i));
		}
	}
}

static void an_option_that_runs_out_of_the_header_is_refused(void **state)
{
	struct wire_tcp h;

	(void)state;
	assert_int_equal(PARSE(&h, 1, 1, 1, 2), DROP_TCP_OPTION);	/* no room for a length */
	assert_int_equal(PARSE(&h, 1, 1, 2, 3), DROP_TCP_OPTION);
	assert_int_equal(PARSE(&h, 2, 5, 0, 0), DROP_TCP_OPTION);
	assert_int_equal(PARSE(&h, 99, 255, 0, 0), DROP_TCP_OPTION);
	assert_int_equal(PARSE(&h, 99, 1, 0, 0), DROP_TCP_OPTION);
	assert_int_equal(PARSE(&h, 99, 0, 0, 0), DROP_TCP_OPTION);
	assert_int_equal(PARSE(&h, 1, 8, 10, 1, 2, 3, 4, 5), DROP_TCP_OPTION);
	assert_int_equal(PARSE(&h, 1, 1, 5, 10, 1, 2, 3, 4), DROP_TCP_OPTION);
	assert_int_equal(PARSE(&h, 34, 6, 1, 2), DROP_TCP_OPTION);
}

static void an_option_of_unexpected_length_is_passed_over_as_unknown(void **state)
{
	struct wire_tcp h;

	(void)state;
#define UNKNOWN(...) \
	do { \
		assert_int_equal(PARSE(&h, __VA_ARGS__), DROP_NOT); \
		assert_int_equal(h.opts, WIRE_TCP_OPT_UNKNOWN); \
		assert_int_equal(h.sack_n, 0); \
		assert_int_equal(h.fastopen_len, 0); \
	} while (0)
	UNKNOWN(2, 3, 5, 0);
	UNKNOWN(2, 5, 5, 0xb4, 0, 0, 0, 0);
	UNKNOWN(3, 4, 7, 0);
	UNKNOWN(3, 2, 0, 0);
	UNKNOWN(4, 3, 0, 0);
	UNKNOWN(5, 2, 0, 0);
	UNKNOWN(5, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	UNKNOWN(8, 8, 1, 2, 3, 4, 5, 6);
	UNKNOWN(8, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
	UNKNOWN(28, 3, 0, 0);
	UNKNOWN(34, 4, 1, 2);		/* a cookie of 2 bytes */
	UNKNOWN(34, 7, 1, 2, 3, 4, 5, 0);	/* of 5 */
	UNKNOWN(34, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9);	/* of 18 */
	UNKNOWN(19, 4, 0, 0);
	UNKNOWN(253, 4, 0x12, 0x34);
#undef UNKNOWN
}

static void options_behind_one_that_is_unknown_still_count(void **state)
{
	struct wire_tcp h;

	(void)state;
	assert_int_equal(PARSE(&h, 99, 4, 0, 0, 2, 4, 2, 0), DROP_NOT);
	assert_int_equal(h.opts, WIRE_TCP_OPT_UNKNOWN | WIRE_TCP_OPT_MSS);
	assert_int_equal(h.mss, 512);
}

static void nothing_counts_behind_the_end_of_the_list(void **state)
{
	struct wire_tcp h;

	(void)state;
	assert_int_equal(PARSE(&h, 0, 2, 4, 5, 99, 99, 99, 99), DROP_NOT);
	assert_int_equal(h.opts, 0);
}

static void a_syn_is_laid_out_aligned(void **state)
{
	struct wire_tcp h = {.opts = WIRE_TCP_OPT_MSS | WIRE_TCP_OPT_SACK_OK | WIRE_TCP_OPT_TS |
				     WIRE_TCP_OPT_WSCALE, .flags = WIRE_TCP_SYN, .mss = 1460,
			     .wscale = 7, .ts_val = 0x01020304};

	(void)state;
	WRITES(&h, 2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7);
	h.opts &= ~WIRE_TCP_OPT_TS;
	WRITES(&h, 2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7);
	h.opts = WIRE_TCP_OPT_MSS | WIRE_TCP_OPT_UNKNOWN;
	WRITES(&h, 2, 4, 5, 0xb4);
}

static void other_options_are_laid_out_aligned(void **state)
{
	struct wire_tcp h = {.opts = WIRE_TCP_OPT_TS, .ts_val = 0x01020304, .ts_ecr = 0x05060708,
			     .fastopen = {1, 2, 3, 4, 5, 6, 7, 8}, .user_timeout = 0x8001,
			     .sack = {{0x11121314, 0x21222324}}};

	(void)state;
	WRITES(&h, 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8);
	h.opts |= WIRE_TCP_OPT_SACK;
	h.sack_n = 1;
	WRITES(&h, 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8,
	       1, 1, 5, 10, 0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24);
	h.opts = WIRE_TCP_OPT_FASTOPEN;
	h.sack_n = 0;
	WRITES(&h, 1, 1, 34, 2);
	h.opts |= WIRE_TCP_OPT_USER_TIMEOUT;
	h.fastopen_len = 8;
	WRITES(&h, 1, 1, 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 28, 4, 0x80, 1);
}

static void sack_blocks_that_do_not_fit_are_left_out(void **state)
{
	struct wire_tcp h = {.opts = WIRE_TCP_OPT_TS | WIRE_TCP_OPT_SACK, .sack_n = 4,
			     .sack = {{1, 2}, {3, 4}, {5, 6}, {7, 8}}}, out;
	uint8_t b[WIRE_TCP_LEN_MAX];

	(void)state;
	assert_int_equal(wire_tcp_size(&h), 60);
	assert_int_equal(wire_tcp_write(b, &h), 60);
	assert_int_equal(wire_tcp_parse(&out, b, 60), DROP_NOT);
	assert_int_equal(out.opts, h.opts);
	assert_int_equal(out.sack_n, 3);
	assert_memory_equal(out.sack, h.sack, 3 * sizeof(out.sack[0]));
	h.opts = WIRE_TCP_OPT_SACK;
	assert_int_equal(wire_tcp_write(b, &h), 20 + 36);
	assert_int_equal(wire_tcp_parse(&out, b, 56), DROP_NOT);
	assert_true(tcp_header_same(&h, &out));
}

static void what_only_fits_without_padding_is_written_without(void **state)
{
	struct wire_tcp h = {.opts = WIRE_TCP_OPT_SACK_OK | WIRE_TCP_OPT_WSCALE | WIRE_TCP_OPT_SACK,
			     .wscale = 7, .sack_n = 4, .sack = {{1, 2}, {3, 4}, {5, 6}, {7, 8}}};
	uint8_t b[WIRE_TCP_LEN_MAX];
	struct wire_tcp out;

	(void)state;
	assert_int_equal(wire_tcp_size(&h), 60);
	assert_int_equal(wire_tcp_write(b, &h), 60);
	assert_int_equal(wire_tcp_parse(&out, b, 60), DROP_NOT);
	assert_true(tcp_header_same(&h, &out));
	h.opts |= WIRE_TCP_OPT_TS | WIRE_TCP_OPT_FASTOPEN;
	h.fastopen_len = 12;
	h.sack_n = 1;
	assert_int_equal(wire_tcp_write(b, &h), 60);
	assert_int_equal(wire_tcp_parse(&out, b, 60), DROP_NOT);
	assert_true(tcp_header_same(&h, &out));
}

static void more_than_ever_fits_is_cut_and_still_a_header(void **state)
{
	struct wire_tcp h = {.opts = 255, .sack_n = 255, .fastopen_len = 255}, out;
	uint8_t b[WIRE_TCP_LEN_MAX + 1];
	unsigned n;

	(void)state;
	b[WIRE_TCP_LEN_MAX] = 0xee;
	n = wire_tcp_write(b, &h);
	assert_in_range(n, 20, 60);
	assert_int_equal(n, wire_tcp_size(&h));
	assert_int_equal(b[WIRE_TCP_LEN_MAX], 0xee);
	assert_int_equal(wire_tcp_parse(&out, b, n), DROP_NOT);
	assert_int_equal(out.opts, WIRE_TCP_OPT_MSS | WIRE_TCP_OPT_SACK_OK | WIRE_TCP_OPT_TS |
				   WIRE_TCP_OPT_WSCALE | WIRE_TCP_OPT_FASTOPEN);
	assert_int_equal(out.fastopen_len, 16);
}

static void whatever_parses_is_written_and_reads_the_same(void **state)
{
	static const uint8_t kinds[] = {0, 1, 1, 2, 3, 4, 5, 5, 8, 8, 28, 34, 99};
	static const uint8_t lens[] = {0, 1, 1, 4, 3, 2, 10, 18, 10, 10, 4, 6, 4};
	uint8_t o[80], b[WIRE_TCP_LEN_MAX];
	struct wire_tcp in, out;
	unsigned parsed = 0;
	struct prng r;

	(void)state;
	prng_seed(&r, 1);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned n = 0, total = 4 * prng_below(&r, 11);

		unit_fill(&r, o, sizeof(o));
		while (n < total) {
			unsigned k = prng_below(&r, ARRAY_LEN(kinds));

			o[n] = kinds[k];
			if (lens[k] > 1 && prng_below(&r, 20))
				o[n + 1] = lens[k];
			n += MAX(lens[k], 1);
		}
		if (parse_options(&in, o, total))
			continue;
		parsed++;
		n = wire_tcp_write(b, &in);
		assert_int_equal(n, wire_tcp_size(&in));
		assert_int_equal(wire_tcp_parse(&out, guard_input(b, n), n), DROP_NOT);
		assert_int_equal(out.header_len, n);
		assert_true(tcp_header_same(&in, &out));
		assert_false(out.opts & WIRE_TCP_OPT_UNKNOWN);
	}
	assert_in_range(parsed, 20000, 200000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_read_field_by_field),
		cmocka_unit_test(a_header_is_written_with_its_checksum_zero),
		cmocka_unit_test(a_segment_shorter_than_a_header_is_refused),
		cmocka_unit_test(an_offset_below_five_or_beyond_the_segment_is_refused),
		cmocka_unit_test(the_reserved_bits_are_ignored),
		cmocka_unit_test(timestamps_are_read_on_the_short_way_and_on_the_long),
		cmocka_unit_test(every_option_is_read),
		cmocka_unit_test(one_to_four_sack_blocks_are_read),
		cmocka_unit_test(an_option_that_runs_out_of_the_header_is_refused),
		cmocka_unit_test(an_option_of_unexpected_length_is_passed_over_as_unknown),
		cmocka_unit_test(options_behind_one_that_is_unknown_still_count),
		cmocka_unit_test(nothing_counts_behind_the_end_of_the_list),
		cmocka_unit_test(a_syn_is_laid_out_aligned),
		cmocka_unit_test(other_options_are_laid_out_aligned),
		cmocka_unit_test(sack_blocks_that_do_not_fit_are_left_out),
		cmocka_unit_test(what_only_fits_without_padding_is_written_without),
		cmocka_unit_test(more_than_ever_fits_is_cut_and_still_a_header),
		cmocka_unit_test(whatever_parses_is_written_and_reads_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
