/* The handshake with a virtio device, over PCI or memory-mapped: see virtio.h.
 *
 * A device offers 64 features, of which we take what we know; it then may refuse, and is left. */
#include "base/err.h"
#include "base/mem.h"
#include "drivers/virtio/virtio.h"

/* Status (VIRTIO 1.1 2.1) */
#define ACKNOWLEDGE 1u
#define DRIVER 2u
#define DRIVER_OK 4u
#define FEATURES_OK 8u
#define NEEDS_RESET 64u
#define FAILED 128u

#define ISR_CONFIG 2u

/* PCI capabilities (4.1.4) */
#define CAP_POINTER 0x34u
#define CAP_VENDOR 0x09u
#define CAP_MAX 48u
#define CFG_COMMON 1u
#define CFG_NOTIFY 2u
#define CFG_ISR 3u
#define CFG_DEVICE 4u

/* The common window of PCI (4.1.4.3) */
#define C_FEATURE_SELECT 0x00u
#define C_FEATURE 0x04u
#define C_GUEST_SELECT 0x08u
#define C_GUEST 0x0cu
#define C_STATUS 0x14u
#define C_QUEUE_SELECT 0x16u
#define C_QUEUE_SIZE 0x18u
#define C_QUEUE_ENABLE 0x1cu
#define C_QUEUE_NOTIFY 0x1eu
#define C_QUEUE_DESC 0x20u
#define C_QUEUE_AVAIL 0x28u
#define C_QUEUE_USED 0x30u

/* Memory-mapped (4.2.2), and what was there before the standard (4.2.4) */
#define M_MAGIC 0x00u
#define M_VERSION 0x04u
#define M_FEATURE 0x10u
#define M_FEATURE_SELECT 0x14u
#define M_GUEST 0x20u
#define M_GUEST_SELECT 0x24u
#define M_LEGACY_PAGE 0x28u
#define M_QUEUE_SELECT 0x30u
#define M_QUEUE_MAX 0x34u
#define M_QUEUE_SIZE 0x38u
#define M_LEGACY_ALIGN 0x3cu
#define M_LEGACY_PFN 0x40u
#define M_QUEUE_READY 0x44u
#define M_QUEUE_NOTIFY 0x50u
#define M_ISR 0x60u
#define M_ISR_ACK 0x64u
#define M_STATUS 0x70u
#define M_QUEUE_DESC 0x80u
#define M_QUEUE_AVAIL 0x90u
#define M_QUEUE_USED 0xa0u
#define M_CONFIG 0x100u

#define LEGACY_PAGE 4096u
#define RESET_TRIES 100000u

static bool is_mmio(const struct virtio *v)
{
	return v->hw.bus == PORT_HW_VIRTIO_MMIO;
}

static uint32_t get(struct virtio *v, const struct virtio_window *w, uint32_t off, unsigned bytes)
{
	return port_hw_read(&v->hw, w->bar, w->off + off, bytes);
}

static void put(struct virtio *v, const struct virtio_window *w, uint32_t off, unsigned bytes,
		uint32_t value)
{
	port_hw_write(&v->hw, w->bar, w->off + off, bytes, value);
}

static void put64(struct virtio *v, const struct virtio_window *w, uint32_t off, uint64_t value)
{
	put(v, w, off, 4, (uint32_t)value);
	put(v, w, off + 4, 4, (uint32_t)(value >> 32));
}

/* ---- PCI: where are the windows? */

static void capability(struct virtio *v, uint32_t at)
{
	struct virtio_window *const windows[] = {
		[CFG_COMMON] = &v->common, [CFG_NOTIFY] = &v->notify,
		[CFG_ISR] = &v->isr, [CFG_DEVICE] = &v->device,
	};
	uint32_t type = port_hw_config_read(&v->hw, at + 3, 1);
	uint32_t bar = port_hw_config_read(&v->hw, at + 4, 1);
	struct virtio_window *w;

	if (type >= ARRAY_LEN(windows) || !windows[type] || bar >= PORT_HW_BARS)
		return;
	w = windows[type];
	if (w->there || v->hw.bars[bar].size == 0)
		return;
	w->bar = bar;
	w->off = port_hw_config_read(&v->hw, at + 8, 4);
	w->there = true;
	if (type == CFG_NOTIFY)
		v->notify_step = port_hw_config_read(&v->hw, at + 16, 4);
}

static int find_windows(struct virtio *v)
{
	uint32_t at = port_hw_config_read(&v->hw, CAP_POINTER, 1) & 0xfc;

	for (unsigned i = 0; at && i < CAP_MAX; i++) {
		if (port_hw_config_read(&v->hw, at, 1) == CAP_VENDOR)
			capability(v, at);
		at = port_hw_config_read(&v->hw, at + 1, 1) & 0xfc;
	}
	return v->common.there && v->notify.there && v->isr.there && v->device.there ? 0 :
										   -E_PROTO;
}

static int find_row(struct virtio *v)
{
	const struct virtio_window all = { .there = true };
	uint32_t version;

	v->common = v->notify = v->isr = v->device = all;
	v->device.off = M_CONFIG;
	version = get(v, &v->common, M_VERSION, 4);
	v->legacy = version == 1;
	return version == 1 || version == 2 ? 0 : -E_PROTO;
}

/* ---- status and features */

static uint32_t status(struct virtio *v)
{
	return is_mmio(v) ? get(v, &v->common, M_STATUS, 4) : get(v, &v->common, C_STATUS, 1);
}

static void set_status(struct virtio *v, uint32_t s)
{
	if (is_mmio(v))
		put(v, &v->common, M_STATUS, 4, s);
	else
		put(v, &v->common, C_STATUS, 1, s);
}

static uint64_t offered(struct virtio *v)
{
	uint32_t select = is_mmio(v) ? M_FEATURE_SELECT : C_FEATURE_SELECT;
	uint32_t feature = is_mmio(v) ? M_FEATURE : C_FEATURE;
	uint64_t low;

	put(v, &v->common, select, 4, 0);
	low = get(v, &v->common, feature, 4);
	if (v->legacy)
		return low;
	put(v, &v->common, select, 4, 1);
	return low | (uint64_t)get(v, &v->common, feature, 4) << 32;
}

static void accept(struct virtio *v)
{
	uint32_t select = is_mmio(v) ? M_GUEST_SELECT : C_GUEST_SELECT;
	uint32_t feature = is_mmio(v) ? M_GUEST : C_GUEST;

	put(v, &v->common, select, 4, 0);
	put(v, &v->common, feature, 4, (uint32_t)v->features);
	if (v->legacy)
		return;
	put(v, &v->common, select, 4, 1);
	put(v, &v->common, feature, 4, (uint32_t)(v->features >> 32));
}

void virtio_reset(struct virtio *v)
{
	set_status(v, 0);
	for (unsigned i = 0; i < RESET_TRIES && status(v) != 0; i++)
		;
}

int virtio_open(struct virtio *v, const struct port_hw *hw, uint64_t wanted)
{
	int err;

	*v = (struct virtio){ .hw = *hw };
	err = is_mmio(v) ? find_row(v) : find_windows(v);
	if (err)
		return err;
	virtio_reset(v);
	set_status(v, ACKNOWLEDGE | DRIVER);
	v->features = offered(v) & (wanted | VIRTIO_BIT(VIRTIO_F_VERSION_1));
	accept(v);
	if (v->legacy) {
		put(v, &v->common, M_LEGACY_PAGE, 4, LEGACY_PAGE);
		return 0;
	}
	set_status(v, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	if (v->features & VIRTIO_BIT(VIRTIO_F_VERSION_1) && status(v) & FEATURES_OK)
		return 0;
	set_status(v, FAILED);
	return -E_PROTO;
}

void virtio_start(struct virtio *v)
{
	set_status(v, ACKNOWLEDGE | DRIVER | (v->legacy ? 0 : FEATURES_OK) | DRIVER_OK);
}

uint32_t virtio_config(struct virtio *v, uint32_t off, unsigned bytes)
{
	return get(v, &v->device, off, bytes);
}

void virtio_order(struct virtio *v)
{
	status(v);
}

bool virtio_isr(struct virtio *v)
{
	uint32_t why;

	if (!is_mmio(v))
		return get(v, &v->isr, 0, 1) & ISR_CONFIG;
	why = get(v, &v->isr, M_ISR, 4);
	put(v, &v->isr, M_ISR_ACK, 4, why);
	return why & ISR_CONFIG;
}

bool virtio_broken(struct virtio *v)
{
	return status(v) & NEEDS_RESET;
}

/* ---- queues */

static uint16_t queue_size(struct virtio *v, uint16_t index)
{
	uint32_t most;

	put(v, &v->common, is_mmio(v) ? M_QUEUE_SELECT : C_QUEUE_SELECT, is_mmio(v) ? 4 : 2, index);
	most = is_mmio(v) ? get(v, &v->common, M_QUEUE_MAX, 4) :
			    get(v, &v->common, C_QUEUE_SIZE, 2);
	most = MIN(most, VIRTIO_QUEUE_MAX);
	while (most & (most - 1))
		most &= most - 1;
	return (uint16_t)most;
}

static void queue_place_mmio(struct virtio *v, const struct virtio_queue *q)
{
	const struct virtio_window *w = &v->common;

	put(v, w, M_QUEUE_SIZE, 4, q->size);
	if (v->legacy) {
		put(v, w, M_LEGACY_ALIGN, 4, LEGACY_PAGE);
		put(v, w, M_LEGACY_PFN, 4, (uint32_t)(port_hw_address(q->desc) / LEGACY_PAGE));
		return;
	}
	put64(v, w, M_QUEUE_DESC, port_hw_address(q->desc));
	put64(v, w, M_QUEUE_AVAIL, port_hw_address((void *)(uintptr_t)q->avail));
	put64(v, w, M_QUEUE_USED, port_hw_address((void *)(uintptr_t)q->used));
	put(v, w, M_QUEUE_READY, 4, 1);
}

static void queue_place_pci(struct virtio *v, struct virtio_queue *q)
{
	const struct virtio_window *w = &v->common;

	put(v, w, C_QUEUE_SIZE, 2, q->size);
	put64(v, w, C_QUEUE_DESC, port_hw_address(q->desc));
	put64(v, w, C_QUEUE_AVAIL, port_hw_address((void *)(uintptr_t)q->avail));
	put64(v, w, C_QUEUE_USED, port_hw_address((void *)(uintptr_t)q->used));
	q->notify_off = get(v, w, C_QUEUE_NOTIFY, 2) * v->notify_step;
	put(v, w, C_QUEUE_ENABLE, 2, 1);
}

int virtio_queue_open(struct virtio *v, struct virtio_queue *q, uint16_t index)
{
	uint16_t size = queue_size(v, index);
	void *mem = q->desc;		/* from before a reset: used again */

	if (size == 0)
		return -E_PROTO;
	if (mem)
		mem_zero(mem, virtio_queue_bytes(size));
	else
		mem = port_hw_memory(virtio_queue_bytes(size));
	if (!mem)
		return -E_NOMEM;
	virtio_queue_init(q, index, size, mem, v->features & VIRTIO_BIT(VIRTIO_F_EVENT_IDX));
	if (is_mmio(v))
		queue_place_mmio(v, q);
	else
		queue_place_pci(v, q);
	return 0;
}

void virtio_kick(struct virtio *v, struct virtio_queue *q)
{
	if (is_mmio(v))
		put(v, &v->notify, M_QUEUE_NOTIFY, 4, q->index);
	else
		put(v, &v->notify, q->notify_off, 2, q->index);
}
