/* libleat-packetdrill.so: packetdrill's scripts run against leat, in virtual time.
 *
 * packetdrill --so_filename=build/libleat-packetdrill.so SCRIPT; docs/packetdrill.md says more.
 * Calls that may wait are made without waiting and tried again (pd_call.h).  Preloaded as well,
 * the library answers getsockopt(), sendfile() and close() on its own descriptors: packetdrill
 * calls these past its table. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "apps/packetdrill/packetdrill.h"
#include "apps/packetdrill/pd_call.h"
#include "apps/packetdrill/pd_stack.h"
#include "leat/socket.h"

#define EXPORT __attribute__((visibility("default")))
#define ARGS(...) ((long[PD_ARGS]){ __VA_ARGS__ })
#define P(i) ((void *)a[i])

/* ---- what the stack's thread does */

static long do_socket(long *a)
{
	return leat_socket((int)a[0], (int)a[1], (int)a[2]);
}

static long do_bind(long *a)
{
	return leat_bind((int)a[0], P(1), (socklen_t)a[2]);
}

static long do_listen(long *a)
{
	return leat_listen((int)a[0], (int)a[1]);
}

static long do_shutdown(long *a)
{
	return leat_shutdown((int)a[0], (int)a[1]);
}

static long do_getsockopt(long *a)
{
	return leat_getsockopt((int)a[0], (int)a[1], (int)a[2], P(3), P(4));
}

static long do_setsockopt(long *a)
{
	return leat_setsockopt((int)a[0], (int)a[1], (int)a[2], P(3), (socklen_t)a[4]);
}

static long do_fcntl(long *a)
{
	return leat_fcntl((int)a[0], (int)a[1], a[2]);
}

static long do_ioctl(long *a)
{
	return leat_ioctl((int)a[0], (unsigned long)a[1], a[2]);
}

/* Nothing sleeps in the stack's thread: a blocking descriptor is made one that does not for the
 * call.  *blocks: as it was. */
static int calm(int fd, bool *blocks)
{
	int flags = leat_fcntl(fd, F_GETFL);

	*blocks = flags >= 0 && !(flags & O_NONBLOCK);
	if (*blocks)
		leat_fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	return flags;
}

/* An answer that has to be waited for is EAGAIN only on a descriptor that blocks; on others it is
 * the answer, and told to pd_call() as -2. */
static long restore(int fd, int flags, bool blocks, long r)
{
	int error = errno;

	if (blocks)
		leat_fcntl(fd, F_SETFL, flags);
	errno = error;
	return r == -1 && error == EAGAIN && !blocks ? -2 : r;
}

static long do_accept(long *a)
{
	bool blocks;
	int flags = calm((int)a[0], &blocks);

	return restore((int)a[0], flags, blocks, leat_accept((int)a[0], P(1), P(2)));
}

/* a[3]: under way. */
static long do_connect(long *a)
{
	int fd = (int)a[0], error = 0, flags;
	socklen_t len = sizeof(error);
	bool blocks;
	long r;

	if (a[3]) {
		struct pollfd at = { .fd = fd, .events = POLLOUT };

		if (leat_poll_fds(&at, 1, 0) == 0) {
			errno = EAGAIN;
			return -1;
		}
		leat_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
		errno = error;
		return error ? -1 : 0;
	}
	flags = calm(fd, &blocks);
	r = restore(fd, flags, blocks, leat_connect(fd, P(1), (socklen_t)a[2]));
	if (r == -1 && errno == EINPROGRESS && blocks) {
		a[3] = 1;
		errno = EAGAIN;
	}
	return r;
}

static long do_recvmsg(long *a)
{
	bool blocks, wait = !(a[2] & (MSG_DONTWAIT | MSG_ERRQUEUE));
	int flags = calm((int)a[0], &blocks);
	long r = leat_recvmsg((int)a[0], P(1), (int)a[2] | MSG_DONTWAIT);

	r = restore((int)a[0], flags, blocks, r);
	return r == -1 && errno == EAGAIN && !wait ? -2 : r;
}

/* a[3]: bytes that went already. */
static long do_sendmsg(long *a)
{
	struct msghdr *msg = P(1);
	bool blocks, wait = !(a[2] & MSG_DONTWAIT);
	int flags = calm((int)a[0], &blocks);
	size_t total = 0;
	long r = leat_sendmsg((int)a[0], msg, (int)a[2] | MSG_DONTWAIT);

	r = restore((int)a[0], flags, blocks, r);
	if (!blocks || !wait)
		return r == -1 && errno == EAGAIN ? -2 : r;
	if (r < 0)
		return a[3] && errno != EAGAIN ? a[3] : r;
	a[3] += r;
	for (size_t i = 0; i < msg->msg_iovlen; i++) {	/* the rest of it */
		size_t n = MIN((size_t)r, msg->msg_iov[i].iov_len);

		msg->msg_iov[i].iov_base = (char *)msg->msg_iov[i].iov_base + n;
		msg->msg_iov[i].iov_len -= n;
		r -= (long)n;
		total += msg->msg_iov[i].iov_len;
	}
	if (!total)
		return a[3];
	msg->msg_control = NULL;
	msg->msg_controllen = 0;
	errno = EAGAIN;
	return -1;
}

static long do_close(long *a)
{
	bool blocks;

	calm((int)a[0], &blocks);
	return leat_close((int)a[0]);
}

static long something(long n)
{
	if (n)
		return n;
	errno = EAGAIN;
	return -1;
}

static long do_poll(long *a)
{
	return something(leat_poll_fds(P(0), (nfds_t)a[1], 0));
}

static long do_epoll_create(long *a)
{
	return leat_epoll_create((int)a[0]);
}

static long do_epoll_ctl(long *a)
{
	return leat_epoll_ctl((int)a[0], (int)a[1], (int)a[2], P(3));
}

static long do_epoll_wait(long *a)
{
	return something(leat_epoll_wait((int)a[0], P(1), (int)a[2], 0));
}

static long do_arrive(long *a)
{
	pd_stack_arrive(P(0), (size_t)a[1]);
	return 0;
}

static long do_sendfile(long *a)
{
	bool blocks;
	int flags = calm((int)a[0], &blocks);
	long r = leat_sendfile((int)a[0], (int)a[1], P(2), (size_t)a[3]);

	return restore((int)a[0], flags, blocks, r);
}

static long do_is(long *a)
{
	return leat_is((int)a[0]);
}

/* ---- packetdrill's table */

static long waiting(pd_call_fn fn, long *args)
{
	long r = pd_call(fn, args, NSEC_NEVER);

	return r == -2 ? -1 : r;
}

static long at_once(pd_call_fn fn, long *args)
{
	return pd_call(fn, args, 0);
}

static int pd_socket(void *u, int domain, int type, int protocol)
{
	return (int)at_once(do_socket, ARGS(domain, type, protocol));
}

static int pd_bind(void *u, int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)at_once(do_bind, ARGS(fd, (long)addr, len));
}

static int pd_listen(void *u, int fd, int backlog)
{
	return (int)at_once(do_listen, ARGS(fd, backlog));
}

static int pd_accept(void *u, int fd, struct sockaddr *addr, socklen_t *len)
{
	return (int)waiting(do_accept, ARGS(fd, (long)addr, (long)len));
}

static int pd_connect(void *u, int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)waiting(do_connect, ARGS(fd, (long)addr, len));
}

static ssize_t pd_recvmsg(void *u, int fd, struct msghdr *msg, int flags)
{
	return waiting(do_recvmsg, ARGS(fd, (long)msg, flags));
}

static ssize_t pd_recvfrom(void *u, int fd, void *buf, size_t n, int flags, struct sockaddr *from,
			   socklen_t *len)
{
	struct iovec iov = { .iov_base = buf, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_name = from,
			      .msg_namelen = len ? *len : 0 };
	ssize_t r = pd_recvmsg(u, fd, &msg, flags);

	if (len && r >= 0)
		*len = msg.msg_namelen;
	return r;
}

static ssize_t pd_recv(void *u, int fd, void *buf, size_t n, int flags)
{
	return pd_recvfrom(u, fd, buf, n, flags, NULL, NULL);
}

static ssize_t pd_read(void *u, int fd, void *buf, size_t n)
{
	return pd_recv(u, fd, buf, n, 0);
}

static ssize_t pd_readv(void *u, int fd, const struct iovec *iov, int n)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n };

	return pd_recvmsg(u, fd, &msg, 0);
}

static ssize_t pd_sendmsg(void *u, int fd, const struct msghdr *msg, int flags)
{
	struct msghdr m = *msg;
	struct iovec *iov = calloc(msg->msg_iovlen + 1, sizeof(*iov));
	ssize_t r;

	if (!iov)
		return -1;
	if (msg->msg_iov)
		memcpy(iov, msg->msg_iov, msg->msg_iovlen * sizeof(*iov));
	m.msg_iov = iov;
	r = waiting(do_sendmsg, ARGS(fd, (long)&m, flags));
	free(iov);
	return r;
}

static ssize_t pd_sendto(void *u, int fd, const void *buf, size_t n, int flags,
			 const struct sockaddr *to, socklen_t len)
{
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_name = (struct sockaddr *)to, .msg_namelen = len };

	return pd_sendmsg(u, fd, &msg, flags);
}

static ssize_t pd_send(void *u, int fd, const void *buf, size_t n, int flags)
{
	return pd_sendto(u, fd, buf, n, flags, NULL, 0);
}

static ssize_t pd_write(void *u, int fd, const void *buf, size_t n)
{
	return pd_send(u, fd, buf, n, 0);
}

static ssize_t pd_writev(void *u, int fd, const struct iovec *iov, int n)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n };

	return pd_sendmsg(u, fd, &msg, 0);
}

static int pd_fcntl(void *u, int fd, int cmd, ...)
{
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	return (int)at_once(do_fcntl, ARGS(fd, cmd, arg));
}

static int pd_ioctl(void *u, int fd, unsigned long request, ...)
{
	va_list ap;
	long arg;

	va_start(ap, request);
	arg = va_arg(ap, long);
	va_end(ap);
	return (int)at_once(do_ioctl, ARGS(fd, (long)request, arg));
}

static int pd_close(void *u, int fd)
{
	return (int)at_once(do_close, ARGS(fd));
}

static int pd_shutdown(void *u, int fd, int how)
{
	return (int)at_once(do_shutdown, ARGS(fd, how));
}

static int pd_getsockopt(void *u, int fd, int level, int name, void *value, socklen_t *len)
{
	return (int)at_once(do_getsockopt, ARGS(fd, level, name, (long)value, (long)len));
}

static int pd_setsockopt(void *u, int fd, int level, int name, const void *value, socklen_t len)
{
	return (int)at_once(do_setsockopt, ARGS(fd, level, name, (long)value, len));
}

/* Nothing in time is 0, not an error. */
static int ready(pd_call_fn fn, long *args, int timeout_ms)
{
	nsec until = timeout_ms < 0 ? NSEC_NEVER : 0;
	long r;

	if (timeout_ms > 0)
		until = (nsec)pd_call_time() * USEC(1) + MSEC((nsec)timeout_ms);
	r = pd_call(fn, args, until);
	return r == -1 && errno == EAGAIN ? 0 : (int)r;
}

static int pd_poll(void *u, struct pollfd *fds, nfds_t n, int timeout_ms)
{
	return ready(do_poll, ARGS((long)fds, (long)n), timeout_ms);
}

static int pd_netdev_send(void *u, const void *buf, size_t n)
{
	return (int)at_once(do_arrive, ARGS((long)buf, (long)n));
}

/* A packet that does not come is told as one that is none, which ends the script. */
static int pd_netdev_receive(void *u, void *buf, size_t *n, long long *time_us)
{
	if (pd_call_packet(buf, n, time_us))
		return 0;
	memset(buf, 0, 1);
	*n = 1;
	*time_us = pd_call_time();
	return 0;
}

static int pd_usleep(void *u, useconds_t us)
{
	pd_call_sleep(USEC((nsec)us));
	return 0;
}

static int pd_gettimeofday(void *u, struct timeval *tv, struct timezone *tz)
{
	long us = pd_call_time();

	*tv = (struct timeval){ .tv_sec = us / 1000000, .tv_usec = us % 1000000 };
	return 0;
}

static int pd_epoll_create(void *u, int size)
{
	return (int)at_once(do_epoll_create, ARGS(size));
}

static int pd_epoll_ctl(void *u, int set, int op, int fd, struct epoll_event *event)
{
	return (int)at_once(do_epoll_ctl, ARGS(set, op, fd, (long)event));
}

static int pd_epoll_wait(void *u, int set, struct epoll_event *events, int max, int timeout_ms)
{
	return ready(do_epoll_wait, ARGS(set, (long)events, max), timeout_ms);
}

static int pd_pipe(void *u, int fds[2])
{
	return pipe(fds);
}

static ssize_t pd_splice(void *u, int in, loff_t *off_in, int out, loff_t *off_out, size_t n,
			 unsigned flags)
{
	errno = EINVAL;		/* no socket of ours is spliced */
	return -1;
}

/* ---- the way in */

static bool started;

static void pd_free(void *u)
{
	started = false;
	pd_call_stop();
}

EXPORT void packetdrill_interface_init(const char *flags, struct packetdrill_interface *table)
{
	*table = (struct packetdrill_interface){
		.free = pd_free, .socket = pd_socket, .bind = pd_bind, .listen = pd_listen,
		.accept = pd_accept, .connect = pd_connect, .read = pd_read, .readv = pd_readv,
		.recv = pd_recv, .recvfrom = pd_recvfrom, .recvmsg = pd_recvmsg,
		.write = pd_write, .writev = pd_writev, .send = pd_send, .sendto = pd_sendto,
		.sendmsg = pd_sendmsg, .fcntl = pd_fcntl, .ioctl = pd_ioctl, .close = pd_close,
		.shutdown = pd_shutdown, .getsockopt = pd_getsockopt,
		.setsockopt = pd_setsockopt, .poll = pd_poll, .netdev_send = pd_netdev_send,
		.netdev_receive = pd_netdev_receive, .usleep = pd_usleep,
		.gettimeofday = pd_gettimeofday, .epoll_create = pd_epoll_create,
		.epoll_ctl = pd_epoll_ctl, .epoll_wait = pd_epoll_wait, .pipe = pd_pipe,
		.splice = pd_splice,
	};
	pd_call_start(flags);
	started = true;
}

/* ---- calls past the table, when we are preloaded */

static bool ours(int fd)
{
	return started && !pd_call_inside() && at_once(do_is, ARGS(fd)) == 1;
}

EXPORT int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
	int (*next)(int, int, int, void *, socklen_t *) = dlsym(RTLD_NEXT, "getsockopt");

	return ours(fd) ? pd_getsockopt(NULL, fd, level, name, value, len)
			: next(fd, level, name, value, len);
}

EXPORT int close(int fd)
{
	int (*next)(int) = dlsym(RTLD_NEXT, "close");

	return ours(fd) ? pd_close(NULL, fd) : next(fd);
}

/* Both names of the C library: off_t has 64 bits either way. */
static ssize_t send_file(const char *name, int out, int in, off_t *offset, size_t n)
{
	ssize_t (*next)(int, int, off_t *, size_t) = dlsym(RTLD_NEXT, name);

	return ours(out) ? waiting(do_sendfile, ARGS(out, in, (long)offset, (long)n))
			 : next(out, in, offset, n);
}

EXPORT ssize_t preloaded_sendfile(int out, int in, off_t *offset, size_t n) __asm__("sendfile");
EXPORT ssize_t preloaded_sendfile64(int out, int in, off_t *offset, size_t n) __asm__("sendfile64");

ssize_t preloaded_sendfile(int out, int in, off_t *offset, size_t n)
{
	return send_file("sendfile", out, in, offset, n);
}

ssize_t preloaded_sendfile64(int out, int in, off_t *offset, size_t n)
{
	return send_file("sendfile64", out, in, offset, n);
}
