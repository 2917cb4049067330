/* Takes the name of a link apart: `KIND[:ARG][,key=value...]`.
 *
 * One grammar for all kinds: what a key means is the same everywhere, a kind only says which it
 * takes.  A key that stands there twice is an error, for nobody knows which was meant.  Opens
 * nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fmt.h"
#include "drivers/drivers.h"

#define DRIVERS_QUEUES_MAX 64u
#define DRIVERS_NAME_MAX 15u	/* of an interface of Linux */

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

static bool drivers_v4(const char *text, struct addr *out)
{
	return fmt_parse_addr(out, text) && addr_is_v4(out);
}

/* ADDRESS/PREFIX, or "dhcp". */
static bool drivers_set_ip(struct drivers_spec *s, const char *value)
{
	char text[64];
	const char *slash = strchr(value, '/');
	size_t n = slash ? (size_t)(slash - value) : 0;
	uint32_t prefix;

	s->dhcp = !strcmp(value, "dhcp");
	if (s->dhcp)
		return true;
	if (!slash || n >= sizeof(text) || !drivers_number(slash + 1, 1, 32, &prefix))
		return false;
	memcpy(text, value, n);
	text[n] = '\0';
	s->prefix = (uint8_t)prefix;
	s->has_ip = drivers_v4(text, &s->ip) && !addr_is_any(&s->ip) &&
		    addr_to_v4(&s->ip) < IPV4(224, 0, 0, 0);
	return s->has_ip;
}

static bool drivers_set_gw(struct drivers_spec *s, const char *value)
{
	s->has_gw = drivers_v4(value, &s->gw) && !addr_is_any(&s->gw);
	return s->has_gw;
}

static bool drivers_set_mac(struct drivers_spec *s, const char *value)
{
	const char *at = value;

	for (unsigned i = 0; i < sizeof(s->mac.b); i++) {
		char *end;
		unsigned long n = strtoul(at, &end, 16);

		if (end != at + 2 || strspn(at, "0123456789abcdefABCDEF") != 2 ||
		    *end != (i < 5 ? ':' : '\0'))
			return false;
		s->mac.b[i] = (uint8_t)n;
		at = end + 1;
	}
	s->has_mac = !mac_is_group(s->mac) &&
		     memcmp(s->mac.b, "\0\0\0\0\0\0", sizeof(s->mac.b)) != 0;
	return s->has_mac;
}

static bool drivers_set_mtu(struct drivers_spec *s, const char *value)
{
	return drivers_number(value, NETDEV_MTU_MIN, NETDEV_MTU_MAX, &s->mtu);
}

static bool drivers_set_queues(struct drivers_spec *s, const char *value)
{
	return drivers_number(value, 1, DRIVERS_QUEUES_MAX, &s->queues);
}

static bool drivers_set_mode(struct drivers_spec *s, const char *value)
{
	s->mode = value;
	return *value != '\0';
}

static bool drivers_set_network(struct drivers_spec *s, const char *value)
{
	s->has_network = drivers_v4(value, &s->network) && !(addr_to_v4(&s->network) & 0xff);
	return s->has_network;
}

static bool drivers_set_exception(struct drivers_spec *s, const char *value)
{
	if (strncmp(value, "tap:", 4) || !value[4] || strlen(value + 4) > DRIVERS_NAME_MAX)
		return false;
	s->exception = value + 4;
	return true;
}

static bool drivers_set_peer(struct drivers_spec *s, const char *value)
{
	s->peer = value;
	return *value != '\0';
}

static const struct {
	const char *name, *form, *what;
	bool (*set)(struct drivers_spec *s, const char *value);
} drivers_keys[] = {
	{ "ip", "ADDRESS/PREFIX or dhcp",
	  "the stack's own address; dhcp asks for one and renews it", drivers_set_ip },
	{ "gw", "ADDRESS", "the router for everything that is not on the link", drivers_set_gw },
	{ "mac", "XX:XX:XX:XX:XX:XX, not a group's", "the stack's Ethernet address",
	  drivers_set_mac },
	{ "mtu", "a number from 576 to 65521", "bytes of the largest IP packet", drivers_set_mtu },
	{ "queues", "a number from 1 to 64", "queues of the device to use", drivers_set_queues },
	{ "mode", "a word", "how the device is driven; see the kind", drivers_set_mode },
	{ "network", "the IPv4 address of a /24, such as 10.0.2.0",
	  "the network that is pretended", drivers_set_network },
	{ "exception", "tap:NAME",
	  "frames that are not ours go to this TAP of the kernel, and its frames go out",
	  drivers_set_exception },
	{ "peer", "PATH", "the other end's socket, with mode=dgram", drivers_set_peer },
};

const char *drivers_key(unsigned i, const char **form, const char **what)
{
	if (i >= ARRAY_LEN(drivers_keys))
		return NULL;
	*form = drivers_keys[i].form;
	*what = drivers_keys[i].what;
	return drivers_keys[i].name;
}

/* Is `word` one of the blank-separated `words`? */
static bool drivers_among(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = words; at && n; at = strchr(at, ' ')) {
		at += *at == ' ';
		if (!strncmp(at, word, n) && (!at[n] || at[n] == ' '))
			return true;
	}
	return false;
}

/* Writes "slirp, tap:NAME, ..." of the kinds that are there. */
static void drivers_list(char *why, size_t size, int n)
{
	const struct drivers_help *k;
	const char *between = " ";

	for (unsigned i = 0; (k = drivers_kind(i)) && (size_t)n < size; i++) {
		if (k->later)
			continue;
		n += fmt(why + n, size - (size_t)n, "%s%s", between, k->form);
		between = ", ";
	}
}

/* One key with its value. */
static int drivers_option(struct drivers_spec *s, const struct drivers_help *kind, const char *key,
			  const char *value, char *why, size_t size)
{
	unsigned i = 0;

	while (i < ARRAY_LEN(drivers_keys) && strcmp(drivers_keys[i].name, key))
		i++;
	if (i == ARRAY_LEN(drivers_keys) && kind->devargs) {
		size_t n = strlen(s->devargs);	/* no longer than `text` all together */

		fmt(s->devargs + n, sizeof(s->devargs) - n, ",%s=%s", key, value);
		return 0;
	}
	if (i == ARRAY_LEN(drivers_keys) || !drivers_among(kind->keys, key)) {
		fmt(why, size, "%s has no key \"%s\"; it has: %s", kind->name, key, kind->keys);
		return -E_INVAL;
	}
	if (s->said & 1u << i) {
		fmt(why, size, "%s: %s= stands there twice; say it once", kind->name, key);
		return -E_INVAL;
	}
	s->said |= 1u << i;
	if (!drivers_keys[i].set(s, value)) {
		fmt(why, size, "%s: %s=%s is not %s", kind->name, key, value, drivers_keys[i].form);
		return -E_INVAL;
	}
	if (s->mode && !drivers_among(kind->modes, s->mode)) {
		fmt(why, size, "%s: mode=%s is none of: %s", kind->name, s->mode, kind->modes);
		return -E_INVAL;
	}
	return 0;
}

static int drivers_options(struct drivers_spec *s, const struct drivers_help *kind, char *at,
			   char *why, size_t size)
{
	while (at) {
		char *next = strchr(at, ','), *value;
		int err;

		if (next)
			*next++ = '\0';
		value = strchr(at, '=');
		if (!value && kind->devargs) {
			size_t n = strlen(s->devargs);

			fmt(s->devargs + n, sizeof(s->devargs) - n, ",%s", at);
			at = next;
			continue;
		}
		if (!value) {
			fmt(why, size, "%s: \"%s\" is not key=value; the keys are: %s", kind->name,
			    at, kind->keys);
			return -E_INVAL;
		}
		*value++ = '\0';
		err = drivers_option(s, kind, at, value, why, size);
		if (err)
			return err;
		at = next;
	}
	return 0;
}

static const struct drivers_help *drivers_find(const char *name)
{
	const struct drivers_help *k;

	for (unsigned i = 0; (k = drivers_kind(i)); i++)
		if (!strcmp(k->name, name))
			return k;
	return NULL;
}

int drivers_spec_parse(struct drivers_spec *spec, const char *text, char *why, size_t size)
{
	const struct drivers_help *kind;
	char *options, *arg;

	memset(spec, 0, sizeof(*spec));
	if (strlen(text) >= sizeof(spec->text)) {
		fmt(why, size, "a link is named in %u characters at most", DRIVERS_SPEC_MAX - 1);
		return -E_INVAL;
	}
	memcpy(spec->text, text, strlen(text) + 1);
	spec->kind = spec->text;
	spec->arg = "";
	arg = strchr(spec->text, ':');
	options = strchr(spec->text, ',');
	if (arg && (!options || arg < options)) {
		*arg++ = '\0';
		spec->arg = arg;
	}
	if (options)
		*options++ = '\0';
	kind = drivers_find(spec->kind);
	if (!kind) {
		drivers_list(why, size, fmt(why, size, "no link of kind \"%s\"; there are:",
					    spec->kind));
		return -E_INVAL;
	}
	if (!strchr(kind->form, ':') && *spec->arg) {
		fmt(why, size, "%s takes no \"%s\"; keys follow a comma: %s,mtu=1500", kind->name,
		    spec->arg, kind->name);
		return -E_INVAL;
	}
	if (strchr(kind->form, ':') && !strchr(kind->form, '[') && !*spec->arg) {
		fmt(why, size, "%s needs a name: %s", kind->name, kind->form);
		return -E_INVAL;
	}
	fmt(spec->devargs, sizeof(spec->devargs), "%s", spec->arg);
	return drivers_options(spec, kind, options, why, size);
}
