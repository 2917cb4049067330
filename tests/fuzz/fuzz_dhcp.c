/* A DHCP client that hears anything in any state: it stays within its states and its memory. */
#include "base/assert.h"
#include "fuzz/guard.h"

#include "dhcp/dhcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two bytes of length and time, then a message, and so on; its xid is made right, or nothing would
 * be believed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mac mac = { { 2, 0, 0, 0, 0, 1 } };
	uint8_t said[DHCP_MESSAGE_MAX];
	struct prng prng;
	struct dhcp d;
	nsec now = SEC(1);

	prng_seed(&prng, 1);
	dhcp_init(&d, &prng, mac, now);
	while (size > 2) {
		uint32_t n = (uint32_t)MIN(size - 2, data[0] * 4u), src, dst, said_n;
		uint8_t *b = guard_input(data + 2, n);
		enum drop why;

		now += SEC(1) << (data[1] % 24);
		dhcp_output(&d, now, said, &said_n, &src, &dst);
		dhcp_check(&d);
		if (n >= 34) {
			store_be32(b + 4, d.xid);
			mem_copy(b + 28, mac.b, sizeof(mac.b));
		}
		dhcp_input(&d, now, b, n, &why);
		dhcp_check(&d);
		data += 2 + n;
		size -= 2 + n;
	}
	return 0;
}
