/* ARP: what parses is written again, byte for byte. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "fuzz/guard.h"
#include "wire/arp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_arp in;
	uint8_t b[WIRE_ARP_LEN];
	const uint8_t *at = guard_input(data, size);

	if (!at || wire_arp_parse(&in, at, size))
		return 0;
	wire_arp_write(b, &in);
	assert(memcmp(b, at, sizeof(b)) == 0);
	return 0;
}
