/* setsockopt(2), fcntl(2), ioctl(2): what concerns waiting and closing is kept here, everything
 * else is the door's, whose levels, names and errors are Linux's. */
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "posix/posix_int.h"

/* ---- time-outs, linger, zero copy */

static nsec *timeo_of(struct sock_file *s, int name)
{
	return name == SO_RCVTIMEO ? &s->rcvtimeo : &s->sndtimeo;
}

static int set_timeo(struct sock_file *s, int name, const void *value, socklen_t len)
{
	struct timeval tv;

	if (len < sizeof(tv))
		return -E_INVAL;
	memcpy(&tv, value, sizeof(tv));
	if ((unsigned long)tv.tv_usec >= 1000000)
		return -E_DOM;
	*timeo_of(s, name) = tv.tv_sec < 0 ? 1 : SEC(tv.tv_sec) + USEC(tv.tv_usec);
	return 0;
}

static int set_linger(struct sock_file *s, const void *value, socklen_t len)
{
	struct linger l;

	if (len < sizeof(l))
		return -E_INVAL;
	memcpy(&l, value, sizeof(l));
	s->linger_on = l.l_onoff != 0;
	if (s->linger_on)
		s->linger_s = l.l_linger;
	return 0;
}

static int set_zerocopy(struct sock_file *s, const void *value, socklen_t len)
{
	int on;

	if (len < sizeof(on))
		return -E_INVAL;
	memcpy(&on, value, sizeof(on));
	if (s->type != SOCK_STREAM || on < 0 || on > 1)
		return s->type != SOCK_STREAM ? -E_OPNOTSUPP : -E_INVAL;
	s->zerocopy = on;
	return 0;
}

/* An option of a protocol that the socket does not speak? */
static bool foreign(const struct sock_file *s, int level)
{
	int own = s->type == SOCK_STREAM ? IPPROTO_TCP :
		  s->type == SOCK_DGRAM	 ? IPPROTO_UDP :
					   SOL_RAW;

	return s->domain == AF_INET && level != SOL_SOCKET && level != IPPROTO_IP && level != own;
}

/* Linux looks at the length before the name where most options are an int. */
static bool too_short(const struct sock_file *s, int level, int name, socklen_t len)
{
	bool ints = (level == SOL_SOCKET && name != SO_BINDTODEVICE) ||
		    (level == IPPROTO_TCP && s->type == SOCK_STREAM && name != TCP_CONGESTION);

	return ints && len < sizeof(int);
}

int leat_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);

	if (!s)
		return err ? posix_answer(err) : setsockopt(fd, level, name, value, len);
	if (foreign(s, level))
		return posix_answer(-E_NOPROTOOPT);
	if ((int)len < 0 || too_short(s, level, name, len))
		return posix_answer(-E_INVAL);
	if (!value)
		return posix_answer(-E_FAULT);
	if (level == SOL_SOCKET) {
		switch (name) {
		case SO_RCVTIMEO:
		case SO_SNDTIMEO:
			return posix_answer(set_timeo(s, name, value, len));
		case SO_LINGER:
			return posix_answer(set_linger(s, value, len));
		case SO_ZEROCOPY:
			return posix_answer(set_zerocopy(s, value, len));
		}
	}
	return posix_answer(
		leat_ring_setsockopt(s->f.owner->ring, s->fd, level, name, value, len));
}

/* What is kept here; false: the door's. */
static bool kept(struct sock_file *s, int level, int name, void *to, socklen_t *size)
{
	struct linger l = { .l_onoff = s->linger_on, .l_linger = s->linger_s };
	struct timeval tv;
	int on = s->zerocopy;

	if (level != SOL_SOCKET)
		return false;
	switch (name) {
	case SO_RCVTIMEO:
	case SO_SNDTIMEO:
		tv.tv_sec = (time_t)(*timeo_of(s, name) / SEC(1));
		tv.tv_usec = (suseconds_t)(*timeo_of(s, name) % SEC(1) / USEC(1));
		*size = sizeof(tv);
		memcpy(to, &tv, sizeof(tv));
		return true;
	case SO_LINGER:
		*size = sizeof(l);
		memcpy(to, &l, sizeof(l));
		return true;
	case SO_ZEROCOPY:
		*size = sizeof(on);
		memcpy(to, &on, sizeof(on));
		return true;
	}
	return false;
}

int posix_int_option(struct sock_file *s, int name)
{
	uint32_t len = sizeof(int);
	int value = 0;

	(void)leat_ring_getsockopt(s->f.owner->ring, s->fd, SOL_SOCKET, name, &value, &len);
	return value;
}

int leat_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);
	char room[sizeof(struct timeval)];
	socklen_t size;

	if (!s)
		return err ? posix_answer(err) : getsockopt(fd, level, name, value, len);
	if (foreign(s, level))
		return posix_answer(-E_OPNOTSUPP);
	if (!len)
		return posix_answer(-E_FAULT);
	if ((int)*len < 0)
		return posix_answer(-E_INVAL);
	if (!value)
		return posix_answer(-E_FAULT);
	if (kept(s, level, name, room, &size)) {
		*len = MIN(*len, size);
		memcpy(value, room, *len);
		return 0;
	}
	return posix_answer(
		leat_ring_getsockopt(s->f.owner->ring, s->fd, level, name, value, len));
}

/* SO_LINGER with a time: close(2) waits until what was sent is acknowledged, or for so long. */
void posix_linger(struct sock_file *s)
{
	struct posix *p = s->f.owner;
	struct leat_sqe sqe = { .opcode = LEAT_OP_SHUTDOWN, .fd = s->fd, .len = SHUT_WR };
	nsec until = posix_deadline(SEC(s->linger_s));
	struct posix_sleeper sleeper;

	if (s->type != SOCK_STREAM || posix_call(p, &sqe) < 0)
		return;
	while (leat_now() < until && leat_queued(p->ring, s->fd, LEAT_QUEUE_OUT) > 0) {
		posix_sleeper_init(p, &sleeper);
		(void)posix_block(p, &sleeper, MIN(until, leat_now() + MSEC(1)));
	}
}

/* ---- fcntl */

static int file_fcntl(struct file *f, int fd, int cmd, long arg)
{
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return posix_fd_new(f, (int)arg, cmd == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return posix_fd_cloexec(fd) ? FD_CLOEXEC : 0;
	case F_SETFD:
		posix_fd_set_cloexec(fd, arg & FD_CLOEXEC);
		return 0;
	case F_GETFL:
		return O_RDWR | (f->nonblock ? O_NONBLOCK : 0);
	case F_SETFL:
		if (arg & O_ASYNC)
			return -E_INVAL;
		f->nonblock = arg & O_NONBLOCK;
		return 0;
	}
	return -E_INVAL;
}

int leat_fcntl(int fd, int cmd, ...)
{
	struct file *f;
	va_list args;
	long arg;
	int err;

	va_start(args, cmd);
	arg = va_arg(args, long);
	va_end(args);
	f = posix_file(fd, &err);
	if (err)
		return posix_answer(err);
	if (f)
		return posix_answer(file_fcntl(f, fd, cmd, arg));
	return fcntl(fd, cmd, arg);
}

/* ---- ioctl */

static int file_ioctl(struct file *f, int fd, unsigned long request, void *arg)
{
	struct sock_file *s = sock_of_file(f);
	enum leat_queue queue;
	int n;

	if (f->kind != FILE_SOCK && request != FIONBIO && request != FIOCLEX &&
	    request != FIONCLEX)
		return -E_INVAL;
	switch (request) {
	case FIONBIO:
		f->nonblock = *(int *)arg != 0;
		return 0;
	case FIOCLEX:
	case FIONCLEX:
		posix_fd_set_cloexec(fd, request == FIOCLEX);
		return 0;
	case FIONREAD:
		queue = LEAT_QUEUE_IN;
		break;
	case SIOCOUTQ:
		queue = LEAT_QUEUE_OUT;
		break;
	case SIOCOUTQNSD:
		queue = LEAT_QUEUE_UNSENT;
		break;
	default:
		return -ENOTTY;
	}
	n = leat_queued(f->owner->ring, s->fd, queue);
	if (n < 0)
		return n;
	*(int *)arg = n;
	return 0;
}

int leat_ioctl(int fd, unsigned long request, ...)
{
	struct file *f;
	va_list args;
	void *arg;
	int err;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	f = posix_file(fd, &err);
	if (err)
		return posix_answer(err);
	if (!f)
		return ioctl(fd, request, arg);
	if (!arg && request != FIOCLEX && request != FIONCLEX)
		return posix_answer(-E_FAULT);
	return posix_answer(file_ioctl(f, fd, request, arg));
}
