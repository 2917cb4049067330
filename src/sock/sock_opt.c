/* SETSOCKOPT and GETSOCKOPT: finds the option and moves its value.
 *
 * What an option does is in sock_opt_<level>.c.  An option that is in no table is not there:
 * -ENOPROTOOPT. */
#include "sock/sock_opt.h"

static const struct sock_opts *opts_of(const struct sock *k, int level)
{
	if (level == SOL_SOCKET)
		return &sock_opts_socket;
	if (level == SOL_IP)
		return &sock_opts_ip;
	if (level == SOL_TCP && sock_is_stream(k))
		return &sock_opts_tcp;
	if (level == SOL_UDP && k->kind == SOCK_DGRAM && k->udp->kind == UDP_PLAIN)
		return &sock_opts_udp;
	return NULL;
}

static const struct sock_opt *find(const struct sock *k, int level, int name)
{
	const struct sock_opts *all = opts_of(k, level);

	for (unsigned i = 0; all && i < all->n; i++)
		if (all->opts[i].name == name)
			return &all->opts[i];
	return NULL;
}

/* A number: of IP's options a byte will do, as ip(7) has it. */
static int number(int level, const void *value, uint32_t len, int *out)
{
	*out = 0;
	if (len >= sizeof(*out)) {
		mem_copy(out, value, sizeof(*out));
		return 0;
	}
	if (level != SOL_IP)
		return -E_INVAL;
	if (len)
		*out = *(const uint8_t *)value;
	return 0;
}

int sock_setopt(struct socks *s, int32_t fd, int level, int name, const void *value, uint32_t len)
{
	struct sock *k = sock_of(s, fd);
	const struct sock_opt *o;
	int v, err;

	if (!k)
		return -E_BADF;
	if (len > INT32_MAX)
		return -E_INVAL;
	if (!value && len)
		return -E_FAULT;
	o = find(k, level, name);
	if (!o)
		return -E_NOPROTOOPT;
	if (o->set_raw)
		return o->set_raw(s, k, value, len);
	if (!o->set)
		return -E_NOPROTOOPT;
	err = number(level, value, len, &v);
	return err ? err : o->set(s, k, v);
}

int sock_getopt(struct socks *s, int32_t fd, int level, int name, void *value, uint32_t *len)
{
	struct sock *k = sock_of(s, fd);
	const struct sock_opt *o;
	int v = 0, err;

	if (!k)
		return -E_BADF;
	if (!len || (!value && *len))
		return -E_FAULT;
	if (*len > INT32_MAX)
		return -E_INVAL;
	o = find(k, level, name);
	if (!o || (!o->get && !o->get_raw))
		return -E_NOPROTOOPT;
	if (o->get_raw)
		return o->get_raw(s, k, value, len);
	err = o->get(s, k, &v);
	if (err)
		return err;
	if (level == SOL_IP && *len < sizeof(v) && *len > 0 && v >= 0 && v <= 255)
		*len = 1;
	*len = MIN(*len, (uint32_t)sizeof(v));
	mem_copy(value, &v, *len);
	return 0;
}

int sock_setopt_sqe(struct socks *s, const struct leat_sqe *sqe)
{
	return sock_setopt(s, sqe->fd, (int)(sqe->off >> 32), (int)sqe->off,
			   (const void *)sqe->addr, sqe->len);
}

int sock_getopt_sqe(struct socks *s, const struct leat_sqe *sqe)
{
	uint32_t len = sqe->len;
	int err = sock_getopt(s, sqe->fd, (int)(sqe->off >> 32), (int)sqe->off,
			      (void *)sqe->addr, &len);

	return err ? err : (int)len;
}
