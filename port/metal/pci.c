/* Discovery: what stands on PCI's first buses, and in microvm's row of virtio-mmio devices.
 *
 * PCI by the old pair of ports, which pc and q35 both have.  The loader's firmware has placed the
 * registers and routed the lines; both are only read here.  virtio-mmio devices are found by their
 * magic where microvm puts them; which line each has depends on how microvm was set up, so that it
 * gets all three that it may have. */
#include "port/metal/metal.h"

#include "base/mem.h"
#include "port/hw.h"

#define ADDRESS 0xcf8
#define DATA 0xcfc
#define BUSES 8u		/* behind bridges too */
#define SLOTS 32u
#define FUNCTIONS 8u
#define BAR0 0x10u
#define LINE 0x3cu
#define HEADER 0x0eu
#define COMMAND 0x04u
#define COMMAND_ON 7u		/* ports, memory, bus master */

#define ROW 0xfeb00000u
#define ROW_STEP 0x200u
#define ROW_MAX 24u
#define ROW_MAGIC 0x74726976u	/* "virt" */
#define VIRTIO_VENDOR 0x1af4u

static void pci_select(uint16_t slot, uint32_t off)
{
	metal_out32(ADDRESS, 0x80000000u | (uint32_t)slot << 8 | (off & 0xfc));
}

static uint32_t pci_read(uint16_t slot, uint32_t off, unsigned bytes)
{
	uint16_t port = (uint16_t)(DATA + (off & 3));

	pci_select(slot, off);
	return bytes == 1 ? metal_in8(port) : bytes == 2 ? metal_in16(port) : metal_in32(port);
}

static void pci_write(uint16_t slot, uint32_t off, unsigned bytes, uint32_t v)
{
	uint16_t port = (uint16_t)(DATA + (off & 3));

	pci_select(slot, off);
	if (bytes == 1)
		metal_out8(port, (uint8_t)v);
	else if (bytes == 2)
		metal_out16(port, (uint16_t)v);
	else
		metal_out32(port, v);
}

/* Returns the number of the next bar: one of 64 bits takes two.  Its size is what stays 0 when all
 * ones are written. */
static unsigned pci_bar(struct port_hw *hw, unsigned i)
{
	struct port_hw_bar *bar = &hw->bars[i];
	uint32_t off = BAR0 + 4 * i, was = pci_read(hw->slot, off, 4), mask;
	bool wide = !(was & 1) && (was & 6) == 4 && i + 1 < PORT_HW_BARS;

	pci_write(hw->slot, off, 4, UINT32_MAX);
	mask = pci_read(hw->slot, off, 4);
	pci_write(hw->slot, off, 4, was);
	if (mask == 0)
		return i + 1;
	bar->io = was & 1;
	bar->base = was & (bar->io ? ~3u : ~15u);
	bar->size = ~(mask & (bar->io ? ~3u : ~15u)) + 1u;
	if (bar->io)
		bar->size &= 0xffff;
	if (wide)
		bar->base |= (uint64_t)pci_read(hw->slot, off + 4, 4) << 32;
	if (!bar->io)
		metal_paging_registers(bar->base, bar->size);
	return wide ? i + 2 : i + 1;
}

static void pci_found(struct port_hw *hw, uint16_t slot, uint32_t id)
{
	uint8_t line = (uint8_t)pci_read(slot, LINE, 1);

	*hw = (struct port_hw){
		.bus = PORT_HW_PCI, .slot = slot,
		.vendor = (uint16_t)id, .device = (uint16_t)(id >> 16),
		.lines = line < METAL_LINES ? 1ull << line : 0,
	};
	for (unsigned i = 0; i < PORT_HW_BARS;)
		i = pci_bar(hw, i);
	metal_apic_level(line);
	pci_write(slot, COMMAND, 2, pci_read(slot, COMMAND, 2) | COMMAND_ON);
}

static unsigned pci_find(struct port_hw *out, unsigned max)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < BUSES * SLOTS * FUNCTIONS && n < max; i++) {
		uint16_t slot = (uint16_t)i;
		uint32_t id = pci_read(slot, 0, 4);

		if (id == UINT32_MAX) {
			if (i % FUNCTIONS == 0)
				i += FUNCTIONS - 1;	/* nothing in this slot */
			if (i == FUNCTIONS - 1)
				break;			/* nor on the first: no PCI at all */
			continue;
		}
		if ((pci_read(slot, HEADER, 1) & 0x7f) == 0)
			pci_found(&out[n++], slot, id);
		if (i % FUNCTIONS == 0 && !(pci_read(slot, HEADER, 1) & 0x80))
			i += FUNCTIONS - 1;
	}
	return n;
}

static unsigned row_find(struct port_hw *out, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ROW_MAX && n < max; i++) {
		volatile uint32_t *at = (volatile uint32_t *)(uintptr_t)(ROW + i * ROW_STEP);

		if (at[0] != ROW_MAGIC)
			break;
		if (at[2] == 0)
			continue;	/* nothing plugged in */
		out[n++] = (struct port_hw){
			.bus = PORT_HW_VIRTIO_MMIO, .slot = (uint16_t)i,
			.vendor = VIRTIO_VENDOR, .device = (uint16_t)at[2],
			.bars = { { .base = (uintptr_t)at, .size = ROW_STEP } },
			.lines = 1ull << (5 + i) | 1ull << (16 + i % 8) | 1ull << (24 + i),
		};
	}
	return n;
}

unsigned port_hw_find(struct port_hw *out, unsigned max)
{
	unsigned n = pci_find(out, max);

	return n + (n == 0 ? row_find(out, max) : 0);
}

uint32_t port_hw_config_read(const struct port_hw *hw, uint32_t off, unsigned bytes)
{
	return pci_read(hw->slot, off, bytes);
}

void port_hw_config_write(const struct port_hw *hw, uint32_t off, unsigned bytes, uint32_t value)
{
	pci_write(hw->slot, off, bytes, value);
}

static uint32_t pci_port_read(uint16_t port, unsigned bytes)
{
	return bytes == 1 ? metal_in8(port) : bytes == 2 ? metal_in16(port) : metal_in32(port);
}

uint32_t port_hw_read(const struct port_hw *hw, unsigned bar, uint32_t off, unsigned bytes)
{
	const struct port_hw_bar *b = &hw->bars[bar];
	uintptr_t at = b->base + off;

	if (b->io)
		return pci_port_read((uint16_t)at, bytes);
	if (bytes == 4)
		return *(volatile uint32_t *)at;
	return bytes == 2 ? *(volatile uint16_t *)at : *(volatile uint8_t *)at;
}

void port_hw_write(const struct port_hw *hw, unsigned bar, uint32_t off, unsigned bytes,
		   uint32_t value)
{
	const struct port_hw_bar *b = &hw->bars[bar];
	uintptr_t at = b->base + off;

	if (!b->io && bytes == 4)
		*(volatile uint32_t *)at = value;
	else if (!b->io && bytes == 2)
		*(volatile uint16_t *)at = (uint16_t)value;
	else if (!b->io)
		*(volatile uint8_t *)at = (uint8_t)value;
	else if (bytes == 4)
		metal_out32((uint16_t)at, value);
	else if (bytes == 2)
		metal_out16((uint16_t)at, (uint16_t)value);
	else
		metal_out8((uint16_t)at, (uint8_t)value);
}
