/* The lower half of a stack for tests, with UDP: a file of its own, for tests that do not see
 * udp. */
#include <stdlib.h>

#include "helper/lower.h"
#include "udp/udp.h"

struct lower *lower_new_udp(const struct lower_config *config)
{
	struct lower *l = lower_new(config);

	l->udp = calloc(1, sizeof(*l->udp));
	assert(l->udp);
	udp_init(l->udp, &l->stage.core, &l->ip);
	l->check_udp = udp_check;
	return l;
}
