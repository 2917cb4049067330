/* The last words: why, where, with what in the registers, and who called whom. */
#include "port/metal/metal.h"

#include "base/fmt.h"

#define PANIC_CODE 1u		/* what the test device is told */
#define PANIC_DEPTH 32u

static void panic_line(const char *format, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, format);
	fmt_v(line, sizeof(line), format, ap);
	va_end(ap);
	metal_serial_write(line);
	metal_serial_write("\n");
}

static void panic_at(uint64_t rip)
{
	uint64_t off = 0;
	const char *name = metal_symbol(rip, &off);

	panic_line("  %016llx %s+0x%llx", (unsigned long long)rip, name ? name : "?",
		   (unsigned long long)off);
}

static void panic_registers(const struct metal_frame *f)
{
	const char *const names[] = { "r15", "r14", "r13", "r12", "r11", "r10", "r9 ", "r8 ", "rbp",
				      "rdi", "rsi", "rdx", "rcx", "rbx", "rax" };
	const uint64_t *values = &f->r15;
	uint64_t cr2;

	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	for (unsigned i = 0; i < 15; i += 3)
		panic_line("  %s %016llx  %s %016llx  %s %016llx",
			   names[i], (unsigned long long)values[i],
			   names[i + 1], (unsigned long long)values[i + 1],
			   names[i + 2], (unsigned long long)values[i + 2]);
	panic_line("  rip %016llx  rsp %016llx  flags %llx  cr2 %016llx",
		   (unsigned long long)f->rip, (unsigned long long)f->rsp,
		   (unsigned long long)f->rflags, (unsigned long long)cr2);
}

static bool panic_on_stack(uint64_t at)
{
	return at % 8 == 0 && ((at >= (uintptr_t)metal_stack && at < (uintptr_t)metal_stack_end) ||
			       (at >= (uintptr_t)metal_fault_guard + METAL_PAGE &&
				at < (uintptr_t)metal_fault_stack_end));
}

static void panic_callers(uint64_t rbp)
{
	for (unsigned i = 0; i < PANIC_DEPTH && panic_on_stack(rbp) && panic_on_stack(rbp + 8);
	     i++) {
		const uint64_t *at = (const uint64_t *)(uintptr_t)rbp;

		panic_at(at[1]);
		if (at[0] <= rbp)
			break;
		rbp = at[0];
	}
}

void metal_panic(const struct metal_frame *f, const char *format, ...)
{
	static bool again;
	char line[256];
	va_list ap;

	metal_irq_off();
	if (again)
		metal_power_off(PANIC_CODE);
	again = true;
	va_start(ap, format);
	fmt_v(line, sizeof(line), format, ap);
	va_end(ap);
	metal_serial_write("\033[31;1mpanic: ");
	metal_serial_write(line);
	metal_serial_write("\033[0m\n");
	if (f) {
		panic_registers(f);
		panic_at(f->rip);
	}
	panic_callers(f ? f->rbp : (uintptr_t)__builtin_frame_address(0));
	metal_power_off(PANIC_CODE);
}
