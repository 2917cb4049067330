/* A model of Realtek's RTL8139: registers, a receive ring of bytes, four transmit slots, faults. */
#ifndef HELPER_MODEL_RTL8139_H
#define HELPER_MODEL_RTL8139_H

#include "helper/hw.h"

struct model_rtl8139 {
	uint8_t regs[256];
	uint32_t at;		/* in the ring, where the next frame goes */
	uint16_t isr;
	unsigned resets;
	/* faults */
	bool hold_tx;
	uint16_t lie_len, lie_status;	/* of the next frames, if not 0 */
};

void model_rtl8139_init(struct model_rtl8139 *r, struct hw *m);

/* A frame comes from the wire.  False: no room, it is lost and counted. */
bool model_rtl8139_receive(struct model_rtl8139 *r, const void *b, uint32_t n);

bool model_rtl8139_line(const struct model_rtl8139 *r);

#endif
