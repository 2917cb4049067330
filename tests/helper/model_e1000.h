/* A model of Intel's 82540EM, as far as a driver can tell: registers, two rings, and faults.
 *
 * What QEMU's model and the manual say of head, tail, DD, EOP, RS and the interrupt cause register;
 * transmission happens when the tail is written, unless it is held up. */
#ifndef HELPER_MODEL_E1000_H
#define HELPER_MODEL_E1000_H

#include "helper/hw.h"

struct model_e1000 {
	uint32_t regs[0x6000 / 4];
	uint32_t icr, ims;
	unsigned resets, doorbells, contexts;
	/* faults */
	bool hold_tx;		/* takes nothing from its ring */
	bool never_done;	/* sends, and reports nothing */
	bool reset_hangs;	/* the reset bit stays */
	uint16_t lie_len;	/* of each received frame, if not 0 */
	uint8_t lie_status_off, lie_errors;	/* bits to leave out, to put in */
	uint32_t context;	/* of checksums: start << 16 | offset, as told */
	bool insert;		/* the last frame asked for a checksum */
};

void model_e1000_init(struct model_e1000 *e, struct hw *m);

/* A frame comes from the wire.  False: no descriptor, it is lost and counted. */
bool model_e1000_receive(struct model_e1000 *e, const void *b, uint32_t n);

/* Takes what is in the transmit ring (after hold_tx). */
void model_e1000_transmit(struct model_e1000 *e);

/* Would the interrupt line be raised? */
bool model_e1000_line(const struct model_e1000 *e);

#endif
