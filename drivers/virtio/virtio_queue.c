/* Split queues (VIRTIO 1.1 2.6): buffers to the device and back.
 *
 * Always: a descriptor is free or belongs to exactly one buffer; `chain` at a buffer's first
 * descriptor says how many it has and is 0 everywhere else, so that an answer about anything else
 * is known to be a lie.
 *
 * Fences: "I showed a buffer, do you want to be told?" needs one between the writing and the
 * reading, on both sides.  QEMU leaves fences out when it emulates a single processor, although the
 * device runs in another thread, so that the answer may be an old one.  Therefore the question is
 * asked again by each poll, and each wish of the device (a value of avail_event) is answered once;
 * and before a sleep a register is read, which does order memory. */
#include <stdatomic.h>

#include "base/assert.h"
#include "base/err.h"
#include "drivers/virtio/virtio.h"

#define USED_ALIGN 4096u	/* what legacy devices want */

static size_t used_at(uint16_t size)
{
	size_t n = sizeof(struct virtio_desc) * size + sizeof(struct virtio_avail) +
		   sizeof(uint16_t) * (size + 1u);

	return ALIGN_UP(n, (size_t)USED_ALIGN);
}

size_t virtio_queue_bytes(uint16_t size)
{
	return used_at(size) + sizeof(struct virtio_used) + 8u * size + sizeof(uint16_t);
}

static volatile uint16_t *used_event(struct virtio_queue *q)
{
	return &q->avail->ring[q->size];
}

static uint16_t avail_event(struct virtio_queue *q)
{
	return *(volatile uint16_t *)&q->used->ring[q->size];
}

void virtio_queue_init(struct virtio_queue *q, uint16_t index, uint16_t size, void *mem,
		       bool event_idx)
{
	assert(IS_POW2(size) && size <= VIRTIO_QUEUE_MAX);
	q->index = index;
	q->size = size;
	q->event_idx = event_idx;
	q->desc = mem;
	q->avail = (void *)((uint8_t *)mem + sizeof(struct virtio_desc) * size);
	q->used = (void *)((uint8_t *)mem + used_at(size));
	q->avail_idx = q->shown_idx = q->used_idx = 0;
	q->answered = 0xffff;
	q->free = 0;
	q->free_n = size;
	for (uint16_t i = 0; i < size; i++) {
		q->next[i] = (uint16_t)(i + 1);
		q->chain[i] = 0;
		q->cookie[i] = NULL;
	}
	/* Nobody asked for an interrupt yet: the event lies half a circle away. */
	*used_event(q) = 0x8000;
	q->avail->flags = event_idx ? 0 : 1;
}

bool virtio_queue_add(struct virtio_queue *q, const struct virtio_piece *pieces, unsigned n,
		      bool write, void *cookie)
{
	uint16_t first = q->free, at = first;

	assert(n > 0);
	if (q->free_n < n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		struct virtio_desc *d = &q->desc[at];

		d->addr = port_hw_address(pieces[i].at);
		d->len = pieces[i].len;
		d->flags = (uint16_t)((write ? VIRTIO_DESC_WRITE : 0) |
				      (i + 1 < n ? VIRTIO_DESC_NEXT : 0));
		d->next = i + 1 < n ? q->next[at] : 0;
		at = q->next[at];
	}
	q->free = at;
	q->free_n = (uint16_t)(q->free_n - n);
	q->chain[first] = (uint16_t)n;
	q->cookie[first] = cookie;
	q->avail->ring[q->avail_idx & (q->size - 1)] = first;
	q->avail_idx++;
	return true;
}

bool virtio_queue_publish(struct virtio_queue *q)
{
	bool more = q->avail_idx != q->shown_idx;
	uint16_t event;

	if (more) {
		atomic_thread_fence(memory_order_release);
		q->avail->idx = q->avail_idx;
		q->shown_idx = q->avail_idx;
		atomic_thread_fence(memory_order_seq_cst);
	}
	if (!q->event_idx)
		return more && !(q->used->flags & 1);
	event = avail_event(q);
	if (event == q->answered || (uint16_t)(q->avail_idx - event - 1) >= q->size)
		return false;
	q->answered = event;
	return true;
}

/* Gives a buffer's descriptors back. */
static void *release(struct virtio_queue *q, uint16_t first)
{
	uint16_t n = q->chain[first], last = first;

	for (uint16_t i = 1; i < n; i++)
		last = q->next[last];
	q->next[last] = q->free;
	q->free = first;
	q->free_n = (uint16_t)(q->free_n + n);
	q->chain[first] = 0;
	return q->cookie[first];
}

int virtio_queue_take(struct virtio_queue *q, void **cookie, uint32_t *len)
{
	uint16_t waiting = (uint16_t)(q->used->idx - q->used_idx);
	uint32_t id;

	if (waiting == 0)
		return 0;
	atomic_thread_fence(memory_order_acquire);
	id = q->used->ring[q->used_idx & (q->size - 1)].id;
	*len = q->used->ring[q->used_idx & (q->size - 1)].len;
	if (waiting > q->size || id >= q->size || q->chain[id] == 0)
		return -E_IO;
	q->used_idx++;
	*cookie = release(q, (uint16_t)id);
	return 1;
}

void virtio_queue_arm(struct virtio_queue *q)
{
	*used_event(q) = q->used_idx;
	q->avail->flags = 0;
}

bool virtio_queue_waits(const struct virtio_queue *q)
{
	return q->used->idx != q->used_idx;
}

void *virtio_queue_recall(struct virtio_queue *q)
{
	for (uint16_t i = 0; i < q->size; i++)
		if (q->chain[i])
			return release(q, i);
	return NULL;
}
