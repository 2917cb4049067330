/* The switch for every other processor: by the C library's contexts, a system call each way. */
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "go/go_switch.h"

static void context_switch(ucontext_t *from, ucontext_t *to)
{
	swapcontext(from, to);
}

/* The context lies on the stack that it leaves. */
void go_switch(void **from, void *to)
{
	ucontext_t here;

	*from = &here;
	context_switch(&here, to);
}

void *go_switch_init(uint8_t *stack, size_t size, void (*start)(void))
{
	ucontext_t *c = (ucontext_t *)(void *)(stack + size - (sizeof(*c) + 63) / 64 * 64);

	memset(c, 0, sizeof(*c));
	getcontext(c);
	c->uc_stack.ss_sp = stack;
	c->uc_stack.ss_size = (size_t)((uint8_t *)c - stack);
	makecontext(c, start, 0);
	return c;
}
