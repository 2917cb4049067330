/* BSD sockets, epoll, poll and select on a stack in this process.
 *
 * What a name does is what the system call of that name does: same arguments, same results, errno.
 * Where leat differs is said in docs/sockets.md, which a test compares with Linux.
 *
 * A descriptor of leat is a number that the kernel has given out, so it never is one of the
 * kernel's as well.  Each call takes the kernel's descriptors too and hands them on, so both kinds
 * stand in one epoll set, in one poll, and in one loop of reads and writes.
 *
 * Threads: a thread's sockets live on its own stack (leat_start(), leat_attach()).  A descriptor
 * that belongs to another thread's stack answers EXDEV and nothing happens; a socket in a thread
 * without a stack is ENETDOWN.  Between two calls nothing runs: who computes for long answers late.
 */
#ifndef LEAT_SOCKET_H
#define LEAT_SOCKET_H

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include "leat/leat.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mmsghdr;		/* of sys/socket.h, with _GNU_SOURCE */

/* ---- a thread and its stack */

/* Opens a stack on a link ("slirp", "none" ... as leat_options.net) for this thread's sockets.
 * NULL: `why` (may be NULL) is a line that says what to do. */
struct leat_ring *leat_start(const char *net, char *why, size_t why_size);

/* The same for a ring that the thread has: its completions are the sockets' from now on.  0, or -1
 * and errno: EBUSY (the thread has one), ENOMEM, EMFILE. */
int leat_attach(struct leat_ring *ring);

/* Closes every descriptor of this thread's sockets; the ring lives on, without them. */
void leat_detach(void);

/* leat_detach(), and closes the ring; what was sent and not acknowledged has `linger_ns` for it.
 * Returns leat_ring_close()'s answer. */
unsigned leat_stop(uint64_t linger_ns);

/* Descriptors are numbers that the kernel gives out, so its limits hold (RLIMIT_NOFILE: EMFILE).
 * With `on` not 0 leat takes no more of them, but numbers beyond all that the kernel ever gives
 * out; those are known to leat's calls only. */
void leat_beyond(int on);

/* Is it a descriptor of leat (1) or one of the kernel's (0)? -1: of neither. */
int leat_is(int fd);

/* ---- sockets */

int leat_socket(int domain, int type, int protocol);
int leat_bind(int fd, const struct sockaddr *addr, socklen_t len);
int leat_listen(int fd, int backlog);
int leat_accept(int fd, struct sockaddr *addr, socklen_t *len);
int leat_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int leat_connect(int fd, const struct sockaddr *addr, socklen_t len);
int leat_shutdown(int fd, int how);
int leat_close(int fd);
int leat_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int leat_getpeername(int fd, struct sockaddr *addr, socklen_t *len);
int leat_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int leat_setsockopt(int fd, int level, int name, const void *value, socklen_t len);

ssize_t leat_recv(int fd, void *buf, size_t n, int flags);
ssize_t leat_recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *from,
		      socklen_t *len);
ssize_t leat_recvmsg(int fd, struct msghdr *msg, int flags);
int leat_recvmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags, struct timespec *timeout);
ssize_t leat_read(int fd, void *buf, size_t n);
ssize_t leat_readv(int fd, const struct iovec *iov, int n);

ssize_t leat_send(int fd, const void *buf, size_t n, int flags);
ssize_t leat_sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *to,
		    socklen_t len);
ssize_t leat_sendmsg(int fd, const struct msghdr *msg, int flags);
int leat_sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags);
ssize_t leat_write(int fd, const void *buf, size_t n);
ssize_t leat_writev(int fd, const struct iovec *iov, int n);
ssize_t leat_sendfile(int out, int in, off_t *offset, size_t n);

int leat_dup(int fd);
int leat_dup2(int fd, int to);
int leat_dup3(int fd, int to, int flags);
int leat_fcntl(int fd, int cmd, ...);
int leat_ioctl(int fd, unsigned long request, ...);

/* ---- readiness */

/* poll(2); leat_poll() is the ring's. */
int leat_poll_fds(struct pollfd *fds, nfds_t n, int timeout_ms);
int leat_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask);
int leat_select(int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout);
int leat_pselect(int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout,
		 const sigset_t *mask);

int leat_epoll_create(int size);
int leat_epoll_create1(int flags);
int leat_epoll_ctl(int set, int op, int fd, struct epoll_event *event);
int leat_epoll_wait(int set, struct epoll_event *events, int max, int timeout_ms);
int leat_epoll_pwait(int set, struct epoll_event *events, int max, int timeout_ms,
		     const sigset_t *mask);
int leat_epoll_pwait2(int set, struct epoll_event *events, int max, const struct timespec *timeout,
		      const sigset_t *mask);

#ifdef __cplusplus
}
#endif

#endif
