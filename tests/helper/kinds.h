/* Every kind of device with its far end, for the conformance suite: a row a kind.
 *
 * A far end puts frames on the link and takes what the device sent, by other means than the driver
 * under test: a packet socket, a Unix socket, the other side.  Kinds that need privileges open in a
 * network namespace of this process, and are skipped where that cannot be had. */
#ifndef HELPER_KINDS_H
#define HELPER_KINDS_H

#include "link/netdev.h"

#define KINDS_FRAME_MAX 70000u
/* All frames of the suite; others, which the kernel sends by itself, are not seen. */
#define KINDS_ETHERTYPE 0x88b5u

struct kinds_rig {
	const struct kinds_row *row;
	struct netdev dev;
	struct pool pool;	/* the device's */
	void *region, *mem;
	struct kinds_far *far;
	uint32_t mtu;
};

struct kinds_row {
	const char *name;
	/* Opens device and far end; a reason to skip, or NULL. */
	const char *(*open)(struct kinds_rig *r);
	void (*close)(struct kinds_rig *r);	/* the far end */
	bool (*put)(struct kinds_rig *r, const uint8_t *frame, uint32_t n);
	/* The next frame that the device sent, 0: there is none (yet). */
	uint32_t (*take)(struct kinds_rig *r, uint8_t *to, uint32_t size);
	/* Pulls the link away and puts it back; NULL: it cannot be done. */
	void (*unplug)(struct kinds_rig *r);
	void (*plug)(struct kinds_rig *r);
	bool runts;		/* the far end can send frames shorter than a header */
	bool giants;		/* ... and longer than the link's MTU */
	bool jumbo;		/* takes an MTU of 9000 */
	unsigned holds;		/* frames that fit between the ends, when fewer than a burst */
};

extern const struct kinds_row kinds[];
extern const unsigned kinds_n;

/* NULL, or why this kind is skipped here. */
const char *kinds_open(struct kinds_rig *r, const struct kinds_row *row, uint32_t mtu);
/* Closes the device, then asserts that no frame is missing. */
void kinds_close(struct kinds_rig *r);

#endif
