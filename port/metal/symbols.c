/* Names of functions, for the last words.
 *
 * The table is written into the image after the link by tools/image.py: how many; then for each,
 * sorted, its address and where its name starts; then the names. */
#include "port/metal/metal.h"

struct symbols_entry {
	uint32_t address, name;		/* name: bytes behind the last entry */
};

extern const uint8_t metal_symbols[], metal_symbols_end[];

const char *metal_symbol(uint64_t address, uint64_t *offset)
{
	const uint32_t *n = (const uint32_t *)metal_symbols;
	const struct symbols_entry *e = (const struct symbols_entry *)(n + 1);
	uint32_t low = 0, high = *n;

	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (e[mid].address <= address)
			low = mid;
		else
			high = mid;
	}
	if (*n == 0 || e[low].address > address || address >= (uintptr_t)metal_text_end)
		return NULL;
	*offset = address - e[low].address;
	return (const char *)(e + *n) + e[low].name;
}
