/* Real devices, as their drivers see them: registers, memory that the device reads and writes, and
 * an interrupt that marks.
 *
 * Only a platform that owns a machine supplies this (port/metal); unit tests supply models of
 * devices instead.  Not here: what any register means.
 *
 * An interrupt does nothing but end a sleep: its line is closed by the first one and opened again
 * by port_hw_irq(), so that a driver that polls is not interrupted and a device that hangs cannot
 * storm. */
#ifndef PORT_HW_H
#define PORT_HW_H

#include "base/types.h"

#define PORT_HW_BARS 6u
#define PORT_HW_MAX 32u			/* devices that port_hw_find() tells of */

enum port_hw_bus { PORT_HW_PCI, PORT_HW_VIRTIO_MMIO };

/* A window of registers; size 0: not there. */
struct port_hw_bar {
	uint64_t base, size;
	bool io;		/* ports instead of memory */
};

struct port_hw {
	enum port_hw_bus bus;
	/* PCI's; of virtio-mmio 0x1af4 and the type of device */
	uint16_t vendor, device;
	uint16_t slot;		/* PCI: bus << 8 | device << 3 | function; mmio: which of the row */
	struct port_hw_bar bars[PORT_HW_BARS];
	uint64_t lines;		/* bit set: the interrupt lines that it may raise */
	void *ctx;		/* the platform's own */
};

/* Finds devices; returns how many there are, at most `max`. */
unsigned port_hw_find(struct port_hw *out, unsigned max);

/* Registers of `bytes` 1, 2 or 4, in a bar; PCI configuration space. */
uint32_t port_hw_read(const struct port_hw *hw, unsigned bar, uint32_t off, unsigned bytes);
void port_hw_write(const struct port_hw *hw, unsigned bar, uint32_t off, unsigned bytes,
		   uint32_t value);
uint32_t port_hw_config_read(const struct port_hw *hw, uint32_t off, unsigned bytes);
void port_hw_config_write(const struct port_hw *hw, uint32_t off, unsigned bytes, uint32_t value);

/* Zeroed memory in one piece, aligned to a page, that a device may use; NULL when there is none. It
 * is never given back: a machine's devices stay. */
void *port_hw_memory(size_t bytes);

/* Where the device finds this byte; memory is in one piece for a device where it is for us. */
uint64_t port_hw_address(const void *at);

/* Opens the device's interrupt lines until the next interrupt. */
void port_hw_irq(const struct port_hw *hw);

#endif
