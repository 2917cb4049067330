/* Bytes that nobody can guess: RDRAND where there is one, else how the counter jitters; mixed.
 *
 * What comes out is SipHash over a counter with a key that is stirred by every reading: neither a
 * bad RDRAND nor a steady counter alone makes it known. */
#include "port/metal/metal.h"

#include "base/mem.h"
#include "base/siphash.h"
#include "port/port.h"

#define JITTER_READINGS 64u
#define RDRAND_TRIES 10u

static struct siphash_key entropy_key;
static uint64_t entropy_count;
static bool entropy_ready, entropy_rdrand;

static uint64_t entropy_hardware(void)
{
	uint64_t v = 0;
	uint8_t good = 0;

	for (unsigned i = 0; entropy_rdrand && !good && i < RDRAND_TRIES; i++)
		__asm__ volatile("rdrand %0; setc %1" : "=r"(v), "=qm"(good) : : "cc");
	return v;
}

/* The low bits of how long a read of a device's port takes. */
static uint64_t entropy_jitter(void)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < JITTER_READINGS; i++) {
		uint64_t before = metal_tsc();

		metal_in8(0x61);
		v = (v << 7 | v >> 57) ^ (metal_tsc() - before) ^ before;
	}
	return v;
}

static void entropy_stir(void)
{
	uint64_t in[3] = { entropy_hardware(), entropy_jitter(), ++entropy_count };
	uint64_t a = siphash_bytes(&entropy_key, in, sizeof(in)), b;

	in[2] = a;
	b = siphash_bytes(&entropy_key, in, sizeof(in));
	entropy_key.k[0] ^= a;
	entropy_key.k[1] ^= b;
}

static void entropy_init(void)
{
	uint32_t id[4];

	metal_cpuid(1, 0, id);
	entropy_rdrand = id[2] >> 30 & 1;
	entropy_ready = true;
	for (unsigned i = 0; i < 4; i++)
		entropy_stir();
}

void port_entropy(void *to, size_t n)
{
	uint8_t *at = to;

	if (!entropy_ready)
		entropy_init();
	entropy_stir();
	while (n > 0) {
		uint64_t v, in = ++entropy_count;
		size_t part = MIN(n, sizeof(v));

		v = siphash_bytes(&entropy_key, &in, sizeof(in));
		mem_copy(at, &v, part);
		at += part;
		n -= part;
	}
}
