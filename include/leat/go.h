/* Coroutines: straight-line code on a thread's sockets.
 *
 *	static void serve(void *arg)
 *	{
 *		int fd = (int)(intptr_t)arg;
 *		... leat_recv(), leat_send(): they park this coroutine, others go on ...
 *	}
 *
 *	leat_go_run(accept_loop, NULL);
 *
 * Inside leat_go_run() every call of leat/socket.h that would block parks its coroutine on the door
 * instead, and the thread goes on with another one, or sleeps when there is none.  Each coroutine
 * has a stack of its own with a guard page below it; a switch is a dozen instructions.  All run in
 * the thread that called leat_go_run(), one at a time, and give way only in calls that wait.
 *
 * Deadlines: a moment of leat_now() or LEAT_FOREVER.  A call whose deadline passes answers ETIME.
 * Cancellation: what waits answers ECANCELED, and so does whatever would wait from then on. */
#ifndef LEAT_GO_H
#define LEAT_GO_H

#include "leat/socket.h"

#ifdef __cplusplus
extern "C" {
#endif

struct leat_group;
struct leat_chan;

/* Runs `fn` as the first coroutine of this thread and returns when all have ended.  0, or -1 and
 * errno: ENETDOWN (no leat_start()), EBUSY (it runs already), ENOMEM. */
int leat_go_run(void (*fn)(void *arg), void *arg);

/* Starts another one, in the group of this.  0, or -1: ENOMEM, EPERM (not in a coroutine),
 * ECANCELED (the group was cancelled). */
int leat_go(void (*fn)(void *arg), void *arg);

/* Lets the others have their turn. */
void leat_go_yield(void);

/* 0 when the time is over, or -1: ETIME (the coroutine's deadline), ECANCELED. */
int leat_go_sleep(uint64_t ns);

/* For everything that this coroutine waits for from now on; returns the one before. */
uint64_t leat_go_deadline(uint64_t deadline);

/* 1: this coroutine was cancelled. */
int leat_go_canceled(void);

/* ---- groups: who starts coroutines waits for them
 *
 * A coroutine that is cancelled, or ends, takes the groups that it opened with it. */

/* NULL: ENOMEM, EPERM. */
struct leat_group *leat_group_open(void);
int leat_group_go(struct leat_group *group, void (*fn)(void *arg), void *arg);

/* Until all of them have ended: 0, or -1: ETIME, ECANCELED. */
int leat_group_wait(struct leat_group *group, uint64_t deadline);
void leat_group_cancel(struct leat_group *group);

/* Cancels those that still run, waits for them, frees the group. */
void leat_group_close(struct leat_group *group);

/* ---- calls with a deadline of their own */

int leat_go_accept(int fd, uint64_t deadline);
int leat_go_connect(int fd, const struct sockaddr *addr, socklen_t len, uint64_t deadline);
ssize_t leat_go_recv(int fd, void *buf, size_t n, uint64_t deadline);
/* All of it; less only at the end of the stream. */
ssize_t leat_go_recv_all(int fd, void *buf, size_t n, uint64_t deadline);
ssize_t leat_go_send(int fd, const void *buf, size_t n, uint64_t deadline);
/* Until one of `events` (poll(2)'s) is true of a descriptor, the kernel's or ours: which. */
int leat_go_await(int fd, unsigned events, uint64_t deadline);

/* ---- channels between coroutines of a thread */

/* For elements of `size` bytes, of which `room` may wait; 0: sender and receiver meet. */
struct leat_chan *leat_chan_new(size_t size, size_t room);
/* Nobody waits on it any more. */
void leat_chan_free(struct leat_chan *c);
/* 0, or -1: EPIPE (closed), ETIME, ECANCELED. */
int leat_chan_send(struct leat_chan *c, const void *element, uint64_t deadline);
/* 1; 0: closed, and nothing is left; -1: ETIME, ECANCELED. */
int leat_chan_recv(struct leat_chan *c, void *element, uint64_t deadline);
/* What waits in it can still be received. */
void leat_chan_close(struct leat_chan *c);

#ifdef __cplusplus
}
#endif

#endif
