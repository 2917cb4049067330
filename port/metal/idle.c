/* Sleeping without losing a wake-up: with interrupts off nothing can be marked between the last
 * look and the sleep, and `sti; hlt` lets one in only when the processor already sleeps. */
#include "port/metal/metal.h"

#include "port/port.h"

#define IDLE_MAX SEC(1)		/* a sleep is at most so long: the timer has 32 bits */

void port_idle_until(nsec deadline, struct port_wait *waits, unsigned n)
{
	nsec now = port_now(), span = deadline > now ? MIN(deadline - now, IDLE_MAX) : 0;

	for (unsigned i = 0; i < n; i++)
		waits[i].ready = true;
	if (span == 0)
		return;
	metal_irq_off();
	if (!metal_trap_marked()) {
		metal_apic_timer(MAX(span * metal_apic_hz / SEC(1), (uint64_t)1));
		__asm__ volatile("sti; hlt; cli" : : : "memory");
		metal_apic_timer(0);
		metal_trap_marked();
	}
	metal_irq_on();
}

void port_wake(void)
{
	metal_trap_mark();
}
