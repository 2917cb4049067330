/* Receiving: recv(2) and its family.
 *
 * What has been delivered is copied out of the stack's frames by one call of the door; only when
 * nothing has is anything waited for.  MSG_WAITALL and time-outs are done here, all other flags by
 * the door. */
#include <string.h>
#include <unistd.h>

#include "posix/posix_int.h"

/* Flags of recv(2) that the door knows, and those that mean nothing to it. */
#define RECV_DOOR (MSG_PEEK | MSG_TRUNC | MSG_ERRQUEUE)
#define RECV_HERE (MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL | MSG_CMSG_CLOEXEC | MSG_WAITFORONE)

static bool may_not_wait(const struct sock_file *s, int flags)
{
	return s->f.nonblock || flags & MSG_DONTWAIT;
}

/* One message, or what there is of a stream. */
static int recv_once(struct sock_file *s, void *buf, size_t n, int flags)
{
	struct leat_sqe sqe = { .opcode = LEAT_OP_RECV, .fd = s->fd, .addr = (uintptr_t)buf,
				.len = (uint32_t)MIN(n, (size_t)INT32_MAX),
				.op_flags = (uint32_t)(flags & RECV_DOOR) };

	return posix_call_wait(s, &sqe, may_not_wait(s, flags), POLLIN, s->rcvtimeo);
}

/* MSG_WAITALL: of a stream, until all is there, the end, an error or a signal. */
static ssize_t recv_all(struct sock_file *s, void *buf, size_t n, int flags)
{
	size_t got = 0;
	int res = 0;

	posix_file_get(&s->f);
	while (got < n && !s->f.dead) {
		res = recv_once(s, (char *)buf + got, n - got, flags);
		if (res <= 0)
			break;
		got += (size_t)res;
		if (flags & MSG_PEEK)
			break;
	}
	posix_file_put(&s->f);
	return got ? (ssize_t)got : res;
}

/* Urgent data stay in line here, so there never are any apart. */
static int no_urgent(struct sock_file *s)
{
	return posix_int_option(s, SO_ACCEPTCONN) ? -E_NOTCONN : -E_INVAL;
}

static ssize_t recv_plain(struct sock_file *s, void *buf, size_t n, int flags)
{
	if (unlikely(flags & MSG_OOB) && s->type == SOCK_STREAM)
		return no_urgent(s);
	if (unlikely(!buf && n))
		return -E_FAULT;
	if (unlikely(flags & MSG_WAITALL) && s->type == SOCK_STREAM && !may_not_wait(s, flags))
		return recv_all(s, buf, n, flags);
	return recv_once(s, buf, n, flags);
}

static ssize_t answer(ssize_t res)
{
	if (likely(res >= 0))
		return res;
	errno = (int)-res;
	return -1;
}

ssize_t leat_recv(int fd, void *buf, size_t n, int flags)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);

	if (unlikely(!s))
		return err ? posix_answer(err) : recv(fd, buf, n, flags);
	if (unlikely(flags & MSG_ERRQUEUE))
		return leat_recvfrom(fd, buf, n, flags, NULL, NULL);
	return answer(recv_plain(s, buf, n, flags));
}

/* ---- messages */

static_assert(sizeof(struct iovec) == sizeof(struct leat_iovec) &&
	      offsetof(struct iovec, iov_len) == offsetof(struct leat_iovec, len), "the same");

static int recv_msg_once(struct sock_file *s, struct leat_msghdr *m, int flags)
{
	struct leat_sqe sqe = { .opcode = LEAT_OP_RECVMSG, .fd = s->fd, .addr = (uintptr_t)m,
				.op_flags = (uint32_t)(flags & RECV_DOOR) };
	bool nonblock = may_not_wait(s, flags) || flags & MSG_ERRQUEUE;

	return posix_call_wait(s, &sqe, nonblock, POLLIN, s->rcvtimeo);
}

/* MSG_WAITALL with several pieces: piece after piece. */
static ssize_t recv_msg_all(struct sock_file *s, const struct iovec *iov, size_t n, int flags)
{
	ssize_t got = 0, res = 0;

	for (size_t i = 0; i < n; i++) {
		res = recv_all(s, iov[i].iov_base, iov[i].iov_len, flags);
		if (res > 0)
			got += res;
		if (res < (ssize_t)iov[i].iov_len)
			break;
	}
	return got ? got : res;
}

static int bad_msg(const struct msghdr *msg)
{
	if (!msg || (!msg->msg_iov && msg->msg_iovlen))
		return -E_FAULT;
	return msg->msg_iovlen > LEAT_IOV_MAX ? -E_MSGSIZE : 0;
}

static ssize_t recv_msg(struct sock_file *s, struct msghdr *msg, int flags)
{
	struct leat_addr from;
	struct leat_msghdr m;
	ssize_t res = bad_msg(msg);

	if (res || (flags & MSG_OOB && s->type == SOCK_STREAM))
		return res ? res : no_urgent(s);
	if (flags & MSG_ERRQUEUE && !list_empty(&s->zc_done))
		return posix_zc_recv(s, msg);
	if (flags & MSG_WAITALL && s->type == SOCK_STREAM && !may_not_wait(s, flags)) {
		msg->msg_namelen = 0;
		msg->msg_controllen = 0;
		msg->msg_flags = 0;
		return recv_msg_all(s, msg->msg_iov, msg->msg_iovlen, flags);
	}
	m = (struct leat_msghdr){ .name = msg->msg_name ? &from : NULL,
				  .namelen = sizeof(from),
				  .iov = (struct leat_iovec *)msg->msg_iov,
				  .iovlen = msg->msg_iovlen,
				  .control = msg->msg_control,
				  .controllen = msg->msg_controllen };
	res = recv_msg_once(s, &m, flags);
	if (res < 0)
		return res;
	if (msg->msg_name && m.namelen)
		posix_addr_out(msg->msg_name, &msg->msg_namelen, &from, s->domain);
	else if (msg->msg_name)
		msg->msg_namelen = 0;
	msg->msg_controllen = msg->msg_control ? m.controllen : 0;
	msg->msg_flags = m.flags;
	return res;
}

ssize_t leat_recvmsg(int fd, struct msghdr *msg, int flags)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);

	if (!s)
		return err ? posix_answer(err) : recvmsg(fd, msg, flags);
	return answer(recv_msg(s, msg, flags));
}

ssize_t leat_recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *from,
		      socklen_t *len)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);
	struct iovec iov = { .iov_base = buf, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t res;

	if (!s)
		return err ? posix_answer(err) : recvfrom(fd, buf, n, flags, from, len);
	if (!from && !(flags & MSG_ERRQUEUE))
		return answer(recv_plain(s, buf, n, flags));
	if (!buf && n)
		return posix_answer(-E_FAULT);
	msg.msg_name = from;
	msg.msg_namelen = from && len ? *len : 0;
	res = recv_msg(s, &msg, flags);
	if (res >= 0 && len)
		*len = msg.msg_namelen;
	return answer(res);
}

/* The time-out is looked at after each message only, as recvmmsg(2) has it. */
int leat_recvmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags, struct timespec *timeout)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);
	nsec until = NSEC_NEVER;
	ssize_t res = 0;
	unsigned i;

	if (!s)
		return err ? posix_answer(err) : recvmmsg(fd, msgs, n, flags, timeout);
	if (timeout && (timeout->tv_sec < 0 || (unsigned long)timeout->tv_nsec >= SEC(1)))
		return posix_answer(-E_INVAL);
	if (timeout)
		until = posix_deadline(SEC(timeout->tv_sec) + (nsec)timeout->tv_nsec);
	res = -posix_int_option(s, SO_ERROR);
	for (i = 0; i < n && !res; i++) {
		res = recv_msg(s, &msgs[i].msg_hdr, flags & ~MSG_WAITFORONE);
		if (res < 0)
			break;
		msgs[i].msg_len = (unsigned)res;
		res = 0;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (until != NSEC_NEVER && leat_now() >= until)
			flags |= MSG_DONTWAIT;
	}
	return i ? (int)i : (int)answer(res);
}

ssize_t leat_read(int fd, void *buf, size_t n)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);

	if (likely(s != NULL))
		return n ? answer(recv_plain(s, buf, n, 0)) : 0;
	if (!err)
		return read(fd, buf, n);
	return posix_answer(err == -E_NOTSOCK ? -E_INVAL : err);
}

/* readv(2) and writev(2) of nothing do nothing. */
bool posix_iov_empty(const struct iovec *iov, int n)
{
	for (int i = 0; i < n; i++)
		if (iov[i].iov_len)
			return false;
	return true;
}

ssize_t leat_readv(int fd, const struct iovec *iov, int n)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n };

	if (!s && !err)
		return readv(fd, iov, n);
	if (!err && (n < 0 || n > LEAT_IOV_MAX))
		err = -E_INVAL;
	if (err)
		return posix_answer(err == -E_NOTSOCK ? -E_INVAL : err);
	if (posix_iov_empty(iov, n))
		return 0;
	return answer(recv_msg(s, &msg, 0));
}
