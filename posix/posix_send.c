/* Sending: send(2) and its family, sendfile(2).
 *
 * What finds room is copied into the stack's frames by one call of the door and leaves with the
 * stack's next round; a socket that may block runs that round at once, because its program may not
 * come back soon.  Lent memory (MSG_ZEROCOPY) is posix_zc.c's.
 *
 * A broken pipe raises SIGPIPE, as on Linux, unless MSG_NOSIGNAL says not to. */
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "posix/posix_int.h"

#define SEND_DOOR (MSG_MORE | MSG_NOSIGNAL | MSG_CONFIRM)

static ssize_t answer(ssize_t res)
{
	if (likely(res >= 0))
		return res;
	errno = (int)-res;
	return -1;
}

static ssize_t broken(struct sock_file *s, int flags)
{
	if (!(flags & MSG_NOSIGNAL) && s->type == SOCK_STREAM)
		raise(SIGPIPE);
	return -E_PIPE;
}

static bool may_not_wait(const struct sock_file *s, int flags)
{
	return s->f.nonblock || flags & MSG_DONTWAIT;
}

/* The program may compute for long now: what was sent leaves.  A coroutine soon waits. */
static void leave(struct sock_file *s)
{
	struct posix *p = s->f.owner;

	if (!s->f.nonblock && !(p->sched && p->sched->current(p->sched)))
		posix_step(p);
}

/* As much as there is room for, or all of a datagram. */
static int send_once(struct sock_file *s, const void *buf, size_t n, int flags)
{
	struct leat_sqe sqe = { .opcode = LEAT_OP_SEND, .fd = s->fd, .addr = (uintptr_t)buf,
				.len = (uint32_t)MIN(n, (size_t)INT32_MAX),
				.op_flags = (uint32_t)(flags & SEND_DOOR) };

	int res;

	if (unlikely(flags & MSG_ZEROCOPY && s->zerocopy && n))
		return posix_zc_send(s, buf, n);
	res = posix_call_wait(s, &sqe, may_not_wait(s, flags), POLLOUT, s->sndtimeo);
	if (unlikely(res == -E_AGAIN || (res >= 0 && (size_t)res < n))) {
		s->nospace = true;
		(void)posix_file_ready(&s->f);	/* asks the door to tell when there is room */
	}
	return res;
}

/* Until all is taken, when the socket may block. */
static ssize_t send_all(struct sock_file *s, const void *buf, size_t n, int flags)
{
	size_t done = 0;
	int res;

	posix_file_get(&s->f);
	do {
		res = send_once(s, (const char *)buf + done, n - done, flags);
		if (res > 0)
			done += (size_t)res;
	} while (res > 0 && done < n && !may_not_wait(s, flags) && !s->f.dead);
	posix_file_put(&s->f);
	return done ? (ssize_t)done : res;
}

ssize_t posix_send(struct sock_file *s, const void *buf, size_t n, int flags)
{
	ssize_t res;

	if (unlikely(flags & MSG_OOB))
		return -E_OPNOTSUPP;
	if (unlikely(!buf && n))
		return -E_FAULT;
	res = s->type == SOCK_STREAM ? send_all(s, buf, n, flags) : send_once(s, buf, n, flags);
	if (unlikely(res == -E_PIPE))
		return broken(s, flags);
	if (res > 0 && !(flags & MSG_MORE))
		leave(s);
	return res;
}

ssize_t leat_send(int fd, const void *buf, size_t n, int flags)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);

	if (unlikely(!s))
		return err ? posix_answer(err) : send(fd, buf, n, flags);
	return answer(posix_send(s, buf, n, flags));
}

ssize_t leat_write(int fd, const void *buf, size_t n)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);

	if (likely(s != NULL))
		return answer(posix_send(s, buf, n, 0));
	if (!err)
		return write(fd, buf, n);
	return posix_answer(err == -E_NOTSOCK ? -E_INVAL : err);
}

/* ---- messages */

/* Of a stream each piece is a send, held together by MSG_MORE. */
static ssize_t send_pieces(struct sock_file *s, const struct iovec *iov, size_t n, int flags)
{
	ssize_t done = 0, res = 0;
	size_t last = n;

	while (last && iov[last - 1].iov_len == 0)
		last--;
	for (size_t i = 0; i < last; i++) {
		if (iov[i].iov_len == 0)
			continue;
		res = posix_send(s, iov[i].iov_base, iov[i].iov_len,
				 i + 1 < last ? flags | MSG_MORE : flags);
		if (res < 0)
			break;
		done += res;
		if (res < (ssize_t)iov[i].iov_len)
			break;
	}
	return last == 0 ? posix_send(s, "", 0, flags) : done ? done : res;
}

static ssize_t send_datagram(struct sock_file *s, const struct msghdr *msg, int flags)
{
	struct leat_addr to;
	struct leat_msghdr m = { .name = msg->msg_name ? &to : NULL,
				 .namelen = msg->msg_name ? sizeof(to) : 0,
				 .iov = (struct leat_iovec *)msg->msg_iov,
				 .iovlen = msg->msg_iovlen,
				 .control = msg->msg_control,
				 .controllen = msg->msg_control ? msg->msg_controllen : 0 };
	struct leat_sqe sqe = { .opcode = LEAT_OP_SENDMSG, .fd = s->fd, .addr = (uintptr_t)&m,
				.op_flags = (uint32_t)(flags & SEND_DOOR) };
	int res = 0;

	if (msg->msg_name)
		res = posix_addr_in(&to, msg->msg_name, msg->msg_namelen, s->domain);
	if (!res)
		res = posix_call_wait(s, &sqe, may_not_wait(s, flags), POLLOUT, s->sndtimeo);
	if (res == -E_PIPE)
		return broken(s, flags);
	if (res >= 0)
		leave(s);
	return res;
}

static ssize_t send_msg(struct sock_file *s, const struct msghdr *msg, int flags)
{
	if (!msg || (!msg->msg_iov && msg->msg_iovlen))
		return -E_FAULT;
	if (msg->msg_iovlen > LEAT_IOV_MAX)
		return -E_MSGSIZE;
	if (flags & MSG_OOB)
		return -E_OPNOTSUPP;
	if (s->type != SOCK_STREAM || flags & MSG_FASTOPEN)
		return send_datagram(s, msg, flags);
	return send_pieces(s, msg->msg_iov, msg->msg_iovlen, flags);
}

ssize_t leat_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);

	if (!s)
		return err ? posix_answer(err) : sendmsg(fd, msg, flags);
	return answer(send_msg(s, msg, flags));
}

/* A stream that is connected ignores the address, as on Linux. */
ssize_t leat_sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *to,
		    socklen_t len)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_name = (void *)to,
			      .msg_namelen = len };

	if (!s)
		return err ? posix_answer(err) : sendto(fd, buf, n, flags, to, len);
	if (!to)
		return answer(posix_send(s, buf, n, flags));
	if (!buf && n)
		return posix_answer(-E_FAULT);
	return answer(send_msg(s, &msg, flags));
}

int leat_sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);
	ssize_t res = 0;
	unsigned i;

	if (!s)
		return err ? posix_answer(err) : sendmmsg(fd, msgs, n, flags);
	for (i = 0; i < MIN(n, (unsigned)LEAT_IOV_MAX); i++) {
		res = send_msg(s, &msgs[i].msg_hdr, flags);
		if (res < 0)
			break;
		msgs[i].msg_len = (unsigned)res;
	}
	return i ? (int)i : (int)answer(res);
}

ssize_t leat_writev(int fd, const struct iovec *iov, int n)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n };

	if (!s && !err)
		return writev(fd, iov, n);
	if (!err && (n < 0 || n > LEAT_IOV_MAX))
		err = -E_INVAL;
	if (err)
		return posix_answer(err == -E_NOTSOCK ? -E_INVAL : err);
	if (posix_iov_empty(iov, n))
		return 0;
	return answer(send_msg(s, &msg, 0));
}

/* ---- sendfile */

/* The next bytes of a file, from *offset or from where it stands, which moves on by what is taken;
 * what a socket does not take is given back to a file that can seek. */
static ssize_t file_part(struct sock_file *s, int in, off_t *offset, size_t n, int flags)
{
	struct posix *p = s->f.owner;
	ssize_t got, sent;

	n = MIN(n, sizeof(p->scratch));
	got = offset ? pread(in, p->scratch, n, *offset) : read(in, p->scratch, n);
	if (got <= 0)
		return got < 0 ? -errno : 0;
	sent = posix_send(s, p->scratch, (size_t)got, flags);
	if (offset)
		*offset += MAX(sent, 0);
	else if (sent < got && lseek(in, MAX(sent, 0) - got, SEEK_CUR) < 0 && sent >= 0)
		return -errno;
	return sent;
}

ssize_t leat_sendfile(int out, int in, off_t *offset, size_t n)
{
	int err, err_in;
	struct sock_file *s = posix_sock(out, &err);
	struct file *from = posix_file(in, &err_in);
	size_t done = 0;
	ssize_t res = 0;

	if (err || err_in)
		return posix_answer(err == -E_NOTSOCK ? -E_INVAL : err ? err : err_in);
	if (from)
		return posix_answer(-E_INVAL);
	if (!s)
		return sendfile(out, in, offset, n);
	n = MIN(n, (size_t)INT32_MAX);
	while (done < n) {
		res = file_part(s, in, offset, n - done, done + POSIX_SCRATCH < n ? MSG_MORE : 0);
		if (res <= 0)
			break;
		done += (size_t)res;
	}
	return done ? (ssize_t)done : answer(res);
}
