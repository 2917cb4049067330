/* Channels: elements from one coroutine to another, in order.
 *
 * A sender that finds a receiver waiting hands over directly; else the element waits in the channel
 * while there is room, else the sender waits with it.
 *
 * Always: who waits is woken with its element moved; nobody waits to receive while something could
 * be received. */
#include <stdlib.h>
#include <string.h>

#include "go/go_int.h"

struct chan_waiter {
	struct list node;
	struct posix_sleeper sleeper;
	void *to;			/* a receiver's */
	const void *from;		/* a sender's */
	bool done;
};

struct leat_chan {
	size_t size, room, first, n;
	bool closed;
	struct list senders, receivers;
	uint8_t elements[];
};

struct leat_chan *leat_chan_new(size_t size, size_t room)
{
	struct leat_chan *c;

	if (size && room > (SIZE_MAX - sizeof(*c)) / size) {
		errno = ENOMEM;
		return NULL;
	}
	c = malloc(sizeof(*c) + size * room);
	if (!c)
		return NULL;
	*c = (struct leat_chan){ .size = size, .room = room };
	list_init(&c->senders);
	list_init(&c->receivers);
	return c;
}

void leat_chan_free(struct leat_chan *c)
{
	free(c);
}

static struct chan_waiter *first_of(struct list *waiters)
{
	struct list *n = list_pop_front(waiters);

	return n ? container_of(n, struct chan_waiter, node) : NULL;
}

static void finish(struct chan_waiter *w)
{
	w->done = true;
	go_wake(&w->sleeper);
}

static void push(struct leat_chan *c, const void *element)
{
	memcpy(c->elements + (c->first + c->n++) % c->room * c->size, element, c->size);
}

/* 0 when it was woken with its element moved, or the error; -E_PIPE: the channel was closed. */
static int await(struct list *waiters, struct chan_waiter *w, nsec deadline)
{
	int err;

	posix_sleeper_init(go_sched()->p, &w->sleeper);
	list_push_back(waiters, &w->node);
	err = go_park(&w->sleeper, deadline);
	list_del(&w->node);
	if (w->done)
		return 0;
	return err == -E_TIMEDOUT ? -E_TIME : err ? err : -E_PIPE;
}

int leat_chan_send(struct leat_chan *c, const void *element, uint64_t deadline)
{
	struct chan_waiter w = { .from = element }, *receiver;

	if (!go_sched() || !go_sched()->current)
		return go_answer(-E_PERM);
	if (c->closed)
		return go_answer(-E_PIPE);
	receiver = first_of(&c->receivers);
	if (receiver) {
		memcpy(receiver->to, element, c->size);
		finish(receiver);
		return 0;
	}
	if (c->n < c->room) {
		push(c, element);
		return 0;
	}
	return go_answer(await(&c->senders, &w, deadline));
}

int leat_chan_recv(struct leat_chan *c, void *element, uint64_t deadline)
{
	struct chan_waiter w = { .to = element }, *sender;
	int err;

	if (!go_sched() || !go_sched()->current)
		return go_answer(-E_PERM);
	sender = c->n || !list_empty(&c->senders) ? first_of(&c->senders) : NULL;
	if (c->n) {
		memcpy(element, c->elements + c->first * c->size, c->size);
		c->first = (c->first + 1) % c->room;
		c->n--;
		if (sender)
			push(c, sender->from);
	} else if (sender) {
		memcpy(element, sender->from, c->size);
	} else if (c->closed) {
		return 0;
	} else {
		err = await(&c->receivers, &w, deadline);
		return err == -E_PIPE ? 0 : err ? go_answer(err) : 1;
	}
	if (sender)
		finish(sender);
	return 1;
}

void leat_chan_close(struct leat_chan *c)
{
	struct chan_waiter *w;

	c->closed = true;
	while ((w = first_of(&c->receivers)) || (w = first_of(&c->senders)))
		go_wake(&w->sleeper);
}
