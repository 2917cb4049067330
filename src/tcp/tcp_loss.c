/* The pooled block of a connection that misses something: got when the first gap appears in either
 * direction, given back when all is in order again.
 *
 * Always: conn->loss is NULL for a connection with no gap, no recovery and no probe out. */
#include "tcp/tcp_int.h"

struct tcp_loss *tcp_loss_get(struct tcp *t, struct tcp_conn *c)
{
	struct list *n;

	if (c->loss)
		return c->loss;
	n = list_pop_front(&t->losses_free);
	if (!n) {
		t->n.losses_full++;
		return NULL;
	}
	c->loss = container_of(n, struct tcp_loss, free_node);
	mem_zero(c->loss, sizeof(*c->loss));
	t->losses_used++;
	return c->loss;
}

void tcp_loss_free(struct tcp *t, struct tcp_conn *c)
{
	if (!c->loss)
		return;
	tcp_reass_free(c);
	list_push_front(&t->losses_free, &c->loss->free_node);
	c->loss = NULL;
	t->losses_used--;
}

void tcp_loss_rest(struct tcp *t, struct tcp_conn *c)
{
	const struct tcp_loss *l = c->loss;

	if (l && !l->reass.head && !l->reass.dup && !l->sack.bytes && !l->tlp.out &&
	    !(c->flags & (TCPF_RECOVERY | TCPF_LOSS)))
		tcp_loss_free(t, c);
}
