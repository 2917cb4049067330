/* The table hash: it spreads, it depends on every bit of words and key, and equals itself.
 *
 * By counting buckets of structured inputs (consecutive ports and addresses, as peers choose them)
 * and by flipping single bits. */
#include "helper/unit.h"

#include "base/foldhash.h"

static const struct siphash_key key = {{0x0123456789abcdefu, 0xfedcba9876543210u}};

static void consecutive_ports_fill_buckets_evenly(void **state)
{
	static uint32_t buckets[1024];
	uint32_t most = 0, least = UINT32_MAX;

	for (uint64_t port = 0; port < 65536; port++)
		buckets[foldhash_2(&key, 0x0a0000010a000002u, port << 16 | 80) & 1023]++;
	for (unsigned i = 0; i < 1024; i++) {
		most = MAX(most, buckets[i]);
		least = MIN(least, buckets[i]);
	}
	assert_true(most < 64 + 48);	/* 6 standard deviations about the mean of 64 */
	assert_true(least > 64 - 48);
}

static void one_bit_of_a_word_changes_about_half_of_the_hash(void **state)
{
	uint64_t at = foldhash_2(&key, 0x0a0000010a000002u, 0x12345678);

	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t a = foldhash_2(&key, 0x0a0000010a000002u ^ 1ull << bit, 0x12345678);
		uint64_t b = foldhash_2(&key, 0x0a0000010a000002u, 0x12345678 ^ 1ull << bit);

		assert_in_range(__builtin_popcountll(at ^ a), 12, 52);
		assert_in_range(__builtin_popcountll(at ^ b), 12, 52);
	}
}

static void one_bit_of_the_key_changes_about_half_of_the_hash(void **state)
{
	uint64_t at = foldhash_2(&key, 7, 9);

	for (unsigned bit = 0; bit < 128; bit++) {
		struct siphash_key other = key;

		other.k[bit / 64] ^= 1ull << bit % 64;
		assert_in_range(__builtin_popcountll(at ^ foldhash_2(&other, 7, 9)), 12, 52);
	}
}

static void words_count_in_their_order(void **state)
{
	uint64_t w[3] = {1, 2, 3}, v[3] = {2, 1, 3};

	assert_true(foldhash_words(&key, w, 3) == foldhash_words(&key, w, 3));
	assert_true(foldhash_words(&key, w, 3) != foldhash_words(&key, v, 3));
	assert_true(foldhash_words(&key, w, 3) != foldhash_words(&key, w, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(consecutive_ports_fill_buckets_evenly),
		cmocka_unit_test(one_bit_of_a_word_changes_about_half_of_the_hash),
		cmocka_unit_test(one_bit_of_the_key_changes_about_half_of_the_hash),
		cmocka_unit_test(words_count_in_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
