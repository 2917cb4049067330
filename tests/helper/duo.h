/* Two whole stacks with a direct ring each, joined by a wire in memory, in virtual time.
 *
 * A poll of both and a check of everything they believe is a step; time advances by a little with
 * each step and jumps when nothing moves.  Completions are collected for duo_await() unless a test
 * wants to see the ring itself.  duo_free() is the leak oracle: every frame is back. */
#ifndef HELPER_DUO_H
#define HELPER_DUO_H

#include "link/netdev.h"
#include "ring/ring.h"

#define DUO_GOT_MAX 16384u

struct duo;

struct duo_host {
	struct netdev dev;
	struct net net;
	struct leat_ring ring;
	struct duo *duo;
	struct pktq in;			/* frames on their way to us */
	void *mem[3];
	nsec next;
	bool hold;			/* leave the completions in the ring */
	bool deaf;			/* frames to us get lost */
	unsigned lost, frames;		/* of those to us */
	struct leat_cqe got[DUO_GOT_MAX];	/* taken from the ring; user_data may repeat */
	bool used[DUO_GOT_MAX];		/* given to the test */
	unsigned got_n;
};

struct duo {
	struct duo_host h[2];
	nsec now;
	bool unchecked;			/* for what is measured */
};

struct duo_config {
	struct ring_config ring;
	struct net_config net;
};

void duo_config_default(struct duo_config *config);

/* NULL: the default. */
struct duo *duo_new(const struct duo_config *config);

/* Ends both rings and stacks; asserts that nothing leaked. */
void duo_free(struct duo *d);

/* Address of a host, 10.0.0.1 and 10.0.0.2. */
struct leat_addr duo_addr(unsigned side, uint16_t port);

void duo_step(struct duo *d);
void duo_run(struct duo *d, nsec duration);

/* Runs until a completion with this user_data comes that was not given yet; asserts that one does
 * within ten minutes. */
struct leat_cqe duo_await(struct duo *d, unsigned side, uint64_t user_data);

/* Is there one already? */
bool duo_has(struct duo *d, unsigned side, uint64_t user_data);

/* Submits; asserts that it was taken. */
void duo_submit(struct duo *d, unsigned side, const struct leat_sqe *sqe);

/* Submits and awaits; its result. */
int duo_do(struct duo *d, unsigned side, struct leat_sqe sqe);

/* A descriptor that listens at `port`; a pair of connected descriptors. */
int duo_listen(struct duo *d, unsigned side, uint16_t port);
void duo_connect(struct duo *d, uint16_t port, int listener, int fd[2]);

/* listens at 1 (the descriptor is closed again), connects from 0. */
void duo_pair(struct duo *d, int fd[2]);

/* Submissions, with no user_data yet. */
struct leat_sqe duo_sqe(unsigned opcode, int fd);
struct leat_sqe duo_sqe_send(int fd, const void *from, uint32_t n);
struct leat_sqe duo_sqe_recv(int fd, void *to, uint32_t n);
struct leat_sqe duo_sqe_recv_multi(int fd);

/* duo_do() of the plainest kinds. */
int duo_send(struct duo *d, unsigned side, int fd, const void *from, uint32_t n);
int duo_recv(struct duo *d, unsigned side, int fd, void *to, uint32_t n);
int duo_close(struct duo *d, unsigned side, int fd);

#endif
