/* What plug-ins share with each other.  Nobody outside of cc/ includes this. */
#ifndef CC_CC_INT_H
#define CC_CC_INT_H

#include "cc/cc.h"

/* cc_newreno.c: slow start and avoidance; half of the flight; one segment. */
void cc_reno_ack(struct cc *cc, const struct cc_ack *ack);
void cc_reno_loss(struct cc *cc, const struct cc_ack *ack);
void cc_reno_rto(struct cc *cc, const struct cc_ack *ack);
void cc_reno_recovered(struct cc *cc, const struct cc_ack *ack);
void cc_reno_idle(struct cc *cc, nsec idle, nsec rto);

/* cc_cubic.c: the greatest integer whose cube is not above `a`. */
uint32_t cc_cube_root(uint64_t a);

#endif
