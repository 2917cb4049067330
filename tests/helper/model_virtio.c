/* The registers and queues of a virtio network device. */
#include "helper/model_virtio.h"

#include <string.h>

#define HDR 12u

static struct virtio_avail *avail_of(struct model_virtio_queue *q)
{
	return hw_at(q->avail, sizeof(struct virtio_avail) + 2u * (q->size + 1));
}

static struct virtio_used *used_of(struct model_virtio_queue *q)
{
	return hw_at(q->used, sizeof(struct virtio_used) + 8u * q->size + 2);
}

static struct virtio_desc *desc_of(struct model_virtio_queue *q, uint32_t i)
{
	assert(i < q->size);
	return (struct virtio_desc *)hw_at(q->desc, sizeof(struct virtio_desc) * q->size) + i;
}

static uint32_t hdr_bytes(const struct model_virtio *v)
{
	bool mergeable = v->agreed & VIRTIO_BIT(15);

	return v->kind == MODEL_VIRTIO_LEGACY && !mergeable ? 10 : HDR;
}

static void interrupt(struct model_virtio *v, struct model_virtio_queue *q, uint16_t old)
{
	uint16_t event = avail_of(q)->ring[q->size], new = used_of(q)->idx;

	if (v->agreed & VIRTIO_BIT(VIRTIO_F_EVENT_IDX) ?
		    (uint16_t)(new - event - 1) < (uint16_t)(new - old) :
		    !(avail_of(q)->flags & 1)) {
		v->interrupts++;
		v->isr |= 1;
	}
}

/* A buffer goes back to the driver. */
static void use(struct model_virtio *v, struct model_virtio_queue *q, uint32_t id, uint32_t len)
{
	struct virtio_used *u = used_of(q);

	u->ring[u->idx % q->size].id = v->lie_id ? v->lie_id : id;
	u->ring[u->idx % q->size].len = v->lie_len ? v->lie_len : len;
	u->idx = (uint16_t)(u->idx + 1 + v->lie_idx);
}

/* The first descriptor of the next buffer that the driver has shown, or false. */
static bool next_buffer(struct model_virtio_queue *q, uint32_t *head)
{
	struct virtio_avail *a;

	if (!q->ready)
		return false;
	a = avail_of(q);
	if (a->idx == q->seen)
		return false;
	assert((uint16_t)(a->idx - q->seen) <= q->size);
	*head = a->ring[q->seen++ % q->size];
	*(uint16_t *)&used_of(q)->ring[q->size] = q->seen;	/* kick us at the next */
	return true;
}

void model_virtio_transmit(struct model_virtio *v)
{
	struct model_virtio_queue *q = &v->q[1];
	uint8_t frame[HW_FRAME_MAX + HDR];
	uint32_t head;

	while (!v->hold_tx && next_buffer(q, &head)) {
		uint32_t n = 0;
		uint16_t old = used_of(q)->idx;

		for (struct virtio_desc *d = desc_of(q, head);; d = desc_of(q, d->next)) {
			assert(!(d->flags & VIRTIO_DESC_WRITE) && n + d->len <= sizeof(frame));
			memcpy(frame + n, hw_at(d->addr, d->len), d->len);
			n += d->len;
			if (!(d->flags & VIRTIO_DESC_NEXT))
				break;
		}
		assert(n > hdr_bytes(v));
		v->tx_flags = frame[0];
		memcpy(&v->tx_start, frame + 6, 2);
		memcpy(&v->tx_offset, frame + 8, 2);
		hw_sent(frame + hdr_bytes(v), n - hdr_bytes(v));
		use(v, q, head, 0);
		interrupt(v, q, old);
	}
}

bool model_virtio_receive(struct model_virtio *v, const void *b, uint32_t n)
{
	struct model_virtio_queue *q = &v->q[0];
	uint8_t all[20000] = { v->rx_flags };
	uint32_t head, at = 0, total = n + hdr_bytes(v), heads[16], lens[16];
	uint16_t k = 0, old;

	all[1] = v->rx_gso != 0;
	memcpy(all + 4, &v->rx_gso, 2);
	memcpy(all + hdr_bytes(v), b, n);
	do {
		struct virtio_desc *d;

		if (k == 16 || !next_buffer(q, &head))
			return false;
		d = desc_of(q, head);
		assert(d->flags & VIRTIO_DESC_WRITE);
		heads[k] = head;
		lens[k] = d->len < total - at ? d->len : total - at;
		at += lens[k++];
	} while (at < total);
	if (hdr_bytes(v) == HDR)
		memcpy(all + 10, v->lie_buffers ? &v->lie_buffers : &k, 2);
	old = used_of(q)->idx;
	at = 0;
	for (uint16_t i = 0; i < k; at += lens[i++]) {
		memcpy(hw_at(desc_of(q, heads[i])->addr, lens[i]), all + at, lens[i]);
		use(v, q, heads[i], lens[i]);
	}
	interrupt(v, q, old);
	return true;
}

/* ---- registers that all kinds have, by meaning */

static void set_status(struct model_virtio *v, uint32_t s)
{
	if (s == 0) {
		memset(v->q, 0, sizeof(v->q));
		v->agreed = 0;
		v->isr = 0;
		v->resets++;
	}
	v->status = v->refuses ? s & ~8u : s;
}

static uint32_t half(uint64_t features, uint32_t select)
{
	return select < 2 ? (uint32_t)(features >> 32 * select) : 0;
}

static void agree(struct model_virtio *v, uint32_t value)
{
	uint64_t mask = 0xffffffffull << (v->guest_select ? 32 : 0);

	v->agreed = (v->agreed & ~mask) | ((uint64_t)value << (v->guest_select ? 32 : 0) & mask);
	assert((v->agreed & ~v->offers) == 0);	/* took what was not offered */
}

static struct model_virtio_queue *queue(struct model_virtio *v)
{
	assert(v->queue_select < 2);
	return &v->q[v->queue_select];
}

static void kick(struct model_virtio *v, uint32_t index)
{
	assert(index < 2 && v->status & 4);
	v->kicks++;
	if (index == 1)
		model_virtio_transmit(v);
}

static void half64(uint64_t *at, bool high, uint32_t value)
{
	*at = high ? (*at & 0xffffffffu) | (uint64_t)value << 32 : value;
}

static uint32_t config(struct model_virtio *v, uint32_t off, unsigned bytes)
{
	if (off < 6 && bytes == 1)
		return v->mac[off];
	return off == 6 ? 1 : 1400;	/* link up; MTU */
}

/* ---- memory-mapped */

static uint32_t mmio_read(struct model_virtio *v, uint32_t off, unsigned bytes)
{
	switch (off) {
	case 0x00: return 0x74726976;
	case 0x04: return v->kind == MODEL_VIRTIO_LEGACY ? 1 : 2;
	case 0x10: return half(v->offers, v->feature_select);
	case 0x34: return v->no_queues ? 0 : 256;
	case 0x60: return v->isr;
	case 0x70: return v->status;
	default: return off >= 0x100 ? config(v, off - 0x100, bytes) : 0;
	}
}

static void legacy_place(struct model_virtio_queue *q, uint32_t page)
{
	q->desc = (uint64_t)page * 4096;
	q->avail = q->desc + 16u * q->size;
	q->used = ALIGN_UP(q->avail + 4 + 2u * (q->size + 1), 4096ull);
	q->ready = page != 0;
}

static void mmio_write(struct model_virtio *v, uint32_t off, uint32_t value)
{
	struct model_virtio_queue *q = v->queue_select < 2 ? queue(v) : NULL;

	switch (off) {
	case 0x14: v->feature_select = value; break;
	case 0x20: agree(v, value); break;
	case 0x24: v->guest_select = value; break;
	case 0x30: v->queue_select = value; break;
	case 0x38: q->size = value; break;
	case 0x40: legacy_place(q, value); break;
	case 0x44: q->ready = value; break;
	case 0x50: kick(v, value); break;
	case 0x64: v->isr &= ~value; break;
	case 0x70: set_status(v, value); break;
	case 0x80: case 0x84: half64(&q->desc, off & 4, value); break;
	case 0x90: case 0x94: half64(&q->avail, off & 4, value); break;
	case 0xa0: case 0xa4: half64(&q->used, off & 4, value); break;
	}
}

/* ---- PCI: common at 0, interrupt status at 0x1000, configuration at 0x2000, bells at 0x3000 */

static uint32_t pci_read(struct model_virtio *v, uint32_t off, unsigned bytes)
{
	uint32_t isr = v->isr;

	if (off == 0x1000) {
		v->isr = 0;
		return isr;
	}
	if (off >= 0x2000 && off < 0x3000)
		return config(v, off - 0x2000, bytes);
	switch (off) {
	case 0x04: return half(v->offers, v->feature_select);
	case 0x14: return v->status;
	case 0x18: return v->no_queues ? 0 : 256;
	case 0x1e: return v->queue_select;
	default: return 0;
	}
}

static void pci_write(struct model_virtio *v, uint32_t off, uint32_t value)
{
	struct model_virtio_queue *q = v->queue_select < 2 ? queue(v) : NULL;

	if (off >= 0x3000) {
		kick(v, (off - 0x3000) / 4);
		return;
	}
	switch (off) {
	case 0x00: v->feature_select = value; break;
	case 0x08: v->guest_select = value; break;
	case 0x0c: agree(v, value); break;
	case 0x14: set_status(v, value); break;
	case 0x16: v->queue_select = value; break;
	case 0x18: q->size = value; break;
	case 0x1c: q->ready = value; break;
	case 0x20: case 0x24: half64(&q->desc, off & 4, value); break;
	case 0x28: case 0x2c: half64(&q->avail, off & 4, value); break;
	case 0x30: case 0x34: half64(&q->used, off & 4, value); break;
	}
}

static uint32_t model_read(void *model, unsigned bar, uint32_t off, unsigned bytes)
{
	struct model_virtio *v = model;

	return v->kind == MODEL_VIRTIO_PCI ? pci_read(v, off, bytes) : mmio_read(v, off, bytes);
}

static void model_write(void *model, unsigned bar, uint32_t off, unsigned bytes, uint32_t value)
{
	struct model_virtio *v = model;

	if (v->kind == MODEL_VIRTIO_PCI)
		pci_write(v, off, value);
	else
		mmio_write(v, off, value);
}

/* Capabilities at 0x40, 0x54 ...: a foreign one first, then the four windows. */
static uint32_t model_config(void *model, uint32_t off, unsigned bytes)
{
	static const uint8_t types[] = { 1, 3, 4, 2 };
	static const uint32_t at[] = { 0, 0x1000, 0x2000, 0x3000 };
	uint32_t i = (off - 0x54) / 0x14, in = (off - 0x54) % 0x14;

	if (off == 0x34)
		return 0x40;
	if (off == 0x40 || off == 0x41)
		return off == 0x40 ? 0x11 : 0x54;
	if (off < 0x54 || i >= 4)
		return 0;
	switch (in) {
	case 0: return 0x09;
	case 1: return i < 3 ? off - 1 + 0x14 : 0;
	case 3: return types[i];
	case 4: return 4;
	case 8: return at[i];
	case 16: return 4;
	default: return 0;
	}
}

void model_virtio_init(struct model_virtio *v, struct hw *m, enum model_virtio_kind kind,
		       uint64_t offers)
{
	const uint8_t mac[6] = { 0x52, 0x54, 0x00, 0x01, 0x02, 0x03 };
	bool pci = kind == MODEL_VIRTIO_PCI;

	*v = (struct model_virtio){ .kind = kind, .offers = offers };
	memcpy(v->mac, mac, 6);
	m->model = (struct hw_model){ model_read, model_write, model_config, v };
	m->dev = (struct port_hw){
		.bus = pci ? PORT_HW_PCI : PORT_HW_VIRTIO_MMIO, .vendor = VIRTIO_VENDOR,
		.device = pci ? 0x1041 : 1, .ctx = m,
	};
	m->dev.bars[pci ? 4 : 0] = (struct port_hw_bar){ .base = 0xfe000000, .size = 0x4000 };
}
