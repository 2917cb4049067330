/* The Internet checksum against the words of RFC 1071, two bytes at a time. */
#include "helper/unit.h"

#include "base/csum.h"
#include "base/pkt.h"
#include "fuzz/guard.h"

#define LEN_MAX 300u

static struct prng prng;

/* RFC 1071 §1: the 16-bit one's complement of the one's complement sum of all big-endian words, the
 * last padded with a zero byte. */
static uint16_t model(const uint8_t *b, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? b[i] : (uint32_t)b[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* A folded sum as it would stand on the wire. */
static uint16_t on_wire(uint64_t sum)
{
	uint16_t c = csum_fold(sum);
	uint8_t b[2];

	memcpy(b, &c, 2);
	return load_be16(b);
}

/* Zero has two representations in one's complement; a sum of bytes that are not all zero is
 * ffff. */
static void assert_sum(uint64_t sum, const uint8_t *b, size_t n)
{
	assert_int_equal(on_wire(sum), model(b, n));
}

static void fill_kind(uint8_t *b, size_t n, unsigned kind)
{
	if (kind == 0)
		memset(b, 0xff, n);
	else if (kind == 1)
		memset(b, 0, n);
	else
		unit_fill(&prng, b, n);
}

static void every_length_at_every_alignment_sums_as_rfc_1071_says(void **state)
{
	uint8_t b[LEN_MAX + 64];

	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		fill_kind(b, sizeof(b), kind);
		for (size_t at = 0; at < 64; at++)
			for (size_t n = 0; n <= LEN_MAX; n++)
				assert_sum(csum_partial(b + at, n, 0), b + at, n);
	}
}

static void long_data_sums_as_rfc_1071_says(void **state)
{
	static uint8_t b[70000];

	(void)state;
	for (unsigned kind = 0; kind < 3; kind++) {
		fill_kind(b, sizeof(b), kind);
		for (size_t n = 301; n < sizeof(b); n += 1 + n / 7)
			assert_sum(csum_partial(b + n % 5, n - 5, 0), b + n % 5, n - 5);
	}
}

static void constant_lengths_sum_like_any(void **state)
{
	uint8_t b[64];

	(void)state;
	unit_fill(&prng, b, sizeof(b));
#define SAME(n) assert_sum(csum_partial(b, n, 0), b, n)
	SAME(0); SAME(1); SAME(2); SAME(3); SAME(4); SAME(7); SAME(8); SAME(12); SAME(14); SAME(20);
	SAME(24); SAME(28); SAME(31); SAME(32); SAME(40); SAME(44); SAME(52); SAME(60); SAME(63);
	SAME(64);
#undef SAME
}

static void nothing_is_read_before_or_behind_the_bytes(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t b[LEN_MAX], to[LEN_MAX], *at;
	uint8_t *front = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(front != MAP_FAILED);
	front += page;
	assert_int_equal(mprotect(front, page, PROT_READ | PROT_WRITE), 0);
	unit_fill(&prng, b, sizeof(b));
	memcpy(front, b, sizeof(b));
	for (size_t n = 0; n <= LEN_MAX; n++) {
		assert_sum(csum_partial(front, n, 0), b, n);
		assert_sum(csum_copy(to, front, n, 0), b, n);
		assert_sum(csum_copy(front, b, n, 0), b, n);
		at = guard_input(b, n);
		assert_sum(csum_partial(at, n, 0), b, n);
		assert_sum(csum_copy(to, at, n, 0), b, n);
		assert_sum(csum_copy(at, b, n, 0), b, n);
	}
	munmap(front - page, 3 * page);
}

static void pieces_of_even_length_add_up_in_any_split(void **state)
{
	uint8_t b[128];

	(void)state;
	unit_fill(&prng, b, sizeof(b));
	for (size_t n = 0; n <= sizeof(b); n++)
		for (size_t cut = 0; cut <= n; cut += 2)
			assert_sum(csum_partial(b + cut, n - cut, csum_partial(b, cut, 0)), b, n);
}

static void a_piece_at_an_odd_offset_counts_when_swapped(void **state)
{
	uint8_t b[128];

	(void)state;
	unit_fill(&prng, b, sizeof(b));
	for (size_t n = 0; n <= sizeof(b); n++)
		for (size_t cut = 1; cut <= n; cut += 2)
			assert_sum(csum_add(csum_partial(b, cut, 0),
					    csum_swap(csum_partial(b + cut, n - cut, 0))), b, n);
}

static void the_carry_comes_around_whatever_the_sum_was_before(void **state)
{
	static const uint64_t before[] = {
		0, 1, UINT64_MAX, UINT64_MAX - 1, 0xffffffff, 1ull << 32, 1ull << 63, 0xffff,
	};
	uint8_t b[96];

	(void)state;
	memset(b, 0xff, sizeof(b));
	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		for (size_t n = 0; n + 8 <= sizeof(b); n++) {
			uint8_t with[96], to[96];

			memcpy(with, &before[i], 8);
			memcpy(with + 8, b, n);
			assert_sum(csum_partial(b, n, before[i]), with, n + 8);
			assert_sum(csum_copy(to, b, n, before[i]), with, n + 8);
		}
	}
}

static void a_copy_sums_and_copies_and_writes_nothing_else(void **state)
{
	uint8_t b[LEN_MAX + 64], to[LEN_MAX + 96];

	(void)state;
	unit_fill(&prng, b, sizeof(b));
	for (size_t at = 0; at < 16; at++) {
		for (size_t n = 0; n <= LEN_MAX; n++) {
			memset(to, 0x5a, sizeof(to));
			assert_sum(csum_copy(to + 16 + (at * 7) % 16, b + at, n, 0), b + at, n);
			for (size_t i = 0; i < 16 + (at * 7) % 16; i++)
				assert_int_equal(to[i], 0x5a);
			assert_memory_equal(to + 16 + (at * 7) % 16, b + at, n);
			for (size_t i = 16 + (at * 7) % 16 + n; i < sizeof(to); i++)
				assert_int_equal(to[i], 0x5a);
		}
	}
}

static void long_copies_sum_and_copy(void **state)
{
	static uint8_t b[70000], to[70000];

	(void)state;
	unit_fill(&prng, b, sizeof(b));
	for (size_t n = 301; n < sizeof(b) - 8; n += 1 + n / 5) {
		memset(to, 0, sizeof(to));
		assert_sum(csum_copy(to + n % 3, b + n % 7, n, 0), b + n % 7, n);
		assert_memory_equal(to + n % 3, b + n % 7, n);
		assert_int_equal(to[n % 3 + n], 0);
	}
}

static void a_chain_sums_like_its_bytes_from_any_offset_however_it_is_cut(void **state)
{
	void *region = unit_memory(FRAME_SIZE, 16 * FRAME_SIZE);
	void *mem = unit_memory(CACHE_LINE, pool_bytes(16, 0));
	struct pool pool;
	struct pkt *p, *q;
	uint8_t b[400];

	(void)state;
	memset(mem, 0, pool_bytes(16, 0));
	pool_init(&pool, (struct region){region, 16}, 0, mem);
	for (unsigned round = 0; round < 4000; round++) {
		uint32_t n = 0, off, len;

		p = pkt_new(&pool);
		for (unsigned pieces = prng_below(&prng, 6); pieces; pieces--) {
			q = pkt_new(&pool);
			len = prng_below(&prng, 60);
			unit_fill(&prng, b + n, len);
			assert_int_equal(pkt_write(q, b + n, len), 0);
			pkt_append(p, q);
			n += len;
		}
		off = prng_below(&prng, n + 1);
		len = prng_below(&prng, n - off + 1);
		assert_sum(csum_pkt(p, off, len, 0), b + off, len);
		pkt_put(p);
	}
	assert_true(pool_at_rest(&pool));
	free(region);
	free(mem);
}

static void the_pseudo_header_of_ipv4_is_that_of_rfc_9293(void **state)
{
	struct addr src = addr_v4(IPV4(192, 0, 2, 1)), dst = addr_v4(IPV4(198, 51, 100, 254));
	static const uint8_t pseudo[] = {192, 0, 2, 1, 198, 51, 100, 254, 0, 6, 0x12, 0x34};

	(void)state;
	assert_sum(csum_pseudo(&src, &dst, 6, 0x1234), pseudo, sizeof(pseudo));
}

static void the_pseudo_header_of_ipv6_is_that_of_rfc_8200(void **state)
{
	struct addr src, dst;
	uint8_t pseudo[40] = {0};

	(void)state;
	unit_fill(&prng, src.b, 16);
	unit_fill(&prng, dst.b, 16);
	memcpy(pseudo, src.b, 16);
	memcpy(pseudo + 16, dst.b, 16);
	store_be32(pseudo + 32, 0x12345);
	pseudo[39] = 17;
	assert_sum(csum_pseudo(&src, &dst, 17, 0x12345), pseudo, sizeof(pseudo));
}

static void an_update_gives_the_checksum_of_the_changed_bytes(void **state)
{
	uint8_t b[20];
	uint16_t c, from, to;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		unit_fill(&prng, b, sizeof(b));
		b[10] = b[11] = 0;
		c = csum_fold(csum_partial(b, sizeof(b), 0));
		memcpy(&from, b + 8, 2);
		to = i % 3 ? (uint16_t)prng_u64(&prng) : (uint16_t)(i % 2 - 1u);
		memcpy(b + 8, &to, 2);
		c = csum_update(c, from, to);
		memcpy(b + 10, &c, 2);
		assert_int_equal(csum_fold(csum_partial(b, sizeof(b), 0)), 0);
	}
}

static int seed(void **state)
{
	(void)state;
	prng_seed(&prng, 4);
	return 0;
}

#define T(f) cmocka_unit_test_setup(f, seed)

/* 10.0.0.1 to 10.0.0.2, `l4` bytes behind 20 of header. */
static void ipv4(uint8_t *ip, uint8_t proto, unsigned l4, unsigned field)
{
	struct addr a = addr_v4(IPV4(10, 0, 0, 1)), b = addr_v4(IPV4(10, 0, 0, 2));
	uint16_t sum = csum_fold_raw(csum_pseudo(&a, &b, proto, l4));

	memset(ip, 0, 64);
	ip[0] = 0x45;
	store_be16(ip + 2, (uint16_t)(20 + l4));
	ip[9] = proto;
	store_be32(ip + 12, IPV4(10, 0, 0, 1));
	store_be32(ip + 16, IPV4(10, 0, 0, 2));
	memcpy(ip + 20 + field, &sum, 2);
}

static void a_sum_that_was_left_out_is_that_of_the_pseudo_header(void **state)
{
	uint8_t ip[64];

	ipv4(ip, 6, 40, 16);
	assert_true(csum_left_out(ip, 60));
	ip[37] ^= 1;
	assert_false(csum_left_out(ip, 60));
	ipv4(ip, 17, 30, 6);
	assert_true(csum_left_out(ip, 60));
	ip[26] ^= 1;
	assert_false(csum_left_out(ip, 60));
}

static void a_sum_of_what_is_no_segment_was_not_left_out(void **state)
{
	uint8_t ip[64];

	ipv4(ip, 1, 40, 16);
	assert_false(csum_left_out(ip, 60));
	ipv4(ip, 6, 40, 16);
	assert_false(csum_left_out(ip, 59));	/* not all there */
	assert_false(csum_left_out(ip, 19));
	ipv4(ip, 6, 17, 16);			/* the field is not */
	assert_false(csum_left_out(ip, 60));
	ipv4(ip, 6, 40, 16);
	ip[0] = 0x44;
	assert_false(csum_left_out(ip, 60));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_length_at_every_alignment_sums_as_rfc_1071_says),
		T(long_data_sums_as_rfc_1071_says),
		T(constant_lengths_sum_like_any),
		T(nothing_is_read_before_or_behind_the_bytes),
		T(pieces_of_even_length_add_up_in_any_split),
		T(a_piece_at_an_odd_offset_counts_when_swapped),
		T(the_carry_comes_around_whatever_the_sum_was_before),
		T(a_copy_sums_and_copies_and_writes_nothing_else),
		T(long_copies_sum_and_copy),
		T(a_chain_sums_like_its_bytes_from_any_offset_however_it_is_cut),
		T(the_pseudo_header_of_ipv4_is_that_of_rfc_9293),
		T(the_pseudo_header_of_ipv6_is_that_of_rfc_8200),
		T(an_update_gives_the_checksum_of_the_changed_bytes),
		T(a_sum_that_was_left_out_is_that_of_the_pseudo_header),
		T(a_sum_of_what_is_no_segment_was_not_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
