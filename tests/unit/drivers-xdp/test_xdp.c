/* AF_XDP on one end of a veth pair in a network namespace of the test's own; the other end is a raw
 * socket, and what the kernel keeps is seen by one on our end.
 *
 * Needs root (or a user namespace), ip(8) and a kernel with AF_XDP; says so and skips without. */
#include "helper/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "drivers/xdp/xdp.h"
#include "port/port.h"

#define FRAMES 1024u
#define BARE 64u
#define OURS IPV4(10, 7, 0, 2)
#define OTHER IPV4(10, 7, 0, 3)
#define WAIT SEC(3)

struct rig {
	struct netdev dev;
	struct pool pool;
	void *region, *mem;
	int peer;	/* raw socket on the other end */
	int kernel;	/* raw socket on ours: what was not redirected */
};

static const uint8_t *mac_of(const struct rig *g)
{
	return g->dev.mac.b;
}

static void run(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

static void veth_make(void)
{
	run("ip link add xa type veth peer name xb && ip link set xa up && ip link set xb up");
	run("sysctl -qw net.ipv6.conf.xa.disable_ipv6=1 net.ipv6.conf.xb.disable_ipv6=1 || true");
}

static int raw_socket(const char *ifname)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(3),	/* ETH_P_ALL */
		.sll_ifindex = (int)if_nametoindex(ifname),
	};
	struct timeval wait = { .tv_sec = 2 };
	int fd = socket(AF_PACKET, SOCK_RAW, htons(3));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return fd;
}

static struct rig *rig_open(void)
{
	struct xdp_config config = { .ifname = "xb", .addr = OURS, .queues = 1 };
	size_t bytes = pool_bytes(FRAMES, BARE);
	struct rig *g = calloc(1, sizeof(*g));
	nsec end = port_now() + WAIT;
	char why[256] = "";

	veth_make();
	g->region = unit_memory(4096, FRAMES * FRAME_SIZE);
	g->mem = unit_memory(CACHE_LINE, bytes);
	memset(g->mem, 0, bytes);
	pool_init(&g->pool, (struct region){ g->region, FRAMES }, BARE, g->mem);
	if (xdp_open(&g->dev, &g->pool, &config, why, sizeof(why)))
		fail_msg("%s", why);
	while (!g->dev.up) {	/* the carrier is away for a moment when a program is attached */
		assert_true(port_now() < end);
		g->dev.ops->arm(&g->dev);
		usleep(1000);
	}
	g->peer = raw_socket("xa");
	g->kernel = raw_socket("xb");
	return g;
}

static void rig_close(struct rig *g)
{
	g->dev.ops->close(&g->dev);
	assert_true(pool_at_rest(&g->pool));
	close(g->peer);
	close(g->kernel);
	run("ip link del xa");
	free(g->region);
	free(g->mem);
	free(g);
}

/* An IPv4 or ARP frame of `n` bytes to an address; its last byte is `mark`. */
static void frame_to(const struct rig *g, uint8_t *f, unsigned n, bool arp, uint32_t to,
		     uint8_t mark)
{
	uint32_t net = htonl(to);

	memset(f, 0, n);
	memcpy(f, mac_of(g), 6);
	memcpy(f + 6, "\x02\x01\x01\x01\x01\x01", 6);
	f[12] = 8;
	f[13] = arp ? 6 : 0;
	if (!arp)
		f[14] = 0x45;
	memcpy(f + (arp ? 38 : 30), &net, 4);
	f[n - 1] = mark;
}

static void peer_sends(struct rig *g, const uint8_t *f, unsigned n)
{
	assert_int_equal(send(g->peer, f, n, 0), n);
}

/* The mark of the next frame that comes to us. */
static int next_mark(struct rig *g)
{
	nsec end = port_now() + WAIT;
	struct pkt *p;
	uint8_t mark;

	while (g->dev.ops->rx(&g->dev, &p, 1) != 1) {
		struct port_wait wait = { .fd = g->dev.wake_fd };

		if (port_now() >= end)
			return -1;
		if (!g->dev.ops->arm(&g->dev))
			port_idle_until(port_now() + MSEC(100), &wait, 1);
	}
	assert_int_equal(pkt_read(p, p->total - 1, &mark, 1), 1);
	pkt_put(p);
	return mark;
}

/* The mark of the next frame from the other end that the kernel kept. */
static int next_kept(struct rig *g)
{
	struct sockaddr_ll from;
	socklen_t size = sizeof(from);
	uint8_t f[2048];
	ssize_t n;

	do {
		size = sizeof(from);
		n = recvfrom(g->kernel, f, sizeof(f), 0, (struct sockaddr *)&from, &size);
	} while (n > 0 && from.sll_pkttype == PACKET_OUTGOING);
	return n > 0 ? f[n - 1] : -1;
}

static void our_address_comes_to_us_and_the_kernel_keeps_the_rest(void **state)
{
	struct rig *g = rig_open();
	uint8_t f[100];

	frame_to(g, f, 100, false, OTHER, 1);
	peer_sends(g, f, 100);
	frame_to(g, f, 100, false, OURS, 2);
	peer_sends(g, f, 100);
	frame_to(g, f, 60, true, OTHER, 3);
	peer_sends(g, f, 60);
	frame_to(g, f, 60, true, OURS, 4);
	peer_sends(g, f, 60);
	frame_to(g, f, 60, false, OURS, 5);
	f[12] = 0x86;		/* IPv6, whatever lies where an address would be */
	f[13] = 0xdd;
	peer_sends(g, f, 60);
	assert_int_equal(next_mark(g), 2);
	assert_int_equal(next_mark(g), 4);
	assert_int_equal(next_kept(g), 1);
	assert_int_equal(next_kept(g), 3);
	assert_int_equal(next_kept(g), 5);
	assert_int_equal(g->dev.stats.rx_frames, 2);
	rig_close(g);
}

static void more_frames_than_the_ring_has_come_in_order(void **state)
{
	struct rig *g = rig_open();
	uint8_t f[60];

	for (unsigned i = 0; i < 5000; i++) {
		frame_to(g, f, 60, false, OURS, (uint8_t)i);
		peer_sends(g, f, 60);
		assert_int_equal(next_mark(g), i & 0xff);
	}
	rig_close(g);
}

static void fill(uint8_t *to, unsigned frame, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		to[i] = (uint8_t)(frame * 31 + i * 7);
}

static void peer_gets(struct rig *g, unsigned frame, unsigned n)
{
	uint8_t want[2048], got[2048];
	ssize_t len;

	fill(want, frame, n);
	do {
		len = recv(g->peer, got, sizeof(got), 0);
		assert_true(len > 0);
	} while ((unsigned)len != n);	/* what the kernel says of its own accord is shorter */
	assert_memory_equal(got, want, n);
}

static void send_one(struct rig *g, struct pkt *p)
{
	nsec end = port_now() + WAIT;

	while (g->dev.ops->tx(&g->dev, &p, 1) == 0)
		assert_true(port_now() < end);
}

static void a_frame_in_one_piece_goes_as_it_is(void **state)
{
	struct rig *g = rig_open();
	uint8_t f[1514];

	for (unsigned i = 0; i < 3000; i++) {
		struct pkt *p = pkt_new(&g->pool);

		fill(f, i, sizeof(f));
		assert_int_equal(pkt_write(p, f, sizeof(f)), 0);
		send_one(g, p);
		peer_gets(g, i, sizeof(f));
	}
	rig_close(g);
}

static void pieces_and_lent_memory_are_made_one_frame(void **state)
{
	struct rig *g = rig_open();
	struct lend lend = { .refs = 1 };
	uint8_t f[1400];

	for (unsigned i = 0; i < 200; i++) {
		struct pkt *p = pkt_new(&g->pool), *body = pkt_new(&g->pool), *kept = NULL;

		fill(f, i, sizeof(f));
		assert_int_equal(pkt_write(p, f, 54), 0);
		assert_int_equal(pkt_write(body, f, 600), 0);
		pkt_append(p, pkt_slice(body, 54, 546));
		pkt_append(p, pkt_lent(&g->pool, &lend, f + 600, 800));
		pkt_put(body);
		if (i & 1)	/* somebody holds the headers too: then it is copied */
			kept = pkt_get(p);
		send_one(g, p);
		peer_gets(g, i, sizeof(f));
		if (kept)
			pkt_put(kept);
	}
	assert_int_equal(lend.refs, 1);
	rig_close(g);
}

static void what_is_longer_than_the_mtu_is_lost_and_counted(void **state)
{
	struct rig *g = rig_open();
	struct pkt *p = pkt_new(&g->pool);
	static uint8_t f[3000];

	assert_int_equal(pkt_write(p, f, sizeof(f)), 0);
	send_one(g, p);
	assert_int_equal(g->dev.stats.tx_error, 1);
	rig_close(g);
}

static void a_sum_that_the_kernel_left_out_is_vouched_for(void **state)
{
	struct rig *g = rig_open();
	uint8_t f[64];
	struct pkt *p;

	for (unsigned wrong = 0; wrong < 2; wrong++) {
		frame_to(g, f, 54, false, OURS, 0);
		f[16] = 0;
		f[17] = 40;			/* IPv4 and TCP without options */
		f[23] = 6;
		/* 10.7.0.2 + 6 + 20 */
		f[50] = 0x0a;
		f[51] = (uint8_t)(7 + 2 + 6 + 20 + wrong);
		peer_sends(g, f, 54);
		while (g->dev.ops->rx(&g->dev, &p, 1) != 1)
			;
		assert_int_equal(p->flags & PKT_CSUM_OK, wrong ? 0 : PKT_CSUM_OK);
		pkt_put(p);
	}
	rig_close(g);
}

static void an_interface_that_goes_away_comes_back(void **state)
{
	struct rig *g = rig_open();
	nsec end = port_now() + WAIT;
	struct pkt *p;
	uint8_t f[60];

	run("ip link del xa");
	while (g->dev.up) {
		assert_true(port_now() < end);
		g->dev.ops->arm(&g->dev);
		usleep(1000);
	}
	assert_true(pool_at_rest(&g->pool));	/* nothing is lost with it */
	p = pkt_new(&g->pool);
	memset(f, 0, sizeof(f));
	assert_int_equal(pkt_write(p, f, sizeof(f)), 0);
	assert_int_equal(g->dev.ops->tx(&g->dev, &p, 1), 1);
	assert_int_equal(g->dev.stats.tx_error, 1);
	veth_make();
	for (end = port_now() + WAIT; !g->dev.up; usleep(1000)) {
		assert_true(port_now() < end);
		g->dev.ops->arm(&g->dev);
	}
	close(g->peer);
	g->peer = raw_socket("xa");
	frame_to(g, f, 60, false, OURS, 77);
	peer_sends(g, f, 60);
	assert_int_equal(next_mark(g), 77);
	rig_close(g);
}

/* Without frames to be filled the kernel drops, and all goes on when there are some. */
static void an_empty_pool_is_survived(void **state)
{
	struct rig *g = rig_open();
	struct pkt *all[FRAMES];
	unsigned n = 0;
	uint8_t f[60];

	while (g->pool.free_frames_n)
		all[n++] = pkt_new(&g->pool);
	for (unsigned i = 0; i < FRAMES; i++) {
		struct pkt *p;

		frame_to(g, f, 60, false, OURS, 1);
		peer_sends(g, f, 60);
		if (g->dev.ops->rx(&g->dev, &p, 1) == 1) {
			assert_true(n < FRAMES);
			all[n++] = p;
		}
	}
	assert_int_equal(n, FRAMES);
	while (n)
		pkt_put(all[--n]);
	assert_false(g->dev.ops->arm(&g->dev));
	frame_to(g, f, 60, false, OURS, 9);
	peer_sends(g, f, 60);
	assert_int_equal(next_mark(g), 9);
	rig_close(g);
}

static void after_closing_no_program_is_left(void **state)
{
	struct rig *g = rig_open();

	run("ip link show xb | grep -q xdp");
	g->dev.ops->close(&g->dev);
	run("! ip link show xb | grep -q xdp");
	assert_true(pool_at_rest(&g->pool));
	close(g->peer);
	close(g->kernel);
	run("ip link del xa");
	free(g->region);
	free(g->mem);
	free(g);
}

static void refused(const struct xdp_config *config, const char *word)
{
	struct pool pool = { .frames = FRAMES };
	struct netdev dev;
	char why[256] = "";

	assert_true(xdp_open(&dev, &pool, config, why, sizeof(why)) < 0);
	if (!strstr(why, word))
		fail_msg("%s", why);
}

static void what_cannot_be_is_said_in_a_line(void **state)
{
	veth_make();
	refused(&(struct xdp_config){ .ifname = "nowhere", .addr = OURS, .queues = 1 }, "ip link");
	refused(&(struct xdp_config){ .ifname = "xb", .queues = 1 }, "ip=");
	run("ip link set xb mtu 3000");
	refused(&(struct xdp_config){ .ifname = "xb", .addr = OURS, .queues = 1 }, "mtu 1500");
	run("ip link del xa");
}

/* Root in a network of our own, AF_XDP, and ip(8). */
static bool can(void)
{
	if (unshare(CLONE_NEWNET) < 0 || system("ip link set lo up 2>/dev/null"))
		return false;
	return socket(AF_XDP, SOCK_RAW, 0) >= 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_address_comes_to_us_and_the_kernel_keeps_the_rest),
		cmocka_unit_test(more_frames_than_the_ring_has_come_in_order),
		cmocka_unit_test(a_frame_in_one_piece_goes_as_it_is),
		cmocka_unit_test(pieces_and_lent_memory_are_made_one_frame),
		cmocka_unit_test(what_is_longer_than_the_mtu_is_lost_and_counted),
		cmocka_unit_test(a_sum_that_the_kernel_left_out_is_vouched_for),
		cmocka_unit_test(an_interface_that_goes_away_comes_back),
		cmocka_unit_test(an_empty_pool_is_survived),
		cmocka_unit_test(after_closing_no_program_is_left),
		cmocka_unit_test(what_cannot_be_is_said_in_a_line),
	};

	if (!can()) {
		fprintf(stderr, "skipped: needs root, ip(8) and AF_XDP\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
