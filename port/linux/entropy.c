/* Bytes that nobody can guess, from getrandom(2): blocks at boot only, never fails afterwards. */
#include <errno.h>
#include <sys/random.h>

#include "base/assert.h"
#include "port/port.h"

void port_entropy(void *to, size_t n)
{
	uint8_t *at = to;

	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		assert(got > 0);
		at += got;
		n -= (size_t)got;
	}
}
