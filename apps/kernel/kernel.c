/* The boot image: a machine becomes a web server, with nothing below it.
 *
 * The same stack, door and HTTP server as the hosted program; port/metal is the platform.  One
 * loop: poll, serve, and sleep when nothing has happened for a while.
 *
 * Start reading at kernel_main(). */
#include "apps/kernel/kernel.h"

#include "base/err.h"
#include "port/metal/metal.h"
#include "port/port.h"

#define KERNEL_SPIN USEC(200)	/* looks on after the last event: a sleep costs a wake-up */
#define KERNEL_CONSOLE_POLLS 1024u	/* looks at what was typed that seldom while awake */
#define KERNEL_CONNS_MAX 4096u
#define KERNEL_CONNS_MIN 16u
#define KERNEL_FRAMES_A_CONN 16u
#define KERNEL_FRAMES_MIN 768u	/* a card's rings hold 256 of them */
#define KERNEL_SPARE (512u << 10)	/* rings of devices, files that are created */

static struct kernel kernel;

/* ---- sizes */

static nsec kernel_now(void *ctx)
{
	(void)ctx;
	return port_now();
}

static uint64_t kernel_wall_seconds(void *ctx)
{
	(void)ctx;
	return port_wall_seconds();
}

static void kernel_access(void *ctx, const char *line)
{
	port_log(ctx, LOG_INFO, line);
}

struct kernel_sizes {
	struct net_config net;
	struct ring_config ring;
	struct httpd_config httpd;
};

static void kernel_sizes(const struct kernel *k, struct kernel_sizes *s, uint32_t conns)
{
	const struct kernel_options *o = &k->options;

	net_config_default(&s->net);
	s->net.frames = o->frames ? o->frames : MAX(conns * KERNEL_FRAMES_A_CONN,
						    KERNEL_FRAMES_MIN);
	s->net.bare = s->net.frames;
	s->net.tcp.conns_max = 2 * conns;	/* those that are closing count */
	s->net.tcp.timewaits_max = MAX(8 * conns, 1024u);
	s->net.log = port_log;
	ring_config_default(&s->ring);
	s->ring.sock.sockets = s->net.tcp.conns_max + 64;
	s->ring.sock.dgrams = 16;
	s->ring.sock.ops = 16 * conns;
	s->ring.sock.completions = 1024;
	s->ring.now = kernel_now;
	httpd_config_default(&s->httpd);
	s->httpd.port = o->port;
	s->httpd.conns = conns;
	s->httpd.files = MIN(k->site.files + 8, 1024u);
	s->httpd.file_bytes = UINT64_MAX / 2;	/* they are in memory anyway */
	s->httpd.body_max = 64u << 10;
	s->httpd.demo = o->demo;
	s->httpd.connection_page = true;
	s->httpd.tree = &k->site.httpd;
	s->httpd.now = kernel_now;
	s->httpd.wall_seconds = kernel_wall_seconds;
	s->httpd.access = o->access ? kernel_access : NULL;
}

static uint64_t kernel_bytes(const struct kernel_sizes *s)
{
	const char *why = "";

	return net_region_bytes(&s->net, &why) + net_private_bytes(&s->net, &why) +
	       ring_direct_bytes(&s->ring, &why) + httpd_bytes(&s->httpd) + KERNEL_SPARE;
}

/* As many connections as memory allows, or as were asked for. */
static bool kernel_fit(struct kernel *k, struct kernel_sizes *s)
{
	uint32_t conns = k->options.conns ? k->options.conns : KERNEL_CONNS_MAX;

	for (;; conns /= 2) {
		kernel_sizes(k, s, conns);
		if (kernel_bytes(s) <= metal_map_left())
			return true;
		if (k->options.conns || conns <= KERNEL_CONNS_MIN)
			break;
	}
	metal_log(LOG_ERROR, "%llu KiB of memory are too few for %u connections; give the machine "
		  "more", (unsigned long long)metal_map_left() >> 10, conns);
	return false;
}

/* ---- from the bottom to the top */

static bool kernel_net(struct kernel *k, struct kernel_sizes *s)
{
	const char *why = "";
	struct net_config *c = &s->net;

	port_entropy(&c->seed, sizeof(c->seed));
	port_entropy(&c->hash_key, sizeof(c->hash_key));
	port_entropy(&c->secret_key, sizeof(c->secret_key));
	k->region = port_map(net_region_bytes(c, &why), true);
	k->private = port_map(net_private_bytes(c, &why), true);
	k->door = port_map(ring_direct_bytes(&s->ring, &why), true);
	if (!k->region || !k->private || !k->door) {
		metal_log(LOG_ERROR, "no memory in one piece for the stack %s", why);
		return false;
	}
	net_init(&k->net, c, k->region, k->private, port_now());
	if (!kernel_nic_open(k))
		return false;
	ring_direct_init(&k->ring, &s->ring, &k->net, k->door);
	return true;
}

static bool kernel_address(struct kernel *k)
{
	const struct kernel_options *o = &k->options;
	struct ip_route gateway = { .dst = addr_v4(0), .gateway = o->gateway, .via_gateway = true };
	int index = net_add_dev(&k->net, &k->dev), err = index < 0 ? index : 0;

	if (!err && o->dhcp)
		err = net_dhcp_start(&k->net, &k->dhcp, (uint8_t)index);
	else if (!err)
		err = ip_add_addr(&k->net.ip, &o->addr, o->prefix, (uint8_t)index);
	if (!err && !o->dhcp && o->has_gateway)
		err = ip_add_route(&k->net.ip, &gateway);
	if (err)
		metal_log(LOG_ERROR, "cannot set up the address %pI (error %d)", &o->addr, -err);
	return !err;
}

static bool kernel_httpd(struct kernel *k, const struct httpd_config *c)
{
	void *mem = port_map(httpd_bytes(c), false);

	if (!mem) {
		metal_log(LOG_ERROR, "no memory in one piece for the server");
		return false;
	}
	k->httpd = httpd_new(mem, c, &k->ring);
	while (httpd_listens(k->httpd) == 0) {
		leat_poll(&k->ring);
		httpd_run(k->httpd);
	}
	if (httpd_listens(k->httpd) < 0)
		metal_log(LOG_ERROR, "cannot listen on port %u", c->port);
	return httpd_listens(k->httpd) > 0;
}

/* ---- the loop */

static void kernel_console(struct kernel *k)
{
	int c = metal_serial_read();

	if (c == 'q' || c == 4)
		k->stopping = true;
	else if (c == 's')
		kernel_report(k);
}

/* Is it worth while to look again at once? */
static bool kernel_awake(struct kernel *k, nsec now)
{
	bool idle = k->net.polls_idle != k->polls_idle;

	k->polls_idle = k->net.polls_idle;
	if (!idle)
		k->worked = now;
	switch (k->options.poll) {
	case KERNEL_POLL_BUSY:
		return true;
	case KERNEL_POLL_SLEEP:
		return !idle;
	case KERNEL_POLL_ADAPTIVE:
		break;
	}
	return now - k->worked < KERNEL_SPIN;
}

static void kernel_sleep(struct kernel *k, nsec next)
{
	if (k->dev.ops->arm(&k->dev))
		return;
	metal_serial_irq();
	k->sleeps++;
	if (unlikely(k->storm))
		kernel_storm(false);
	port_idle_until(MIN(next, k->stop_at), NULL, 0);
	kernel_console(k);
}

/* Once there is an address. */
static void kernel_announce(struct kernel *k)
{
	if (k->options.dhcp && !k->dhcp.bound)
		return;
	k->announced = true;
	metal_log(LOG_INFO, "serving %u files at http://%pI:%u/ on %s %pM", k->site.files,
		  k->options.dhcp ? &k->dhcp.addr : &k->options.addr, k->options.port, k->dev.name,
		  &k->dev.mac);
}

static void kernel_loop(struct kernel *k)
{
	const struct leat_cqe *cqe;

	while (!k->stopping) {
		nsec next = leat_poll(&k->ring), now;

		if (leat_cq_peek(&k->ring, &cqe)) {
			httpd_run(k->httpd);
			net_flush(&k->net);
		}
		if (unlikely(!k->announced))
			kernel_announce(k);
		now = port_now();
		if (k->net.polls % KERNEL_CONSOLE_POLLS == 0)
			kernel_console(k);
		if (now >= k->stop_at)
			k->stopping = true;
		else if (!kernel_awake(k, now) && next > now)
			kernel_sleep(k, next);
	}
}

/* ---- the start */

static void kernel_machine(const void *info)
{
	metal_boot_read(info);
	metal_serial_init();
	metal_paging_init();
	metal_trap_init();
	metal_apic_init();
	metal_clock_init();
	metal_map_init();
	metal_irq_on();
}

static bool kernel_start(struct kernel *k)
{
	static struct kernel_sizes sizes;

	return kernel_options_read(&k->options) && kernel_site_open(k) && kernel_fit(k, &sizes) &&
	       kernel_net(k, &sizes) && kernel_address(k) && kernel_httpd(k, &sizes.httpd);
}

void kernel_main(const void *info)
{
	struct kernel *k = &kernel;

	kernel_machine(info);
	metal_log(LOG_INFO, "leat, started by %s, %llu KiB of memory", metal_boot.how,
		  (unsigned long long)metal_map_left() >> 10);
	if (!kernel_start(k)) {
		metal_power_off(2);
		return;
	}
	k->started = port_now();
	k->stop_at = k->options.stop_s ? k->started + SEC(k->options.stop_s) : NSEC_NEVER;
	k->storm = k->options.fault[0] == 's' && k->options.fault[2] == 'o';
	kernel_fault(k->options.fault);
	kernel_loop(k);
	kernel_end(k);
}
