/* The end of the machine.
 *
 * In this order: QEMU's test device, which hands an exit code to whoever started it (where it is
 * not there, the port is nobody's); the power switch of pc and q35; that of microvm; a reset; sleep
 * for ever. */
#include "port/metal/metal.h"

#define DEBUG_EXIT 0xf4			/* isa-debug-exit: the code is (value << 1) | 1 */
#define PM1_CONTROL 0x604		/* both PIIX4 and ICH9 of QEMU have it there */
#define PM1_OFF 0x2000
#define GED_SLEEP 0xfea00200u		/* microvm: ACPI's generic event device */
#define GED_OFF 0x34			/* sleep state 5, go */
#define KEYBOARD 0x64
#define KEYBOARD_RESET 0xfe

void metal_power_off(unsigned code)
{
	volatile uint8_t *ged = (volatile uint8_t *)(uintptr_t)GED_SLEEP;

	metal_irq_off();
	metal_out32(DEBUG_EXIT, code);
	metal_out16(PM1_CONTROL, PM1_OFF);
	*ged = GED_OFF;
	metal_out8(KEYBOARD, KEYBOARD_RESET);
	for (;;)
		__asm__ volatile("cli; hlt");
}
