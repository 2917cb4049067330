/* Open file descriptions: counted, watched, waited for.
 *
 * A socket tells its events by one POLL_ADD that completes again and again; it is submitted when
 * somebody first wants to hear.  What is true at a moment is always asked, never remembered.
 *
 * Always: a file is freed when nothing refers to it: no descriptor, no call, no completion to come.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "posix/posix_int.h"

void posix_file_init(struct file *f, struct posix *p, enum file_kind kind)
{
	*f = (struct file){ .owner = p, .kind = (uint8_t)kind };
	list_init(&f->watches);
	list_push_back(&p->files, &f->node);
}

void posix_file_get(struct file *f)
{
	f->refs++;
}

/* ---- the end */

static void close_socket(struct sock_file *s)
{
	struct posix *p = s->f.owner;
	struct leat_sqe sqe = { .opcode = LEAT_OP_CLOSE, .fd = s->fd };

	if (s->linger_on && s->linger_s == 0)
		sqe.op_flags = LEAT_CLOSE_RESET;
	else if (s->linger_on)
		posix_linger(s);
	posix_zc_drop(s);
	(void)posix_call(p, &sqe);
}

static void release(struct file *f)
{
	f->dead = true;
	while (!list_empty(&f->watches)) {
		struct file_watch *w = container_of(f->watches.next, struct file_watch, node);

		list_del(&w->node);
		if (w->gone)
			w->gone(w);
	}
	if (f->kind == FILE_EPOLL)
		posix_epoll_release(f);
	else
		close_socket(sock_of_file(f));
	list_del(&f->node);
	if (f->pending == 0)
		posix_file_free(f);
}

void posix_file_free(struct file *f)
{
	free(f->kind == FILE_SOCK ? (void *)sock_of_file(f) : posix_epoll_of(f));
}

void posix_file_put(struct file *f)
{
	assert(f->refs > 0);
	if (--f->refs == 0)
		release(f);
}

/* ---- events */

/* The watch may be gone afterwards, and others with it: each is asked for its turn before. */
void posix_file_wake(struct file *f, uint32_t events)
{
	bool enough = false;

	list_for_each_safe(n, next, &f->watches) {
		struct file_watch *w = container_of(n, struct file_watch, node);

		if (w->exclusive && enough)
			continue;
		enough |= w->wake(w, events);
	}
}

int posix_file_watch(struct file *f, struct file_watch *w)
{
	struct leat_sqe sqe = { .opcode = LEAT_OP_POLL_ADD, .len = LEAT_POLL_ADD_MULTI,
				.op_flags = EVENTS_ALL,
				.user_data = (uint64_t)(uintptr_t)f | TAG_FILE };

	/* As Linux: who came last hears first, but for those who share. */
	if (w->exclusive)
		list_push_back(&f->watches, &w->node);
	else
		list_push_front(&f->watches, &w->node);
	if (f->kind != FILE_SOCK || f->polling)
		return 0;
	sqe.fd = sock_of_file(f)->fd;
	if (posix_submit(f->owner, &sqe)) {
		list_del(&w->node);
		return -E_NOSPC;
	}
	f->polling = true;
	f->pending++;
	return 0;
}

uint32_t posix_file_ready(struct file *f)
{
	struct sock_file *s = sock_of_file(f);
	int ready;

	if (unlikely(f->kind == FILE_EPOLL))
		return posix_epoll_ready(f);
	ready = leat_ready(f->owner->ring, s->fd);
	if (!(ready & POLLOUT))
		s->nospace = true;
	if (unlikely(!list_empty(&s->zc_done)))
		ready |= POLLERR;
	return ready < 0 ? POLLNVAL : (uint32_t)ready;
}

struct sock_file *posix_sock(int fd, int *err)
{
	struct file *f = posix_file(fd, err);

	if (unlikely(!f))
		return NULL;
	if (unlikely(f->kind != FILE_SOCK)) {
		*err = -E_NOTSOCK;
		return NULL;
	}
	return sock_of_file(f);
}

/* ---- dup, close */

int leat_close(int fd)
{
	int err;
	struct file *f = posix_file(fd, &err);

	if (err)
		return posix_answer(err);
	if (!f)
		return close(fd);
	posix_file_put(posix_fd_close(fd));
	return 0;
}

int leat_dup(int fd)
{
	int err;
	struct file *f = posix_file(fd, &err);

	if (err)
		return posix_answer(err);
	if (!f)
		return dup(fd);
	return posix_answer(posix_fd_new(f, 0, false));
}

/* Onto a number that may be ours, free, or the kernel's; `from` is one of these, too. */
static int dup_onto(int fd, int to, bool cloexec)
{
	int err, err_to;
	struct file *f = posix_file(fd, &err), *old = posix_file(to, &err_to);

	if (err || err_to == -EXDEV)
		return err ? err : err_to;
	if (f)
		return posix_fd_put(f, to, cloexec);
	if (leat_is(fd) < 0)
		return -E_BADF;
	if (old)
		posix_fd_yield(to);
	else
		posix_fd_take(to);
	return dup3(fd, to, cloexec ? O_CLOEXEC : 0) < 0 ? -errno : to;
}

int leat_dup2(int fd, int to)
{
	if (fd == to)
		return leat_is(fd) < 0 ? posix_answer(-E_BADF) : fd;
	return posix_answer(dup_onto(fd, to, false));
}

int leat_dup3(int fd, int to, int flags)
{
	if (flags & ~O_CLOEXEC || fd == to)
		return posix_answer(-E_INVAL);
	return posix_answer(dup_onto(fd, to, flags & O_CLOEXEC));
}
