/* What the kernel make does by plain system calls: operations that take no time, calls, facts. */
#include "kernel/kernel_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BACKLOG 128		/* when nobody says */

static int told(long res)
{
	return res < 0 ? -errno : (int)res;
}

void kernel_name_in(struct sockaddr_in *to, const struct leat_addr *from)
{
	*to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(from->port)};
	memcpy(&to->sin_addr, from->ip + 12, 4);
}

void kernel_name_out(struct leat_addr *to, const struct sockaddr_in *from)
{
	*to = (struct leat_addr){.ip = {[10] = 0xff, 0xff}, .port = ntohs(from->sin_port)};
	memcpy(to->ip + 12, &from->sin_addr, 4);
	if (!from->sin_addr.s_addr)
		memset(to->ip, 0, sizeof(to->ip));
}

/* struct leat_msghdr is struct msghdr but for the name. */
void kernel_msg_in(struct kernel_op *op)
{
	const struct leat_msghdr *m = (const struct leat_msghdr *)op->sqe.addr;

	op->msg = (struct msghdr){.msg_iov = (struct iovec *)m->iov, .msg_iovlen = m->iovlen,
				  .msg_control = m->control, .msg_controllen = m->controllen};
	if (!m->name)
		return;
	if (op->sqe.opcode != LEAT_OP_RECVMSG)
		kernel_name_in(&op->name, m->name);
	op->msg.msg_name = &op->name;
	op->msg.msg_namelen = sizeof(op->name);
}

void kernel_msg_out(struct kernel_op *op)
{
	struct leat_msghdr *m = (struct leat_msghdr *)op->sqe.addr;

	if (m->name && op->msg.msg_namelen) {
		kernel_name_out(m->name, &op->name);
		m->namelen = sizeof(*m->name);
	} else {
		m->namelen = 0;
	}
	m->controllen = op->msg.msg_controllen;
	m->flags = op->msg.msg_flags & ~MSG_CMSG_CLOEXEC;
}

int kernel_send_flags(const struct leat_sqe *sqe)
{
	return (int)sqe->op_flags | MSG_NOSIGNAL;
}

static int do_socket(const struct leat_sqe *sqe)
{
	if (sqe->fd == LEAT_AF_INET6)
		return -EAFNOSUPPORT;
	return told(socket(sqe->fd, (int)sqe->off | SOCK_CLOEXEC, (int)sqe->len));
}

static int do_bind(const struct leat_sqe *sqe)
{
	struct sockaddr_in name;

	if (!sqe->addr)
		return fcntl(sqe->fd, F_GETFD) < 0 ? -EBADF : -EFAULT;
	kernel_name_in(&name, (const struct leat_addr *)sqe->addr);
	return told(bind(sqe->fd, (struct sockaddr *)&name, sizeof(name)));
}

bool kernel_now(struct kernel *k, const struct leat_sqe *sqe, int *res)
{
	socklen_t len = sqe->len;

	switch (sqe->opcode) {
	case LEAT_OP_NOP:
		*res = 0;
		return true;
	case LEAT_OP_SOCKET:
		*res = do_socket(sqe);
		return true;
	case LEAT_OP_BIND:
		*res = do_bind(sqe);
		return true;
	case LEAT_OP_LISTEN:
		*res = told(listen(sqe->fd, sqe->len ? (int)sqe->len : BACKLOG));
		return true;
	case LEAT_OP_SETSOCKOPT:
		*res = told(setsockopt(sqe->fd, (int)(sqe->off >> 32), (int)sqe->off,
				       (void *)sqe->addr, len));
		return true;
	case LEAT_OP_GETSOCKOPT:
		*res = told(getsockopt(sqe->fd, (int)(sqe->off >> 32), (int)sqe->off,
				       (void *)sqe->addr, &len));
		*res = *res ? *res : (int)len;
		return true;
	default:
		return false;
	}
}

/* ---- calls */

static int call_accept(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int listens = 0;
	socklen_t len = sizeof(listens);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len))
		return -errno;
	if (listens && poll(&p, 1, 0) == 0)
		return -EAGAIN;
	return told(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
}

static int call_connect(const struct leat_sqe *sqe)
{
	int flags = fcntl(sqe->fd, F_GETFL), res;
	struct sockaddr_in name;

	if (flags < 0 || !sqe->addr)
		return flags < 0 ? -EBADF : -EFAULT;
	kernel_name_in(&name, (const struct leat_addr *)sqe->addr);
	fcntl(sqe->fd, F_SETFL, flags | O_NONBLOCK);
	res = told(connect(sqe->fd, (struct sockaddr *)&name, sizeof(name)));
	fcntl(sqe->fd, F_SETFL, flags);
	return res;
}

static int call_send(struct kernel *k, const struct leat_sqe *sqe)
{
	int flags = kernel_send_flags(sqe) | MSG_DONTWAIT;
	struct sockaddr_in name;

	if (sqe->fd >= 0 && (uint32_t)sqe->fd < k->fds_n && k->fds[sqe->fd].tx_head)
		return -EAGAIN;
	if (sqe->opcode == LEAT_OP_SENDTO && sqe->addr2) {
		kernel_name_in(&name, (const struct leat_addr *)sqe->addr2);
		return told(sendto(sqe->fd, (void *)sqe->addr, sqe->len, flags,
				   (struct sockaddr *)&name, sizeof(name)));
	}
	return told(send(sqe->fd, (void *)sqe->addr, sqe->len, flags));
}

static int call_msg(const struct leat_sqe *sqe)
{
	struct kernel_op op = {.sqe = *sqe};
	int res;

	if (!sqe->addr)
		return fcntl(sqe->fd, F_GETFD) < 0 ? -EBADF : -EFAULT;
	kernel_msg_in(&op);
	if (sqe->opcode == LEAT_OP_SENDMSG)
		return told(sendmsg(sqe->fd, &op.msg, kernel_send_flags(sqe) | MSG_DONTWAIT));
	res = told(recvmsg(sqe->fd, &op.msg, (int)sqe->op_flags | MSG_DONTWAIT));
	if (res >= 0)
		kernel_msg_out(&op);
	return res;
}

int kernel_call(struct leat_ring *ring, const struct leat_sqe *sqe)
{
	struct kernel *k = kernel_of(ring);
	int res;

	if (sqe->flags || sqe->ioprio)
		return -EINVAL;
	if (kernel_now(k, sqe, &res))
		return res;
	switch (sqe->opcode) {
	case LEAT_OP_ACCEPT:
		return call_accept(sqe->fd);
	case LEAT_OP_CONNECT:
		return call_connect(sqe);
	case LEAT_OP_RECV:
		return told(recv(sqe->fd, (void *)sqe->addr, sqe->len,
				 (int)sqe->op_flags | MSG_DONTWAIT));
	case LEAT_OP_SEND:
	case LEAT_OP_SENDTO:
		return call_send(k, sqe);
	case LEAT_OP_RECVMSG:
	case LEAT_OP_SENDMSG:
		return call_msg(sqe);
	case LEAT_OP_SHUTDOWN:
		return told(shutdown(sqe->fd, (int)sqe->len));
	case LEAT_OP_CLOSE:
		return told(close(sqe->fd));
	case LEAT_OP_SPLICE:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

/* ---- facts */

int kernel_ready(struct leat_ring *ring, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};

	return poll(&p, 1, 0) < 0 ? -errno : p.revents & POLLNVAL ? -EBADF : p.revents;
}

int kernel_getname(struct leat_ring *ring, int fd, struct leat_addr *addr, bool peer)
{
	struct sockaddr_in name = {0};
	socklen_t len = sizeof(name);
	int res = (peer ? getpeername : getsockname)(fd, (struct sockaddr *)&name, &len);

	*addr = (struct leat_addr){0};
	if (res)
		return -errno;
	if (name.sin_family == AF_INET && (name.sin_port || name.sin_addr.s_addr))
		kernel_name_out(addr, &name);
	return 0;
}

int kernel_queued(struct leat_ring *ring, int fd, enum leat_queue queue)
{
	static const unsigned long request[] = {
		[LEAT_QUEUE_IN] = FIONREAD, [LEAT_QUEUE_OUT] = SIOCOUTQ,
		[LEAT_QUEUE_UNSENT] = SIOCOUTQNSD, [LEAT_QUEUE_ROOM] = SIOCOUTQ,
	};
	int n = 0, room = 0;
	socklen_t len = sizeof(room);

	if (queue > LEAT_QUEUE_ROOM)
		return -EINVAL;
	if (ioctl(fd, request[queue], &n))
		return -errno;
	if (queue != LEAT_QUEUE_ROOM)
		return n;
	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, &len))
		return -errno;
	return MAX(room - n, 0);
}

int kernel_setopt(struct leat_ring *ring, int fd, int level, int name, const void *value,
		  uint32_t len)
{
	return told(setsockopt(fd, level, name, value, len));
}

int kernel_getopt(struct leat_ring *ring, int fd, int level, int name, void *value, uint32_t *len)
{
	socklen_t n = len ? *len : 0;
	int res = told(getsockopt(fd, level, name, value, len ? &n : NULL));

	if (len && !res)
		*len = n;
	return res;
}

int kernel_info(struct leat_ring *ring, int fd, struct leat_conn_info *out)
{
	static const char *const names[] = {
		"", "ESTABLISHED", "SYN_SENT", "SYN_RECEIVED", "FIN_WAIT_1", "FIN_WAIT_2",
		"TIME_WAIT", "CLOSED", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING",
	};
	struct tcp_info i = {0};
	socklen_t len = sizeof(i);
	int err;

	memset(out, 0, sizeof(*out));
	err = kernel_getname(ring, fd, &out->local, false);
	if (err)
		return err;
	(void)kernel_getname(ring, fd, &out->remote, true);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len))
		return errno == EBADF ? -EBADF : 0;	/* a datagram socket */
	snprintf(out->state, sizeof(out->state), "%s",
		 i.tcpi_state < ARRAY_LEN(names) ? names[i.tcpi_state] : "");
	out->snd_wscale = i.tcpi_snd_wscale;
	out->rcv_wscale = i.tcpi_rcv_wscale;
	out->timestamps = i.tcpi_options & TCPI_OPT_TIMESTAMPS;
	out->snd_mss = i.tcpi_snd_mss;
	out->rcv_mss = i.tcpi_rcv_mss;
	out->cwnd = i.tcpi_snd_cwnd * i.tcpi_snd_mss;
	out->ssthresh = i.tcpi_snd_ssthresh;
	out->retransmits = i.tcpi_total_retrans;
	out->srtt_ns = USEC(i.tcpi_rtt);
	out->rttvar_ns = USEC(i.tcpi_rttvar);
	out->rto_ns = USEC(i.tcpi_rto);
	return i.tcpi_state == 7 ? -ENOTCONN : 0;
}
