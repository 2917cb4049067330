/* Interrupt controllers: the local APIC with its timer, and the I/O APICs' lines.
 *
 * The old controllers are silenced.  Every line starts closed.  Lines are opened and closed often
 * (once a sleep), so what an I/O APIC holds is remembered and its registers are only written. */
#include "port/metal/metal.h"

#define LAPIC 0xfee00000u
#define LAPIC_EOI 0xb0u
#define LAPIC_SPURIOUS 0xf0u
#define LAPIC_TIMER 0x320u
#define LAPIC_INITIAL 0x380u
#define LAPIC_CURRENT 0x390u
#define LAPIC_DIVIDE 0x3e0u
#define MASKED 0x10000u
#define LEVEL 0x8000u
#define IOAPICS 2u
#define IOAPIC_PINS 24u

uint64_t metal_apic_hz;

/* All have one at the first address; microvm may have another for its virtio devices. */
static const uint32_t apic_bases[IOAPICS] = { 0xfec00000u, 0xfec10000u };

static uint32_t apic_line_low[METAL_LINES];	/* what a line's register holds; 0: no line */

static volatile uint32_t *apic_register(uint32_t off)
{
	return (volatile uint32_t *)(uintptr_t)(LAPIC + off);
}

static void apic_io_write(unsigned io, uint32_t index, uint32_t value)
{
	volatile uint32_t *base = (volatile uint32_t *)(uintptr_t)apic_bases[io];

	base[0] = index;
	base[4] = value;
}

static uint32_t apic_io_read(unsigned io, uint32_t index)
{
	volatile uint32_t *base = (volatile uint32_t *)(uintptr_t)apic_bases[io];

	base[0] = index;
	return base[4];
}

static void apic_set(unsigned line, uint32_t low)
{
	apic_line_low[line] = low;
	apic_io_write(line / IOAPIC_PINS, 0x10 + line % IOAPIC_PINS * 2, low);
}

void metal_apic_line(unsigned line, bool open)
{
	uint32_t low = apic_line_low[line];
	uint32_t want = open ? low & ~MASKED : low | MASKED;

	if (low && low != want)
		apic_set(line, want);
}

void metal_apic_level(unsigned line)
{
	if (line < METAL_LINES && apic_line_low[line])
		apic_set(line, apic_line_low[line] | LEVEL);
}

void metal_apic_done(void)
{
	*apic_register(LAPIC_EOI) = 0;
}

void metal_apic_timer(uint64_t ticks)
{
	*apic_register(LAPIC_INITIAL) = (uint32_t)MIN(ticks, (uint64_t)UINT32_MAX);
}

uint32_t metal_apic_ticks(void)
{
	return *apic_register(LAPIC_CURRENT);
}

static void apic_old_controllers(void)
{
	metal_out8(0x21, 0xff);
	metal_out8(0xa1, 0xff);
}

void metal_apic_init(void)
{
	apic_old_controllers();
	*apic_register(LAPIC_SPURIOUS) = 0x100 | METAL_VECTOR_SPURIOUS;	/* on */
	*apic_register(LAPIC_DIVIDE) = 0xb;				/* by 1 */
	*apic_register(LAPIC_TIMER) = METAL_VECTOR_TIMER;		/* once */
	metal_apic_timer(0);
	for (unsigned line = 0; line < IOAPICS * IOAPIC_PINS; line++) {
		unsigned io = line / IOAPIC_PINS;

		if (line % IOAPIC_PINS == 0 && apic_io_read(io, 1) == UINT32_MAX)
			break;		/* nothing answers */
		apic_io_write(io, 0x11 + line % IOAPIC_PINS * 2, 0);
		apic_set(line, MASKED | (METAL_VECTOR_LINE + line));
	}
}
