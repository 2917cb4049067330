/* TCP: what parses is written again and reads the same, options nobody knows apart. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "fuzz/guard.h"
#include "helper/tcp_header.h"
#include "wire/tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_tcp in, out;
	uint8_t b[WIRE_TCP_LEN_MAX];
	const uint8_t *at = guard_input(data, size);
	unsigned n;

	if (!at || wire_tcp_parse(&in, at, size))
		return 0;
	assert(in.header_len >= WIRE_TCP_LEN && in.header_len <= size);
	n = wire_tcp_write(b, &in);
	assert(n == wire_tcp_size(&in));
	assert(n >= WIRE_TCP_LEN && n <= sizeof(b));
	at = guard_input(b, n);
	assert(wire_tcp_parse(&out, at, n) == DROP_NOT);
	assert(out.header_len == n);
	assert(tcp_header_same(&in, &out));
	assert(!(out.opts & WIRE_TCP_OPT_UNKNOWN));
	return 0;
}
