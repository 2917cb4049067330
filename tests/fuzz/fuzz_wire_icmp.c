/* ICMP: what parses is written again and reads the same; what an error quotes is read within
 * bounds. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "fuzz/guard.h"
#include "wire/icmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_icmp in, out;
	struct wire_ipv4 quoted;
	uint8_t b[WIRE_ICMP_LEN];
	const uint8_t *at = guard_input(data, size);

	if (!at || wire_icmp_parse(&in, at, size))
		return 0;
	wire_icmp_write(b, &in);
	assert(wire_icmp_parse(&out, b, sizeof(b)) == DROP_NOT);
	assert(in.type == out.type && in.code == out.code && in.id == out.id && in.seq == out.seq);
	assert(in.mtu == out.mtu && in.pointer == out.pointer);
	if (wire_icmp_quoted(&quoted, at + WIRE_ICMP_LEN, size - WIRE_ICMP_LEN) == DROP_NOT)
		assert(quoted.header_len + 8u <= size - WIRE_ICMP_LEN);
	return 0;
}
