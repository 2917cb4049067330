/* UDP: what parses is written again and reads the same. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "fuzz/guard.h"
#include "wire/udp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_udp in, out;
	uint8_t b[WIRE_UDP_LEN];
	const uint8_t *at = guard_input(data, size);

	if (!at || wire_udp_parse(&in, at, size, size))
		return 0;
	assert(in.len >= WIRE_UDP_LEN && in.len <= size);
	wire_udp_write(b, &in);
	assert(memcmp(b, at, 6) == 0);
	assert(wire_udp_parse(&out, b, sizeof(b), size) == DROP_NOT);
	assert(in.sport == out.sport && in.dport == out.dport && in.len == out.len);
	return 0;
}
