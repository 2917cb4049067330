/* The table of links by name: see drivers.h. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fmt.h"
#include "drivers/drivers.h"
#include "drivers/slirp/slirp_dev.h"

#define DRIVERS_SPEC_MAX 256
#define DRIVERS_OPTIONS_MAX 8

/* A spec taken apart; everything points into `text`. */
struct drivers_spec {
	char text[DRIVERS_SPEC_MAX];
	const char *kind, *arg;		/* arg: "" when there is none */
	struct {
		const char *key, *value;
	} option[DRIVERS_OPTIONS_MAX];
	unsigned options;
};

struct drivers_kind {
	const char *name, *what;
	/* NULL: not there yet. */
	int (*open)(struct drivers_link *link, const struct drivers_spec *spec, struct pool *pool,
		    char *why, size_t size);
};

/* A whole number in [min, max], or false. */
static bool drivers_number(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
	char *end;
	unsigned long n;

	if (*text < '0' || *text > '9')
		return false;
	n = strtoul(text, &end, 10);
	if (*end || n < min || n > max)
		return false;
	*out = (uint32_t)n;
	return true;
}

static int drivers_slirp_options(struct slirp_dev_config *config, const struct drivers_spec *spec,
				 char *why, size_t size)
{
	for (unsigned i = 0; i < spec->options; i++) {
		const char *key = spec->option[i].key, *value = spec->option[i].value;
		struct addr addr;

		if (!strcmp(key, "mtu")) {
			if (drivers_number(value, NETDEV_MTU_MIN, NETDEV_MTU_MAX, &config->mtu))
				continue;
			fmt(why, size, "slirp: mtu=%s is not a number from %u to %u", value,
			    NETDEV_MTU_MIN, NETDEV_MTU_MAX);
			return -E_INVAL;
		}
		if (!strcmp(key, "network")) {
			if (fmt_parse_addr(&addr, value) && addr_is_v4(&addr) &&
			    !(addr_to_v4(&addr) & 0xff)) {
				config->network = addr_to_v4(&addr);
				continue;
			}
			fmt(why, size,
			    "slirp: network=%s is not the IPv4 address of a /24, such as 10.0.2.0",
			    value);
			return -E_INVAL;
		}
		fmt(why, size, "slirp has no option \"%s\"; it has: mtu, network", key);
		return -E_INVAL;
	}
	return 0;
}

static int drivers_slirp(struct drivers_link *link, const struct drivers_spec *spec,
			 struct pool *pool, char *why, size_t size)
{
	struct slirp_dev_config config = { .network = SLIRP_DEV_NETWORK };
	int err = drivers_slirp_options(&config, spec, why, size);

	if (err)
		return err;
	if (*spec->arg) {
		fmt(why, size, "slirp takes no \"%s\"; options follow a comma: slirp,mtu=1500",
		    spec->arg);
		return -E_INVAL;
	}
	err = slirp_dev_open(&link->dev, pool, &config);
	if (err) {
		fmt(why, size, "slirp: no memory or no descriptors left (error %d)", -err);
		return err;
	}
	link->addr = addr_v4(config.network + SLIRP_DEV_STACK);
	link->prefix = SLIRP_DEV_PREFIX;
	link->gateway = addr_v4(config.network + SLIRP_DEV_HOST);
	link->via_gateway = true;
	link->publish = slirp_dev_publish;
	return 0;
}

static int drivers_loop(struct drivers_link *link, const struct drivers_spec *spec,
			struct pool *pool, char *why, size_t size)
{
	(void)link;
	(void)spec;
	(void)pool;
	fmt(why, size,
	    "loop joins two stacks of one program (leat bench); there is nothing to open by name");
	return -E_INVAL;
}

/* Nothing to open: the stack talks to itself. */
static int drivers_none(struct drivers_link *link, const struct drivers_spec *spec,
			struct pool *pool, char *why, size_t size)
{
	(void)pool;
	if (*spec->arg || spec->options) {
		fmt(why, size, "none takes nothing, and no options");
		return -E_INVAL;
	}
	link->addr = addr_v4(IPV4(127, 0, 0, 1));
	link->prefix = 8;
	return 0;
}

static const struct drivers_kind drivers_kinds[] = {
	{ "slirp", "NAT in this process through sockets of this user; needs nothing",
	  drivers_slirp },
	{ "loop", "a wire in memory between two stacks of one program", drivers_loop },
	{ "none", "no link: a stack that talks to itself at 127.0.0.1", drivers_none },
	{ "tap", "a tap interface of the kernel", NULL },
	{ "packet", "a network interface through af_packet", NULL },
	{ "xdp", "a network interface through af_xdp", NULL },
	{ "dpdk", "whatever DPDK drives", NULL },
	{ "pcap", "a captured file", NULL },
	{ "wire", "the simulator's wire", NULL },
};

const char *drivers_kind(unsigned i, const char **what, bool *later)
{
	if (i >= ARRAY_LEN(drivers_kinds))
		return NULL;
	*what = drivers_kinds[i].what;
	*later = drivers_kinds[i].open == NULL;
	return drivers_kinds[i].name;
}

/* Takes `text` apart; false when it is too long, has too many options, or one without a value. */
static bool drivers_parse(struct drivers_spec *spec, const char *text)
{
	char *at = spec->text, *next;

	if (strlen(text) >= sizeof(spec->text))
		return false;
	memcpy(spec->text, text, strlen(text) + 1);
	spec->kind = at;
	spec->arg = "";
	spec->options = 0;
	next = strchr(at, ',');
	if (next)
		*next++ = '\0';
	at = strchr(at, ':');
	if (at) {
		*at++ = '\0';
		spec->arg = at;
	}
	for (at = next; at; at = next) {
		char *value = strchr(at, '=');

		next = strchr(at, ',');
		if (next)
			*next++ = '\0';
		if (!value || (next && value >= next) || spec->options == DRIVERS_OPTIONS_MAX)
			return false;
		*value++ = '\0';
		spec->option[spec->options].key = at;
		spec->option[spec->options++].value = value;
	}
	return true;
}

static void drivers_unknown(const char *kind, char *why, size_t size)
{
	int n = fmt(why, size, "no link of kind \"%s\"; there are:", kind);

	for (unsigned i = 0; i < ARRAY_LEN(drivers_kinds) && (size_t)n < size; i++)
		if (drivers_kinds[i].open)
			n += fmt(why + n, size - (size_t)n, " %s", drivers_kinds[i].name);
}

int drivers_open(struct drivers_link *link, const char *text, struct pool *pool, char *why,
		 size_t size)
{
	struct drivers_spec spec;

	memset(link, 0, sizeof(*link));
	if (!drivers_parse(&spec, text)) {
		fmt(why, size, "cannot read link \"%s\"; write KIND or KIND:ARG,key=value", text);
		return -E_INVAL;
	}
	for (unsigned i = 0; i < ARRAY_LEN(drivers_kinds); i++) {
		if (strcmp(spec.kind, drivers_kinds[i].name))
			continue;
		if (drivers_kinds[i].open)
			return drivers_kinds[i].open(link, &spec, pool, why, size);
		fmt(why, size, "links of kind \"%s\" come with a later version; use slirp",
		    spec.kind);
		return -E_OPNOTSUPP;
	}
	drivers_unknown(spec.kind, why, size);
	return -E_INVAL;
}
