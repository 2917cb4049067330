/* The 82540EM's registers and rings. */
#include "helper/model_e1000.h"

#include <string.h>

#include "drivers/e1000/e1000_regs.h"

#define R(e, reg) ((e)->regs[(reg) / 4])

static void reset(struct model_e1000 *e)
{
	memset(e->regs, 0, sizeof(e->regs));
	R(e, E1000_STATUS) = E1000_STATUS_LU;
	R(e, E1000_RAL) = 0x56341200;
	R(e, E1000_RAH) = 0x80009a78;
	e->icr = e->ims = 0;
	e->resets++;
}

static uint32_t read_reg(void *model, unsigned bar, uint32_t off, unsigned bytes)
{
	struct model_e1000 *e = model;
	uint32_t v;

	assert(bar == 0 && bytes == 4 && off % 4 == 0 && off < sizeof(e->regs));
	if (off == E1000_ICR) {
		v = e->icr;
		e->icr = 0;
		return v;
	}
	v = e->regs[off / 4];
	if (off == E1000_MPC)
		e->regs[off / 4] = 0;
	return v;
}

static uint64_t base(const struct model_e1000 *e, uint32_t low)
{
	return R(e, low) | (uint64_t)R(e, low + 4) << 32;
}

static void take_context(struct model_e1000 *e, const struct e1000_tx_desc *d)
{
	e->contexts++;
	e->context = (uint32_t)(d->addr >> 32 & 0xff) << 16 | (uint32_t)(d->addr >> 40 & 0xff);
}

void model_e1000_transmit(struct model_e1000 *e)
{
	uint32_t n = R(e, E1000_TDLEN) / sizeof(struct e1000_tx_desc), at = 0;
	struct e1000_tx_desc *ring = n ? hw_at(base(e, E1000_TDBAL), n * sizeof(*ring)) : NULL;
	uint8_t frame[HW_FRAME_MAX];

	while (!e->hold_tx && R(e, E1000_TCTL) & E1000_TCTL_EN &&
	       R(e, E1000_TDH) != R(e, E1000_TDT)) {
		struct e1000_tx_desc *d = &ring[R(e, E1000_TDH)];
		uint32_t len = d->cmd_len & 0xffff;

		if (d->cmd_len & E1000_TX_DEXT && !(d->cmd_len & E1000_TX_DATA)) {
			take_context(e, d);
		} else {
			assert(at + len <= sizeof(frame));
			memcpy(frame + at, hw_at(d->addr, len), len);
			at += len;
			e->insert = d->options & E1000_TX_TXSM;
			if (d->cmd_len & E1000_TX_EOP) {
				hw_sent(frame, at);
				at = 0;
			}
		}
		if (d->cmd_len & E1000_TX_RS && !e->never_done) {
			d->status |= E1000_TX_DD;
			e->icr |= E1000_INT_TXDW;
		}
		R(e, E1000_TDH) = (R(e, E1000_TDH) + 1) % n;
	}
	assert(at == 0);	/* a frame was begun and not ended */
}

static void write_reg(void *model, unsigned bar, uint32_t off, unsigned bytes, uint32_t value)
{
	struct model_e1000 *e = model;

	assert(bar == 0 && bytes == 4 && off % 4 == 0 && off < sizeof(e->regs));
	if (off == E1000_CTRL && value & E1000_CTRL_RST) {
		reset(e);
		R(e, E1000_CTRL) = e->reset_hangs ? value : value & ~E1000_CTRL_RST;
		return;
	}
	if (off == E1000_IMS) {
		e->ims |= value;
		return;
	}
	if (off == E1000_IMC) {
		e->ims &= ~value;
		return;
	}
	e->regs[off / 4] = value;
	if (off == E1000_TDT) {
		e->doorbells++;
		model_e1000_transmit(e);
	}
}

bool model_e1000_receive(struct model_e1000 *e, const void *b, uint32_t n)
{
	uint32_t size = R(e, E1000_RDLEN) / sizeof(struct e1000_rx_desc);
	struct e1000_rx_desc *d;

	if (!(R(e, E1000_RCTL) & E1000_RCTL_EN) || R(e, E1000_RDH) == R(e, E1000_RDT)) {
		R(e, E1000_MPC)++;
		e->icr |= E1000_INT_RXO;
		return false;
	}
	d = (struct e1000_rx_desc *)hw_at(base(e, E1000_RDBAL), size * sizeof(*d)) +
	    R(e, E1000_RDH);
	assert(d->status == 0);		/* a buffer that was used and not given back */
	memcpy(hw_at(d->addr, n), b, n);
	d->len = e->lie_len ? e->lie_len : (uint16_t)n;
	d->errors = e->lie_errors;
	d->status = (uint8_t)((E1000_RX_DD | E1000_RX_EOP) & ~e->lie_status_off);
	R(e, E1000_RDH) = (R(e, E1000_RDH) + 1) % size;
	e->icr |= E1000_INT_RXT0;
	return true;
}

bool model_e1000_line(const struct model_e1000 *e)
{
	return e->icr & e->ims;
}

void model_e1000_init(struct model_e1000 *e, struct hw *m)
{
	memset(e, 0, sizeof(*e));
	reset(e);
	e->resets = 0;
	m->model = (struct hw_model){ read_reg, write_reg, NULL, e };
	m->dev = (struct port_hw){
		.bus = PORT_HW_PCI, .vendor = 0x8086, .device = 0x100e,
		.bars = { { .base = 0xfe000000, .size = 0x20000 } }, .ctx = m,
	};
}
