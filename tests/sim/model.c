/* A search through all that can happen between two stacks in a small world: the real code, one
 * connection, a byte each way, two losses, every order of calls, deliveries, losses and time.
 *
 * A path is a list of choices, and is played from the start (a stack is a value, and depends on
 * nothing else); states that look alike are looked at once.  From every state that is found both
 * users then say goodbye on a wire that loses nothing: within a bounded time both stacks must be
 * empty.  So no deadlock is reachable, and from everywhere the end is.  Every invariant is
 * checked after every step.
 *
 * Breadth first: what is reported first is as short as can be. */
#include "sim/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "helper/host.h"
#include "helper/seg.h"
#include "port/sim/sim.h"

#define DEPTH_MAX 40u
#define WIRE_MAX 12u
#define LOSSES_MAX 2u
#define SEEN_BITS 22u
#define QUEUE_MAX (1u << 21)
#define GOODBYE SEC(600)	/* in which everything must be over */
#define FRAME_BYTES 128u

enum choice {
	CONNECT_A, CONNECT_B, WRITE_A, WRITE_B, SHUT_A, SHUT_B, CLOSE_A, CLOSE_B, ABORT_A, ABORT_B,
	DELIVER_TO_A, DELIVER_TO_B, LOSE_TO_A, LOSE_TO_B, PASS, CHOICES
};

static const char *const words[CHOICES] = {
	"A connects", "B connects", "A writes", "B writes", "A shuts", "B shuts", "A closes",
	"B closes", "A aborts", "B aborts", "to A arrives", "to B arrives", "to A is lost",
	"to B is lost", "time passes",
};

struct frame {
	uint32_t len;
	uint8_t bytes[FRAME_BYTES];
};

struct peer {
	struct host host;
	struct netdev dev;
	struct tcp_listener *listener;
	struct tcp_conn *conn;
	struct frame in[WIRE_MAX];	/* on the way here */
	unsigned in_n, ready;		/* the first `ready` are at the device */
	bool wrote, shut, closed, dead;
	nsec next;
};

struct model {
	struct peer p[2];
	nsec now;
	unsigned losses, overflows;
};

static struct model m;
static struct host memory[2];		/* mapped once, and used by every play */
static uint16_t states_seen;

/* ---- the wire */

static struct peer *other(struct peer *p)
{
	return &m.p[p == m.p];
}

static int dev_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct peer *p = dev->priv;
	unsigned n = 0;

	while (n < max && p->ready) {
		struct pkt *k = pkt_new(dev->pool);

		assert(k != NULL);
		assert(pkt_write(k, p->in[0].bytes, p->in[0].len) == 0);
		p->in_n--;
		p->ready--;
		memmove(p->in, p->in + 1, p->in_n * sizeof(p->in[0]));
		out[n++] = k;
	}
	return (int)n;
}

/* Answers an ARP request in the other's name, so that addresses are not part of the world. */
static void answer_arp(struct peer *p, const uint8_t *request)
{
	struct frame *f = &p->in[p->ready];

	memmove(f + 1, f, (p->in_n - p->ready) * sizeof(*f));
	p->in_n++;
	p->ready++;
	f->len = 42;
	memcpy(f->bytes, request + 6, 6);
	memcpy(f->bytes + 6, other(p)->dev.mac.b, 6);
	memcpy(f->bytes + 12, request + 12, 8);
	store_be16(f->bytes + 20, 2);
	memcpy(f->bytes + 22, other(p)->dev.mac.b, 6);
	memcpy(f->bytes + 28, request + 38, 4);
	memcpy(f->bytes + 32, request + 22, 10);
}

static unsigned dev_tx(struct netdev *dev, struct pkt **k, unsigned n)
{
	struct peer *p = dev->priv, *to = other(p);

	for (unsigned i = 0; i < n; i++) {
		uint8_t b[FRAME_BYTES];
		uint32_t len = pkt_read(k[i], 0, b, sizeof(b));

		pkt_put(k[i]);
		if (load_be16(b + 12) == 0x0806) {
			if (load_be16(b + 20) == 1 && load_be32(b + 38) != load_be32(b + 28) &&
			    p->in_n < WIRE_MAX)
				answer_arp(p, b);
		} else if (to->in_n == WIRE_MAX) {
			m.overflows++;
		} else {
			to->in[to->in_n].len = len;
			memcpy(to->in[to->in_n++].bytes, b, len);
		}
	}
	return n;
}

static bool dev_arm(struct netdev *dev)
{
	return ((struct peer *)dev->priv)->ready;
}

static const struct netdev_ops ops = {.kind = "model", .rx = dev_rx, .tx = dev_tx, .arm = dev_arm};

/* ---- the peers */

static bool drain(void *ctx)
{
	struct peer *p = ctx;
	struct tcp *t = &p->host.net.tcp;
	struct tcp_conn *c;
	struct pkt *k;
	unsigned bits;

	while (tcp_ready_listener(t))
		;
	if (p->listener && !p->conn && !p->closed)
		p->conn = tcp_accept(t, p->listener, p);
	while ((c = tcp_ready_conn(t, &bits)) != NULL) {
		p->dead |= !!(bits & TCP_READY_ERROR);
		while ((k = tcp_recv(t, c)) != NULL) {
			tcp_recv_done(t, c, k->total);
			pkt_put(k);
		}
	}
	return false;
}

static void poll_peer(struct peer *p)
{
	for (unsigned i = 0; i < 100; i++) {
		p->next = net_poll(&p->host.net, m.now);
		net_check(&p->host.net);
		for (unsigned s = 0; p->conn && s == 0; s++)
			states_seen |= (uint16_t)(1u << tcp_conn_state(p->conn));
		if (p->next > m.now && !p->ready)
			return;
	}
	assert(!"the stack does not come to rest");
}

static void peer_init(unsigned i)
{
	struct peer *p = &m.p[i];
	struct net_config g;
	struct addr a = addr_v4(IPV4(10, 0, 0, i + 1)), any = addr_v4(0);
	int err;

	host_config(&g, i + 1);
	g.frames = g.bare = 64;
	g.neighs_max = 16;
	g.tcp.conns_max = g.tcp.timewaits_max = g.tcp.halves_max = 4;
	g.tcp.rcvbuf = g.tcp.sndbuf = 2048;
	g.tcp.timestamps = false;
	g.tcp.syn_retries = g.tcp.synack_retries = 2;
	g.tcp.data_retries = 4;
	g.tcp.msl = SEC(1);
	g.tcp.fin_wait_2 = SEC(5);
	if (!memory[i].mem)
		assert(host_init(&memory[i], &g, m.now) == NULL);
	memset(memory[i].mem, 0, memory[i].mem_bytes);
	net_init(&p->host.net, &g, memory[i].region, memory[i].mem, m.now);
	p->dev = (struct netdev){.ops = &ops, .pool = &p->host.net.pool, .mtu = 1500, .wake_fd = -1,
				 .mac = {{2, 0, 0, 0, 0, (uint8_t)(i + 1)}}, .up = true,
				 .name = "model", .priv = p};
	net_add_dev(&p->host.net, &p->dev);
	ip_add_addr(&p->host.net.ip, &a, 24, 0);
	p->host.net.drain = drain;
	p->host.net.drain_ctx = p;
	if (i == 1)
		p->listener = tcp_listen(&p->host.net.tcp, &any, 80, 1, p, &err);
	poll_peer(p);
}

static void begin(void)
{
	memset(&m, 0, sizeof(m));
	m.now = SIM_START;
	peer_init(0);
	peer_init(1);
	m.p[0].in_n = m.p[0].ready = m.p[1].in_n = m.p[1].ready = 0;
}

static void end(void)
{
	for (unsigned i = 0; i < 2; i++) {
		net_fini(&m.p[i].host.net);
		assert(pool_at_rest(&m.p[i].host.net.pool));
	}
}

/* ---- choices */

static bool can_write(const struct peer *p)
{
	enum tcp_state s = p->conn ? tcp_conn_state(p->conn) : TCP_CLOSED;

	return !p->closed && !p->dead && (s == TCP_ESTABLISHED || s == TCP_CLOSE_WAIT);
}

static nsec next_event(void)
{
	return MIN(m.p[0].next, m.p[1].next);
}

static bool possible(enum choice c)
{
	struct peer *p = &m.p[c & 1];

	switch (c) {
	case CONNECT_A:
		return !p->conn && !p->closed;
	case CONNECT_B:		/* both at once: only while A has not been heard of */
		return !p->conn && !p->closed && m.p[0].conn && p->host.net.tcp.halves_used == 0;
	case WRITE_A: case WRITE_B:
		return can_write(p) && !p->wrote && !p->shut;
	case SHUT_A: case SHUT_B:
		return can_write(p) && !p->shut;
	case CLOSE_A: case CLOSE_B: case ABORT_A: case ABORT_B:
		return p->conn && !p->closed;
	case DELIVER_TO_A: case DELIVER_TO_B:
		return p->in_n;
	case LOSE_TO_A: case LOSE_TO_B:
		return p->in_n && m.losses < LOSSES_MAX;
	case PASS:
		return !m.p[0].in_n && !m.p[1].in_n && next_event() < m.now + SEC(120);
	default:
		return false;
	}
}

static void connect_peer(struct peer *p, unsigned from, unsigned to)
{
	struct tcp *t = &p->host.net.tcp;
	struct addr any = addr_v4(0);
	struct addr dst = addr_v4(p == m.p ? IPV4(10, 0, 0, 2) : IPV4(10, 0, 0, 1));

	p->conn = tcp_open(t, p);
	if (p->conn && tcp_connect(t, p->conn, &any, (uint16_t)from, &dst, (uint16_t)to) < 0)
		p->dead = true;
}

static void choose(enum choice c)
{
	struct peer *p = &m.p[c & 1];
	struct tcp *t = &p->host.net.tcp;

	switch (c) {
	case CONNECT_A:
		connect_peer(p, 5000, 80);
		break;
	case CONNECT_B:
		tcp_listener_close(t, p->listener);
		p->listener = NULL;
		connect_peer(p, 80, 5000);
		break;
	case WRITE_A: case WRITE_B:
		p->wrote = tcp_write(t, p->conn, "x", 1) == 1;
		break;
	case SHUT_A: case SHUT_B:
		p->shut = true;
		(void)tcp_shutdown(t, p->conn);
		break;
	case CLOSE_A: case CLOSE_B: case ABORT_A: case ABORT_B:
		p->closed = true;
		if (c <= CLOSE_B)
			tcp_close(t, p->conn);
		else
			tcp_abort(t, p->conn);
		p->conn = NULL;
		break;
	case DELIVER_TO_A: case DELIVER_TO_B:
		p->ready = 1;
		break;
	case LOSE_TO_A: case LOSE_TO_B:
		m.losses++;
		p->in_n--;
		memmove(p->in, p->in + 1, p->in_n * sizeof(p->in[0]));
		break;
	default:
		m.now = MAX(next_event(), m.now);
		break;
	}
	poll_peer(&m.p[0]);
	poll_peer(&m.p[1]);
}

/* ---- what a state looks like */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

static uint64_t look_of_conn(struct peer *p, uint64_t h)
{
	struct tcp *t = &p->host.net.tcp;
	struct addr me = addr_v4(p == m.p ? IPV4(10, 0, 0, 1) : IPV4(10, 0, 0, 2));
	struct addr to = addr_v4(p == m.p ? IPV4(10, 0, 0, 2) : IPV4(10, 0, 0, 1));
	struct tcp_info i = {.state = TCP_CLOSED};
	bool a = p == m.p;

	h = mix(h, (uint64_t)p->wrote | p->shut << 1 | p->closed << 2 | p->dead << 3 |
			   !!p->conn << 4 | !!p->listener << 5);
	h = mix(h, t->conns_used | t->halves_used << 8 | t->timewaits_used << 16);
	if (!tcp_find(t, &me, a ? 5000 : 80, &to, a ? 80 : 5000, &i))
		return h;
	states_seen |= (uint16_t)(1u << i.state | i.states_passed);
	h = mix(h, i.state | i.retransmits << 8 | i.backoff << 16 | i.probes << 24);
	h = mix(h, (uint64_t)i.unsent | (uint64_t)i.unacked << 8 | (uint64_t)i.bytes_in << 16 |
			   (uint64_t)i.bytes_out << 24 | (uint64_t)i.ca_state << 32);
	return mix(h, i.rto);
}

static uint64_t look(void)
{
	uint64_t h = m.losses;

	for (unsigned i = 0; i < 2; i++) {
		struct peer *p = &m.p[i];
		nsec left = p->next == NSEC_NEVER ? NSEC_NEVER : (p->next - m.now) >> 22;

		h = mix(look_of_conn(p, h), left);
		for (unsigned k = 0; k < p->in_n; k++) {
			struct seg s;

			(void)seg_parse(&s, p->in[k].bytes, p->in[k].len);
			h = mix(h, s.flags | (uint64_t)s.len << 8 | (uint64_t)s.seq << 32);
			h = mix(h, s.ack);
		}
	}
	return h ? h : 1;
}

/* ---- the search */

struct path {
	uint8_t n;
	uint8_t choice[DEPTH_MAX];
};

static uint64_t *seen;
static struct path *queue;

/* False: it was known. */
static bool remember(uint64_t h)
{
	uint64_t at = h >> (64 - SEEN_BITS);

	for (unsigned i = 0; i < 64; i++, at = (at + 1) & ((1u << SEEN_BITS) - 1)) {
		if (seen[at] == h)
			return false;
		if (!seen[at]) {
			seen[at] = h;
			return true;
		}
	}
	return false;
}

static void play(const struct path *path)
{
	begin();
	for (unsigned i = 0; i < path->n; i++)
		choose((enum choice)path->choice[i]);
}

static void tell(const struct path *path)
{
	for (unsigned i = 0; i < path->n; i++)
		printf("\t%s\n", words[path->choice[i]]);
}

static bool over(void)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct tcp *t = &m.p[i].host.net.tcp;

		if (t->conns_used || t->halves_used || t->timewaits_used || m.p[i].in_n)
			return false;
	}
	return true;
}

/* Both users say goodbye, nothing is lost any more: is everything over in time? */
static bool goodbye(void)
{
	nsec until = m.now + GOODBYE;

	for (unsigned i = 0; m.now < until && i < 10000; i++) {
		for (unsigned k = 0; k < 2; k++)
			if (m.p[k].conn)
				choose(k ? CLOSE_B : CLOSE_A);
		if (m.p[1].listener && !m.p[0].host.net.tcp.conns_used && !m.p[0].in_n &&
		    !m.p[1].in_n)
			m.p[1].closed = true;	/* nobody accepts any more */
		if (over())
			return true;
		if (m.p[0].in_n)
			choose(DELIVER_TO_A);
		else if (m.p[1].in_n)
			choose(DELIVER_TO_B);
		else if (next_event() == NSEC_NEVER)
			return over();
		else
			choose(PASS);
	}
	return false;
}

static struct path current;

static void assertion(void *ctx)
{
	printf("after:\n");
	tell(&current);
	fflush(stdout);
}

static double wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Looks at what one more choice leads to; false when something is wrong. */
static bool extend(const struct path *from, enum choice c, unsigned *tail)
{
	bool fresh, good = true;

	current = *from;
	play(from);
	current.choice[current.n++] = (uint8_t)c;
	choose(c);
	fresh = remember(look());
	if (fresh && *tail < QUEUE_MAX)
		queue[(*tail)++] = current;
	if (fresh && !goodbye()) {
		printf("no way to the end after:\n");
		tell(&current);
		good = false;
	}
	end();
	return good;
}

static bool extend_all(const struct path *from, unsigned *tail)
{
	uint32_t all = 0;
	bool good = true;

	current = *from;
	play(from);
	for (unsigned c = 0; c < CHOICES; c++)
		all |= (uint32_t)possible((enum choice)c) << c;
	end();
	for (unsigned c = 0; c < CHOICES && good; c++)
		if (all >> c & 1)
			good = extend(from, (enum choice)c, tail);
	return good;
}

int model_run(double seconds, unsigned depth)
{
	double since = wall();
	unsigned head = 0, tail = 1, deepest = 0, passed = 0;
	bool good = true;

	seen = calloc(1u << SEEN_BITS, sizeof(*seen));
	queue = calloc(QUEUE_MAX, sizeof(*queue));
	assert(seen != NULL && queue != NULL);
	sim_on_failure(assertion, NULL);
	while (good && head < tail && wall() - since < seconds) {
		const struct path *from = &queue[head++];

		deepest = MAX(deepest, from->n);
		if (from->n < MIN(depth, DEPTH_MAX))
			good = extend_all(from, &tail);
	}
	for (unsigned s = 0; s < TCP_STATE_N; s++)
		passed += states_seen >> s & 1;
	printf("%u states, %u of them extended, %u choices deep%s, %u of TCP's states: %s\n", tail,
	       head, deepest, head == tail ? " (all there are)" : "", passed,
	       good ? "each has a way to the end" : "FAILED");
	free(seen);
	free(queue);
	return good ? 0 : 1;
}
