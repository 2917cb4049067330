/* The table of functions that packetdrill asks a plug-in for (its option --so_filename).
 *
 * A fact of another program's binary interface: the order and the types of the members are its,
 * the words are ours.  `userdata` is what we put there.  Calls answer as the system calls of their
 * names do, with errno. */
#ifndef APPS_PACKETDRILL_PACKETDRILL_H
#define APPS_PACKETDRILL_PACKETDRILL_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

struct packetdrill_interface {
	void *userdata;
	void (*free)(void *);
	int (*socket)(void *, int domain, int type, int protocol);
	int (*bind)(void *, int fd, const struct sockaddr *addr, socklen_t len);
	int (*listen)(void *, int fd, int backlog);
	int (*accept)(void *, int fd, struct sockaddr *addr, socklen_t *len);
	int (*connect)(void *, int fd, const struct sockaddr *addr, socklen_t len);
	ssize_t (*read)(void *, int fd, void *buf, size_t n);
	ssize_t (*readv)(void *, int fd, const struct iovec *iov, int n);
	ssize_t (*recv)(void *, int fd, void *buf, size_t n, int flags);
	ssize_t (*recvfrom)(void *, int fd, void *buf, size_t n, int flags, struct sockaddr *from,
			    socklen_t *len);
	ssize_t (*recvmsg)(void *, int fd, struct msghdr *msg, int flags);
	ssize_t (*write)(void *, int fd, const void *buf, size_t n);
	ssize_t (*writev)(void *, int fd, const struct iovec *iov, int n);
	ssize_t (*send)(void *, int fd, const void *buf, size_t n, int flags);
	ssize_t (*sendto)(void *, int fd, const void *buf, size_t n, int flags,
			  const struct sockaddr *to, socklen_t len);
	ssize_t (*sendmsg)(void *, int fd, const struct msghdr *msg, int flags);
	int (*fcntl)(void *, int fd, int cmd, ...);
	int (*ioctl)(void *, int fd, unsigned long request, ...);
	int (*close)(void *, int fd);
	int (*shutdown)(void *, int fd, int how);
	int (*getsockopt)(void *, int fd, int level, int name, void *value, socklen_t *len);
	int (*setsockopt)(void *, int fd, int level, int name, const void *value, socklen_t len);
	int (*poll)(void *, struct pollfd *fds, nfds_t n, int timeout_ms);
	/* An IP packet arrives at the stack.  0, or -1. */
	int (*netdev_send)(void *, const void *buf, size_t n);
	/* Waits for the next IP packet that leaves the stack: *n bytes of room in, its length out,
	 * and the moment it left.  0, or -1. */
	int (*netdev_receive)(void *, void *buf, size_t *n, long long *time_us);
	int (*usleep)(void *, useconds_t us);
	int (*gettimeofday)(void *, struct timeval *tv, struct timezone *tz);
	int (*epoll_create)(void *, int size);
	int (*epoll_ctl)(void *, int set, int op, int fd, struct epoll_event *event);
	int (*epoll_wait)(void *, int set, struct epoll_event *events, int max, int timeout_ms);
	int (*pipe)(void *, int fds[2]);
	ssize_t (*splice)(void *, int in, loff_t *off_in, int out, loff_t *off_out, size_t n,
			  unsigned flags);
};

/* The only name that packetdrill looks for. */
void packetdrill_interface_init(const char *flags, struct packetdrill_interface *table);

#endif
