/* MSG_ZEROCOPY: memory lent until it is acknowledged, notified in the socket's error queue.
 *
 * Each send that lends gets the socket's next number.  When the door says that the memory is the
 * program's again, the number goes on the queue, joined with its neighbours to one range, and the
 * socket polls as POLLERR until recvmsg(MSG_ERRQUEUE) has read it.
 *
 * Always: a struct zc is either named by a completion to come or on its socket's queue. */
#include <time.h>

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "posix/posix_int.h"

struct zc {
	struct list node;		/* on sock_file->zc_done */
	struct sock_file *s;
	uint32_t from, to;		/* of numbers */
	int res;			/* of the first completion */
	bool sent;			/* which has come */
};

/* Takes completions until the first of `z` has come; the stack is not run. */
static void take_first(struct posix *p, struct zc *z)
{
	posix_take_completions(p);
	if (!z->sent) {
		struct leat_sqe sqe = { .opcode = LEAT_OP_ASYNC_CANCEL,
					.addr = (uint64_t)(uintptr_t)z | TAG_ZC };

		(void)posix_call(p, &sqe);
		posix_take_completions(p);
	}
}

int posix_zc_send(struct sock_file *s, const void *buf, size_t n)
{
	struct posix *p = s->f.owner;
	struct leat_sqe sqe = { .opcode = LEAT_OP_SEND_ZC, .fd = s->fd, .addr = (uintptr_t)buf,
				.len = (uint32_t)MIN(n, (size_t)INT32_MAX) };
	struct zc *z = aligned_alloc(CACHE_LINE, CACHE_LINE);
	int res;

	static_assert(sizeof(*z) <= CACHE_LINE, "one line");
	if (!z)
		return -E_NOBUFS;
	*z = (struct zc){ .s = s, .from = s->zc_next, .to = s->zc_next };
	list_init(&z->node);
	sqe.user_data = (uint64_t)(uintptr_t)z | TAG_ZC;
	s->f.pending++;
	posix_file_get(&s->f);
	res = posix_submit(p, &sqe);
	if (res) {
		s->f.pending--;
		posix_file_put(&s->f);
		free(z);
		return res == -E_BUSY ? -E_AGAIN : res;
	}
	take_first(p, z);
	assert(z->sent);
	res = z->res == -E_CANCELED ? -E_AGAIN : z->res;
	if (res < 0)
		free(z);
	else
		s->zc_next++;
	posix_file_put(&s->f);
	return res;
}

/* Joined with the range that it touches; memory of several sends may come back in any order. */
static void enqueue(struct sock_file *s, struct zc *z)
{
	list_for_each_safe(n, next, &s->zc_done) {
		struct zc *other = container_of(n, struct zc, node);

		if (other->to + 1 != z->from && z->to + 1 != other->from)
			continue;
		z->from = (int32_t)(other->from - z->from) < 0 ? other->from : z->from;
		z->to = (int32_t)(other->to - z->to) > 0 ? other->to : z->to;
		list_del(&other->node);
		free(other);
	}
	list_push_back(&s->zc_done, &z->node);
}

void posix_zc_complete(struct posix *p, struct zc *z, const struct leat_cqe *cqe)
{
	struct sock_file *s = z->s;

	if (!(cqe->flags & LEAT_CQE_F_NOTIF)) {
		z->res = cqe->res;
		z->sent = true;
	}
	if (cqe->flags & LEAT_CQE_F_MORE)
		return;
	if (s->f.dead) {
		free(z);
	} else if (cqe->flags & LEAT_CQE_F_NOTIF) {
		enqueue(s, z);
		posix_file_wake(&s->f, POLLERR);
	}
	posix_file_unpend(&s->f);
}

int posix_zc_recv(struct sock_file *s, struct msghdr *msg)
{
	struct zc *z = container_of(s->zc_done.next, struct zc, node);
	struct {
		struct sock_extended_err err;
		struct sockaddr_in offender;	/* nobody; there all the same, as ip(7) has it */
	} e = { .err = { .ee_origin = SO_EE_ORIGIN_ZEROCOPY, .ee_info = z->from,
			 .ee_data = z->to } };
	size_t room = msg->msg_control ? msg->msg_controllen : 0;
	struct cmsghdr *c = msg->msg_control;

	msg->msg_flags = MSG_ERRQUEUE;
	msg->msg_namelen = 0;
	msg->msg_controllen = 0;
	if (room >= CMSG_LEN(sizeof(e))) {
		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(e)), .cmsg_level = SOL_IP,
				       .cmsg_type = IP_RECVERR };
		memcpy(CMSG_DATA(c), &e, sizeof(e));
		msg->msg_controllen = MIN(room, CMSG_SPACE(sizeof(e)));
	} else {
		msg->msg_flags |= MSG_CTRUNC;
	}
	list_del(&z->node);
	free(z);
	return 0;
}

void posix_zc_drop(struct sock_file *s)
{
	while (!list_empty(&s->zc_done))
		free(container_of(list_pop_front(&s->zc_done), struct zc, node));
}
