/* A thread's sockets: their ring, its completions, its rounds.
 *
 * Completions name what they are for by a pointer with a tag.  A file whose operations have not all
 * completed outlives its last descriptor, as a dead one, until they have.
 *
 * Always: one struct posix a thread at most; what it owns is touched by that thread only. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "posix/posix_int.h"

#define POSIX_THREADS_MAX 0xffffu

static _Thread_local struct posix *self;
static atomic_uint ids;

struct posix *posix_self(void)
{
	return self;
}

struct leat_ring *posix_ring(struct posix *p)
{
	return p->ring;
}

void posix_set_sched(struct posix *p, struct posix_sched *sched)
{
	p->sched = sched;
}

/* ---- rounds */

/* The last completion of an operation that names the file has come. */
void posix_file_unpend(struct file *f)
{
	assert(f->pending > 0);
	f->pending--;
	if (f->dead && f->pending == 0)
		posix_file_free(f);
}

/* The door tells all that is true when something has happened.  That there is room is news only
 * when there was none, or when the connection has changed in another way, which everybody hears. */
static uint32_t news(struct sock_file *s, uint32_t events)
{
	bool all = s->nospace || events & (POLLRDHUP | POLLHUP | POLLERR);

	if (!(events & POLLOUT))
		return events;
	s->nospace = false;
	return all ? events : events & ~(uint32_t)POLLOUT;
}

static void file_completed(struct file *f, const struct leat_cqe *cqe)
{
	bool more = cqe->flags & LEAT_CQE_F_MORE;

	if (!more)
		f->polling = false;
	if (!f->dead && cqe->res > 0)
		posix_file_wake(f, news(sock_of_file(f), (uint32_t)cqe->res));
	if (!more)
		posix_file_unpend(f);
}

static void dispatch(struct posix *p, const struct leat_cqe *cqe)
{
	void *what = (void *)(uintptr_t)(cqe->user_data & ~TAG_MASK);

	switch ((enum posix_tag)(cqe->user_data & TAG_MASK)) {
	case TAG_FILE:
		file_completed(what, cqe);
		break;
	case TAG_ZC:
		posix_zc_complete(p, what, cqe);
		break;
	case TAG_NONE:
		break;
	}
}

unsigned posix_take_completions(struct posix *p)
{
	const struct leat_cqe *at;
	struct leat_cqe cqe;
	unsigned taken = 0;

	while (leat_cq_peek(p->ring, &at)) {
		cqe = *at;
		leat_cq_advance(p->ring, 1);
		dispatch(p, &cqe);
		taken++;
	}
	return taken;
}

void posix_step(struct posix *p)
{
	p->next = leat_poll(p->ring);
	if (posix_take_completions(p))
		p->worked = leat_now();
}

/* Both take completions and try again when the ring is full. */
int posix_submit(struct posix *p, const struct leat_sqe *sqe)
{
	int res = leat_submit(p->ring, sqe);

	if (likely(res != -E_BUSY))
		return res;
	posix_take_completions(p);
	return leat_submit(p->ring, sqe);
}

int posix_call(struct posix *p, const struct leat_sqe *sqe)
{
	int res = leat_call(p->ring, sqe);

	if (likely(res != -E_BUSY))
		return res;
	posix_take_completions(p);
	res = leat_call(p->ring, sqe);
	return res == -E_BUSY ? -E_NOBUFS : res;
}

/* ---- a thread's life */

int leat_attach(struct leat_ring *ring)
{
	struct posix *p;

	if (self)
		return posix_answer(-E_BUSY);
	if (atomic_load(&ids) >= POSIX_THREADS_MAX)
		return posix_answer(-E_MFILE);
	p = calloc(1, sizeof(*p));
	if (!p)
		return posix_answer(-E_NOMEM);
	p->ring = ring;
	p->id = (uint16_t)(atomic_fetch_add(&ids, 1) + 1);
	list_init(&p->files);
	list_init(&p->kernel_waits);
	self = p;
	return 0;
}

struct leat_ring *leat_start(const char *net, char *why, size_t why_size)
{
	struct leat_options options;
	struct leat_ring *ring;

	leat_options_init(&options);
	options.net = net;
	ring = leat_ring_open(&options, why, why_size);
	if (!ring)
		return NULL;
	if (leat_attach(ring) < 0) {
		leat_ring_close(ring);
		return NULL;
	}
	self->owns_ring = true;
	return ring;
}

void leat_detach(void)
{
	struct posix *p = self;

	if (!p)
		return;
	posix_fd_close_all(p);
	assert(list_empty(&p->files));
	posix_take_completions(p);
	self = NULL;
	free(p);
}

static void count_open(void *ctx, const char *group, const char *name, const char *what,
		       uint64_t value)
{
	if (!strcmp(group, "tcp") && !strcmp(name, "open"))
		*(uint64_t *)ctx = value;
}

/* Connections that nobody owns any more, but whose bytes are still on their way. */
static bool outstanding(struct posix *p)
{
	uint64_t open = 0;

	leat_counters(p->ring, count_open, &open);
	return open > 0;
}

/* Runs the stack until nothing that was sent is on its way, or for so long. */
static void drain(struct posix *p, nsec linger)
{
	nsec until = posix_deadline(linger);
	struct posix_sleeper s;

	posix_sleeper_init(p, &s);
	while (leat_now() < until && outstanding(p))
		(void)posix_block(p, &s, MIN(until, leat_now() + MSEC(10)));
}

unsigned leat_stop(uint64_t linger_ns)
{
	struct posix *p = self;
	struct leat_ring *ring;

	if (!p)
		return 0;
	ring = p->ring;
	posix_fd_close_all(p);
	drain(p, linger_ns);
	leat_detach();
	return leat_ring_close(ring);
}
