/* A machine for drivers of real devices, in a unit test: port/hw.h over a model of one device.
 *
 * The model sees the same registers and the same memory as a device would.  It may touch only what
 * a driver has a right to show it: memory of port_hw_memory() and frames of the pool; anything else
 * fails the test at once.  32-bit cards get 32-bit addresses. */
#ifndef HELPER_HW_H
#define HELPER_HW_H

#include "helper/stage.h"
#include "link/netdev.h"
#include "port/hw.h"

#define HW_OUT_MAX 1024u
#define HW_FRAME_MAX 2048u

struct hw_model {
	uint32_t (*read)(void *model, unsigned bar, uint32_t off, unsigned bytes);
	void (*write)(void *model, unsigned bar, uint32_t off, unsigned bytes, uint32_t value);
	uint32_t (*config)(void *model, uint32_t off, unsigned bytes);	/* may be NULL */
	void *model;
};

struct hw_frame {
	uint32_t n;
	uint8_t b[HW_FRAME_MAX];
};

/* One test's machine. */
struct hw {
	struct stage stage;
	struct hw_model model;
	struct port_hw dev;
	struct netdev nic;
	struct hw_frame *out;		/* what the device has sent on its wire */
	unsigned out_n;
	unsigned reads, writes;		/* of registers */
	unsigned opened;		/* port_hw_irq() calls */
	unsigned memory_left;		/* calls of port_hw_memory() that succeed */
};

void hw_init(struct hw *m, uint32_t frames);
void hw_fini(struct hw *m);	/* after close: asserts that no packet leaked */

/* Time passes. */
void hw_pass(nsec duration);

/* What lies at an address that the driver gave to the device. */
void *hw_at(uint64_t address, size_t n);

/* The device sends: the model's last step. */
void hw_sent(const void *b, uint32_t n);

/* A packet of `n` bytes of `fill` for the driver, in `pieces`. */
struct pkt *hw_packet(struct hw *m, uint32_t n, uint8_t fill, unsigned pieces);

/* Is the k-th frame that was sent what hw_packet() made? */
bool hw_sent_is(const struct hw *m, unsigned k, uint32_t n, uint8_t fill);

/* One rx call; frees what came.  Returns what rx said; *n frames were received, the first byte
 * behind the header of the last of them is *fill. */
int hw_rx(struct hw *m, unsigned *n, uint8_t *fill);

#endif
