/* A stack in virtual time whose link is a list of IP packets: what scripts of packetdrill run
 * against.
 *
 * Everything is called by one thread (pd_call.c).  Time moves by pd_stack_move() only. */
#ifndef APPS_PACKETDRILL_PD_STACK_H
#define APPS_PACKETDRILL_PD_STACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/types.h"

struct leat_ring;

/* Opens the stack; its settings are those of this namespace's net.ipv4, as far as there are any
 * of the same meaning.  `round` takes what has completed on the ring.  Ends the program with a
 * message when it can't. */
struct leat_ring *pd_stack_open(const char *flags, void (*round)(void));
void pd_stack_close(void);

nsec pd_stack_now(void);

/* Runs the stack until it has nothing to do at this moment; returns when it has again. */
nsec pd_stack_run(void);

/* It is `to` now, and what is due then is done.  Whoever calls it goes from one moment that
 * pd_stack_run() named to the next. */
void pd_stack_move(nsec to);

/* An IP packet arrives. */
void pd_stack_arrive(const void *packet, size_t n);

/* Takes the oldest IP packet that has left; false: there is none.  *n: room, then length. */
bool pd_stack_left(void *to, size_t *n, nsec *when);

#endif
