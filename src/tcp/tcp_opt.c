/* What an owner chose for a connection or a listener: the table of choices, where they are kept,
 * what takes effect at once.
 *
 * What a choice means is in the file whose business it is; this one only keeps numbers, and gives
 * out the pooled struct tcp_side of a connection that has something rare.
 * Always: a value kept is within its range; a connection without a side has only defaults. */
#include "tcp/tcp_int.h"

#define DAY_MS 86400000u
#define HOURS_2_MS 7200000u

static const struct {
	uint32_t min, max;
	bool or_zero;		/* 0 is allowed besides: not chosen, off */
} ranges[TCP_OPT_N] = {
	[TCP_OPT_NODELAY] = {0, 1},
	[TCP_OPT_CORK] = {0, 1},
	[TCP_OPT_QUICKACK] = {0, 1},
	[TCP_OPT_KEEPALIVE] = {0, 1},
	[TCP_OPT_KEEPIDLE_MS] = {1, 32767000},
	[TCP_OPT_KEEPINTVL_MS] = {1, 32767000},
	[TCP_OPT_KEEPCNT] = {1, 127},
	[TCP_OPT_USER_TIMEOUT_MS] = {0, INT32_MAX},
	[TCP_OPT_USER_TIMEOUT_TOLD] = {0, 1},
	[TCP_OPT_SYNCNT] = {1, 127},
	[TCP_OPT_MAXSEG] = {88, 32767, true},
	[TCP_OPT_DEFER_ACCEPT_MS] = {0, DAY_MS},
	[TCP_OPT_LINGER2_MS] = {0, DAY_MS},
	[TCP_OPT_FASTOPEN] = {0, UINT16_MAX},
	[TCP_OPT_FASTOPEN_CONNECT] = {0, 1},
	[TCP_OPT_MTU_DISCOVER] = {TCP_MTU_DONT, TCP_MTU_PROBE},
	[TCP_OPT_WINDOW_CLAMP] = {1024, 1u << 30, true},
	[TCP_OPT_NOTSENT_LOWAT] = {0, UINT32_MAX},
	[TCP_OPT_RCVBUF] = {2048, 1u << 30, true},
	[TCP_OPT_SNDBUF] = {2048, 1u << 30, true},
	[TCP_OPT_TTL] = {1, 255},
	[TCP_OPT_TOS] = {0, 255},
};

static uint32_t default_of(const struct tcp *t, enum tcp_opt opt)
{
	switch (opt) {
	case TCP_OPT_KEEPIDLE_MS:
		return HOURS_2_MS;	/* RFC 9293 §3.8.4: MUST be no less */
	case TCP_OPT_KEEPINTVL_MS:
		return 75000;
	case TCP_OPT_KEEPCNT:
		return 9;
	case TCP_OPT_SYNCNT:
		return t->config.syn_retries;
	case TCP_OPT_LINGER2_MS:
		return (uint32_t)(t->config.fin_wait_2 / 1000000u);
	case TCP_OPT_MTU_DISCOVER:
		return TCP_MTU_WANT;
	case TCP_OPT_NOTSENT_LOWAT:
		return UINT32_MAX;
	case TCP_OPT_RCVBUF:
		return t->config.rcvbuf;
	case TCP_OPT_SNDBUF:
		return t->config.sndbuf;
	case TCP_OPT_TTL:
		return IP_TTL_DEFAULT;
	default:
		return 0;
	}
}

int tcp_opts_set(struct tcp_opts *o, enum tcp_opt opt, uint32_t value)
{
	if (opt >= TCP_OPT_N)
		return -E_INVAL;
	if ((value < ranges[opt].min || value > ranges[opt].max) &&
	    !(ranges[opt].or_zero && value == 0))
		return -E_INVAL;
	o->value[opt] = value;
	o->chosen |= 1u << opt;
	if (ranges[opt].or_zero && value == 0)
		o->chosen &= ~(1u << opt);
	return 0;
}

uint32_t tcp_opts_get(const struct tcp *t, const struct tcp_opts *o, enum tcp_opt opt)
{
	return o->chosen & 1u << opt ? o->value[opt] : default_of(t, opt);
}

/* ---- of a connection */

struct tcp_side *tcp_side_get(struct tcp *t, struct tcp_conn *c)
{
	struct list *n;

	if (c->side)
		return c->side;
	n = list_pop_front(&t->sides_free);
	if (!n) {
		t->n.sides_full++;
		return NULL;
	}
	c->side = container_of(n, struct tcp_side, free_node);
	mem_zero(c->side, sizeof(*c->side));
	tcp_keep_stop(c);
	t->sides_used++;
	return c->side;
}

void tcp_side_free(struct tcp *t, struct tcp_conn *c)
{
	if (!c->side)
		return;
	list_push_front(&t->sides_free, &c->side->free_node);
	c->side = NULL;
	t->sides_used--;
}

static bool in_flags(enum tcp_opt opt, uint32_t *flag)
{
	switch (opt) {
	case TCP_OPT_NODELAY:
		*flag = TCPF_NODELAY;
		return true;
	case TCP_OPT_CORK:
		*flag = TCPF_CORK;
		return true;
	case TCP_OPT_QUICKACK:
		*flag = TCPF_QUICKACK;
		return true;
	default:
		return false;
	}
}

static void set_flag(struct tcp *t, struct tcp_conn *c, enum tcp_opt opt, bool on)
{
	switch (opt) {
	case TCP_OPT_NODELAY:
		tcp_set_nodelay(t, c, on);
		break;
	case TCP_OPT_CORK:
		tcp_cork(t, c, on);
		break;
	default:
		c->flags = on ? c->flags | TCPF_QUICKACK : c->flags & ~(uint32_t)TCPF_QUICKACK;
		if (on && c->flags & TCPF_ACK_DELAYED)
			tcp_ack_now(t, c);
		break;
	}
}

/* What a running connection notices. */
static void take_effect(struct tcp *t, struct tcp_conn *c, enum tcp_opt opt)
{
	switch (opt) {
	case TCP_OPT_RCVBUF:
	case TCP_OPT_WINDOW_CLAMP:
		tcp_rcv_buffers(c, tcp_opt_rcvbuf(t, c), c->rcv.wscale);
		break;
	case TCP_OPT_SNDBUF:
		tcp_snd_buffer(c, tcp_conn_get(t, c, TCP_OPT_SNDBUF));
		break;
	case TCP_OPT_NOTSENT_LOWAT:
		tcp_snd_tell_room(t, c);
		break;
	case TCP_OPT_KEEPALIVE:
	case TCP_OPT_KEEPIDLE_MS:
		tcp_keep_start(t, c);
		break;
	case TCP_OPT_USER_TIMEOUT_MS:
	case TCP_OPT_USER_TIMEOUT_TOLD:
		tcp_output_user_timeout(t, c);
		break;
	default:
		break;
	}
}

int tcp_conn_set(struct tcp *t, struct tcp_conn *c, enum tcp_opt opt, uint32_t value)
{
	struct tcp_opts probe = {0};
	int err = tcp_opts_set(&probe, opt, value);
	uint32_t flag;

	if (err)
		return err;
	if (in_flags(opt, &flag)) {
		set_flag(t, c, opt, value);
		return 0;
	}
	if (!c->side && value == default_of(t, opt))
		return 0;
	if (!tcp_side_get(t, c))
		return -E_NOBUFS;
	(void)tcp_opts_set(&c->side->opts, opt, value);
	if (c->flags & TCPF_HASHED)
		take_effect(t, c, opt);
	return 0;
}

uint32_t tcp_conn_get(const struct tcp *t, const struct tcp_conn *c, enum tcp_opt opt)
{
	uint32_t flag;

	if (in_flags(opt, &flag))
		return !!(c->flags & flag);
	return c->side ? tcp_opts_get(t, &c->side->opts, opt) : default_of(t, opt);
}

int tcp_conn_set_all(struct tcp *t, struct tcp_conn *c, const struct tcp_opts *o)
{
	for (unsigned i = 0; i < TCP_OPT_N; i++) {
		int err = o->chosen & 1u << i ? tcp_conn_set(t, c, i, o->value[i]) : 0;

		if (err)
			return err;
	}
	return 0;
}

/* The receive buffer that was chosen, within the clamp of the window. */
uint32_t tcp_opt_rcvbuf(const struct tcp *t, const struct tcp_conn *c)
{
	uint32_t buf = tcp_conn_get(t, c, TCP_OPT_RCVBUF);
	uint32_t clamp = tcp_conn_get(t, c, TCP_OPT_WINDOW_CLAMP);

	return clamp ? MIN(buf, clamp) : buf;
}

struct ip_send tcp_opt_how(const struct tcp_conn *c, const struct ip_send *plain)
{
	const struct tcp_opts *o = &c->side->opts;
	struct ip_send how = *plain;

	if (o->chosen & 1u << TCP_OPT_TTL)
		how.ttl = (uint8_t)o->value[TCP_OPT_TTL];
	if (o->chosen & 1u << TCP_OPT_TOS)
		how.tos = (uint8_t)((o->value[TCP_OPT_TOS] & ~3u) | (how.tos & 3));
	return how;
}

/* ---- of a listener */

int tcp_listener_set(struct tcp_listener *l, enum tcp_opt opt, uint32_t value)
{
	return tcp_opts_set(&l->opts, opt, value);
}

uint32_t tcp_listener_get(const struct tcp *t, const struct tcp_listener *l, enum tcp_opt opt)
{
	return tcp_opts_get(t, &l->opts, opt);
}

void tcp_listener_set_all(struct tcp_listener *l, const struct tcp_opts *o)
{
	l->opts = *o;
}
