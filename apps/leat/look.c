/* `leat ip`, `leat route`, `leat arp`: what a stack on a link knows.  They open the link, look, and
 * close it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leat/leat.h"

#include "apps/leat/leat.h"
#include "base/fmt.h"
#include "lib/lib_look.h"
#include "port/port.h"

#define LOOK_ARP_PATIENCE SEC(2)	/* for an answer */
#define LOOK_ADDRS_MAX 1024		/* asked for at once: a /22 */

struct look {
	const char *command, *net;
	struct leat_ring *ring;
};

/* Reads the options and opens the link.  LEAT_EXIT_OK, and *n words. */
static int look_open(struct look *o, int argc, char **argv, const char **words, int most, int *n,
		     bool *all)
{
	const struct leat_option options[] = {
		{ "net", 0, LEAT_OPTION_TEXT, &o->net, 0, 0 },
		{ all ? "all" : NULL, 0, LEAT_OPTION_FLAG, all, 0, 0 },
		{ NULL, 0, LEAT_OPTION_FLAG, NULL, 0, 0 },
	};

	*n = leat_options_read(o->command, options, argc, argv, words, most);
	if (*n < 0 || leat_net_check(o->command, o->net))
		return LEAT_EXIT_USAGE;
	o->ring = leat_stack_open(o->command, o->net);
	return o->ring ? LEAT_EXIT_OK : LEAT_EXIT_FAILED;
}

static int look_close(struct look *o, int status)
{
	if (o->ring && leat_ring_close(o->ring)) {
		fprintf(stderr, "leat %s: frames are missing; please report it\n", o->command);
		return LEAT_EXIT_FAILED;
	}
	return status;
}

/* Prints with our own %pI and %pM. */
static void look_print(const char *format, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, format);
	fmt_v(line, sizeof(line), format, ap);
	va_end(ap);
	fputs(line, stdout);
}

/* "10.0.0.2", or false after a line. */
static bool look_address(const struct look *o, const char *text, struct addr *a)
{
	if (fmt_parse_addr(a, text) && addr_is_v4(a))
		return true;
	fprintf(stderr, "leat %s: \"%s\" is not an IPv4 address\n", o->command, text);
	return false;
}

/* ---- leat ip */

static const char ip_usage[] =
	"usage: leat ip [--net LINK]\n"
	"\n"
	"Opens the link and prints what the stack is there: device, addresses, lease.\n";

static void look_device(const struct netdev *dev)
{
	look_print("%s: %s, %s, mtu %u, mac %pM%s%s%s\n", dev->name, dev->ops->kind,
		   dev->up ? "up" : "down", dev->mtu, &dev->mac,
		   dev->features & NETDEV_CSUM_TX ? ", checksums out" : "",
		   dev->features & NETDEV_CSUM_RX ? ", checksums in" : "",
		   dev->features & NETDEV_CHAIN_TX ? ", pieces" : "");
}

static void look_lease(const struct net_dhcp *d)
{
	const struct dhcp_lease *l = &d->dhcp.lease;
	struct addr server = addr_v4(l->server);
	nsec now = port_now();

	look_print("  lease from %pI for %u s, renewed in %u s\n", &server,
		   (unsigned)MIN((l->until - now) / SEC(1), (nsec)UINT32_MAX),
		   (unsigned)MIN((l->renew - now) / SEC(1), (nsec)UINT32_MAX));
	for (unsigned i = 0; i < l->dns_n; i++) {
		struct addr dns = addr_v4(l->dns[i]);

		look_print("  name server %pI\n", &dns);
	}
}

static int ip_main(int argc, char **argv)
{
	struct look o = { .command = "ip", .net = "slirp" };
	int n, status = look_open(&o, argc, argv, NULL, 0, &n, NULL);
	const struct ip *ip;

	if (status)
		return status;
	if (lib_link(o.ring)->dev.ops)
		look_device(&lib_link(o.ring)->dev);
	ip = &lib_net(o.ring)->ip;
	for (unsigned i = 0; i < ip->addrs_n; i++)
		look_print("  %pI/%u\n", &ip->addrs[i].addr, ip->addrs[i].prefix);
	if (lib_dhcp(o.ring)->bound)
		look_lease(lib_dhcp(o.ring));
	return look_close(&o, LEAT_EXIT_OK);
}

const struct leat_command leat_ip = {
	"ip", "the device and the addresses of a stack on a link", ip_usage, ip_main,
};

/* ---- leat route */

static const char route_usage[] =
	"usage: leat route [ADDRESS] [--net LINK]\n"
	"\n"
	"Opens the link and prints the routes; with an ADDRESS, how packets to it would go.\n";

static void look_route(const struct look *o, const struct ip_route *r)
{
	const char *dev = r->if_index == IP_IF_LOOP ? "this stack" :
			  lib_net(o->ring)->link.devs[r->if_index].dev->name;

	look_print("%pI/%u", &r->dst, r->prefix);
	if (r->via_gateway)
		look_print(" via %pI", &r->gateway);
	look_print(" on %s\n", dev);
}

static int look_path(struct look *o, const char *text)
{
	struct ip_path path = { 0 };
	struct addr to, from = { { { 0 } } };
	int err;

	if (!look_address(o, text, &to))
		return LEAT_EXIT_USAGE;
	err = ip_path_find(&lib_net(o->ring)->ip, &path, &from, &to);
	if (err) {
		look_print("%pI: no route\n", &to);
		return LEAT_EXIT_FAILED;
	}
	look_print("%pI from %pI, mtu %u", &to, &from, path.mtu);
	if (path.neigh && !addr_eq(&path.neigh->addr, &to))
		look_print(", via %pI", &path.neigh->addr);
	look_print("\n");
	return LEAT_EXIT_OK;
}

static int route_main(int argc, char **argv)
{
	struct look o = { .command = "route", .net = "slirp" };
	const char *word;
	int n, status = look_open(&o, argc, argv, &word, 1, &n, NULL);
	const struct ip *ip;

	if (status)
		return status;
	ip = &lib_net(o.ring)->ip;
	if (n)
		status = look_path(&o, word);
	for (unsigned i = 0; i < ip->routes_n && !n; i++)
		look_route(&o, &ip->routes[i]);
	return look_close(&o, status);
}

const struct leat_command leat_route = {
	"route", "the routes of a stack on a link", route_usage, route_main,
};

/* ---- leat arp */

static const char arp_usage[] =
	"usage: leat arp ADDRESS... [--net LINK]\n"
	"       leat arp --all [--net LINK]\n"
	"\n"
	"Asks on the link who has the addresses (--all: every address of the link's network, at\n"
	"most 1022), and prints who answers.  0 when each did; with --all, when any did.\n";

static unsigned look_all(const struct look *o, struct addr *addrs)
{
	const struct drivers_link *link = lib_link(o->ring);
	uint32_t own, mask;
	unsigned n = 0;

	if (!link->prefix || link->prefix < 22 || link->prefix > 30)
		return 0;
	own = addr_to_v4(lib_dhcp(o->ring)->bound ? &lib_dhcp(o->ring)->addr : &link->addr);
	mask = UINT32_MAX << (32 - link->prefix);
	for (uint32_t a = (own & mask) + 1; a < (own | ~mask); a++)
		if (a != own)
			addrs[n++] = addr_v4(a);
	return n;
}

/* Asks for one address; true when it was answered in time. */
static bool look_ask(struct look *o, const struct addr *a, nsec patience)
{
	struct net *net = lib_net(o->ring);
	nsec start = port_now(), now = start;
	struct ip_path path = { 0 };
	struct addr from = { { { 0 } } };
	struct pkt *p = pkt_new(&net->pool);
	struct ip_send how = { .proto = 255 };	/* RFC 3692 §1: for experiments */

	if (!p || ip_path_find(&net->ip, &path, &from, a) || !path.neigh) {
		if (p)
			pkt_put(p);
		return false;
	}
	ip_output(&net->ip, &path, &from, a, &how, p);	/* which has to wait for the answer */
	while (path.neigh->state < NEIGH_STALE && now < start + patience) {
		leat_wait(o->ring, MIN(start + patience - now, MSEC(1)));
		now = port_now();
	}
	if (path.neigh->state < NEIGH_STALE)
		return false;
	look_print("%pI is at %pM", a, &path.neigh->mac);
	printf(" (%.1f ms)\n", (double)(now - start) / 1e6);
	fflush(stdout);
	return true;
}

static int arp_main(int argc, char **argv)
{
	static struct addr addrs[LOOK_ADDRS_MAX];
	struct look o = { .command = "arp", .net = "slirp" };
	const char *words[64];
	bool all = false;
	int n, status = look_open(&o, argc, argv, words, ARRAY_LEN(words), &n, &all);
	unsigned asked = 0, found = 0;

	if (status)
		return status;
	if (all == (n > 0)) {
		fputs(arp_usage, stderr);
		return look_close(&o, LEAT_EXIT_USAGE);
	}
	for (int i = 0; i < n; i++)
		if (look_address(&o, words[i], &addrs[asked]))
			asked++;
	if (all)
		asked = look_all(&o, addrs);
	for (unsigned i = 0; i < asked; i++) {
		bool there = look_ask(&o, &addrs[i], all ? MSEC(20) : LOOK_ARP_PATIENCE);

		found += there;
		if (!there && !all)
			look_print("%pI: nobody\n", &addrs[i]);
	}
	status = all ? found > 0 : found == asked && asked == (unsigned)n;
	return look_close(&o, status ? LEAT_EXIT_OK : LEAT_EXIT_FAILED);
}

const struct leat_command leat_arp = {
	"arp", "who has an address on a link?", arp_usage, arp_main,
};
