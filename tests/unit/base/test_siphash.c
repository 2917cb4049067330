/* SipHash against its authors' test vectors (2-4), and against what CPython's hash() of the same
 * bytes and key says (1-3). */
#include "helper/unit.h"

#include "base/siphash.h"

/* The key 00 01 .. 0f, as in the reference implementation. */
static const struct siphash_key key = {{0x0706050403020100, 0x0f0e0d0c0b0a0908}};

/* Of the bytes 00 01 .. n-1. */
static const uint64_t vectors_24[64] = {
	0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
	0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
	0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
	0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
	0x3f2acc7f57c29bdb, 0x699ae9f52cbe4794, 0x4bc1b3f0968dd39c, 0xbb6dc91da77961bd,
	0xbed65cf21aa2ee98, 0xd0f2cbb02e3b67c7, 0x93536795e3a33e88, 0xa80c038ccd5ccec8,
	0xb8ad50c6f649af94, 0xbce192de8a85b8ea, 0x17d835b85bbb15f3, 0x2f2e6163076bcfad,
	0xde4daaaca71dc9a5, 0xa6a2506687956571, 0xad87a3535c49ef28, 0x32d892fad841c342,
	0x7127512f72f27cce, 0xa7f32346f95978e3, 0x12e0b01abb051238, 0x15e034d40fa197ae,
	0x314dffbe0815a3b4, 0x027990f029623981, 0xcadcd4e59ef40c4d, 0x9abfd8766a33735c,
	0x0e3ea96b5304a7d0, 0xad0c42d6fc585992, 0x187306c89bc215a9, 0xd4a60abcf3792b95,
	0xf935451de4f21df2, 0xa9538f0419755787, 0xdb9acddff56ca510, 0xd06c98cd5c0975eb,
	0xe612a3cb9ecba951, 0xc766e62cfcadaf96, 0xee64435a9752fe72, 0xa192d576b245165a,
	0x0a8787bf8ecb74b2, 0x81b3e73d20b49b6f, 0x7fa8220ba3b2ecea, 0x245731c13ca42499,
	0xb78dbfaf3a8d83bd, 0xea1ad565322a1a0b, 0x60e61c23a3795013, 0x6606d7e446282b93,
	0x6ca4ecb15c5f91e1, 0x9f626da15c9625f3, 0xe51b38608ef25f57, 0x958a324ceb064572,
};

static void fill(uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)i;
}

static void siphash_2_4_of_bytes_gives_the_authors_vectors_at_any_alignment(void **state)
{
	uint8_t b[80];

	(void)state;
	for (size_t at = 0; at < 8; at++) {
		fill(b + at, 64);
		for (size_t n = 0; n < 64; n++)
			assert_true(siphash_bytes(&key, b + at, n) == vectors_24[n]);
	}
}

static void siphash_2_4_of_words_is_that_of_their_bytes(void **state)
{
	uint64_t w[7];

	(void)state;
	fill((uint8_t *)w, sizeof(w));
	for (unsigned n = 0; n <= 7; n++)
		assert_true(siphash_words(&key, w, n) == vectors_24[8 * n]);
}

static void siphash_1_3_agrees_with_an_independent_implementation(void **state)
{
	static const struct siphash_key zero;
	/* PYTHONHASHSEED=42 makes this key. */
	static const struct siphash_key seed42 = {{0xdc504fd368cd90af, 0xb920bb9ffe99e9c1}};
	uint64_t w[8];

	(void)state;
	fill((uint8_t *)w, sizeof(w));
	assert_true(siphash13_words(&zero, w, 1) == 0xead411e67ebe2eea);
	assert_true(siphash13_words(&zero, w, 2) == 0x8972188433a5c5b7);
	assert_true(siphash13_words(&zero, w, 3) == 0x31185a47af932f3a);
	assert_true(siphash13_words(&seed42, w, 1) == 0x60866c3c108c6afb);
	assert_true(siphash13_words(&seed42, w, 2) == 0x339176f3ac59ce05);
	assert_true(siphash13_words(&seed42, w, 3) == 0xae431c6fb201ce8b);
	assert_true(siphash13_words(&key, w, 5) == 0xc1d2363299e41531);
	assert_true(siphash13_words(&key, w, 8) == 0xf17997ec4b4a6065);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_2_4_of_bytes_gives_the_authors_vectors_at_any_alignment),
		cmocka_unit_test(siphash_2_4_of_words_is_that_of_their_bytes),
		cmocka_unit_test(siphash_1_3_agrees_with_an_independent_implementation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
