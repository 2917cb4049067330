/* Options of level SOL_SOCKET, socket(7). */
#include "sock/sock_opt.h"

enum {
	SO_REUSEADDR = 2,
	SO_TYPE = 3,
	SO_ERROR = 4,
	SO_BROADCAST = 6,
	SO_SNDBUF = 7,
	SO_RCVBUF = 8,
	SO_KEEPALIVE = 9,
	SO_OOBINLINE = 10,
	SO_PRIORITY = 12,
	SO_LINGER = 13,
	SO_REUSEPORT = 15,
	SO_RCVLOWAT = 18,
	SO_SNDLOWAT = 19,
	SO_RCVTIMEO = 20,
	SO_SNDTIMEO = 21,
	SO_TIMESTAMP = 29,
	SO_ACCEPTCONN = 30,
	SO_TIMESTAMPNS = 35,
	SO_MARK = 36,
	SO_PROTOCOL = 38,
	SO_DOMAIN = 39,
	SO_BUSY_POLL = 46,
	SO_INCOMING_CPU = 49,
	SO_BINDTODEVICE = 25,
	SO_MEMINFO = 55,
	SO_INCOMING_NAPI_ID = 56,
	SO_ATTACH_FILTER = 26, SO_DETACH_FILTER = 27, SO_COOKIE = 57,
	SO_ZEROCOPY = 60,
};

#define RCVBUF_MIN 2304u	/* Linux: SOCK_MIN_RCVBUF */
#define SNDBUF_MIN 4608u	/* and SOCK_MIN_SNDBUF */
#define BUF_MAX (8 << 20)	/* of what is asked for; what is given is twice as much */

/* ---- options that are a bit */

static int set_bit(struct sock *k, unsigned bit, int value)
{
	k->opts = (uint8_t)(value ? k->opts | bit : k->opts & ~bit);
	return 0;
}

static int get_bit(const struct sock *k, unsigned bit, int *value)
{
	*value = !!(k->opts & bit);
	return 0;
}

static int set_reuseaddr(struct socks *s, struct sock *k, int value)
{
	if (k->kind == SOCK_DGRAM)
		k->udp->reuse_addr = value;
	return set_bit(k, SOCKO_REUSEADDR, value);
}

static int get_reuseaddr(struct socks *s, struct sock *k, int *value)
{
	return get_bit(k, SOCKO_REUSEADDR, value);
}

static int set_reuseport(struct socks *s, struct sock *k, int value)
{
	if (k->kind == SOCK_DGRAM)
		k->udp->reuse_port = value;
	return set_bit(k, SOCKO_REUSEPORT, value);
}

static int get_reuseport(struct socks *s, struct sock *k, int *value)
{
	return get_bit(k, SOCKO_REUSEPORT, value);
}

static int set_broadcast(struct socks *s, struct sock *k, int value)
{
	if (k->kind == SOCK_DGRAM)
		k->udp->broadcast = value;
	return set_bit(k, SOCKO_BROADCAST, value);
}

static int get_broadcast(struct socks *s, struct sock *k, int *value)
{
	return get_bit(k, SOCKO_BROADCAST, value);
}

static int set_keepalive(struct socks *s, struct sock *k, int value)
{
	if (sock_is_stream(k))
		return sock_tcp_set(s, k, TCP_OPT_KEEPALIVE, !!value);
	return set_bit(k, SOCKO_KEEPALIVE, value);
}

static int get_keepalive(struct socks *s, struct sock *k, int *value)
{
	if (!sock_is_stream(k))
		return get_bit(k, SOCKO_KEEPALIVE, value);
	*value = (int)sock_tcp_get(s, k, TCP_OPT_KEEPALIVE);
	return 0;
}

static int set_zerocopy(struct socks *s, struct sock *k, int value)
{
	return value < 0 || value > 1 ? -E_INVAL : set_bit(k, SOCKO_ZEROCOPY, value);
}

static int get_zerocopy(struct socks *s, struct sock *k, int *value)
{
	return get_bit(k, SOCKO_ZEROCOPY, value);
}

static int set_timestamp(struct socks *s, struct sock *k, int value)
{
	set_bit(k, SOCKO_TIMESTAMPNS, 0);
	return set_bit(k, SOCKO_TIMESTAMP, value);
}

static int get_timestamp(struct socks *s, struct sock *k, int *value)
{
	return get_bit(k, SOCKO_TIMESTAMP, value);
}

static int set_timestampns(struct socks *s, struct sock *k, int value)
{
	set_bit(k, SOCKO_TIMESTAMP, 0);
	return set_bit(k, SOCKO_TIMESTAMPNS, value);
}

static int get_timestampns(struct socks *s, struct sock *k, int *value)
{
	return get_bit(k, SOCKO_TIMESTAMPNS, value);
}

/* Urgent data is ordinary data, RFC 6093 §6: always in line. */
static int set_oobinline(struct socks *s, struct sock *k, int value)
{
	return value ? 0 : -E_OPNOTSUPP;
}

static int get_oobinline(struct socks *s, struct sock *k, int *value)
{
	*value = 1;
	return 0;
}

/* ---- numbers that are kept here */

static int set_priority(struct socks *s, struct sock *k, int value)
{
	struct sock_cold *cold = sock_cold_get(s, k);

	if (!cold)
		return -E_NOBUFS;
	cold->priority = (uint32_t)value;
	return 0;
}

static int get_priority(struct socks *s, struct sock *k, int *value)
{
	const struct sock_cold *cold = sock_cold_of(s, k);

	*value = cold ? (int)cold->priority : 0;
	return 0;
}

static int set_mark(struct socks *s, struct sock *k, int value)
{
	struct sock_cold *cold = sock_cold_get(s, k);

	if (!cold)
		return -E_NOBUFS;
	cold->mark = (uint32_t)value;
	return 0;
}

static int get_mark(struct socks *s, struct sock *k, int *value)
{
	const struct sock_cold *cold = sock_cold_of(s, k);

	*value = cold ? (int)cold->mark : 0;
	return 0;
}

static int set_busy_poll(struct socks *s, struct sock *k, int value)
{
	struct sock_cold *cold;

	if (value < 0)
		return -E_INVAL;
	cold = sock_cold_get(s, k);
	if (!cold)
		return -E_NOBUFS;
	cold->busy_poll_us = (uint32_t)value;
	return 0;
}

static int get_busy_poll(struct socks *s, struct sock *k, int *value)
{
	const struct sock_cold *cold = sock_cold_of(s, k);

	*value = cold ? (int)cold->busy_poll_us : 0;
	return 0;
}

static int set_incoming_cpu(struct socks *s, struct sock *k, int value)
{
	struct sock_cold *cold = sock_cold_get(s, k);

	if (!cold)
		return -E_NOBUFS;
	cold->incoming_cpu = value;
	return 0;
}

static int get_incoming_cpu(struct socks *s, struct sock *k, int *value)
{
	const struct sock_cold *cold = sock_cold_of(s, k);

	*value = cold ? cold->incoming_cpu : -1;
	return 0;
}

static int set_rcvlowat(struct socks *s, struct sock *k, int value)
{
	struct sock_cold *cold = sock_cold_get(s, k);

	if (!cold)
		return -E_NOBUFS;
	cold->rcvlowat = value < 0 ? INT32_MAX : value ? (uint32_t)value : 1;
	return 0;
}

static int get_rcvlowat(struct socks *s, struct sock *k, int *value)
{
	const struct sock_cold *cold = sock_cold_of(s, k);

	*value = cold && cold->rcvlowat ? (int)cold->rcvlowat : 1;
	return 0;
}

/* ---- buffers: what is asked for is doubled, as Linux does for what it keeps beside the bytes */

static uint32_t doubled(int value)
{
	return (uint32_t)MIN(MAX(value, 0), BUF_MAX) * 2;
}

static int set_rcvbuf(struct socks *s, struct sock *k, int value)
{
	if (sock_is_stream(k))
		return sock_tcp_set(s, k, TCP_OPT_RCVBUF, MAX(doubled(value), RCVBUF_MIN));
	k->udp->rcvbuf = MAX(doubled(value), RCVBUF_MIN);
	return 0;
}

static int get_rcvbuf(struct socks *s, struct sock *k, int *value)
{
	*value = (int)(sock_is_stream(k) ? sock_tcp_get(s, k, TCP_OPT_RCVBUF) : k->udp->rcvbuf);
	return 0;
}

static int set_sndbuf(struct socks *s, struct sock *k, int value)
{
	struct sock_cold *cold;

	if (sock_is_stream(k))
		return sock_tcp_set(s, k, TCP_OPT_SNDBUF, MAX(doubled(value), SNDBUF_MIN));
	cold = sock_cold_get(s, k);
	if (!cold)
		return -E_NOBUFS;
	cold->sndbuf = MAX(doubled(value), SNDBUF_MIN);
	return 0;
}

static int get_sndbuf(struct socks *s, struct sock *k, int *value)
{
	const struct sock_cold *cold = sock_cold_of(s, k);

	if (sock_is_stream(k))
		*value = (int)sock_tcp_get(s, k, TCP_OPT_SNDBUF);
	else
		*value = (int)(cold && cold->sndbuf ? cold->sndbuf : UDP_RCVBUF_DEFAULT);
	return 0;
}

static int get_sndlowat(struct socks *s, struct sock *k, int *value)
{
	*value = 1;
	return 0;
}

/* ---- what a socket is */

static int get_error(struct socks *s, struct sock *k, int *value)
{
	*value = 0;
	if (k->kind == SOCK_CONN)
		*value = -sock_error_take(k);
	else if (k->kind == SOCK_DGRAM)
		*value = udp_take_error(k->udp);
	return 0;
}

static int get_type(struct socks *s, struct sock *k, int *value)
{
	*value = sock_is_stream(k) ? LEAT_SOCK_STREAM :
		 k->udp->kind == UDP_RAW || (k->udp->kind == UDP_PACKET && !k->udp->cooked) ?
				     LEAT_SOCK_RAW : LEAT_SOCK_DGRAM;
	return 0;
}

static int get_domain(struct socks *s, struct sock *k, int *value)
{
	*value = !sock_is_stream(k) && k->udp->kind == UDP_PACKET ? LEAT_AF_PACKET : LEAT_AF_INET;
	return 0;
}

static int get_protocol(struct socks *s, struct sock *k, int *value)
{
	*value = sock_is_stream(k) ? SOL_TCP : k->udp->kind ? k->udp->proto : SOL_UDP;
	return 0;
}

static int get_acceptconn(struct socks *s, struct sock *k, int *value)
{
	*value = k->kind == SOCK_LISTENER;
	return 0;
}

static int get_napi(struct socks *s, struct sock *k, int *value)
{
	*value = 0;
	return 0;
}

static int get_cookie(struct socks *s, struct sock *k, void *value, uint32_t *len)
{
	uint64_t cookie = (uint64_t)k->gen << 32 | sock_index(s, k);

	if (*len < sizeof(cookie))
		return -E_INVAL;
	*len = sizeof(cookie);
	mem_copy(value, &cookie, sizeof(cookie));
	return 0;
}

/* ---- structs */

static int set_linger(struct socks *s, struct sock *k, const void *value, uint32_t len)
{
	struct sock_cold *cold;
	int32_t v[2];

	if (len < sizeof(v))
		return -E_INVAL;
	mem_copy(v, value, sizeof(v));
	if (!v[0] && !k->cold)
		return 0;
	cold = sock_cold_get(s, k);
	if (!cold)
		return -E_NOBUFS;
	cold->linger_s = v[0] ? v[1] & INT32_MAX : -1;
	return 0;
}

static int get_linger(struct socks *s, struct sock *k, void *value, uint32_t *len)
{
	const struct sock_cold *cold = sock_cold_of(s, k);
	bool on = cold && cold->linger_s >= 0;
	int32_t v[2] = {on, on ? cold->linger_s : 0};

	*len = MIN(*len, (uint32_t)sizeof(v));
	mem_copy(value, v, *len);
	return 0;
}

/* struct timeval; 0: for ever */
static int timeval_in(const void *value, uint32_t len, nsec *out)
{
	int64_t tv[2];

	if (len < sizeof(tv))
		return -E_INVAL;
	mem_copy(tv, value, sizeof(tv));
	if (tv[1] < 0 || tv[1] >= 1000000)
		return -E_DOM;
	if (tv[0] < 0)		/* as Linux: no waiting at all, which is read back as 0 */
		*out = 1;
	else if (tv[0] > INT32_MAX)
		*out = 0;
	else
		*out = SEC(tv[0]) + USEC(tv[1]);
	return 0;
}

static int timeval_out(nsec t, void *value, uint32_t *len)
{
	int64_t tv[2] = {(int64_t)(t / SEC(1)), (int64_t)(t % SEC(1) / 1000)};

	*len = MIN(*len, (uint32_t)sizeof(tv));
	mem_copy(value, tv, *len);
	return 0;
}

static int set_rcvtimeo(struct socks *s, struct sock *k, const void *value, uint32_t len)
{
	struct sock_cold *cold = sock_cold_get(s, k);

	return cold ? timeval_in(value, len, &cold->rcvtimeo) : -E_NOBUFS;
}

static int get_rcvtimeo(struct socks *s, struct sock *k, void *value, uint32_t *len)
{
	const struct sock_cold *cold = sock_cold_of(s, k);

	return timeval_out(cold ? cold->rcvtimeo : 0, value, len);
}

static int set_sndtimeo(struct socks *s, struct sock *k, const void *value, uint32_t len)
{
	struct sock_cold *cold = sock_cold_get(s, k);

	return cold ? timeval_in(value, len, &cold->sndtimeo) : -E_NOBUFS;
}

static int get_sndtimeo(struct socks *s, struct sock *k, void *value, uint32_t *len)
{
	const struct sock_cold *cold = sock_cold_of(s, k);

	return timeval_out(cold ? cold->sndtimeo : 0, value, len);
}

/* struct sock_fprog: a count and a pointer */
static int set_filter(struct socks *s, struct sock *k, const void *value, uint32_t len)
{
	struct {
		uint16_t n;
		const void *insns;
	} prog;

	if (sock_is_stream(k))
		return -E_OPNOTSUPP;
	if (len != sizeof(prog))
		return -E_INVAL;
	mem_copy(&prog, value, sizeof(prog));
	if (!prog.insns)
		return -E_FAULT;
	return udp_attach(&s->net->udp, k->udp, prog.insns, prog.n);
}

static int set_no_filter(struct socks *s, struct sock *k, const void *value, uint32_t len)
{
	return sock_is_stream(k) ? -E_NOENT : udp_detach(&s->net->udp, k->udp);
}

/* A device by its name, or none. */
static int set_device(struct socks *s, struct sock *k, const void *value, uint32_t len)
{
	const struct link *link = &s->net->link;
	const char *name = value;
	uint32_t n = 0;

	if (sock_is_stream(k))
		return -E_OPNOTSUPP;
	while (n < MIN(len, 15u) && name[n])
		n++;
	if (n == 0) {
		k->udp->bound_if = 0;
		return 0;
	}
	for (unsigned i = 0; i < link->devs_n; i++) {
		const char *its = link->devs[i].dev->name;

		if (mem_eq(its, name, n) && its[n] == 0) {
			k->udp->bound_if = (uint8_t)(i + 1);
			return 0;
		}
	}
	return -E_NODEV;
}

static int get_device(struct socks *s, struct sock *k, void *value, uint32_t *len)
{
	const char *name;
	uint32_t n = 0;

	if (sock_is_stream(k) || !k->udp->bound_if) {
		*len = 0;
		return 0;
	}
	name = s->net->link.devs[k->udp->bound_if - 1].dev->name;
	if (*len < 16)
		return -E_INVAL;
	while (n < 15 && name[n])
		n++;
	mem_copy(value, name, n);
	((char *)value)[n] = 0;
	*len = n + 1;
	return 0;
}

/* What sock_diag(7) calls INET_DIAG_SKMEMINFO: bytes; what leat does not count is 0. */
static int get_meminfo(struct socks *s, struct sock *k, void *value, uint32_t *len)
{
	enum {
		RMEM_ALLOC,
		RCVBUF,
		WMEM_ALLOC,
		SNDBUF,
		FWD_ALLOC,
		WMEM_QUEUED,
		OPTMEM,
		BACKLOG,
		DROPS
	};
	uint32_t v[DROPS + 1] = {0};
	struct tcp_info i;
	int n;

	(void)get_rcvbuf(s, k, &n);
	v[RCVBUF] = (uint32_t)n;
	(void)get_sndbuf(s, k, &n);
	v[SNDBUF] = (uint32_t)n;
	if (k->kind == SOCK_CONN) {
		tcp_get_info(&s->net->tcp, k->conn, &i);
		v[RMEM_ALLOC] = i.rcv_queued;
		v[WMEM_ALLOC] = i.unacked;
		v[WMEM_QUEUED] = i.unsent + i.unacked;
	}
	*len = MIN(*len, (uint32_t)sizeof(v));
	mem_copy(value, v, *len);
	return 0;
}

static const struct sock_opt opts[] = {
	{SO_REUSEADDR, set_reuseaddr, get_reuseaddr},
	{SO_REUSEPORT, set_reuseport, get_reuseport},
	{SO_BROADCAST, set_broadcast, get_broadcast},
	{SO_KEEPALIVE, set_keepalive, get_keepalive},
	{SO_OOBINLINE, set_oobinline, get_oobinline},
	{SO_ZEROCOPY, set_zerocopy, get_zerocopy},
	{SO_TIMESTAMP, set_timestamp, get_timestamp},
	{SO_TIMESTAMPNS, set_timestampns, get_timestampns},
	{SO_PRIORITY, set_priority, get_priority},
	{SO_MARK, set_mark, get_mark},
	{SO_BUSY_POLL, set_busy_poll, get_busy_poll},
	{SO_INCOMING_CPU, set_incoming_cpu, get_incoming_cpu},
	{SO_RCVLOWAT, set_rcvlowat, get_rcvlowat},
	{SO_RCVBUF, set_rcvbuf, get_rcvbuf},
	{SO_SNDBUF, set_sndbuf, get_sndbuf},
	{SO_SNDLOWAT, .get = get_sndlowat},
	{SO_ERROR, .get = get_error},
	{SO_TYPE, .get = get_type},
	{SO_DOMAIN, .get = get_domain},
	{SO_PROTOCOL, .get = get_protocol},
	{SO_ACCEPTCONN, .get = get_acceptconn},
	{SO_INCOMING_NAPI_ID, .get = get_napi},
	{SO_ATTACH_FILTER, .set_raw = set_filter},
	{SO_DETACH_FILTER, .set_raw = set_no_filter},
	{SO_BINDTODEVICE, .set_raw = set_device, .get_raw = get_device},
	{SO_COOKIE, .get_raw = get_cookie},
	{SO_MEMINFO, .get_raw = get_meminfo},
	{SO_LINGER, .set_raw = set_linger, .get_raw = get_linger},
	{SO_RCVTIMEO, .set_raw = set_rcvtimeo, .get_raw = get_rcvtimeo},
	{SO_SNDTIMEO, .set_raw = set_sndtimeo, .get_raw = get_sndtimeo},
};

const struct sock_opts sock_opts_socket = {opts, ARRAY_LEN(opts)};
