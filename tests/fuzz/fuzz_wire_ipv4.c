/* IPv4: what parses is written again and reads the same.  The input is tried as it is, and with its
 * checksum made right, which a fuzzer can't guess; first in one piece, then with less readable. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "fuzz/guard.h"
#include "wire/ipv4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_parse(const uint8_t *at, size_t n, size_t have)
{
	struct wire_ipv4 in, out;
	uint8_t b[WIRE_IPV4_LEN];

	if (wire_ipv4_parse(&in, at, n, have))
		return;
	assert(in.header_len >= WIRE_IPV4_LEN && in.header_len <= n);
	assert(in.total_len >= in.header_len && in.total_len <= have);
	wire_ipv4_write(b, &in);
	assert(wire_ipv4_parse(&out, b, sizeof(b), have) == DROP_NOT);
	assert(in.src == out.src && in.dst == out.dst && in.id == out.id && in.frag == out.frag);
	assert(in.total_len == out.total_len && in.tos == out.tos && in.ttl == out.ttl);
	assert(in.proto == out.proto);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *at = guard_input(data, size), copy[WIRE_IPV4_LEN_MAX];
	struct wire_ipv4 quoted;
	size_t header;
	uint16_t c;

	if (!at)
		return 0;
	try_parse(at, size, size);
	(void)!wire_ipv4_parse_quoted(&quoted, at, size);
	header = size ? (at[0] & 15) * 4u : 0;
	if (header < WIRE_IPV4_LEN || header > size)
		return 0;
	at[10] = at[11] = 0;
	c = csum_fold(csum_partial(at, header, 0));
	memcpy(at + 10, &c, 2);
	try_parse(at, size, size);
	memcpy(copy, at, header);
	at = guard_input(copy, header);
	try_parse(at, header, size);
	try_parse(at, header, 65535);
	return 0;
}
