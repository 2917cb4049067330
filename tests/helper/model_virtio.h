/* A model of a virtio network device (VIRTIO 1.1): three kinds of registers, queues, faults. */
#ifndef HELPER_MODEL_VIRTIO_H
#define HELPER_MODEL_VIRTIO_H

#include "drivers/virtio/virtio.h"
#include "helper/hw.h"

enum model_virtio_kind { MODEL_VIRTIO_PCI, MODEL_VIRTIO_MMIO, MODEL_VIRTIO_LEGACY };

struct model_virtio_queue {
	uint32_t size;
	uint64_t desc, avail, used;
	uint16_t seen;		/* of avail */
	bool ready;
};

struct model_virtio {
	enum model_virtio_kind kind;
	uint64_t offers, agreed;
	uint32_t status, feature_select, guest_select, queue_select, isr;
	struct model_virtio_queue q[2];
	uint8_t mac[6];
	unsigned resets, kicks, interrupts;
	/* faults */
	bool refuses;		/* does not keep FEATURES_OK */
	bool no_queues;
	bool hold_tx;
	uint32_t lie_id, lie_len;	/* of the next used entries, if not 0 */
	uint16_t lie_idx;	/* the used index jumps by so much more */
	uint16_t lie_buffers;	/* what the header of a received frame says, if not 0 */
	uint8_t rx_flags;	/* of the header */
	uint16_t rx_gso;	/* segments of this size were merged; 0: none */
	uint8_t tx_flags;	/* what the last frame's header said */
	uint16_t tx_start, tx_offset;
};

void model_virtio_init(struct model_virtio *v, struct hw *m, enum model_virtio_kind kind,
		       uint64_t offers);

/* A frame comes from the wire, into as many buffers as it needs.  False: none was there. */
bool model_virtio_receive(struct model_virtio *v, const void *b, uint32_t n);

void model_virtio_transmit(struct model_virtio *v);

#endif
