/* Very many connections in one process: what they cost while they are idle, and that nothing grows
 * while as many more come and go beside them.
 *
 * Two stacks with a door each over a loop of two devices, in virtual time.  Usage:
 *
 *	test-many [--conns N] [--more N]
 *
 * Memory is what the process has resident more than before it made the stacks; figures are bytes an
 * end (each connection has two here), one of which waits for bytes with a RECV. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "drivers/loop/loop.h"
#include "net/net.h"
#include "ring/ring.h"

#define PORTS 64u		/* listeners: more than a four-tuple's worth of client ports */
#define PORT 1000u
#define BATCH 512u		/* connections under way at once */
#define FRAMES 8192u
#define GROWTH_MAX 4096		/* pages that the second part may touch at most (buffers, 16 MiB) */

struct side {
	struct net net;
	struct leat_ring ring;
	struct netdev dev;
};

static struct side server, client;
static nsec now = SEC(1);
static int *idle;		/* the client's descriptors */
static uint32_t accepted_n, connected_n, echoed_n, closed_n;
static int listeners[PORTS];

static void need(bool fact, const char *what)
{
	if (fact)
		return;
	fprintf(stderr, "many: %s\n", what);
	exit(1);
}

static long resident_pages(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, resident = 0;

	need(f && fscanf(f, "%ld %ld", &size, &resident) == 2, "cannot read /proc/self/statm");
	fclose(f);
	return resident;
}

static void *memory(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	need(p != MAP_FAILED, "no memory; ask for fewer connections");
	return p;
}

static nsec clock_of(void *ctx)
{
	return now;
}

static void side_open(struct side *s, uint32_t conns, uint64_t seed)
{
	struct net_config g;
	struct ring_config r;
	const char *why = "";
	size_t region, private, door;

	net_config_default(&g);
	g.frames = g.bare = FRAMES;
	g.tcp.conns_max = conns + 4 * BATCH;
	g.tcp.timewaits_max = 4 * BATCH;
	g.tcp.listeners_max = PORTS;
	g.tcp.backlog = 4 * BATCH;
	g.tcp.msl = MSEC(1);
	g.seed = seed;
	g.hash_key.k[0] = g.secret_key.k[0] = seed;
	ring_config_default(&r);
	r.now = clock_of;
	r.sock.sockets = conns + 4 * BATCH + PORTS;
	r.sock.dgrams = 0;
	r.sock.ops = conns + 8 * BATCH;
	r.sock.completions = 16 * BATCH;
	region = net_region_bytes(&g, &why);
	private = region ? net_private_bytes(&g, &why) : 0;
	door = private ? ring_direct_bytes(&r, &why) : 0;
	need(door > 0, why);
	net_init(&s->net, &g, memory(region), memory(private), now);
	ring_direct_init(&s->ring, &r, &s->net, memory(door));
}

static void join(void)
{
	const struct loop_config config = {.slots = 4096};

	need(loop_open(&server.dev, &server.net.pool, &client.dev, &client.net.pool, &config) == 0,
	     "no loop");
	need(net_add_dev(&server.net, &server.dev) == 0, "no device");
	need(net_add_dev(&client.net, &client.dev) == 0, "no device");
	for (uint32_t i = 0; i < 2; i++) {
		struct addr a = addr_v4(IPV4(10, 0, 0, 1 + i));

		need(ip_add_addr(i ? &client.net.ip : &server.net.ip, &a, 24, 0) == 0,
		     "no address");
	}
}

static void submit(struct side *s, struct leat_sqe sqe)
{
	need(leat_submit(&s->ring, &sqe) == 0, "the ring is full");
}

static int call(struct side *s, struct leat_sqe sqe)
{
	return leat_call(&s->ring, &sqe);
}

static struct leat_addr server_at(uint16_t port)
{
	return (struct leat_addr){.ip = {[10] = 0xff, 0xff, 10, 0, 0, 1}, .port = port};
}

/* ---- the server: accepts, and answers each byte with itself */

enum { ACCEPT = 1ull << 40, RECV = 2ull << 40, MASK = 0xffffffff };

static void server_took(const struct leat_cqe *c)
{
	if (c->user_data >> 40 == ACCEPT >> 40) {
		need(c->res > 0, "not accepted");
		accepted_n++;
		submit(&server, (struct leat_sqe){.opcode = LEAT_OP_RECV, .fd = c->res,
						  .ioprio = LEAT_RECV_MULTISHOT,
						  .user_data = RECV | (uint32_t)c->res});
		return;
	}
	if (c->flags & LEAT_CQE_F_BUFFER) {
		const void *bytes = leat_buf_ptr(&server.ring, c);

		need(call(&server, (struct leat_sqe){.opcode = LEAT_OP_SEND,
						     .fd = (int)(c->user_data & MASK),
						     .addr = (uintptr_t)bytes,
						     .len = (uint32_t)c->res}) == c->res,
		     "no room for an echo");
		leat_buf_put(&server.ring, c);
		return;
	}
	if (!(c->flags & LEAT_CQE_F_MORE) && c->user_data >> 40 == RECV >> 40 && c->res == 0) {
		closed_n++;
		need(call(&server, (struct leat_sqe){.opcode = LEAT_OP_CLOSE,
						     .fd = (int)(c->user_data & MASK)}) == 0,
		     "not closed");
	}
}

static void listen_all(void)
{
	for (uint32_t i = 0; i < PORTS; i++) {
		struct leat_addr a = server_at((uint16_t)(PORT + i));
		struct leat_sqe sqe = {.opcode = LEAT_OP_SOCKET, .fd = LEAT_AF_INET,
				       .off = LEAT_SOCK_STREAM};

		listeners[i] = call(&server, sqe);
		need(listeners[i] > 0, "no listener");
		sqe = (struct leat_sqe){.opcode = LEAT_OP_BIND, .fd = listeners[i],
					.addr = (uintptr_t)&a};
		need(call(&server, sqe) == 0, "not bound");
		sqe = (struct leat_sqe){.opcode = LEAT_OP_LISTEN, .fd = listeners[i],
					.len = 4 * BATCH};
		need(call(&server, sqe) == 0, "not listening");
		submit(&server, (struct leat_sqe){.opcode = LEAT_OP_ACCEPT, .fd = listeners[i],
						  .ioprio = LEAT_ACCEPT_MULTISHOT,
						  .user_data = ACCEPT});
	}
}

/* ---- both */

static void drain(struct side *s, void (*took)(const struct leat_cqe *))
{
	const struct leat_cqe *c;
	unsigned n;

	while ((n = leat_cq_peek(&s->ring, &c))) {
		for (unsigned i = 0; i < n; i++)
			took(&c[i]);
		leat_cq_advance(&s->ring, n);
	}
}

static void client_took(const struct leat_cqe *c)
{
	need(c->res >= 0, "a connection failed");
	if (c->user_data == 1)
		connected_n++;
	else
		echoed_n += (uint32_t)c->res;
}

static void poll_both(void)
{
	now += USEC(20);
	leat_poll(&client.ring);
	leat_poll(&server.ring);
	drain(&server, server_took);
	drain(&client, client_took);
}

static void until(const uint32_t *counter, uint32_t n, const char *what)
{
	for (unsigned i = 0; i < 2000000 && *counter < n; i++)
		poll_both();
	need(*counter >= n, what);
}

static int connect_one(uint32_t i)
{
	struct leat_addr a = server_at((uint16_t)(PORT + i % PORTS));
	int fd = call(&client, (struct leat_sqe){.opcode = LEAT_OP_SOCKET, .fd = LEAT_AF_INET,
						 .off = LEAT_SOCK_STREAM});

	need(fd > 0, "no socket");
	submit(&client, (struct leat_sqe){.opcode = LEAT_OP_CONNECT, .fd = fd,
					  .addr = (uintptr_t)&a, .user_data = 1});
	return fd;
}

static char byte;

static void echo_one(int fd)
{
	submit(&client, (struct leat_sqe){.opcode = LEAT_OP_RECV, .fd = fd,
					  .addr = (uintptr_t)&byte, .len = 1, .user_data = 2});
	need(call(&client, (struct leat_sqe){.opcode = LEAT_OP_SEND, .fd = fd,
					     .addr = (uintptr_t)"x", .len = 1}) == 1, "not sent");
}

/* `n` connections, BATCH at a time; keep: they stay, else each says a byte and goes. */
static void run(uint32_t n, bool keep)
{
	static int fds[BATCH];

	for (uint32_t at = 0; at < n;) {
		uint32_t k = MIN(BATCH, n - at), conns = connected_n, acc = accepted_n;

		for (uint32_t i = 0; i < k; i++)
			fds[i] = connect_one(at + i);
		until(&connected_n, conns + k, "connections do not come about");
		until(&accepted_n, acc + k, "connections are not accepted");
		if (keep) {
			memcpy(idle + at, fds, k * sizeof(fds[0]));
		} else {
			uint32_t echoes = echoed_n, closes = closed_n;

			for (uint32_t i = 0; i < k; i++)
				echo_one(fds[i]);
			until(&echoed_n, echoes + k, "echoes do not come");
			for (uint32_t i = 0; i < k; i++)
				need(call(&client, (struct leat_sqe){.opcode = LEAT_OP_CLOSE,
								     .fd = fds[i]}) == 0,
				     "not closed");
			until(&closed_n, closes + k, "closes do not come");
		}
		at += k;
	}
}

static uint32_t number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	need(*text && !*end && n && n <= 2000000, "a number from 1 to 2000000");
	return (uint32_t)n;
}

int main(int argc, char **argv)
{
	uint32_t conns = 1000000, more = 0;
	long start, full, after;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--conns"))
			conns = number(argv[i + 1]);
		else if (!strcmp(argv[i], "--more"))
			more = number(argv[i + 1]);
		else
			need(false, "usage: test-many [--conns N] [--more N]");
	}
	more = more ? more : conns;
	start = resident_pages();
	idle = memory(conns * sizeof(*idle));
	side_open(&server, conns, 1);
	side_open(&client, conns, 2);
	join();
	listen_all();
	run(BATCH, false);		/* what is needed however few there are */
	run(conns, true);
	full = resident_pages();
	printf("idle: %u connections, %ld MiB resident, %ld bytes an end, tables, frames and all\n",
	       conns, (full - start) >> 8, (full - start) * 4096 / (2 * (long)conns));
	run(more, false);
	after = resident_pages();
	printf("beside them: %u more connected, accepted, echoed a byte and closed; memory grew by "
	       "%ld KiB\n", more, (after - full) * 4);
	need(after - full <= GROWTH_MAX, "memory grew");
	for (uint32_t i = 0, k = MIN(conns, 1000u), echoes = echoed_n; i < k; i++) {
		echo_one(idle[(uint64_t)i * conns / k]);
		until(&echoed_n, echoes + i + 1, "an idle connection is dead");
	}
	printf("alive: idle connections answer; %llu retransmissions\n",
	       (unsigned long long)(server.net.tcp.n.retrans_segs + client.net.tcp.n.retrans_segs));
	return 0;
}
