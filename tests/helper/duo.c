/* Two whole stacks joined by a wire in memory. */
#include "helper/duo.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define STEP USEC(10)
#define PATIENCE SEC(600)
#define UD_AUTO 0xd000000000000000u	/* user_data of duo_do() */

/* ---- the wire */

static struct duo_host *peer_of(struct duo_host *h)
{
	return h == &h->duo->h[0] ? &h->duo->h[1] : &h->duo->h[0];
}

static int dev_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct duo_host *h = dev->priv;
	unsigned n = 0;

	while (n < max && (out[n] = pktq_pop(&h->in)))
		n++;
	return (int)n;
}

static unsigned dev_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	struct duo_host *to = peer_of(dev->priv);

	for (unsigned i = 0; i < n; i++) {
		struct pkt *copy = to->deaf ? NULL : pkt_copy(&to->net.pool, p[i]);

		to->frames++;
		to->lost += !copy;
		if (copy) {
			copy->flags = 0;
			pktq_push(&to->in, copy);
		}
		pkt_put(p[i]);
	}
	return n;
}

static void dev_close(struct netdev *dev)
{
	pktq_free(&((struct duo_host *)dev->priv)->in);
}

static const struct netdev_ops dev_ops = {
	.kind = "duo", .rx = dev_rx, .tx = dev_tx, .close = dev_close,
};

/* ---- life */

static nsec clock_of(void *duo)
{
	return ((struct duo *)duo)->now;
}

static void *memory(size_t n)
{
	void *p = aligned_alloc(FRAME_SIZE, ALIGN_UP(n, (size_t)FRAME_SIZE));

	assert(p != NULL);
	memset(p, 0, n);
	return p;
}

void duo_config_default(struct duo_config *config)
{
	memset(config, 0, sizeof(*config));
	net_config_default(&config->net);
	config->net.frames = 2048;
	config->net.bare = 2048;
	config->net.tcp.conns_max = 256;
	config->net.tcp.timewaits_max = 256;
	ring_config_default(&config->ring);
	config->ring.sock = (struct sock_config){
		.sockets = 256, .dgrams = 16, .ops = 512, .completions = 256};
}

static void host_init(struct duo *d, unsigned side, const struct duo_config *config)
{
	struct duo_host *h = &d->h[side];
	struct ring_config rc = config->ring;
	struct net_config nc = config->net;
	struct addr us = addr_v4(IPV4(10, 0, 0, 1 + side));
	const char *why = NULL;
	int dev;

	nc.seed = 7 + side;
	nc.hash_key.k[0] = nc.secret_key.k[0] = 11 + side;
	h->duo = d;
	h->mem[0] = memory(net_region_bytes(&nc, &why));
	h->mem[1] = memory(net_private_bytes(&nc, &why));
	assert(why == NULL);
	net_init(&h->net, &nc, h->mem[0], h->mem[1], d->now);
	h->dev = (struct netdev){.ops = &dev_ops, .pool = &h->net.pool, .mtu = 1500, .wake_fd = -1,
				 .up = true, .priv = h, .name = "duo"};
	h->dev.mac = (struct mac){{2, 0, 0, 0, 0, (uint8_t)(1 + side)}};
	dev = net_add_dev(&h->net, &h->dev);
	assert(dev >= 0);
	assert(ip_add_addr(&h->net.ip, &us, 24, (uint8_t)dev) == 0);
	rc.now = clock_of;
	rc.now_ctx = d;
	h->mem[2] = memory(ring_direct_bytes(&rc, &why));
	assert(why == NULL);
	ring_direct_init(&h->ring, &rc, &h->net, h->mem[2]);
}

struct duo *duo_new(const struct duo_config *config)
{
	struct duo *d = calloc(1, sizeof(*d));
	struct duo_config plain;

	assert(d != NULL);
	d->now = SEC(1);
	duo_config_default(&plain);
	for (unsigned i = 0; i < 2; i++)
		host_init(d, i, config ? config : &plain);
	duo_step(d);
	return d;
}

void duo_free(struct duo *d)
{
	for (unsigned i = 0; i < 2; i++) {
		struct duo_host *h = &d->h[i];

		ring_check(&h->ring);
		ring_direct_fini(&h->ring);
		net_flush(&h->net);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct duo_host *h = &d->h[i];

		net_fini(&h->net);
		dev_close(&h->dev);
		pool_check(&h->net.pool);
		assert(pool_at_rest(&h->net.pool));
		for (unsigned m = 0; m < 3; m++)
			free(h->mem[m]);
	}
	free(d);
}

/* ---- time */

static bool collect(struct duo_host *h)
{
	const struct leat_cqe *cqe;
	unsigned n, any = 0;

	while (!h->hold && (n = leat_cq_peek(&h->ring, &cqe))) {
		for (unsigned i = 0; i < n; i++) {
			assert(h->got_n < DUO_GOT_MAX);
			h->got[h->got_n++] = cqe[i];
		}
		leat_cq_advance(&h->ring, n);
		any += n;
	}
	return any;
}

/* One round; true when something moved. */
static bool round_of_both(struct duo *d)
{
	bool moved = false;

	for (unsigned i = 0; i < 2; i++) {
		struct duo_host *h = &d->h[i];

		moved |= collect(h);
		h->next = leat_poll(&h->ring);
		moved |= collect(h);
		if (!d->unchecked) {
			ring_check(&h->ring);
			net_check(&h->net);
		}
	}
	return moved || d->h[0].in.n || d->h[1].in.n;
}

void duo_step(struct duo *d)
{
	(void)round_of_both(d);
	d->now += STEP;
}

static void advance(struct duo *d, nsec limit)
{
	nsec next;

	if (round_of_both(d)) {
		d->now = MIN(d->now + STEP, limit);
		return;
	}
	next = MIN(d->h[0].next, d->h[1].next);
	d->now = MIN(MAX(next, d->now + STEP), limit);
}

void duo_run(struct duo *d, nsec duration)
{
	nsec end = d->now + duration;

	while (d->now < end)
		advance(d, end);
	(void)round_of_both(d);
}

static struct leat_cqe *find(struct duo *d, unsigned side, uint64_t user_data)
{
	struct duo_host *h = &d->h[side];

	for (unsigned i = 0; i < h->got_n; i++)
		if (!h->used[i] && h->got[i].user_data == user_data)
			return &h->got[i];
	return NULL;
}

bool duo_has(struct duo *d, unsigned side, uint64_t user_data)
{
	collect(&d->h[side]);
	return find(d, side, user_data) != NULL;
}

struct leat_cqe duo_await(struct duo *d, unsigned side, uint64_t user_data)
{
	nsec end = d->now + PATIENCE;
	struct leat_cqe *cqe;

	collect(&d->h[side]);
	while (!(cqe = find(d, side, user_data))) {
		assert(d->now < end);
		advance(d, end);
	}
	d->h[side].used[cqe - d->h[side].got] = true;
	return *cqe;
}

/* ---- submissions */

void duo_submit(struct duo *d, unsigned side, const struct leat_sqe *sqe)
{
	int err = leat_submit(&d->h[side].ring, sqe);

	assert(err == 0);
	if (!d->unchecked)
		ring_check(&d->h[side].ring);
}

int duo_do(struct duo *d, unsigned side, struct leat_sqe sqe)
{
	sqe.user_data = UD_AUTO;
	duo_submit(d, side, &sqe);
	return duo_await(d, side, UD_AUTO).res;
}

struct leat_sqe duo_sqe(unsigned opcode, int fd)
{
	return (struct leat_sqe){.opcode = (uint8_t)opcode, .fd = fd};
}

struct leat_sqe duo_sqe_send(int fd, const void *from, uint32_t n)
{
	return (struct leat_sqe){
		.opcode = LEAT_OP_SEND, .fd = fd, .addr = (uintptr_t)from, .len = n};
}

struct leat_sqe duo_sqe_recv(int fd, void *to, uint32_t n)
{
	return (struct leat_sqe){
		.opcode = LEAT_OP_RECV, .fd = fd, .addr = (uintptr_t)to, .len = n};
}

struct leat_sqe duo_sqe_recv_multi(int fd)
{
	return (struct leat_sqe){
		.opcode = LEAT_OP_RECV, .fd = fd, .ioprio = LEAT_RECV_MULTISHOT};
}

int duo_send(struct duo *d, unsigned side, int fd, const void *from, uint32_t n)
{
	return duo_do(d, side, duo_sqe_send(fd, from, n));
}

int duo_recv(struct duo *d, unsigned side, int fd, void *to, uint32_t n)
{
	return duo_do(d, side, duo_sqe_recv(fd, to, n));
}

int duo_close(struct duo *d, unsigned side, int fd)
{
	return duo_do(d, side, duo_sqe(LEAT_OP_CLOSE, fd));
}

struct leat_addr duo_addr(unsigned side, uint16_t port)
{
	struct addr ip = addr_v4(IPV4(10, 0, 0, 1 + side));
	struct leat_addr a = {.port = port};

	memcpy(a.ip, ip.b, sizeof(a.ip));
	return a;
}

static int stream(struct duo *d, unsigned side)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, LEAT_AF_INET);

	sqe.off = LEAT_SOCK_STREAM;
	return duo_do(d, side, sqe);
}

int duo_listen(struct duo *d, unsigned side, uint16_t port)
{
	struct leat_addr a = duo_addr(side, port);
	struct leat_sqe sqe = duo_sqe(LEAT_OP_BIND, stream(d, side));

	sqe.addr = (uintptr_t)&a;
	assert(leat_ring_setsockopt(&d->h[side].ring, sqe.fd, 1, 2, &(int){1}, 4) == 0);
	assert(duo_do(d, side, sqe) == 0);
	sqe = duo_sqe(LEAT_OP_LISTEN, sqe.fd);
	sqe.len = 64;
	assert(duo_do(d, side, sqe) == 0);
	return sqe.fd;
}

void duo_connect(struct duo *d, uint16_t port, int listener, int fd[2])
{
	struct leat_addr a = duo_addr(1, port);
	struct leat_sqe sqe = duo_sqe(LEAT_OP_CONNECT, stream(d, 0));

	fd[0] = sqe.fd;
	sqe.addr = (uintptr_t)&a;
	assert(duo_do(d, 0, sqe) == 0);
	fd[1] = duo_do(d, 1, duo_sqe(LEAT_OP_ACCEPT, listener));
	assert(fd[1] > 0);
}

void duo_pair(struct duo *d, int fd[2])
{
	int listener = duo_listen(d, 1, 80);

	duo_connect(d, 80, listener, fd);
	assert(duo_close(d, 1, listener) == 0);
}
