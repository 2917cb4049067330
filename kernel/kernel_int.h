/* What the files of kernel/ say to each other.  Nobody outside includes this. */
#ifndef KERNEL_KERNEL_INT_H
#define KERNEL_KERNEL_INT_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include "kernel/kernel.h"
#include "kernel/kernel_uring.h"

enum kernel_op_flags {
	KOP_MULTI = 1 << 0,
	KOP_QUEUED = 1 << 1,	/* on its descriptor's queue of sends */
	KOP_LENT = 1 << 2,	/* SEND_ZC: the first completion is out */
	KOP_STARVED = 1 << 3,	/* waits for a buffer to come back */
};

/* A submission that waits, and what the kernel reads of it. */
struct kernel_op {
	struct leat_sqe sqe;
	uint32_t next;		/* of the free ones, of its descriptor's sends; 0: none */
	uint8_t flags;
	bool used;
	int32_t res;		/* SENDFILE: what its first completion said */
	socklen_t name_len;
	struct sockaddr_in name;
	struct msghdr msg;
	struct __kernel_timespec ts;
};

struct kernel_fd {		/* sends leave in the order of submission: one at a time */
	uint32_t tx_head, tx_tail;
};

struct kernel {
	struct kernel_uring u;
	struct kernel_op *ops;	/* [0] is not used */
	uint32_t ops_n, ops_free, starved_n;
	struct kernel_fd *fds;
	uint32_t fds_n;
	struct leat_cqe *cqes;
	uint32_t cq_head, cq_tail, cq_mask;
	uint8_t *bufs;
	bool *held;		/* by the user */
	uint32_t bufs_n;
	int wake_fd;
	uint64_t wake_value;
	size_t ops_bytes, fds_bytes, cqes_bytes, bufs_bytes, held_bytes;
};

#define KERNEL_BUF 4096u
#define KERNEL_WAKE UINT64_MAX	/* user_data of the read of wake_fd */

static inline struct kernel *kernel_of(const struct leat_ring *ring)
{
	return ((const struct ring_head *)ring)->make_ctx;
}

/* kernel_call.c: what takes no time; false: it is none of those. */
bool kernel_now(struct kernel *k, const struct leat_sqe *sqe, int *res);
void kernel_name_in(struct sockaddr_in *to, const struct leat_addr *from);
void kernel_name_out(struct leat_addr *to, const struct sockaddr_in *from);
void kernel_msg_in(struct kernel_op *op);
void kernel_msg_out(struct kernel_op *op);
int kernel_send_flags(const struct leat_sqe *sqe);
int kernel_call(struct leat_ring *ring, const struct leat_sqe *sqe);
int kernel_ready(struct leat_ring *ring, int fd);
int kernel_getname(struct leat_ring *ring, int fd, struct leat_addr *addr, bool peer);
int kernel_queued(struct leat_ring *ring, int fd, enum leat_queue queue);
int kernel_setopt(struct leat_ring *ring, int fd, int level, int name, const void *value,
		  uint32_t len);
int kernel_getopt(struct leat_ring *ring, int fd, int level, int name, void *value, uint32_t *len);
int kernel_info(struct leat_ring *ring, int fd, struct leat_conn_info *out);

#endif
