/* The kernel's offloads, as TAP and AF_PACKET speak them: a struct virtio_net_hdr in front of a
 * frame.
 *
 * The stack makes segments of the size that the wire takes, and that is what queues, scoreboards
 * and scripts see.  Where the kernel would take them apart for us anyway, vnet_gather() puts a run
 * of them together again at the last moment, without copying payload: one header, many pieces, one
 * system call (docs/adr/0016-join-segments-at-the-device.md).  In the other direction the kernel
 * hands over what it has merged: frames of up to 64 KiB in a chain.
 *
 * Always: a gathered frame is cut by the kernel into exactly the segments it was made of, but for
 * IP identification, and PSH, which only the last may have. */
#ifndef DRIVERS_VNET_VNET_H
#define DRIVERS_VNET_VNET_H

#include <sys/uio.h>

#include "link/netdev.h"

#define VNET_FRAME_MAX 65549u	/* a 65535-byte IP packet and its Ethernet header */
#define VNET_IOV_MAX 128u
#define VNET_HEADERS_MAX 134u	/* Ethernet, IPv4 without options, TCP with all */

/* struct virtio_net_hdr of <linux/virtio_net.h>, which is native-endian there. */
struct vnet_header {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
};
static_assert(sizeof(struct vnet_header) == 10, "virtio 1.1 §5.1.6, legacy form");

struct vnet_frame {
	struct vnet_header header;
	uint8_t headers[VNET_HEADERS_MAX + 4];	/* right behind it: one piece of iov */
	struct iovec iov[VNET_IOV_MAX];
	unsigned iov_n;
	uint32_t bytes;		/* of the frame, without struct vnet_header */
};

/* Makes one frame out of as many of p[0..n) as go together; returns how many (at least 1).
 * `offload` false: always 1, and no header in front.  Borrows; the packets stay until the frame was
 * written. */
unsigned vnet_gather(struct vnet_frame *f, struct pkt *const *p, unsigned n, bool offload);

/* What a header in front of a received frame says, as flags of the packet.  False when it makes no
 * sense. */
bool vnet_take(const struct vnet_header *h, struct pkt *p);

/* Fills the checksum that nobody has filled: for a frame that leaves this machine's memory without
 * a header in front. */
void vnet_finish(struct pkt *p);

/* Sets `n` iovecs to the room of frames of `dev`'s pool for a frame of any length: p[] keeps the
 * frames between calls, and only those that are missing are taken from the pool.  Returns how many
 * there are. */
unsigned vnet_room(struct netdev *dev, struct pkt **p, struct iovec *iov, unsigned n);

/* Makes a chain of the first frames of p[], of which `have` are there, that `bytes` bytes have
 * filled; moves the others to the front. */
struct pkt *vnet_chain(struct pkt **p, unsigned have, uint32_t bytes);

#endif
