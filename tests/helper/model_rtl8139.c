/* The RTL8139's registers, ring and slots. */
#include "helper/model_rtl8139.h"

#include <string.h>

#include "drivers/rtl8139/rtl8139_regs.h"

#define RING 65536u

static uint32_t load(const struct model_rtl8139 *r, uint32_t off, unsigned bytes)
{
	uint32_t v = 0;

	memcpy(&v, r->regs + off, bytes);
	return v;
}

static void store(struct model_rtl8139 *r, uint32_t off, unsigned bytes, uint32_t v)
{
	memcpy(r->regs + off, &v, bytes);
}

static uint32_t behind(const struct model_rtl8139 *r)
{
	return (load(r, RTL8139_CAPR, 2) + 16) % RING;	/* what was read */
}

static void reset(struct model_rtl8139 *r)
{
	memset(r->regs, 0, sizeof(r->regs));
	memcpy(r->regs, "\x52\x54\x00\x0a\x0b\x0c", 6);
	store(r, RTL8139_CAPR, 2, 0xfff0);
	r->at = 0;
	r->isr = 0;
	r->resets++;
}

static uint32_t read_reg(void *model, unsigned bar, uint32_t off, unsigned bytes)
{
	struct model_rtl8139 *r = model;

	assert(off + bytes <= sizeof(r->regs));
	if (off == RTL8139_CR)
		return load(r, off, 1) | (r->at == behind(r) ? RTL8139_CR_BUFE : 0);
	return off == RTL8139_ISR ? r->isr : load(r, off, bytes);
}

static void transmit(struct model_rtl8139 *r, unsigned slot)
{
	uint32_t tsd = load(r, RTL8139_TSD + 4 * slot, 4), n = tsd & RTL8139_TSD_LEN;

	assert(n >= 60 && n <= 1792);
	if (r->hold_tx)
		return;
	hw_sent(hw_at(load(r, RTL8139_TSAD + 4 * slot, 4), n), n);
	store(r, RTL8139_TSD + 4 * slot, 4, tsd | RTL8139_TSD_OWN | RTL8139_TSD_TOK);
	r->isr |= RTL8139_INT_TOK;
}

static void write_reg(void *model, unsigned bar, uint32_t off, unsigned bytes, uint32_t value)
{
	struct model_rtl8139 *r = model;

	assert(off + bytes <= sizeof(r->regs));
	if (off == RTL8139_ISR) {
		r->isr &= (uint16_t)~value;
	} else if (off == RTL8139_CR && value & RTL8139_CR_RST) {
		reset(r);
	} else {
		store(r, off, bytes, value);
		if (off >= RTL8139_TSD && off < RTL8139_TSD + 16)
			transmit(r, (off - RTL8139_TSD) / 4);
	}
}

bool model_rtl8139_receive(struct model_rtl8139 *r, const void *b, uint32_t n)
{
	uint16_t head[2] = { r->lie_status ? r->lie_status : RTL8139_RX_ROK,
			     r->lie_len ? r->lie_len : (uint16_t)(n + 4) };
	uint32_t used = (r->at - behind(r)) % RING, need = ALIGN_UP(n + 8, 4u);
	uint8_t *ring;

	if (!(load(r, RTL8139_CR, 1) & RTL8139_CR_RE) || used + need >= RING) {
		store(r, RTL8139_MPC, 4, load(r, RTL8139_MPC, 4) + 1);
		r->isr |= RTL8139_INT_RXOVW;
		return false;
	}
	ring = hw_at(load(r, RTL8139_RBSTART, 4), RING + 16 + 1536);
	memcpy(ring + r->at, head, 4);
	memcpy(ring + r->at + 4, b, n);		/* behind the end, if need be: WRAP */
	r->at = (r->at + need) % RING;
	r->isr |= RTL8139_INT_ROK;
	return true;
}

bool model_rtl8139_line(const struct model_rtl8139 *r)
{
	return r->isr & load(r, RTL8139_IMR, 2);
}

void model_rtl8139_init(struct model_rtl8139 *r, struct hw *m)
{
	memset(r, 0, sizeof(*r));
	reset(r);
	r->resets = 0;
	m->model = (struct hw_model){ read_reg, write_reg, NULL, r };
	m->dev = (struct port_hw){
		.bus = PORT_HW_PCI, .vendor = 0x10ec, .device = 0x8139,
		.bars = { { .base = 0xc000, .size = 256, .io = true } }, .ctx = m,
	};
}
