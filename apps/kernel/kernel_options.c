/* The command line: words `name=value`, of which those are refused that are not understood. */
#include "apps/kernel/kernel.h"

#include "base/fmt.h"
#include "base/mem.h"
#include "port/metal/metal.h"

#define VALUE_MAX 64u

static bool word_is(const char *a, const char *b)
{
	size_t n = str_len(b);

	return str_len(a) == n && mem_eq(a, b, n);
}

static bool bad(const char *name, const char *value, const char *wanted)
{
	metal_log(LOG_ERROR, "%s=%s is not understood; %s", name, value, wanted);
	return false;
}

static bool number(const char *name, uint32_t least, uint32_t most, uint32_t *out)
{
	char value[VALUE_MAX];
	uint64_t v = 0;
	unsigned n = 0;

	if (!metal_option(name, value, sizeof(value)))
		return true;
	for (; value[n] >= '0' && value[n] <= '9' && n < 10; n++)
		v = v * 10 + (uint64_t)(value[n] - '0');
	if (n == 0 || value[n] || v < least || v > most) {
		metal_log(LOG_ERROR, "%s=%s is not a number from %u to %u", name, value, least,
			  most);
		return false;
	}
	*out = (uint32_t)v;
	return true;
}

/* "10.0.2.15/24" */
static bool address(struct kernel_options *o)
{
	char value[VALUE_MAX];
	unsigned prefix = 0, n = 0;

	if (!metal_option("ip", value, sizeof(value)) || word_is(value, "dhcp"))
		return true;
	while (value[n] && value[n] != '/')
		n++;
	if (value[n] == '/') {
		value[n++] = '\0';
		while (value[n] >= '0' && value[n] <= '9' && prefix <= 32)
			prefix = prefix * 10 + (unsigned)(value[n++] - '0');
		o->prefix = (uint8_t)prefix;
	}
	if (value[n] || prefix > 32 || !fmt_parse_addr(&o->addr, value) || !addr_is_v4(&o->addr))
		return bad("ip", value, "write ip=10.0.2.15/24 or ip=dhcp");
	o->dhcp = false;
	return true;
}

static bool gateway(struct kernel_options *o)
{
	char value[VALUE_MAX];

	if (!metal_option("gw", value, sizeof(value)))
		return true;
	if (!fmt_parse_addr(&o->gateway, value) || !addr_is_v4(&o->gateway))
		return bad("gw", value, "write gw=10.0.2.2");
	o->has_gateway = true;
	return true;
}

static bool choice(const char *name, const char *const *words, unsigned n, unsigned *out)
{
	char value[VALUE_MAX];

	if (!metal_option(name, value, sizeof(value)))
		return true;
	for (unsigned i = 0; i < n; i++) {
		if (word_is(value, words[i])) {
			*out = i;
			return true;
		}
	}
	return bad(name, value, "see docs/boot.md");
}

bool kernel_options_read(struct kernel_options *o)
{
	static const char *const levels[] = { "error", "warn", "info", "debug" };
	static const char *const polls[] = { "adaptive", "busy", "sleep" };
	unsigned level = LOG_INFO, poll = KERNEL_POLL_ADAPTIVE;
	uint32_t port = 80;
	char value[VALUE_MAX];

	*o = (struct kernel_options){
		.dhcp = true, .prefix = 24,
	};
	if (!address(o) || !gateway(o) || !number("port", 1, 65535, &port) ||
	    !number("conns", 1, 65536, &o->conns) || !number("frames", 512, 1 << 20, &o->frames) ||
	    !number("stop", 1, 1000000, &o->stop_s) ||
	    !choice("log", levels, ARRAY_LEN(levels), &level) ||
	    !choice("poll", polls, ARRAY_LEN(polls), &poll))
		return false;
	o->port = (uint16_t)port;
	o->poll = (enum kernel_poll)poll;
	o->access = metal_option("access", value, sizeof(value));
	o->demo = metal_option("demo", value, sizeof(value));
	metal_option("nic", o->nic, sizeof(o->nic));
	metal_option("fault", o->fault, sizeof(o->fault));
	metal_log_level((enum log_level)level);
	return true;
}
