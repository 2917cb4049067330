/* What every virtio device has (VIRTIO 1.1): a handshake about features, and queues.
 *
 * Three ways to the registers behind one face: PCI with capabilities (4.1, "modern"), memory-mapped
 * (4.2), and memory-mapped as it was before the standard (4.2.4, "legacy", which QEMU's microvm has
 * unless told otherwise).
 *
 * The device is not believed: what it writes into a queue is read once and checked, and a device
 * that lied is not spoken to again before it is reset. */
#ifndef DRIVERS_VIRTIO_VIRTIO_H
#define DRIVERS_VIRTIO_VIRTIO_H

#include "port/hw.h"

#define VIRTIO_VENDOR 0x1af4u
#define VIRTIO_QUEUE_MAX 256u

#define VIRTIO_F_EVENT_IDX 29
#define VIRTIO_F_VERSION_1 32
#define VIRTIO_BIT(f) (1ull << (f))

/* A window of registers, within a bar. */
struct virtio_window {
	uint32_t bar, off;
	bool there;
};

struct virtio {
	struct port_hw hw;
	struct virtio_window common, notify, isr, device;	/* mmio: all in one */
	uint32_t notify_step;
	bool legacy;
	uint64_t features;	/* agreed on */
};

/* What lies in memory for both sides (VIRTIO 1.1 2.6). */
struct virtio_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

#define VIRTIO_DESC_NEXT 1u
#define VIRTIO_DESC_WRITE 2u	/* the device writes */

struct virtio_avail {
	uint16_t flags, idx, ring[];	/* behind the ring: used_event */
};

struct virtio_used {
	uint16_t flags, idx;
	struct { uint32_t id, len; } ring[];	/* behind the ring: avail_event */
};

struct virtio_queue {
	uint16_t index, size;		/* size: a power of two */
	uint16_t free;			/* first of the free descriptors, linked by next[] */
	uint16_t free_n;
	uint16_t avail_idx, shown_idx;	/* added; of these shown to the device */
	uint16_t answered;		/* the avail_event that a kick has answered */
	uint16_t used_idx;		/* taken so far */
	uint32_t notify_off;
	bool event_idx;
	struct virtio_desc *desc;
	volatile struct virtio_avail *avail;
	volatile struct virtio_used *used;
	uint16_t next[VIRTIO_QUEUE_MAX];	/* our own: the device could write desc's */
	uint16_t chain[VIRTIO_QUEUE_MAX];	/* descriptors of a buffer, at its first; 0: none */
	void *cookie[VIRTIO_QUEUE_MAX];		/* of a buffer, at its first descriptor */
};

/* Resets the device and agrees on those of `wanted` that it offers.  0, or -E_*. */
int virtio_open(struct virtio *v, const struct port_hw *hw, uint64_t wanted);

/* Between open and start. */
int virtio_queue_open(struct virtio *v, struct virtio_queue *q, uint16_t index);
void virtio_start(struct virtio *v);

/* No register does anything any more, and no memory is touched by it; for virtio_open(). */
void virtio_reset(struct virtio *v);

uint32_t virtio_config(struct virtio *v, uint32_t off, unsigned bytes);

/* Takes note of an interrupt, so that the line falls.  True: it was (also) about something else
 * than queues. */
bool virtio_isr(struct virtio *v);

/* Does the device say that it will not go on without a reset? */
bool virtio_broken(struct virtio *v);

/* What was written to memory is seen by the device before what follows is read. */
void virtio_order(struct virtio *v);

/* ---- queues: virtio_queue.c */

struct virtio_piece {
	const void *at;
	uint32_t len;
};

/* Makes a queue of `size` in `mem` (virtio_queue_bytes(), zeroed, page aligned). */
size_t virtio_queue_bytes(uint16_t size);
void virtio_queue_init(struct virtio_queue *q, uint16_t index, uint16_t size, void *mem,
		       bool event_idx);

/* A buffer of 1 to `n` pieces that the device reads, or (`write`) writes.  False: no room. */
bool virtio_queue_add(struct virtio_queue *q, const struct virtio_piece *pieces, unsigned n,
		      bool write, void *cookie);

/* Shows the device what was added; true when it wants to be told.  To be asked again later, too,
 * without anything new: see virtio_queue.c about fences. */
bool virtio_queue_publish(struct virtio_queue *q);
void virtio_kick(struct virtio *v, struct virtio_queue *q);

/* The next buffer that the device is done with: 1, 0: none, -E_IO: what it says cannot be. */
int virtio_queue_take(struct virtio_queue *q, void **cookie, uint32_t *len);

/* Asks for an interrupt at the next buffer.  After virtio_order() the question whether there is one
 * already. */
void virtio_queue_arm(struct virtio_queue *q);
bool virtio_queue_waits(const struct virtio_queue *q);

/* Takes back a buffer that the device still had, after a reset; NULL: that was all. */
void *virtio_queue_recall(struct virtio_queue *q);

#endif
