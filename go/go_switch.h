/* The switch between two stacks: one file of x86_64/ or generic/ has it. */
#ifndef GO_GO_SWITCH_H
#define GO_GO_SWITCH_H

#include <stddef.h>
#include <stdint.h>

/* Saves where we are in *from and goes on at `to`. */
void go_switch(void **from, void *to);

/* What to switch to for a stack that begins in `start`, which never returns. */
void *go_switch_init(uint8_t *stack, size_t size, void (*start)(void));

#endif
