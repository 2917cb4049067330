/* The device before the real one: see mesh.h.
 *
 * Always: wire[i] leads to stack i (none to ourselves); without a real device only wire[0] is used
 * to send; with one, and a sibling without, what comes by that wire is to be sent. */
#include "drivers/mesh/mesh.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/byteorder.h"
#include "base/err.h"
#include "base/fmt.h"
#include "drivers/loop/loop.h"

#define ETH_HEADER 14u
#define IP_MIN 20u
#define TYPE_IPV4 0x0800
#define TYPE_ARP 0x0806
#define EVERYBODY UINT32_MAX
#define MESH_SLOTS 1024u

struct mesh {
	struct netdev *real;	/* NULL: none */
	struct netdev wire[MESH_MAX];	/* ops NULL: not joined, or ourselves */
	bool bare[MESH_MAX];	/* the stack there has no device and sends through us */
	struct mesh_config config;
	struct pool *pool;
	int real_fd;		/* of the real device, as it is in the epoll set */
	unsigned turn;		/* the wire to be asked first */
	uint64_t lost;		/* frames for others whose wire was full */
	/* frames for a stack, gathered from a burst */
	struct pkt *out[MESH_MAX][NETDEV_BURST];
	unsigned out_n[MESH_MAX];
};

/* ---- whose is it? */

/* The ports of the packet at `ip`, of which `n` bytes are there; 0 and 0 where there are none. */
static void mesh_ports(const uint8_t *ip, uint32_t n, uint16_t *p, uint16_t *q)
{
	uint32_t head = (ip[0] & 15u) * 4u;

	*p = *q = 0;
	if ((ip[9] != 6 && ip[9] != 17) || load_be16(ip + 6) & 0x3fff || n < head + 4)
		return;
	*p = load_be16(ip + head);
	*q = load_be16(ip + head + 2);
}

/* RFC 792: an error tells of a packet that we sent; that packet's flow is meant. */
static bool mesh_is_error(const uint8_t *ip, uint32_t n)
{
	uint32_t head = (ip[0] & 15u) * 4u;
	uint8_t type;

	if (ip[9] != 1 || n < head + 8 + IP_MIN)
		return false;
	type = ip[head];
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static uint32_t mesh_home(const struct mesh *m, const struct pkt *f)
{
	const uint8_t *ip = f->data + ETH_HEADER;
	uint32_t n = f->len - MIN(f->len, ETH_HEADER), head;
	uint16_t type, p, q;

	if (f->len < ETH_HEADER)
		return m->config.spread.id;
	type = load_be16(f->data + 12);
	if (type == TYPE_ARP)
		return EVERYBODY;
	if (m->config.by_queue)
		return m->config.spread.id;
	if (type != TYPE_IPV4 || n < IP_MIN)
		return 0;
	if (unlikely(mesh_is_error(ip, n))) {
		head = (ip[0] & 15u) * 4u;
		ip += head + 8;
		n -= head + 8;
	}
	mesh_ports(ip, n, &p, &q);
	return spread_home(&m->config.spread, load_be32(ip + 12), load_be32(ip + 16), p, q);
}

/* ---- receive */

static void mesh_to(struct mesh *m, unsigned i, struct pkt *p TAKES)
{
	m->out[i][m->out_n[i]++] = p;
}

/* What was gathered for the others goes; what a full wire does not take is lost, at the ring. */
static void mesh_hand_over(struct mesh *m)
{
	for (unsigned i = 0; i < m->config.spread.n; i++) {
		unsigned sent = 0;

		if (!m->out_n[i])
			continue;
		if (m->wire[i].ops)
			sent = m->wire[i].ops->tx(&m->wire[i], m->out[i], m->out_n[i]);
		m->lost += m->out_n[i] - sent;
		while (sent < m->out_n[i])
			pkt_put(m->out[i][sent++]);
		m->out_n[i] = 0;
	}
}

/* Keeps of a burst what is ours; returns how many. */
static unsigned mesh_sort(struct mesh *m, struct pkt **p, unsigned n)
{
	unsigned ours = 0, id = m->config.spread.id;

	for (unsigned i = 0; i < n; i++) {
		uint32_t home = mesh_home(m, p[i]);

		if (likely(home == id)) {
			p[ours++] = p[i];
			continue;
		}
		if (home != EVERYBODY) {
			mesh_to(m, home, p[i]);
			continue;
		}
		for (unsigned k = 0; k < m->config.spread.n; k++)
			if (k != id)
				mesh_to(m, k, pkt_get(p[i]));
		p[ours++] = p[i];
	}
	mesh_hand_over(m);
	return ours;
}

/* What a stack without a device has sent goes out by ours. */
static void mesh_forward(struct mesh *m, struct pkt **p, unsigned n)
{
	unsigned sent = m->real->ops->tx(m->real, p, n);

	m->real->stats.tx_error += n - sent;
	while (sent < n)
		pkt_put(p[sent++]);
}

static unsigned mesh_wires_rx(struct mesh *m, struct pkt **out, unsigned max)
{
	struct pkt *burst[NETDEV_BURST];
	unsigned n = 0, stacks = m->config.spread.n;

	m->turn = m->turn + 1 < stacks ? m->turn + 1 : 0;
	for (unsigned k = 0; k < stacks; k++) {
		unsigned i = (m->turn + k) % stacks;
		struct netdev *w = &m->wire[i];

		if (!w->ops)
			continue;
		if (m->bare[i]) {
			int got = w->ops->rx(w, burst, NETDEV_BURST);

			if (got > 0)
				mesh_forward(m, burst, (unsigned)got);
		} else if (n < max) {
			int got = w->ops->rx(w, out + n, max - n);

			n += got > 0 ? (unsigned)got : 0;
		}
	}
	return n;
}

/* The link counts what the device counts that it stands before. */
static void mesh_stats(const struct mesh *m, struct netdev *dev)
{
	const struct netdev *by = m->real ? m->real : &m->wire[0];

	dev->up = by->up;
	dev->stats = by->stats;
	dev->stats.rx_overrun += m->lost;
}

static int mesh_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct mesh *m = dev->priv;
	unsigned n = 0;
	int got;

	max = MIN(max, NETDEV_BURST);
	if (m->real) {
		got = m->real->ops->rx(m->real, out, max);
		if (got > 0)
			n = mesh_sort(m, out, (unsigned)got);
	}
	return (int)(n + mesh_wires_rx(m, out + n, max - n));
}

/* ---- the rest of the contract */

static unsigned mesh_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	struct mesh *m = dev->priv;
	struct netdev *by = m->real ? m->real : &m->wire[0];
	unsigned sent = by->ops ? by->ops->tx(by, p, n) : 0;

	mesh_stats(m, dev);
	return sent;
}

static void mesh_watch(struct mesh *m, int set, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };

	if (fd >= 0)
		epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev);
}

static bool mesh_arm(struct netdev *dev)
{
	struct mesh *m = dev->priv;
	bool work = m->real && m->real->ops->arm(m->real);

	for (unsigned i = 0; i < m->config.spread.n; i++)
		if (m->wire[i].ops)
			work |= m->wire[i].ops->arm(&m->wire[i]);
	if (m->real && m->real->wake_fd != m->real_fd) {	/* it is another by now */
		m->real_fd = m->real->wake_fd;
		mesh_watch(m, dev->wake_fd, m->real_fd);
	}
	mesh_stats(m, dev);
	return work;
}

static nsec mesh_deadline(struct netdev *dev, nsec now)
{
	struct mesh *m = dev->priv;

	return m->real && m->real->ops->deadline ? m->real->ops->deadline(m->real, now) :
						   NSEC_NEVER;
}

static void mesh_close(struct netdev *dev)
{
	struct mesh *m = dev->priv;

	for (unsigned i = 0; i < MESH_MAX; i++)
		if (m->wire[i].ops)
			m->wire[i].ops->close(&m->wire[i]);
	if (dev->wake_fd >= 0)
		close(dev->wake_fd);
	free(m);
	dev->priv = NULL;
	dev->up = false;
}

static const struct netdev_ops mesh_ops = {
	.kind = "mesh",
	.rx = mesh_rx,
	.tx = mesh_tx,
	.arm = mesh_arm,
	.deadline = mesh_deadline,
	.close = mesh_close,
};

/* ---- opening */

int mesh_open(struct netdev *dev, struct netdev *real, struct pool *pool,
	      const struct mesh_config *config)
{
	struct mesh *m = calloc(1, sizeof(*m));

	assert(config->spread.n <= MESH_MAX && config->spread.id < config->spread.n);
	if (!m)
		return -E_NOMEM;
	*dev = (struct netdev){
		.ops = &mesh_ops,
		.pool = pool,
		.mac = real ? real->mac : config->mac,
		.mtu = real ? real->mtu : config->mtu,
		.features = real ? real->features : NETDEV_CHAIN_TX,
		.wake_fd = epoll_create1(EPOLL_CLOEXEC),
		.up = true,
		.priv = m,
	};
	fmt(dev->name, sizeof(dev->name), "%s", real ? real->name : "mesh");
	if (dev->wake_fd < 0) {
		free(m);
		return -E_NFILE;
	}
	m->real = real;
	m->pool = pool;
	m->config = *config;
	m->real_fd = -1;
	return 0;
}

int mesh_join(struct netdev *a, struct netdev *b)
{
	struct mesh *ma = a->priv, *mb = b->priv;
	unsigned ia = ma->config.spread.id, ib = mb->config.spread.id;
	struct loop_config config = {
		.mtu = MAX(a->mtu, b->mtu), .slots = MESH_SLOTS, .sleeps = true, .vouches = true,
	};
	int err = loop_open(&ma->wire[ib], ma->pool, &mb->wire[ia], mb->pool, &config);

	if (err)
		return err;
	ma->bare[ib] = ma->real && !mb->real;
	mb->bare[ia] = mb->real && !ma->real;
	mesh_watch(ma, a->wake_fd, ma->wire[ib].wake_fd);
	mesh_watch(mb, b->wake_fd, mb->wire[ia].wake_fd);
	return 0;
}
