/* The table of sockets: memory, descriptors, SOCKET, CLOSE, and what is believed.
 *
 * A descriptor is the slot's index with the slot's count of lives (modulo SOCK_GENS) above it.
 * Slots are reused first in, first out, so that a stale descriptor is recognised for a long
 * time. */
#include "sock/sock_int.h"

#include "wire/ipv4.h"

/* ---- memory */

static const char *config_fault(const struct sock_config *g)
{
	if (g->sockets < 1 || g->sockets > SOCK_MAX)
		return "sockets must be 1 to 4194303";
	if (g->dgrams > g->sockets)
		return "dgrams must not be more than sockets";
	if (g->ops < 1 || g->ops > 1u << 30)
		return "ops must be 1 to 2^30";
	if (g->completions < SOCK_CQ_MIN || g->completions > 1u << 30 || !IS_POW2(g->completions))
		return "completions must be a power of two of at least 16";
	return NULL;
}

static uint32_t colds_of(const struct sock_config *g)
{
	return MIN(g->sockets, g->colds ? g->colds : 4096u);
}

struct layout {
	size_t ops, socks, colds, cqes, udps, hash, end;
	uint32_t hash_bits;
};

static struct layout layout_of(const struct sock_config *g)
{
	struct layout at = {.hash_bits = 33 - (uint32_t)__builtin_clz(g->ops)};

	at.ops = 0;
	at.socks = at.ops + ((size_t)g->ops + 1) * sizeof(struct sock_op);
	at.colds = at.socks + ((size_t)g->sockets + 1) * sizeof(struct sock);
	at.cqes = at.colds + ((size_t)colds_of(g) + 1) * sizeof(struct sock_cold);
	at.cqes = ALIGN_UP(at.cqes, CACHE_LINE);
	at.udps = at.cqes + (size_t)g->completions * sizeof(struct leat_cqe);
	at.hash = ALIGN_UP(at.udps + (size_t)g->dgrams * sizeof(struct udp_sock), CACHE_LINE);
	at.end = at.hash + ((size_t)1 << at.hash_bits) * sizeof(uint32_t);
	return at;
}

size_t sock_bytes(const struct sock_config *config, const char **why)
{
	const char *fault = config_fault(config);

	if (fault) {
		if (why)
			*why = fault;
		return 0;
	}
	return ALIGN_UP(layout_of(config).end, CACHE_LINE);
}

void sock_init(struct socks *s, const struct sock_config *config, struct net *net, void *mem)
{
	struct layout at = layout_of(config);
	uint8_t *base = mem;

	assert(config_fault(config) == NULL);
	assert(((uintptr_t)mem & (CACHE_LINE - 1)) == 0);
	mem_zero(s, sizeof(*s));
	s->config = *config;
	s->net = net;
	s->wall = config->wall;
	s->ops = (struct sock_op *)(base + at.ops);
	s->all = (struct sock *)(base + at.socks);
	s->colds = (struct sock_cold *)(base + at.colds);
	s->colds_max = colds_of(config);
	s->cold_fresh = 1;
	s->cqes = (struct leat_cqe *)(base + at.cqes);
	s->udps = (struct udp_sock *)(base + at.udps);
	s->op_hash = (uint32_t *)(base + at.hash);
	s->op_hash_shift = 64 - at.hash_bits;
	s->cq_mask = config->completions - 1;
	s->cq_full = config->completions;
	s->sockets = config->sockets;
	s->ops_max = config->ops;
	s->fd_bits = 32 - (uint32_t)__builtin_clz(config->sockets);
	s->fd_mask = (1u << s->fd_bits) - 1;
	list_init(&s->stalled);
	list_init(&s->udps_free);
	for (unsigned i = 0; i < SOCK_BINDS_HASH; i++)
		list_init(&s->binds[i]);
	for (uint32_t i = config->ops; i > 0; i--) {
		s->ops[i].opcode = LEAT_OP_N;
		s->ops[i].next = s->ops_free;
		s->ops_free = i;
	}
	s->all[0].fd = -1;
	for (uint32_t i = 1; i <= config->sockets; i++)
		s->all[i].next_free = i < config->sockets ? i + 1 : 0;
	s->free_first = 1;
	s->free_last = config->sockets;
	for (uint32_t i = 0; i < config->dgrams; i++)
		list_push_back(&s->udps_free, &s->udps[i].ready_node);
}

/* NULL: none left. */
struct sock *sock_new(struct socks *s, enum sock_kind kind)
{
	struct sock *k = &s->all[s->free_first];

	if (s->free_first == 0)
		return NULL;
	s->free_first = k->next_free;
	if (s->free_first == 0)
		s->free_last = 0;
	s->socks_used++;
	k->conn = NULL;
	k->rx = k->tx = k->polls = 0;
	k->flags = 0;
	k->opts = 0;
	k->kind = (uint8_t)kind;
	k->fd = (int32_t)((uint32_t)k->gen << s->fd_bits | sock_index(s, k));
	return k;
}

void sock_free(struct socks *s, struct sock *k)
{
	uint32_t i = sock_index(s, k);

	sock_cold_put(s, k);
	k->kind = SOCK_FREE;
	k->fd = 0;
	k->gen++;
	k->next_free = 0;
	if (s->free_last)
		s->all[s->free_last].next_free = i;
	else
		s->free_first = i;
	s->free_last = i;
	s->socks_used--;
}

/* ---- addresses */

void sock_addr_in(struct addr *ip, const struct leat_addr *a)
{
	mem_copy(ip->b, a->ip, sizeof(ip->b));
}

void sock_addr_out(struct leat_addr *a, const struct addr *ip, uint16_t port)
{
	*a = (struct leat_addr){.port = port};
	mem_copy(a->ip, ip->b, sizeof(a->ip));
}

/* ---- SOCKET */

static int new_dgram(struct socks *s, enum udp_kind kind, uint16_t proto, bool cooked)
{
	struct sock *k = sock_new(s, SOCK_DGRAM);
	struct list *n;

	if (!k)
		return -E_NFILE;
	n = list_pop_front(&s->udps_free);
	if (!n) {
		sock_free(s, k);
		return -E_NFILE;
	}
	k->udp = container_of(n, struct udp_sock, ready_node);
	udp_sock_init(k->udp, k);
	if (kind != UDP_PLAIN)
		udp_raw_init(&s->net->udp, k->udp, kind, proto, cooked);
	if (kind == UDP_RAW && proto == 255)	/* IPPROTO_RAW: for sending only, raw(7) */
		k->udp->hdrincl = true;
	return k->fd;
}

static int new_stream(struct socks *s, uint32_t proto)
{
	struct sock *k;

	if (proto != 0 && proto != WIRE_PROTO_TCP)
		return -E_PROTONOSUPPORT;
	k = sock_new(s, SOCK_STREAM);
	return k ? k->fd : -E_NFILE;
}

static int new_packet(struct socks *s, uint64_t type, uint32_t proto)
{
	if (type != LEAT_SOCK_RAW && type != LEAT_SOCK_DGRAM)
		return -E_SOCKTNOSUPPORT;
	return new_dgram(s, UDP_PACKET, (uint16_t)proto, type == LEAT_SOCK_DGRAM);
}

int sock_socket(struct socks *s, const struct leat_sqe *sqe)
{
	const uint32_t proto = sqe->len;

	if (sqe->fd == LEAT_AF_PACKET)
		return new_packet(s, sqe->off, proto);
	if (sqe->fd != LEAT_AF_INET)
		return -E_AFNOSUPPORT;
	switch (sqe->off) {
	case LEAT_SOCK_STREAM:
		return new_stream(s, proto);
	case LEAT_SOCK_DGRAM:
		if (proto == WIRE_PROTO_ICMP)
			return new_dgram(s, UDP_PING, WIRE_PROTO_ICMP, false);
		if (proto != 0 && proto != WIRE_PROTO_UDP)
			return -E_PROTONOSUPPORT;
		return new_dgram(s, UDP_PLAIN, 0, false);
	case LEAT_SOCK_RAW:
		if (proto == 0 || proto > 255)
			return -E_PROTONOSUPPORT;
		return new_dgram(s, UDP_RAW, (uint16_t)proto, false);
	}
	return -E_SOCKTNOSUPPORT;
}

/* ---- CLOSE */

/* Answers everything on a queue with -ECANCELED. */
void sock_cancel_all(struct socks *s, struct sock *k, uint32_t *queue)
{
	while (*queue)
		sock_op_finish(s, &s->ops[*queue], -E_CANCELED, 0);
}

static void release(struct socks *s, struct sock *k, bool abort)
{
	struct net *net = s->net;

	switch ((enum sock_kind)k->kind) {
	case SOCK_CONN:
		if (abort)
			tcp_abort(&net->tcp, k->conn);
		else
			tcp_close(&net->tcp, k->conn);
		break;
	case SOCK_LISTENER:
		tcp_listener_close(&net->tcp, k->listener);
		break;
	case SOCK_DGRAM:
		udp_close(&net->udp, k->udp);
		list_push_back(&s->udps_free, &k->udp->ready_node);
		break;
	case SOCK_STREAM:
	case SOCK_FREE:
		break;
	}
	sock_free(s, k);
}

int sock_close(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *k = sock_of(s, sqe->fd);
	const struct sock_cold *cold;

	if (!k)
		return -E_BADF;
	cold = sock_cold_of(s, k);
	if (k->rx | k->tx | k->polls) {
		if (!sock_op_spare(s))
			return SOCK_BUSY;
		sock_cancel_all(s, k, &k->rx);
		sock_cancel_all(s, k, &k->tx);
		sock_cancel_all(s, k, &k->polls);
	}
	release(s, k, sqe->op_flags & LEAT_CLOSE_RESET || (cold && cold->linger_s == 0));
	return 0;
}

/* ---- the end */

void sock_fini(struct socks *s)
{
	struct pool *pool = &s->net->pool;

	for (uint32_t i = 1; i <= s->sockets; i++)
		if (s->all[i].kind != SOCK_FREE)
			release(s, &s->all[i], true);
	for (uint32_t i = 1; i <= s->ops_max; i++)
		if (s->ops[i].opcode != LEAT_OP_N && s->ops[i].queue == SOCK_Q_TIMER)
			wheel_cancel(&s->net->core.wheel, &s->ops[i].timer);
	for (uint32_t i = 0; i < pool->frames + pool->bare; i++)
		sock_buf_put(s, i);
	s->n.bad_puts = 0;
	s->cq_head = s->cq_tail;
	s->cq_full = s->cq_head + s->cq_mask + 1;
	s->backlog = 0;
	list_init(&s->stalled);
}

/* ---- belief */

void sock_check(const struct socks *s)
{
	uint32_t used = 0, free_n = 0;

	sock_op_check(s);
	for (uint32_t i = 1; i <= s->sockets; i++) {
		const struct sock *k = &s->all[i];

		used += k->kind != SOCK_FREE;
		if (k->kind == SOCK_CONN)
			assert(tcp_owner(k->conn) == k);
		if (k->kind == SOCK_LISTENER)
			assert(tcp_listener_owner(k->listener) == k);
		if (k->kind == SOCK_DGRAM)
			assert(k->udp->owner == k);
		if (k->kind == SOCK_STREAM)
			assert((k->rx | k->tx) == 0);
		sock_cold_check(s, k);
	}
	for (uint32_t i = s->free_first; i; i = s->all[i].next_free) {
		assert(s->all[i].kind == SOCK_FREE);
		assert(++free_n <= s->sockets);
	}
	assert(used == s->socks_used);
	assert(used + free_n == s->sockets);
}
