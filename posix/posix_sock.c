/* SOCKET, BIND, LISTEN, ACCEPT, CONNECT, SHUTDOWN, names: each a call of the door, and what blocks
 * waits and calls again.
 *
 * Domains that are not the stack's (AF_UNIX, AF_NETLINK ...) are the kernel's. */
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "posix/posix_int.h"

#define TYPE_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)
#define ACCEPTED 1	/* beside TYPE_FLAGS: writable from the start */
#define TYPE_MAX 11	/* Linux's SOCK_MAX */
#define BACKLOG_MAX 4096u	/* Linux's net.core.somaxconn */

/* A file for a socket of the ring, and a number for it; or an error, and the socket is closed. */
static int file_new(struct posix *p, int ring_fd, int domain, int type, int flags)
{
	struct sock_file *s = aligned_alloc(CACHE_LINE, ALIGN_UP(sizeof(*s), (size_t)CACHE_LINE));
	struct leat_sqe sqe = { .opcode = LEAT_OP_CLOSE, .fd = ring_fd };
	int fd;

	if (!s) {
		(void)posix_call(p, &sqe);
		return -E_NOMEM;
	}
	*s = (struct sock_file){ .fd = ring_fd, .domain = domain, .type = type };
	posix_file_init(&s->f, p, FILE_SOCK);
	list_init(&s->zc_done);
	s->f.nonblock = flags & SOCK_NONBLOCK;
	s->nospace = !(flags & ACCEPTED);
	posix_file_get(&s->f);
	fd = posix_fd_new(&s->f, 0, flags & SOCK_CLOEXEC);
	posix_file_put(&s->f);
	return fd;
}

int leat_socket(int domain, int type, int protocol)
{
	struct posix *p = posix_self();
	struct leat_sqe sqe = { .opcode = LEAT_OP_SOCKET, .fd = domain,
				.off = (uint64_t)(type & ~TYPE_FLAGS), .len = (uint32_t)protocol };
	int fd;

	if (type & ~(0xf | TYPE_FLAGS))
		return posix_answer(-E_INVAL);
	if (domain != AF_INET && domain != AF_INET6 && domain != AF_PACKET)
		return socket(domain, type, protocol);
	if (sqe.off >= TYPE_MAX ||
	    (domain != AF_PACKET && (protocol < 0 || protocol >= IPPROTO_MAX)))
		return posix_answer(-E_INVAL);
	if (!p)
		return posix_answer(-E_NETDOWN);
	if (domain == AF_PACKET)
		sqe.len = (uint32_t)(uint16_t)__builtin_bswap16((uint16_t)protocol);
	fd = posix_call(p, &sqe);
	return posix_answer(fd < 0 ? fd : file_new(p, fd, domain, (int)sqe.off, type & TYPE_FLAGS));
}

/* Calls with an address. */
static int named(struct sock_file *s, unsigned opcode, const struct sockaddr *addr, socklen_t len)
{
	struct leat_addr a;
	struct leat_sqe sqe = { .opcode = (uint8_t)opcode, .fd = s->fd, .addr = (uintptr_t)&a };
	int err = posix_addr_in(&a, addr, len, s->domain);

	return err ? err : posix_call(s->f.owner, &sqe);
}

int leat_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);

	if (!s)
		return err ? posix_answer(err) : bind(fd, addr, len);
	return posix_answer(named(s, LEAT_OP_BIND, addr, len));
}

int leat_listen(int fd, int backlog)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);
	struct leat_sqe sqe = { .opcode = LEAT_OP_LISTEN,
				.len = MIN(MAX((uint32_t)backlog, 1u), BACKLOG_MAX) };

	if (!s)
		return err ? posix_answer(err) : listen(fd, backlog);
	sqe.fd = s->fd;
	return posix_answer(posix_call(s->f.owner, &sqe));
}

/* ---- waiting for what a call of the door would wait for */

/* A call that would wait: runs the stack once when it may not wait, else waits for `events`. 0:
 * call again. */
static int hold(struct sock_file *s, bool nonblock, bool *looked, uint32_t events, nsec deadline)
{
	int err;

	if (nonblock && *looked)
		return -E_AGAIN;
	*looked = true;
	if (nonblock) {
		posix_step(s->f.owner);
		return 0;
	}
	err = posix_wait(&s->f, events, deadline);
	if (err == -E_INTR && posix_restarts() && deadline == NSEC_NEVER)
		return 0;
	return err == -E_TIMEDOUT ? -E_AGAIN : err;
}

int posix_call_wait(struct sock_file *s, const struct leat_sqe *sqe, bool nonblock,
		    uint32_t events, nsec timeout)
{
	bool looked = false;
	nsec deadline = 0;
	int res, err;

	for (;;) {
		res = posix_call(s->f.owner, sqe);
		if (likely(res != -E_AGAIN))
			return res;
		if (!deadline)
			deadline = timeout ? posix_deadline(timeout) : NSEC_NEVER;
		posix_file_get(&s->f);
		err = hold(s, nonblock, &looked, events, deadline);
		err = s->f.dead ? -E_BADF : err;
		posix_file_put(&s->f);
		if (err)
			return err;
	}
}

/* ---- ACCEPT, CONNECT */

int leat_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);
	struct leat_sqe sqe = { .opcode = LEAT_OP_ACCEPT };
	struct leat_addr peer;
	int res;

	if ((s || err == -E_NOTSOCK) && flags & ~TYPE_FLAGS)
		return posix_answer(-E_INVAL);
	if (!s)
		return err ? posix_answer(err) : accept4(fd, addr, len, flags);
	sqe.fd = s->fd;
	res = posix_call_wait(s, &sqe, s->f.nonblock, POLLIN, s->rcvtimeo);
	if (res < 0)
		return posix_answer(res);
	if (addr && len && leat_ring_getpeername(s->f.owner->ring, res, &peer) == 0)
		posix_addr_out(addr, len, &peer, s->domain);
	res = file_new(s->f.owner, res, s->domain, s->type, flags | ACCEPTED);
	if (res >= 0 && s->zerocopy)
		posix_sock(res, &err)->zerocopy = true;		/* like every option */
	return posix_answer(res);
}

int leat_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return leat_accept4(fd, addr, len, 0);
}

/* A stream's CONNECT.  The first call behind the end of a handshake that was not waited for tells
 * its outcome, once, whatever the address; only then is one that stands EISCONN. */
static int connect_call(struct sock_file *s, const struct sockaddr *addr, socklen_t len)
{
	bool told = !s->connecting, stands = false;
	struct leat_addr peer;
	int err;

	if (addr && len >= sizeof(addr->sa_family) && addr->sa_family == AF_UNSPEC)
		return -E_OPNOTSUPP;	/* no stream is taken apart to be connected again */
	if (addr && len >= sizeof(addr->sa_family) &&
	    leat_ring_getpeername(s->f.owner->ring, s->fd, &peer) == 0)
		stands = true;
	err = stands ? -E_ISCONN : named(s, LEAT_OP_CONNECT, addr, len);
	if (err == -E_INPROGRESS || err == -E_ALREADY)
		s->connecting = s->nospace = true;
	else if (err != -E_INVAL && err != -E_AFNOSUPPORT)
		s->connecting = false;
	if (err != -E_ISCONN || told)
		return err;
	err = stands ? 0 : posix_int_option(s, SO_ERROR);
	return stands ? 0 : err ? -err : -E_CONNABORTED;
}

/* Waits for the end of the handshake; the next call tells the outcome. */
static int await_connect(struct sock_file *s)
{
	nsec deadline = s->sndtimeo ? posix_deadline(s->sndtimeo) : NSEC_NEVER;
	int err;

	do
		err = posix_wait(&s->f, POLLOUT, deadline);
	while (err == -E_INTR && deadline == NSEC_NEVER && posix_restarts());
	return err == -E_TIMEDOUT ? -E_INPROGRESS : err;
}

int leat_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);

	if (!s)
		return err ? posix_answer(err) : connect(fd, addr, len);
	if (s->type != SOCK_STREAM)
		return posix_answer(named(s, LEAT_OP_CONNECT, addr, len));
	err = connect_call(s, addr, len);
	if (err != -E_INPROGRESS && (err != -E_ALREADY || s->f.nonblock))
		return posix_answer(err);
	if (s->f.nonblock) {
		posix_step(s->f.owner);
		return posix_answer(err);
	}
	posix_file_get(&s->f);
	err = await_connect(s);
	if (!err)
		err = connect_call(s, addr, len);
	posix_file_put(&s->f);
	return posix_answer(err);
}

int leat_shutdown(int fd, int how)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);
	struct leat_sqe sqe = { .opcode = LEAT_OP_SHUTDOWN, .len = (uint32_t)how };

	if (!s)
		return err ? posix_answer(err) : shutdown(fd, how);
	s->connecting = false;
	s->nospace = true;	/* who waits to write hears of it */
	sqe.fd = s->fd;
	return posix_answer(posix_call(s->f.owner, &sqe));
}

/* ---- names */

static int name_of(struct sock_file *s, bool peer, struct sockaddr *addr, socklen_t *len)
{
	struct leat_ring *ring = s->f.owner->ring;
	struct leat_addr a;
	int err = peer ? leat_ring_getpeername(ring, s->fd, &a) :
			 leat_ring_getsockname(ring, s->fd, &a);

	if (err)
		return err;
	if (!addr || !len)
		return -E_FAULT;
	if ((int)*len < 0)
		return -E_INVAL;
	posix_addr_out(addr, len, &a, s->domain);
	return 0;
}

int leat_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);

	if (!s)
		return err ? posix_answer(err) : getsockname(fd, addr, len);
	return posix_answer(name_of(s, false, addr, len));
}

int leat_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	int err;
	struct sock_file *s = posix_sock(fd, &err);

	if (!s)
		return err ? posix_answer(err) : getpeername(fd, addr, len);
	return posix_answer(name_of(s, true, addr, len));
}
