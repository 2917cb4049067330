/* The direct make of the door: a struct leat_ring over a struct net in the same thread.
 *
 * A submission is a function call that does what it can at once; what remains is finished by
 * leat_poll().  The work is sock/'s; here are the table of opcodes, time-outs, and the ABI.
 *
 * Always: the ring has no clock and no memory of its own: both are handed in. */
#ifndef RING_RING_H
#define RING_RING_H

#include "ring/make.h"
#include "sock/sock.h"

struct ring_config {
	struct sock_config sock;
	nsec (*now)(void *ctx);		/* the platform's monotonic clock */
	void *now_ctx;
};

/* 4,096 sockets, 1,024 of them datagrams, 16,384 operations, 4,096 completions.  The clock is left
 * out: fill it. */
void ring_config_default(struct ring_config *config);

#define RING_CHAINS 64u		/* of linked submissions, at once */

enum ring_chain_state { CHAIN_FREE, CHAIN_RUNS, CHAIN_DONE, CHAIN_FAILED };

struct ring_chain {		/* see ring_link.c */
	struct sock_op *op;	/* what runs */
	struct sock_op *timeout;	/* its LINK_TIMEOUT, or NULL */
	uint8_t state;		/* enum ring_chain_state */
	uint8_t first, last;	/* of what is kept: 1 + index into links, 0: nothing */
	bool hard;		/* what runs may fail */
};

struct ring_kept {
	struct leat_sqe sqe;
	struct sock_op *op;	/* so that its end can always be told */
	uint8_t next;
};

struct leat_ring {
	union {
		struct ring_head head;
		struct {	/* the same */
			const struct ring_make *make;
			void *make_ctx;
		};
	};
	struct socks socks;
	struct ring_chain chains[RING_CHAINS];
	struct ring_kept links[LEAT_LINKS_MAX];
	uint8_t links_free;
	struct net *net;
	nsec (*now)(void *ctx);
	void *now_ctx;
};

/* Bytes of memory for `config`; 0 when it is wrong, *why says what. */
size_t ring_direct_bytes(const struct ring_config *config, const char **why);

/* `net` is up and has no layer above yet.  `mem`: zeroed, cache aligned; lives until net_fini(). */
void ring_direct_init(struct leat_ring *ring, const struct ring_config *config, struct net *net,
		      void *mem);

/* Resets every connection and takes back every buffer; no completion comes any more. What the
 * peers are told leaves with a net_flush() before net_fini(). */
void ring_direct_fini(struct leat_ring *ring);

/* What must hold; slow, tests only. */
void ring_check(const struct leat_ring *ring);

/* ring_submit.c: one submission, without links; as the operations of sock.h. */
int ring_run(struct leat_ring *ring, const struct leat_sqe *sqe);

/* ring_link.c */
void ring_links_init(struct leat_ring *ring);
int ring_link_submit(struct leat_ring *ring, const struct leat_sqe *sqe);
void ring_links_run(struct leat_ring *ring);
void ring_link_expired(struct leat_ring *ring, struct sock_op *op);

/* ring_timeout.c */
void ring_timeout_arm(struct leat_ring *ring, struct sock_op *op, const struct leat_sqe *sqe);
int ring_timeout(struct socks *s, const struct leat_sqe *sqe);
int ring_timeout_remove(struct socks *s, const struct leat_sqe *sqe);
void ring_timer(struct leat_ring *ring, struct wheel_node *n);

#endif
