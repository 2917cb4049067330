/* Buffers: packets in the hands of the user of the door, and their way back.
 *
 * A completion names one by its descriptor's index. The descriptor itself (private memory) says
 * that it is handed out, and to which connection its bytes are charged: by cookie, so that
 * giving it back after the connection is gone, or its slot is another's, does no harm. A number
 * that is not handed out (given back twice, made up) is counted and otherwise ignored. */
#include "sock/sock_int.h"

static_assert(sizeof(((struct pkt *)0)->rx) <= 6 * sizeof(uint64_t), "cb[6] and cb[7] are ours");

bool sock_buf_hand(struct socks *s, struct pkt *p TAKES, uint64_t cookie, uint64_t user_data,
		   uint32_t part, struct pkt **rest)
{
	struct pkt *next;

	for (; p; p = next) {
		if (sock_cq_room(s) == 0) {
			*rest = p;
			return false;
		}
		next = p->frag;
		if (next) {
			next->total = p->total - p->len;
			next->next = NULL;
			next->rx = p->rx;
		}
		p->frag = NULL;
		p->total = p->len;
		if (p->len == 0 && next) {	/* there were only headers in it */
			pkt_put(p);
			continue;
		}
		sock_buf_hand_one(s, p, cookie, user_data, next ? part : 0);
	}
	return true;
}

struct pkt *sock_buf_held(const struct socks *s, uint32_t number)
{
	const struct pool *pool = &s->net->pool;
	struct pkt *p = &pool->pkts[number];

	if (number >= pool->frames + pool->bare || p->refs == 0 || p->cb[7] != SOCK_BUF_HELD)
		return NULL;
	return p;
}

void sock_buf_put(struct socks *s, uint32_t number)
{
	struct pkt *p = sock_buf_held(s, number);
	struct tcp_conn *c;

	if (unlikely(!p)) {
		s->n.bad_puts++;
		return;
	}
	p->cb[7] = 0;
	c = tcp_conn_by_cookie(&s->net->tcp, p->cb[6]);
	if (likely(c != NULL))
		tcp_recv_done(&s->net->tcp, c, p->len);
	pkt_put(p);
}

void sock_buf_from(const struct socks *s, uint32_t number, struct leat_addr *from)
{
	const struct pkt *p = sock_buf_held(s, number);

	*from = (struct leat_addr){0};
	if (p && p->cb[6] == SOCK_COOKIE_NONE)
		sock_addr_out(from, &p->rx.src, p->rx.sport);
}
