/* Ethernet: what parses is written again and reads the same. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "fuzz/guard.h"
#include "wire/eth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_eth in, out;
	uint8_t b[WIRE_ETH_LEN];
	const uint8_t *at = guard_input(data, size);

	if (!at || wire_eth_parse(&in, at, size))
		return 0;
	wire_eth_write(b, in.dst, in.src, in.type);
	assert(wire_eth_parse(&out, b, sizeof(b)) == DROP_NOT);
	assert(memcmp(&in, &out, sizeof(in)) == 0);
	assert(memcmp(b, at, sizeof(b)) == 0);
	return 0;
}
