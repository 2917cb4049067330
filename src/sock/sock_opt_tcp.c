/* Options of level IPPROTO_TCP, tcp(7): most are tcp's own choices (tcp/tcp_opt.h), kept here until
 * there is a connection or a listener. */
#include "sock/sock_opt.h"

enum {
	TCP_NODELAY = 1, TCP_MAXSEG = 2, TCP_CORK = 3, TCP_KEEPIDLE = 4, TCP_KEEPINTVL = 5,
	TCP_KEEPCNT = 6, TCP_SYNCNT = 7, TCP_LINGER2 = 8, TCP_DEFER_ACCEPT = 9,
	TCP_WINDOW_CLAMP = 10, TCP_INFO = 11, TCP_QUICKACK = 12, TCP_CONGESTION = 13,
	TCP_USER_TIMEOUT = 18, TCP_FASTOPEN = 23, TCP_NOTSENT_LOWAT = 25, TCP_CC_INFO = 26,
	TCP_FASTOPEN_CONNECT = 30,
};

#define LINGER2_MAX_S 120
#define WINDOW_CLAMP_MIN 1152	/* Linux: half of SOCK_MIN_RCVBUF */
#define MSS_BEFORE 536		/* RFC 9293 §3.7.1: what a socket without connection says */

int sock_tcp_set(struct socks *s, struct sock *k, enum tcp_opt opt, uint32_t value)
{
	struct sock_cold *cold;

	if (k->kind == SOCK_CONN)
		return tcp_conn_set(&s->net->tcp, k->conn, opt, value);
	if (k->kind == SOCK_LISTENER)
		return tcp_listener_set(k->listener, opt, value);
	cold = sock_cold_get(s, k);
	return cold ? tcp_opts_set(&cold->tcp, opt, value) : -E_NOBUFS;
}

uint32_t sock_tcp_get(const struct socks *s, const struct sock *k, enum tcp_opt opt)
{
	static const struct tcp_opts none;
	const struct sock_cold *cold = sock_cold_of(s, k);

	if (k->kind == SOCK_CONN)
		return tcp_conn_get(&s->net->tcp, k->conn, opt);
	if (k->kind == SOCK_LISTENER)
		return tcp_listener_get(&s->net->tcp, k->listener, opt);
	return tcp_opts_get(&s->net->tcp, cold ? &cold->tcp : &none, opt);
}

/* ---- switches and numbers as they are */

#define SWITCH(name, opt)                                                                          \
	static int set_##name(struct socks *s, struct sock *k, int value)                          \
	{                                                                                          \
		return sock_tcp_set(s, k, opt, value != 0);                                        \
	}                                                                                          \
	static int get_##name(struct socks *s, struct sock *k, int *value)                         \
	{                                                                                          \
		*value = (int)sock_tcp_get(s, k, opt);                                             \
		return 0;                                                                          \
	}

/* Of `unit` milliseconds, from `min` to `max` of them. */
#define NUMBER(name, opt, unit, min, max)                                                          \
	static int set_##name(struct socks *s, struct sock *k, int value)                          \
	{                                                                                          \
		if (value < (min) || value > (max))                                                \
			return -E_INVAL;                                                           \
		return sock_tcp_set(s, k, opt, (uint32_t)value * (unit));                          \
	}                                                                                          \
	static int get_##name(struct socks *s, struct sock *k, int *value)                         \
	{                                                                                          \
		*value = (int)(sock_tcp_get(s, k, opt) / (unit));                                  \
		return 0;                                                                          \
	}

SWITCH(nodelay, TCP_OPT_NODELAY)
SWITCH(cork, TCP_OPT_CORK)
SWITCH(quickack, TCP_OPT_QUICKACK)
NUMBER(keepidle, TCP_OPT_KEEPIDLE_MS, 1000u, 1, 32767)
NUMBER(keepintvl, TCP_OPT_KEEPINTVL_MS, 1000u, 1, 32767)
NUMBER(keepcnt, TCP_OPT_KEEPCNT, 1u, 1, 127)
NUMBER(syncnt, TCP_OPT_SYNCNT, 1u, 1, 127)
NUMBER(user_timeout, TCP_OPT_USER_TIMEOUT_MS, 1u, 0, INT32_MAX)

/* ---- those with a rule of their own */

static int set_maxseg(struct socks *s, struct sock *k, int value)
{
	return value < 0 ? -E_INVAL : sock_tcp_set(s, k, TCP_OPT_MAXSEG, (uint32_t)value);
}

static int get_maxseg(struct socks *s, struct sock *k, int *value)
{
	struct tcp_info i;

	*value = (int)sock_tcp_get(s, k, TCP_OPT_MAXSEG);
	if (k->kind == SOCK_CONN && !(k->flags & SOCKF_CONNECTING)) {
		tcp_get_info(&s->net->tcp, k->conn, &i);
		*value = (int)i.snd_mss;
	} else if (*value == 0) {
		*value = MSS_BEFORE;
	}
	return 0;
}

static int set_linger2(struct socks *s, struct sock *k, int value)
{
	uint32_t ms = value < 0 ? 0 : (uint32_t)MIN(value, LINGER2_MAX_S) * 1000;

	if (value == 0)
		ms = (uint32_t)(s->net->tcp.config.fin_wait_2 / 1000000);
	return sock_tcp_set(s, k, TCP_OPT_LINGER2_MS, ms);
}

static int get_linger2(struct socks *s, struct sock *k, int *value)
{
	uint32_t ms = sock_tcp_get(s, k, TCP_OPT_LINGER2_MS);

	*value = ms ? (int)(ms / 1000) : -1;
	return 0;
}

/* Linux counts retransmissions of its SYN-ACK, so that what is asked for is rounded up to 1, 3, 7
 * ... seconds. */
static int set_defer(struct socks *s, struct sock *k, int value)
{
	uint32_t sum = 0, next = 1;

	while (sum < (uint32_t)MAX(value, 0) && sum < 3600) {
		sum += next;
		next = MIN(next * 2, 120u);
	}
	return sock_tcp_set(s, k, TCP_OPT_DEFER_ACCEPT_MS, sum * 1000);
}

static int get_defer(struct socks *s, struct sock *k, int *value)
{
	*value = (int)(sock_tcp_get(s, k, TCP_OPT_DEFER_ACCEPT_MS) / 1000);
	return 0;
}

static int set_clamp(struct socks *s, struct sock *k, int value)
{
	if (value == 0 && k->kind != SOCK_STREAM)
		return -E_INVAL;
	return sock_tcp_set(s, k, TCP_OPT_WINDOW_CLAMP,
			    value ? (uint32_t)MAX(value, WINDOW_CLAMP_MIN) : 0);
}

static int get_clamp(struct socks *s, struct sock *k, int *value)
{
	*value = (int)sock_tcp_get(s, k, TCP_OPT_WINDOW_CLAMP);
	return 0;
}

static int set_fastopen(struct socks *s, struct sock *k, int value)
{
	if (value < 0 || k->kind == SOCK_CONN)
		return -E_INVAL;
	return sock_tcp_set(s, k, TCP_OPT_FASTOPEN, (uint32_t)MIN(value, 0xffff));
}

static int get_fastopen(struct socks *s, struct sock *k, int *value)
{
	*value = (int)sock_tcp_get(s, k, TCP_OPT_FASTOPEN);
	return 0;
}

static int set_fastopen_connect(struct socks *s, struct sock *k, int value)
{
	if (value < 0 || value > 1 || k->kind != SOCK_STREAM)
		return -E_INVAL;
	return sock_tcp_set(s, k, TCP_OPT_FASTOPEN_CONNECT, (uint32_t)value);
}

static int get_fastopen_connect(struct socks *s, struct sock *k, int *value)
{
	*value = (int)sock_tcp_get(s, k, TCP_OPT_FASTOPEN_CONNECT);
	return 0;
}

static int set_lowat(struct socks *s, struct sock *k, int value)
{
	return sock_tcp_set(s, k, TCP_OPT_NOTSENT_LOWAT, (uint32_t)value);
}

static int get_lowat(struct socks *s, struct sock *k, int *value)
{
	*value = (int)sock_tcp_get(s, k, TCP_OPT_NOTSENT_LOWAT);
	return 0;
}

/* ---- congestion control, by name */

static int set_cc(struct socks *s, struct sock *k, const void *value, uint32_t len)
{
	const char *name = value;
	const struct cc_ops *ops;
	struct sock_cold *cold;
	uint32_t n = 0;

	if (len < 1)
		return -E_INVAL;
	while (n < MIN(len, SOCK_CC_NAME - 1) && name[n])
		n++;
	ops = cc_find(name, n);
	if (!ops)
		return -E_NOENT;
	if (k->kind == SOCK_CONN)
		return tcp_set_cc(&s->net->tcp, k->conn, name, n);
	cold = sock_cold_get(s, k);
	if (!cold)
		return -E_NOBUFS;
	cold->cc = ops;
	return 0;
}

static int get_cc(struct socks *s, struct sock *k, void *value, uint32_t *len)
{
	const struct sock_cold *cold = sock_cold_of(s, k);
	const char *name = s->net->tcp.config.cc->name;
	char full[SOCK_CC_NAME] = {0};
	uint32_t n = 0;

	if (k->kind == SOCK_CONN)
		name = tcp_cc_name(&s->net->tcp, k->conn);
	else if (cold && cold->cc)
		name = cold->cc->name;
	while (n < SOCK_CC_NAME - 1 && name[n]) {
		full[n] = name[n];
		n++;
	}
	*len = MIN(*len, SOCK_CC_NAME);
	mem_copy(value, full, *len);
	return 0;
}

/* Details of a congestion control: as Linux's, NewReno and CUBIC have none. */
static int get_cc_info(struct socks *s, struct sock *k, void *value, uint32_t *len)
{
	*len = 0;
	return 0;
}

/* ---- TCP_INFO: struct tcp_info of linux/tcp.h as of Linux 6.18 */

struct linux_tcp_info {
	uint8_t state, ca_state, retransmits, probes, backoff, options, wscale, app_limited;
	uint32_t rto, ato, snd_mss, rcv_mss;
	uint32_t unacked, sacked, lost, retrans, fackets;
	uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
	uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd, advmss, reordering;
	uint32_t rcv_rtt, rcv_space, total_retrans;
	uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
	uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
	uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
	uint32_t delivered, delivered_ce;
	uint64_t bytes_sent, bytes_retrans;
	uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd, rcv_wnd, rehash;
	uint16_t total_rto, total_rto_recoveries;
	uint32_t total_rto_time;
	uint32_t received_ce, delivered_e1, delivered_e0, delivered_ce_bytes;
	uint32_t received_e1, received_e0, received_ce_bytes, ecn;
};
static_assert(sizeof(struct linux_tcp_info) == 280, "as Linux 6.18 has it");

static uint8_t state_of(const struct sock *k)
{
	static const uint8_t linux_state[TCP_STATE_N] = {
		[TCP_CLOSED] = 7, [TCP_LISTEN] = 10, [TCP_SYN_SENT] = 2, [TCP_SYN_RECEIVED] = 3,
		[TCP_ESTABLISHED] = 1, [TCP_FIN_WAIT_1] = 4, [TCP_FIN_WAIT_2] = 5,
		[TCP_CLOSE_WAIT] = 8, [TCP_CLOSING] = 11, [TCP_LAST_ACK] = 9, [TCP_TIME_WAIT] = 6,
	};

	if (k->kind == SOCK_LISTENER)
		return linux_state[TCP_LISTEN];
	return linux_state[k->kind == SOCK_CONN ? tcp_conn_state(k->conn) : TCP_CLOSED];
}

static uint32_t segs(uint32_t bytes, uint32_t mss)
{
	return mss ? (bytes + mss - 1) / mss : 0;
}

static void conn_info(const struct tcp *t, const struct tcp_conn *c, struct linux_tcp_info *o)
{
	struct tcp_info i;

	tcp_get_info(t, c, &i);
	o->ca_state = i.ca_state;
	o->retransmits = i.retransmits;
	o->probes = i.probes;
	o->backoff = i.backoff;
	o->options = i.options;
	o->wscale = (uint8_t)(i.snd_wscale | i.rcv_wscale << 4);
	o->rto = (uint32_t)(i.rto / 1000);
	o->ato = (uint32_t)(i.ato / 1000);
	o->snd_mss = i.snd_mss;
	o->rcv_mss = i.rcv_mss;
	o->unacked = segs(i.unacked, i.snd_mss);
	o->sacked = segs(i.sacked, i.snd_mss);
	o->lost = segs(i.lost, i.snd_mss);
	o->last_data_sent = (uint32_t)(i.last_data_sent / 1000000);
	o->last_data_recv = o->last_ack_recv = (uint32_t)(i.last_recv / 1000000);
	o->pmtu = i.pmtu;
	o->rcv_ssthresh = o->rcv_space = i.rcv_wnd;
	o->rtt = (uint32_t)(i.srtt / 1000);
	o->rttvar = (uint32_t)(i.rttvar / 1000);
	o->snd_ssthresh = i.ssthresh >= INT32_MAX ? INT32_MAX : i.ssthresh / MAX(i.snd_mss, 1u);
	o->snd_cwnd = i.cwnd / MAX(i.snd_mss, 1u);	/* whole segments that may go */
	o->advmss = i.advmss;
	o->reordering = 3;
	o->total_retrans = i.retrans_segs;
	o->pacing_rate = o->max_pacing_rate = UINT64_MAX;
	o->bytes_acked = i.bytes_out - MIN(i.bytes_out, (uint64_t)i.unacked);
	o->bytes_received = i.bytes_in;
	o->segs_out = (uint32_t)i.segs_out;
	o->segs_in = (uint32_t)i.segs_in;
	o->notsent_bytes = i.unsent;
	o->min_rtt = (uint32_t)(i.rtt_min / 1000);
	o->bytes_sent = i.bytes_out;
	o->snd_wnd = i.snd_wnd;
	o->rcv_wnd = i.rcv_wnd;
	o->total_rto = (uint16_t)MIN(i.rto_fired, UINT16_MAX);
}

static int get_info(struct socks *s, struct sock *k, void *value, uint32_t *len)
{
	struct linux_tcp_info o;

	mem_zero(&o, sizeof(o));
	o.state = state_of(k);
	if (k->kind == SOCK_CONN)
		conn_info(&s->net->tcp, k->conn, &o);
	*len = MIN(*len, (uint32_t)sizeof(o));
	mem_copy(value, &o, *len);
	return 0;
}

static const struct sock_opt opts[] = {
	{TCP_NODELAY, set_nodelay, get_nodelay},
	{TCP_MAXSEG, set_maxseg, get_maxseg},
	{TCP_CORK, set_cork, get_cork},
	{TCP_KEEPIDLE, set_keepidle, get_keepidle},
	{TCP_KEEPINTVL, set_keepintvl, get_keepintvl},
	{TCP_KEEPCNT, set_keepcnt, get_keepcnt},
	{TCP_SYNCNT, set_syncnt, get_syncnt},
	{TCP_LINGER2, set_linger2, get_linger2},
	{TCP_DEFER_ACCEPT, set_defer, get_defer},
	{TCP_WINDOW_CLAMP, set_clamp, get_clamp},
	{TCP_QUICKACK, set_quickack, get_quickack},
	{TCP_USER_TIMEOUT, set_user_timeout, get_user_timeout},
	{TCP_FASTOPEN, set_fastopen, get_fastopen},
	{TCP_FASTOPEN_CONNECT, set_fastopen_connect, get_fastopen_connect},
	{TCP_NOTSENT_LOWAT, set_lowat, get_lowat},
	{TCP_INFO, .get_raw = get_info},
	{TCP_CONGESTION, .set_raw = set_cc, .get_raw = get_cc},
	{TCP_CC_INFO, .get_raw = get_cc_info},
};

const struct sock_opts sock_opts_tcp = {opts, ARRAY_LEN(opts)};
