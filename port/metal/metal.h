/* What the files of the bare platform say to each other, and to the kernel image above.
 *
 *	start.S		from the loader to 64-bit C; the stubs of interrupts
 *	boot.c		what the loader said: memory, command line, archive
 *	paging.c	who may write and execute what; guard pages
 *	trap.c		interrupts that mark, faults that end
 *	apic.c		interrupt controllers, and their timer
 *	clock.c		the time-stamp counter and the calendar
 *	idle.c		sleeping without losing a wake-up
 *	serial.c	the console	panic.c, symbols.c	the last words
 *	pci.c		discovery	entropy.c, map.c, mem.c, power.c
 *
 * Memory is mapped where it lies: an address is the same for us and for a device.  Variables are
 * allowed here: there is one machine. */
#ifndef PORT_METAL_METAL_H
#define PORT_METAL_METAL_H

#include "base/types.h"
#include "base/core.h"

#define METAL_PAGE 4096u
#define METAL_RANGES_MAX 32u

/* ---- boot.c */

struct metal_range {
	uint64_t start, end;
};

struct metal_boot {
	const char *how;		/* "pvh", "multiboot" */
	char command_line[1024];
	struct metal_range memory[METAL_RANGES_MAX];	/* usable, sorted, disjoint */
	unsigned memory_n;
	struct metal_range archive;	/* initrd; empty: none */
};

extern struct metal_boot metal_boot;

void metal_boot_read(const void *info);

/* A word `name=value` or `name` of the command line: copies the value; false when absent. */
bool metal_option(const char *name, char *value, size_t size);

/* ---- machine */

static inline uint8_t metal_in8(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint16_t metal_in16(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline uint32_t metal_in32(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

static inline void metal_out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void metal_out16(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline void metal_out32(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port) : "memory");
}

static inline uint64_t metal_tsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static inline void metal_cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	__asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
			 : "a"(leaf), "c"(sub));
}

static inline uint64_t metal_msr_read(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void metal_msr_write(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
			 : "memory");
}

static inline void metal_irq_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void metal_irq_on(void)
{
	__asm__ volatile("sti" : : : "memory");
}

/* ---- paging.c */

/* Sets permissions of the image's parts and takes away the pages that guard. */
void metal_paging_init(void);

/* Registers that lie above the first 4 GiB. */
void metal_paging_registers(uint64_t base, uint64_t size);

/* The name of the guard that an address lies in, or NULL. */
const char *metal_paging_guard(uint64_t address);

/* ---- trap.c */

/* As the stubs of start.S push it. */
struct metal_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

#define METAL_LINES 64u			/* interrupt lines, by number of the I/O APICs' pins */
#define METAL_VECTOR_LINE 0x30u		/* the vector of line 0 */
#define METAL_VECTOR_TIMER 0xe0u
#define METAL_VECTOR_SPURIOUS 0xffu

void metal_trap_init(void);
void metal_trap(struct metal_frame *f);	/* start.S calls it */

/* Has anything marked since this was asked last?  With interrupts off. */
bool metal_trap_marked(void);
void metal_trap_mark(void);

struct metal_trap_counts {
	uint64_t lines[METAL_LINES], timer, spurious;
};
extern struct metal_trap_counts metal_trap_counts;

/* ---- apic.c */

void metal_apic_init(void);
void metal_apic_line(unsigned line, bool open);
void metal_apic_level(unsigned line);	/* this line is level triggered (PCI) */
void metal_apic_done(void);		/* end of interrupt */
void metal_apic_timer(uint64_t ticks);	/* interrupts once, after so many; 0: not at all */
uint32_t metal_apic_ticks(void);	/* left of them */
extern uint64_t metal_apic_hz;		/* ticks a second; clock.c finds out */

/* ---- clock.c */

void metal_clock_init(void);

/* ---- serial.c */

void metal_serial_init(void);
void metal_serial_write(const char *text);
int metal_serial_read(void);		/* a byte, or -1 */
void metal_serial_irq(void);		/* what is typed ends a sleep */

/* A line, with time and colour, when `level` is within what is wanted. */
PRINTF_LIKE(2, 3) void metal_log(enum log_level level, const char *format, ...);
void metal_log_level(enum log_level most);

/* ---- panic.c, symbols.c */

/* Prints why, registers (`f` may be NULL) and who called whom; ends. */
NORETURN void metal_panic(const struct metal_frame *f, const char *format, ...);

/* The function that an address lies in, or NULL. */
const char *metal_symbol(uint64_t address, uint64_t *offset);

/* ---- power.c */

/* Ends the machine: a test's exit code where the test device is, else power off, else a reset. */
NORETURN void metal_power_off(unsigned code);

/* ---- map.c */

void metal_map_init(void);
uint64_t metal_map_left(void);		/* bytes */

/* Less than a page, or more; not cleared.  Put back with the same `bytes`. */
void *metal_map_object(size_t bytes);
void metal_map_object_put(void *mem, size_t bytes);

/* ---- pci.c */

void metal_pci_init(void);

/* ---- of the linker script */

extern char metal_text[], metal_text_end[], metal_rodata[], metal_rodata_end[], metal_data[],
	metal_end[], metal_stack_guard[], metal_stack[], metal_stack_end[],
	metal_fault_guard[], metal_fault_stack_end[];

#endif
