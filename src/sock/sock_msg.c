/* The user's memory: one piece, or those that a struct leat_msghdr lists.
 *
 * It is believed to be there: the direct ring is in the same process.  What a shared ring hands in
 * is judged before it comes here. */
#include "sock/sock_int.h"

int sock_want(struct sock_want *w, const struct leat_sqe *sqe)
{
	const struct leat_msghdr *m = (const struct leat_msghdr *)sqe->addr;
	uint64_t len = sqe->len;
	bool msg = sqe->opcode == LEAT_OP_RECVMSG || sqe->opcode == LEAT_OP_SENDMSG ||
		   sqe->opcode == LEAT_OP_SENDMSG_ZC;

	*w = (struct sock_want){.at = (uint8_t *)sqe->addr};
	if (!sqe->addr && (len || msg))
		return -E_FAULT;
	if (msg) {
		if (m->iovlen > LEAT_IOV_MAX)
			return -E_MSGSIZE;
		if (!m->iov && m->iovlen)
			return -E_FAULT;
		len = 0;
		for (size_t i = 0; i < m->iovlen; i++) {
			if (!m->iov[i].base && m->iov[i].len)
				return -E_FAULT;
			len += MIN(m->iov[i].len, (size_t)SOCK_LEN_MAX);
		}
		w->flags = SOCK_OP_MSG;
	}
	w->len = (uint32_t)MIN(len, (uint64_t)SOCK_LEN_MAX);
	if (sqe->op_flags & LEAT_MSG_WAITALL)
		w->flags |= SOCK_OP_ALL;
	if (sqe->op_flags & (LEAT_MSG_PEEK | LEAT_MSG_MORE))
		w->flags |= SOCK_OP_PEEK;	/* the same bit as SOCK_OP_MORE */
	if (sqe->op_flags & LEAT_MSG_TRUNC)
		w->flags |= SOCK_OP_TRUNC;
	return 0;
}

uint8_t *sock_want_piece(const struct sock_want *w, uint32_t off, uint32_t *n)
{
	const struct leat_msghdr *m = (const struct leat_msghdr *)w->at;
	uint32_t left = w->len - off;

	if (!(w->flags & SOCK_OP_MSG)) {
		*n = left;
		return w->at + off;
	}
	for (size_t i = 0; i < m->iovlen; i++) {
		if (off < m->iov[i].len) {
			*n = (uint32_t)MIN(m->iov[i].len - off, (size_t)left);
			return (uint8_t *)m->iov[i].base + off;
		}
		off -= (uint32_t)m->iov[i].len;
	}
	*n = 0;
	return NULL;
}

void sock_want_plain(const struct sock_want *w)
{
	struct leat_msghdr *m = (struct leat_msghdr *)w->at;

	if (!(w->flags & SOCK_OP_MSG))
		return;
	m->namelen = 0;
	m->controllen = 0;
	m->flags = 0;
}
