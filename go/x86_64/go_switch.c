/* The switch on x86-64: callee-saved registers and the stack pointer, nothing else.
 *
 * The control words of the floating-point units are not switched: a coroutine that changes them
 * changes them for all. */
#include "go/go_switch.h"

__asm__(".text\n"
	".globl go_switch\n"
	".hidden go_switch\n"
	".type go_switch, @function\n"
	"go_switch:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size go_switch, . - go_switch\n");

#define SAVED 6

/* The first switch pops six registers and returns into `start`, whose frame is aligned as if it had
 * been called. */
void *go_switch_init(uint8_t *stack, size_t size, void (*start)(void))
{
	uint64_t *top = (uint64_t *)(stack + size);

	*--top = 0;		/* what start() would return to */
	*--top = (uint64_t)(uintptr_t)start;
	for (int i = 0; i < SAVED; i++)
		*--top = 0;
	return top;
}
