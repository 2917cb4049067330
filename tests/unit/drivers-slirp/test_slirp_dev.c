/* The unprivileged link, without a stack: frames made by hand go in, libslirp's answers come out.
 *
 * Real sockets on 127.0.0.1.  Addresses are the driver's defaults: 10.0.2.2 the host, 10.0.2.15 us.
 */
#include "helper/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/csum.h"
#include "base/err.h"
#include "drivers/slirp/slirp_dev.h"
#include "port/port.h"

#define FRAMES 512u
#define BARE 64u
#define LOCALHOST IPV4(127, 0, 0, 1)

struct rig {
	struct netdev dev;
	struct pool pool;
	void *region, *mem;
};

static struct rig *rig_open(uint32_t mtu)
{
	struct slirp_dev_config config = { .mtu = mtu };
	size_t bytes = pool_bytes(FRAMES, BARE);
	struct rig *g = calloc(1, sizeof(*g));

	g->region = unit_memory(FRAME_SIZE, FRAMES * FRAME_SIZE);
	g->mem = unit_memory(CACHE_LINE, bytes);
	memset(g->mem, 0, bytes);
	pool_init(&g->pool, (struct region){ g->region, FRAMES }, BARE, g->mem);
	assert_int_equal(slirp_dev_open(&g->dev, &g->pool, &config), 0);
	return g;
}

static void rig_close(struct rig *g)
{
	g->dev.ops->close(&g->dev);
	assert_true(pool_at_rest(&g->pool));
	free(g->region);
	free(g->mem);
	free(g);
}

static void rig_send(struct rig *g, const void *bytes, uint32_t n)
{
	struct pkt *p = pkt_new(&g->pool);

	assert_int_equal(pkt_write(p, bytes, n), 0);
	assert_int_equal(g->dev.ops->tx(&g->dev, &p, 1), 1);
}

/* The next frame, flattened; sleeps on the device as a stack would.  0 after a second without one.
 */
static uint32_t rig_receive(struct rig *g, uint8_t *to, uint32_t size)
{
	nsec end = port_now() + SEC(1);

	while (port_now() < end) {
		struct port_wait wait = { .fd = g->dev.wake_fd };
		struct pkt *p;
		nsec next;

		if (g->dev.ops->rx(&g->dev, &p, 1) == 1) {
			uint32_t n = p->total;

			assert_true(n <= size);
			assert_int_equal(pkt_read(p, 0, to, n), n);
			pkt_put(p);
			return n;
		}
		if (g->dev.ops->arm(&g->dev))
			continue;
		next = g->dev.ops->deadline(&g->dev, port_now());
		port_idle_until(MIN(next, end), &wait, 1);
	}
	return 0;
}

/* Ethernet and ARP from us, asking for, or telling, an address. */
static void arp(struct rig *g, uint8_t op, uint8_t target)
{
	uint8_t f[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, op,
		[28] = 10, 0, 2, 15, [38] = 10, 0, 2, target,
	};

	memcpy(f + 6, g->dev.mac.b, 6);
	memcpy(f + 22, g->dev.mac.b, 6);
	rig_send(g, f, sizeof(f));
}

static void the_host_answers_arp(void **state)
{
	struct rig *g = rig_open(1500);
	uint8_t f[128];

	arp(g, 1, SLIRP_DEV_HOST);
	assert_true(rig_receive(g, f, sizeof(f)) >= 42);
	assert_memory_equal(f, g->dev.mac.b, 6);
	assert_int_equal(f[12] << 8 | f[13], 0x0806);
	assert_int_equal(f[21], 2);
	assert_int_equal(ntohl(*(uint32_t *)(void *)(f + 28)), IPV4(10, 0, 2, 2));
	rig_close(g);
}

/* A packet of `n` bytes of ICMP echo to the host, whose payload counts. */
static void echo(struct rig *g, uint8_t *f, uint32_t n)
{
	uint8_t head[34] = {
		0x52, 0x55, 10, 0, 2, 2, [12] = 8, 0, 0x45, 0, (uint8_t)((n + 20) >> 8),
		(uint8_t)(n + 20), [22] = 64, 1, [26] = 10, 0, 2, 15, 10, 0, 2, 2,
	};
	uint16_t sum;

	memcpy(head + 6, g->dev.mac.b, 6);
	sum = csum_fold(csum_partial(head + 14, 20, 0));
	memcpy(head + 24, &sum, 2);
	memcpy(f, head, 34);
	memset(f + 34, 0, 8);
	f[34] = 8;
	f[39] = 1;
	for (uint32_t i = 8; i < n; i++)
		f[34 + i] = (uint8_t)(i * 13);
	sum = csum_fold(csum_partial(f + 34, n, 0));
	memcpy(f + 36, &sum, 2);
	rig_send(g, f, 34 + n);
}

static void a_ping_of_the_host_comes_back_at_every_mtu(void **state)
{
	static const uint32_t mtus[] = { 576, 1500, 9000, 32768, 65521 };
	static uint8_t out[65536], in[65536];

	for (unsigned i = 0; i < ARRAY_LEN(mtus); i++) {
		uint32_t n = mtus[i] - 20;
		struct rig *g = rig_open(mtus[i]);

		arp(g, 1, SLIRP_DEV_HOST);
		assert_true(rig_receive(g, in, sizeof(in)) >= 42);
		echo(g, out, n);
		assert_int_equal(rig_receive(g, in, sizeof(in)), 34 + n);
		assert_int_equal(in[34], 0);
		assert_memory_equal(in + 42, out + 42, n - 8);
		rig_close(g);
	}
}

static int connect_to(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(LOCALHOST) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_true(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 || errno == EINPROGRESS);
	return fd;
}

static void a_connection_to_a_published_port_arrives_as_a_syn(void **state)
{
	struct rig *g = rig_open(65521);
	int port = slirp_dev_publish(&g->dev, LOCALHOST, 0, 80), fd;
	uint8_t f[128] = { 0 };

	assert_true(port > 0);
	arp(g, 1, SLIRP_DEV_HOST);	/* libslirp learns from it where we are */
	assert_true(rig_receive(g, f, sizeof(f)) >= 42);
	fd = connect_to(port);
	assert_true(rig_receive(g, f, sizeof(f)) >= 58);
	assert_int_equal(f[23], 6);
	assert_int_equal(f[36] << 8 | f[37], 80);
	assert_int_equal(f[47] & 0x3f, 2);		/* SYN */
	assert_int_equal(f[54] << 8 | f[55], 2 << 8 | 4);	/* option: MSS */
	assert_int_equal(f[56] << 8 | f[57], 65521 - 40);
	close(fd);
	rig_close(g);
}

/* Goal: a burst of clients does not wait for a second SYN.  Method: more connections than
 * libslirp's own backlog of one takes; each is established by the kernel before anybody answers. */
static void a_hundred_clients_connect_at_once(void **state)
{
	struct rig *g = rig_open(1500);
	int port = slirp_dev_publish(&g->dev, LOCALHOST, 0, 80), fds[100];

	assert_true(port > 0);
	for (int i = 0; i < 100; i++)
		fds[i] = connect_to(port);
	for (int i = 0; i < 100; i++) {
		struct pollfd p = { .fd = fds[i], .events = POLLOUT };

		assert_int_equal(poll(&p, 1, 500), 1);
		assert_int_equal(p.revents, POLLOUT);
		close(fds[i]);
	}
	rig_close(g);
}

static void a_taken_port_is_refused_with_its_reason(void **state)
{
	struct rig *g = rig_open(1500), *other = rig_open(1500);
	int port = slirp_dev_publish(&g->dev, LOCALHOST, 0, 80);

	assert_true(port > 0);
	assert_int_equal(slirp_dev_publish(&other->dev, LOCALHOST, (uint16_t)port, 80),
			 -E_ADDRINUSE);
	assert_int_equal(slirp_dev_publish(&g->dev, LOCALHOST, (uint16_t)port, 81), -E_ADDRINUSE);
	assert_int_equal(slirp_dev_publish(&g->dev, IPV4(192, 0, 2, 1), 0, 80), -E_ADDRNOTAVAIL);
	rig_close(other);
	rig_close(g);
}

/* A closed device frees its port at once. */
static void a_port_can_be_published_again_after_close(void **state)
{
	struct rig *g = rig_open(1500);
	int port = slirp_dev_publish(&g->dev, LOCALHOST, 0, 80), fd = connect_to(port);
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	assert_int_equal(poll(&p, 1, 500), 1);
	rig_close(g);
	g = rig_open(1500);
	assert_int_equal(slirp_dev_publish(&g->dev, LOCALHOST, (uint16_t)port, 80), port);
	close(fd);
	rig_close(g);
}

static void a_frame_without_memory_is_counted_and_lost(void **state)
{
	struct rig *g = rig_open(1500);
	struct pkt *hold[FRAMES], *p = pkt_new(&g->pool), *got;
	uint8_t f[42] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 1,
			  [28] = 10, 0, 2, 15, [38] = 10, 0, 2, 2 };
	unsigned held = 0;

	pkt_write(p, f, sizeof(f));
	pkt_get(p);		/* tx() does not make room by freeing it */
	while (g->pool.free_frames_n)
		hold[held++] = pkt_new(&g->pool);
	assert_int_equal(g->dev.ops->tx(&g->dev, &p, 1), 1);
	assert_int_equal(g->dev.ops->rx(&g->dev, &got, 1), 0);
	assert_int_equal(g->dev.stats.rx_no_frame, 1);
	pkt_put(p);
	while (held)
		pkt_put(hold[--held]);
	rig_close(g);
}

static void junk_of_any_length_does_no_harm(void **state)
{
	struct rig *g = rig_open(65521);
	static uint8_t junk[65535];
	struct prng r;
	struct pkt *got[NETDEV_BURST];

	prng_seed(&r, 7);
	for (unsigned i = 0; i < 3000; i++) {
		uint32_t n = 14 + prng_u64(&r) % (i % 10 ? 200 : sizeof(junk) - 14);
		int m;

		unit_fill(&r, junk, n);
		junk[12] = 8;
		junk[13] = i % 3 ? 0 : 6;
		junk[14] = i % 2 ? 0x45 : junk[14];
		rig_send(g, junk, n);
		m = g->dev.ops->rx(&g->dev, got, NETDEV_BURST);
		while (m > 0)
			pkt_put(got[--m]);
	}
	rig_close(g);
}

/* Goal: an idle link costs nothing.  Method: what it asks for in ten seconds of sleep. */
static void an_idle_link_wants_no_more_than_three_wake_ups_a_second(void **state)
{
	struct rig *g = rig_open(1500);
	unsigned wakes = 0;
	nsec end;

	assert_true(slirp_dev_publish(&g->dev, LOCALHOST, 0, 80) > 0);
	end = port_now() + SEC(1);
	while (port_now() < end) {
		struct port_wait wait = { .fd = g->dev.wake_fd };
		struct pkt *got;

		assert_int_equal(g->dev.ops->rx(&g->dev, &got, 1), 0);
		assert_false(g->dev.ops->arm(&g->dev));
		port_idle_until(MIN(end, g->dev.ops->deadline(&g->dev, port_now())), &wait, 1);
		wakes++;
	}
	assert_true(wakes <= 4);
	rig_close(g);
}

static void sizes_that_cannot_be_are_refused(void **state)
{
	static const struct slirp_dev_config wrong[] = {
		{ .mtu = 100 }, { .mtu = 65522 }, { .network = IPV4(10, 0, 2, 1) },
	};
	struct netdev dev;

	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(slirp_dev_open(&dev, NULL, &wrong[i]), -E_INVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_host_answers_arp),
		cmocka_unit_test(a_ping_of_the_host_comes_back_at_every_mtu),
		cmocka_unit_test(a_connection_to_a_published_port_arrives_as_a_syn),
		cmocka_unit_test(a_hundred_clients_connect_at_once),
		cmocka_unit_test(a_taken_port_is_refused_with_its_reason),
		cmocka_unit_test(a_port_can_be_published_again_after_close),
		cmocka_unit_test(a_frame_without_memory_is_counted_and_lost),
		cmocka_unit_test(junk_of_any_length_does_no_harm),
		cmocka_unit_test(an_idle_link_wants_no_more_than_three_wake_ups_a_second),
		cmocka_unit_test(sizes_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
