/* A device for tests: what is sent is captured, what is to be received is put in by hand.
 *
 * Frames sent are copied and their packets given back at once, unless `keep` says that the
 * ring holds them; `room` says how many it takes before it is full. */
#ifndef HELPER_FAKEDEV_H
#define HELPER_FAKEDEV_H

#include "link/netdev.h"

#define FAKEDEV_OUT_MAX 4096u

struct fakedev_frame {
	uint32_t n;
	uint32_t pieces;	/* of the packet that it was */
	uint8_t flags;
	uint8_t *b;
};

struct fakedev {
	struct netdev dev;
	struct pktq in;		/* to be received */
	struct fakedev_frame out[FAKEDEV_OUT_MAX];
	unsigned out_n, out_at;	/* captured; those before out_at were taken */
	unsigned room;		/* frames that tx takes; UINT_MAX: any number */
	bool keep;
	struct pktq kept;
	unsigned bells;		/* calls of tx */
};

void fakedev_init(struct fakedev *f, struct pool *pool, struct mac mac, uint16_t mtu,
		  uint32_t features);
void fakedev_fini(struct fakedev *f);

/* Makes a packet of the bytes: one piece when they fit a frame, else a chain.  NULL: no frame. */
struct pkt *fakedev_packet(struct fakedev *f, const void *b, uint32_t n);

/* Queues a frame for rx; false when there was no memory. */
bool fakedev_put(struct fakedev *f, const void *b, uint32_t n);

/* The next captured frame, or NULL; valid until fakedev_fini(). */
const struct fakedev_frame *fakedev_take(struct fakedev *f);

#endif
