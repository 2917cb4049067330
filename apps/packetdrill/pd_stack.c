/* The stack of a script: opened by the settings of the namespace, run in virtual time.
 *
 * Scripts change Linux's settings by sysctl before they begin (their init command); the same files
 * are read here, so that "timestamps off" means the same to both.  Its clock starts at SIM_START
 * and moves when packetdrill waits. */
#include "apps/packetdrill/pd_stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/fmt.h"
#include "base/mem.h"
#include "net/net.h"
#include "port/sim/sim.h"
#include "ring/ring.h"
#include "wire/arp.h"
#include "wire/eth.h"

#define PACKETS_MAX 4096u	/* on the way in or out at one moment */
#define PACKET_MAX 65535u
#define ROUNDS_MAX 100000u	/* of the stack at one moment: then it runs in a circle */

struct packet {
	struct packet *next;
	nsec when;
	size_t len;
	uint8_t bytes[];
};

struct queue {
	struct packet *head, **end;
	unsigned n;
};

static struct {
	struct sim sim;
	struct net net;
	struct leat_ring ring;
	struct netdev dev;
	void (*round)(void);
	struct queue in, out;	/* frames that arrive, IP packets that left */
	void *region, *private, *door;
	size_t region_bytes, private_bytes, door_bytes;
} pd;

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "libleat-packetdrill: %s\n", what);
	exit(1);
}

/* ---- packets */

static void queue_push(struct queue *q, const void *head, size_t head_len, const void *bytes,
		       size_t n)
{
	struct packet *p = malloc(sizeof(*p) + head_len + n);

	if (!p || q->n == PACKETS_MAX)
		give_up("too many packets at one moment");
	*p = (struct packet){ .when = pd.sim.now, .len = head_len + n };
	memcpy(p->bytes, head, head_len);
	memcpy(p->bytes + head_len, bytes, n);
	if (!q->head)
		q->end = &q->head;
	*q->end = p;
	q->end = &p->next;
	q->n++;
}

static struct packet *queue_pop(struct queue *q)
{
	struct packet *p = q->head;

	if (!p)
		return NULL;
	q->head = p->next;
	q->n--;
	return p;
}

/* ---- the link: Ethernet to the stack, IP to the script */

static const struct mac peer_mac = { { 2, 0, 0, 0, 0, 2 } };

/* Whoever is asked for is there, and is the script. */
static void answer_arp(const uint8_t *frame, uint32_t len)
{
	struct wire_arp ask, answer;
	uint8_t b[WIRE_ETH_LEN + WIRE_ARP_LEN];

	if (wire_arp_parse(&ask, frame + WIRE_ETH_LEN, len - WIRE_ETH_LEN) ||
	    ask.op != WIRE_ARP_REQUEST || ask.sender_ip == ask.target_ip)
		return;
	answer = (struct wire_arp){ .op = WIRE_ARP_REPLY, .sender_mac = peer_mac,
				    .target_mac = pd.dev.mac, .sender_ip = ask.target_ip,
				    .target_ip = ask.sender_ip };
	wire_eth_write(b, pd.dev.mac, peer_mac, WIRE_ETH_ARP);
	wire_arp_write(b + WIRE_ETH_LEN, &answer);
	queue_push(&pd.in, "", 0, b, sizeof(b));
}

static int dev_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	unsigned n = 0;

	while (n < max && pd.in.head) {
		struct packet *from = queue_pop(&pd.in);
		struct pkt *p = pkt_new(dev->pool);

		if (p && pkt_write(p, from->bytes, (uint32_t)from->len)) {
			pkt_put(p);
			p = NULL;
		}
		free(from);
		if (p)
			out[n++] = p;
		else
			dev->stats.rx_no_frame++;
	}
	return (int)n;
}

static unsigned dev_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	static uint8_t frame[PACKET_MAX + WIRE_ETH_LEN];

	for (unsigned i = 0; i < n; i++) {
		uint32_t len = pkt_read(p[i], 0, frame, sizeof(frame));

		if (load_be16(frame + 12) == WIRE_ETH_ARP)
			answer_arp(frame, len);
		else
			queue_push(&pd.out, "", 0, frame + WIRE_ETH_LEN, len - WIRE_ETH_LEN);
		pkt_put(p[i]);
	}
	return n;
}

static bool dev_arm(struct netdev *dev)
{
	return pd.in.head != NULL;
}

static void dev_close(struct netdev *dev)
{
	struct packet *p;

	while ((p = queue_pop(&pd.in)) || (p = queue_pop(&pd.out)))
		free(p);
}

static const struct netdev_ops dev_ops = {
	.kind = "packetdrill",
	.rx = dev_rx,
	.tx = dev_tx,
	.arm = dev_arm,
	.close = dev_close,
};

/* ---- settings */

/* The i-th number of a setting of net.ipv4, or `otherwise`. */
static long setting(const char *name, unsigned i, long otherwise)
{
	char path[128];
	long value = otherwise;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	f = fopen(path, "r");
	if (!f)
		return otherwise;
	for (unsigned k = 0; k <= i; k++)
		if (fscanf(f, "%ld", &value) != 1)
			value = otherwise;
	fclose(f);
	return value;
}

static void settings(struct tcp_config *c)
{
	char name[32] = "";
	FILE *f = fopen("/proc/sys/net/ipv4/tcp_congestion_control", "r");

	c->timestamps = setting("tcp_timestamps", 0, 1) != 0;
	c->window_scale = setting("tcp_window_scaling", 0, 1) != 0;
	c->sack = setting("tcp_sack", 0, 1) != 0;
	c->syn_retries = (uint8_t)setting("tcp_syn_retries", 0, c->syn_retries);
	c->data_retries = (uint8_t)setting("tcp_retries2", 0, c->data_retries);
	c->fin_wait_2 = SEC((nsec)setting("tcp_fin_timeout", 0, 60));
	if (f && fscanf(f, "%31s", name) == 1 && cc_find(name, strlen(name)))
		c->cc = cc_find(name, strlen(name));
	if (f)
		fclose(f);
}

static nsec ring_now(void *ctx)
{
	return pd.sim.now;
}

/* "10.0.0.1/24": an address of ours and its network. */
static void address(const char *text, uint32_t *addr, uint8_t *prefix)
{
	unsigned a, b, c, d, n;
	char rest;

	if (sscanf(text, "%u.%u.%u.%u/%u%c", &a, &b, &c, &d, &n, &rest) != 5 ||
	    (a | b | c | d) > 255 || n < 1 || n > 30)
		give_up("--so_flags wants ADDRESS/PREFIX, for instance 192.168.0.1/16");
	*addr = a << 24 | b << 16 | c << 8 | d;
	*prefix = (uint8_t)n;
}

static void open_memory(const struct net_config *net, const struct ring_config *ring)
{
	const char *why = "no memory";

	pd.region_bytes = net_region_bytes(net, &why);
	pd.private_bytes = net_private_bytes(net, &why);
	pd.door_bytes = ring_direct_bytes(ring, &why);
	if (!pd.region_bytes || !pd.private_bytes || !pd.door_bytes)
		give_up(why);
	pd.region = port_map(pd.region_bytes, false);
	pd.private = port_map(pd.private_bytes, false);
	pd.door = port_map(pd.door_bytes, false);
	if (!pd.region || !pd.private || !pd.door)
		give_up("no memory");
}

struct leat_ring *pd_stack_open(const char *flags, void (*round)(void))
{
	struct net_config net;
	struct ring_config ring;
	struct ip_route gateway = { .via_gateway = true };
	uint32_t addr;
	uint8_t prefix;
	struct addr own;

	address(flags && *flags ? flags : "192.168.0.1/16", &addr, &prefix);
	sim_init(&pd.sim, 1);
	net_config_default(&net);
	net.frames = net.bare = 8192;
	net.tcp.conns_max = 1024;
	settings(&net.tcp);
	net.seed = 1;
	port_entropy(&net.hash_key, sizeof(net.hash_key));
	port_entropy(&net.secret_key, sizeof(net.secret_key));
	ring_config_default(&ring);
	ring.now = ring_now;
	open_memory(&net, &ring);
	net_init(&pd.net, &net, pd.region, pd.private, pd.sim.now);
	ring_direct_init(&pd.ring, &ring, &pd.net, pd.door);
	pd.dev = (struct netdev){ .ops = &dev_ops, .pool = &pd.net.pool, .mtu = 1500, .wake_fd = -1,
				  .mac = { { 2, 0, 0, 0, 0, 1 } }, .up = true, .name = "script",
				  .features = NETDEV_CHAIN_TX };
	own = addr_v4(addr);
	gateway.dst = addr_v4(0);
	gateway.gateway = addr_v4((addr & ~0xffu) | ((addr + 1) & 0xff));
	if (net_add_dev(&pd.net, &pd.dev) != 0 || ip_add_addr(&pd.net.ip, &own, prefix, 0) ||
	    ip_add_route(&pd.net.ip, &gateway))
		give_up("the stack does not open");
	pd.round = round;
	return &pd.ring;
}

void pd_stack_close(void)
{
	ring_direct_fini(&pd.ring);
	net_fini(&pd.net);
	dev_close(&pd.dev);
	port_unmap(pd.region, pd.region_bytes);
	port_unmap(pd.private, pd.private_bytes);
	port_unmap(pd.door, pd.door_bytes);
}

/* ---- time */

nsec pd_stack_now(void)
{
	return pd.sim.now;
}

nsec pd_stack_run(void)
{
	nsec next;

	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		pd.round();
		next = leat_poll(&pd.ring);
		if (next > pd.sim.now && !pd.in.head)
			return next;
	}
	give_up("the stack does not come to rest");
}

void pd_stack_move(nsec to)
{
	pd.sim.now = MAX(pd.sim.now, to);
	pd_stack_run();
}

void pd_stack_arrive(const void *packet, size_t n)
{
	uint8_t head[WIRE_ETH_LEN];

	if (n > PACKET_MAX)
		give_up("a packet longer than 65535 bytes");
	wire_eth_write(head, pd.dev.mac, peer_mac, WIRE_ETH_IPV4);
	queue_push(&pd.in, head, sizeof(head), packet, n);
	pd_stack_run();
}

bool pd_stack_left(void *to, size_t *n, nsec *when)
{
	struct packet *p = queue_pop(&pd.out);

	if (!p)
		return false;
	*n = MIN(*n, p->len);
	memcpy(to, p->bytes, *n);
	*when = p->when;
	free(p);
	return true;
}
