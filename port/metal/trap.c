/* Interrupts, which mark and return, and faults, which end the machine with words.
 *
 * Top halves do nothing else: the poll loop is the bottom half.  A line is closed by its interrupt
 * and opened by whoever is about to sleep, so that a device that never stops raising its line costs
 * one interrupt a sleep. */
#include "port/metal/metal.h"

#include "port/hw.h"

#define GATE 0x8e00ull		/* present, interrupt gate */
#define FAULT_STACK 1ull	/* of the task segment: an overflowing stack cannot hold a fault */
#define STUB_BYTES 16u
#define FAULTS 32u
#define FAULT_PAGE 14u

struct metal_trap_counts metal_trap_counts;

static struct {
	uint64_t low, high;
} PACKED trap_gates[256] __attribute__((aligned(16)));

static uint32_t trap_task[26] __attribute__((aligned(16)));	/* AMD64 manual 2, 12.2.5 */
static volatile bool trap_marked;

extern uint64_t metal_gdt[5];
extern const uint8_t metal_stubs[];

static const char *const trap_names[FAULTS] = {
	"division by zero", "debug trap", "non-maskable interrupt", "breakpoint", "overflow",
	"bound exceeded", "invalid instruction", "no coprocessor", "double fault", "?",
	"invalid task segment", "segment not present", "stack fault", "protection fault",
	"page fault", "?", "floating point error", "misaligned access", "machine check",
	"vector floating point error", "virtualization fault", "control protection",
};

/* The stubs differ in length with their jumps: each is aligned to 16, and found by that. */
static void trap_gate(unsigned vector)
{
	uint64_t at = (uintptr_t)metal_stubs + vector * STUB_BYTES;
	uint64_t stack = vector < FAULTS ? FAULT_STACK : 0;

	trap_gates[vector].low = (at & 0xffff) | 0x08ull << 16 | stack << 32 | GATE << 32 |
				 (at >> 16 & 0xffff) << 48;
	trap_gates[vector].high = at >> 32;
}

void metal_trap_init(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} PACKED at = { sizeof(trap_gates) - 1, (uintptr_t)trap_gates },
		 gdt = { sizeof(metal_gdt) - 1, (uintptr_t)metal_gdt };
	uint64_t task = (uintptr_t)trap_task, fault = (uintptr_t)metal_fault_stack_end;

	for (unsigned i = 0; i < ARRAY_LEN(trap_gates); i++)
		trap_gate(i);
	trap_task[9] = (uint32_t)fault;		/* IST1 */
	trap_task[10] = (uint32_t)(fault >> 32);
	metal_gdt[3] = (sizeof(trap_task) - 1) | (task & 0xffffff) << 16 | 0x89ull << 40 |
		       (task >> 24 & 0xff) << 56;
	metal_gdt[4] = task >> 32;
	__asm__ volatile("lgdt %0" : : "m"(gdt));
	__asm__ volatile("lidt %0" : : "m"(at));
	__asm__ volatile("ltr %w0" : : "r"(0x18));
}

bool metal_trap_marked(void)
{
	bool was = trap_marked;

	trap_marked = false;
	return was;
}

void metal_trap_mark(void)
{
	trap_marked = true;
}

NORETURN static void trap_fault(struct metal_frame *f)
{
	uint64_t at;

	if (f->vector != FAULT_PAGE)
		metal_panic(f, "%s (error %llx)", trap_names[f->vector],
			    (unsigned long long)f->error);
	__asm__ volatile("mov %%cr2, %0" : "=r"(at));
	if (metal_paging_guard(at))
		metal_panic(f, "page fault: %s, %s %llx", metal_paging_guard(at),
			    f->error & 2 ? "writing" : f->error & 16 ? "executing" : "reading",
			    (unsigned long long)at);
	metal_panic(f, "page fault: %s %llx, which %s",
		    f->error & 2 ? "writing" : f->error & 16 ? "executing" : "reading",
		    (unsigned long long)at,
		    f->error & 1 ? "may not be done there" : "is not there");
}

void metal_trap(struct metal_frame *f)
{
	unsigned line = (unsigned)f->vector - METAL_VECTOR_LINE;

	if (f->vector < FAULTS)
		trap_fault(f);
	if (f->vector == METAL_VECTOR_SPURIOUS) {
		metal_trap_counts.spurious++;
		return;
	}
	trap_marked = true;
	if (f->vector == METAL_VECTOR_TIMER) {
		metal_trap_counts.timer++;
	} else if (line < METAL_LINES) {
		metal_trap_counts.lines[line]++;
		metal_apic_line(line, false);
	}
	metal_apic_done();
}

void port_hw_irq(const struct port_hw *hw)
{
	for (unsigned line = 0; line < METAL_LINES; line++)
		if (hw->lines >> line & 1)
			metal_apic_line(line, true);
}
