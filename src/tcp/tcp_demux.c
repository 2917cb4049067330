/* Which connection a segment belongs to: the four-tuple table and the listeners.
 *
 * The hash is keyed, so that a peer can't aim at a bucket.
 * Mapped IPv4 addresses take the short way. */
#include "base/foldhash.h"
#include "tcp/tcp_int.h"

uint64_t tcp_hash(const struct tcp *t, const struct addr *local, uint16_t lport,
		  const struct addr *remote, uint16_t rport)
{
	const struct siphash_key *key = &t->core->hash_key;
	uint64_t ports = (uint64_t)lport << 16 | rport;

	if (likely(addr_is_v4(local)))
		return foldhash_2(key, (uint64_t)local->w[3] << 32 | remote->w[3], ports);
	uint64_t w[5] = {local->q[0], local->q[1], remote->q[0], remote->q[1], ports};

	return foldhash_words(key, w, 5);
}

uint64_t tcp_demux_hash_of(void *tcp, uint32_t idx)
{
	struct tcp *t = tcp;
	const struct tcp_conn *c;

	if (idx & TCP_IDX_TIMEWAIT)
		return tcp_timewait_hash(t, idx & ~TCP_IDX_TIMEWAIT);
	if (idx & TCP_IDX_HALF)
		return tcp_synq_hash(t, idx & ~TCP_IDX_HALF);
	c = &t->conns[idx];
	return tcp_hash(t, &c->local, c->lport, &c->remote, c->rport);
}

int tcp_demux_insert(struct tcp *t, struct tcp_conn *c)
{
	uint32_t idx = (uint32_t)(c - t->conns);
	int err = table_insert(&t->table, tcp_demux_hash_of(t, idx), idx);

	if (!err)
		c->flags |= TCPF_HASHED;
	return err;
}

void tcp_demux_remove(struct tcp *t, struct tcp_conn *c)
{
	uint32_t idx = (uint32_t)(c - t->conns);

	table_remove(&t->table, tcp_demux_hash_of(t, idx), idx);
	c->flags &= ~(uint32_t)TCPF_HASHED;
}

static inline bool conn_is(const struct tcp_conn *c, const struct addr *local, uint16_t lport,
			   const struct addr *remote, uint16_t rport)
{
	return c->rport == rport && c->lport == lport && addr_eq(&c->remote, remote) &&
	       addr_eq(&c->local, local);
}

/* Does the entry `idx`, which is no connection's, have these ends? */
static NOINLINE bool other_is(struct tcp *t, uint32_t idx, const struct addr *local, uint16_t lport,
			      const struct addr *remote, uint16_t rport)
{
	if (idx & TCP_IDX_TIMEWAIT)
		return tcp_timewait_is(tcp_timewait_at(t, idx & ~TCP_IDX_TIMEWAIT), local, lport,
				       remote, rport);
	return tcp_synq_is(t, idx & ~TCP_IDX_HALF, local, lport, remote, rport);
}

struct tcp_conn *tcp_demux_conn(struct tcp *t, uint64_t hash, const struct pkt *p,
				const struct wire_tcp *h, uint32_t *other)
{
	*other = TCP_IDX_NONE;
	table_each(&t->table, hash, idx) {
		if (unlikely(idx & (TCP_IDX_TIMEWAIT | TCP_IDX_HALF))) {
			*other = (uint32_t)idx;
			if (other_is(t, *other, &p->rx.dst, h->dport, &p->rx.src, h->sport))
				return NULL;
			*other = TCP_IDX_NONE;
		} else if (conn_is(&t->conns[idx], &p->rx.dst, h->dport, &p->rx.src, h->sport)) {
			return &t->conns[idx];
		}
	}
	return NULL;
}

bool tcp_find(struct tcp *t, const struct addr *local, uint16_t lport, const struct addr *remote,
	      uint16_t rport, struct tcp_info *info)
{
	table_each(&t->table, tcp_hash(t, local, lport, remote, rport), idx) {
		if (idx & (TCP_IDX_TIMEWAIT | TCP_IDX_HALF)) {
			if (!other_is(t, (uint32_t)idx, local, lport, remote, rport))
				continue;
			*info = (struct tcp_info){.local = *local, .remote = *remote,
						  .lport = lport, .rport = rport,
						  .state = idx & TCP_IDX_HALF ? TCP_SYN_RECEIVED
									      : TCP_TIME_WAIT};
			return true;
		}
		if (conn_is(&t->conns[idx], local, lport, remote, rport)) {
			tcp_get_info(t, &t->conns[idx], info);
			return true;
		}
	}
	return false;
}

bool tcp_demux_busy(struct tcp *t, const struct addr *local, uint16_t lport,
		    const struct addr *remote, uint16_t rport)
{
	struct tcp_info info;

	return tcp_find(t, local, lport, remote, rport, &info);
}

bool tcp_port_busy(struct tcp *t, const struct addr *local, uint16_t port)
{
	uint32_t left = t->conns_used;

	for (uint32_t i = 0; i < t->config.conns_max && left; i++) {
		const struct tcp_conn *c = &t->conns[i];

		left -= !!(c->flags & TCPF_USED);
		if (c->flags & TCPF_HASHED && c->lport == port &&
		    (addr_is_any(local) || addr_eq(&c->local, local)))
			return true;
	}
	return tcp_timewait_has(t, local, port);
}

/* One of those that share an address and port: who weighs most for this connection, so that it
 * finds the same one whoever else comes or goes. */
static struct tcp_listener *pick(struct tcp *t, struct tcp_listener *first, uint64_t hash)
{
	struct tcp_listener *best = first;
	uint64_t most = 0;

	if (likely(!first->share))
		return first;
	list_for_each(p, tcp_listener_bucket(t, first->port)) {
		struct tcp_listener *l = container_of(p, struct tcp_listener, hash_node);
		uint64_t w = (uint64_t)(l - t->listeners + 1) * 0x9e3779b97f4a7c15u;

		if (l->port != first->port || !addr_eq(&l->local, &first->local))
			continue;
		w = (w ^ hash) * 0xff51afd7ed558ccdu;
		w = (w ^ w >> 33) * 0xc4ceb9fe1a85ec53u;
		if (w >= most) {
			most = w;
			best = l;
		}
	}
	return best;
}

struct tcp_listener *tcp_demux_listener(struct tcp *t, const struct addr *local, uint16_t port,
					uint64_t hash)
{
	struct tcp_listener *any = NULL;

	list_for_each(n, tcp_listener_bucket(t, port)) {
		struct tcp_listener *l = container_of(n, struct tcp_listener, hash_node);

		if (l->port != port)
			continue;
		if (addr_eq(&l->local, local))
			return pick(t, l, hash);	/* the exact address wins */
		if (addr_is_any(&l->local))
			any = l;
	}
	return any ? pick(t, any, hash) : NULL;
}
