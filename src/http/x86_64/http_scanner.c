/* Which scanners this x86-64 processor can run. */
#include "http/x86_64/http_vectors.h"

struct cpuid {
	uint32_t a, b, c, d;
};

static struct cpuid cpuid(uint32_t leaf)
{
	struct cpuid r = { .a = leaf };

	__asm__ volatile("cpuid" : "+a"(r.a), "=b"(r.b), "+c"(r.c), "=d"(r.d));
	return r;
}

/* Does the processor have these bits of leaf 7's EBX and ECX, and does the operating system (or
 * port/metal) save the registers of these bits of XCR0? */
static bool has(uint32_t xcr0_bits, uint32_t ebx_bits, uint32_t ecx_bits)
{
	const uint32_t osxsave = 1u << 27;
	uint32_t xcr0, high;
	struct cpuid leaf7;

	if (cpuid(0).a < 7 || !(cpuid(1).c & osxsave))
		return false;
	__asm__ volatile("xgetbv" : "=a"(xcr0), "=d"(high) : "c"(0));
	leaf7 = cpuid(7);
	return (xcr0 & xcr0_bits) == xcr0_bits && (leaf7.b & ebx_bits) == ebx_bits &&
	       (leaf7.c & ecx_bits) == ecx_bits;
}

static bool has_avx2(void)
{
	const uint32_t bmi1 = 1u << 3, avx2 = 1u << 5, bmi2 = 1u << 8, lzcnt = 1u << 5;

	return has(0x06, bmi1 | avx2 | bmi2, 0) && (cpuid(0x80000001).c & lzcnt);
}

static bool has_avx512(void)
{
	const uint32_t f = 1u << 16, bw = 1u << 30, vl = 1u << 31, vbmi = 1u << 1, vbmi2 = 1u << 6;

	return has_avx2() && has(0xe6, f | bw | vl, vbmi | vbmi2);
}

const struct http_scanner *http_scanner_nth(unsigned i)
{
	switch (i) {
	case 0:
		return &http_scanner_plain;
	case 1:
		return &http_scanner_ssse3;
	case 2:
		return has_avx2() ? &http_scanner_avx2 : NULL;
	case 3:
		return has_avx512() ? &http_scanner_avx512 : NULL;
	default:
		return NULL;
	}
}

const struct http_scanner *http_scanner_best(void)
{
	if (has_avx512())
		return &http_scanner_avx512;
	return has_avx2() ? &http_scanner_avx2 : &http_scanner_ssse3;
}
