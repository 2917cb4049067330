/* Where a script is played: one stack, a device that hands frames over, a clock, and the
 * translation between the script's relative numbers and the live ones.
 * Always: the clock moves only in scene_advance(), and not past a segment that the stack sent. */
#ifndef SCRIPT_SCENE_H
#define SCRIPT_SCENE_H

#include "helper/host.h"
#include "port/sim/sim.h"
#include "script/script.h"
#include "tcp/tcp_opt.h"

#define SCENE_FDS_MAX 16u
#define SCENE_TUPLES_MAX 64u
#define SCENE_LOCAL_IP IPV4(192, 168, 0, 1)
#define SCENE_REMOTE_IP IPV4(192, 0, 2, 1)
#define SCENE_GATEWAY_IP IPV4(192, 168, 0, 254)
#define SCENE_LOCAL_PORT 8080u
#define SCENE_REMOTE_PORT 50000u

struct tuple {				/* one connection as the script sees it */
	uint16_t rport, lport;
	uint32_t remote_ip;
	bool isn_known, ts_known;
	uint32_t local_isn;		/* the live number of the script's 0 */
	uint32_t remote_start;		/* relative number of the peer's first byte */
	uint32_t ts_offset;		/* live timestamp less the script's */
};

enum fd_kind { FD_FREE, FD_FRESH, FD_LISTENER, FD_CONN };

struct fd {
	enum fd_kind kind;
	struct tcp_conn *conn;
	struct tcp_listener *listener;
	uint16_t bound_port;
	struct tcp_opts opts;
	bool bound, linger_reset, connecting, connected, eof, write_shut;
	int err;			/* told by the stack, positive */
	struct tuple *tuple;
	struct pkt *partly;		/* taken from the stack, read as far as partly_off */
	uint32_t partly_off;
	uint64_t read, written;		/* positions in the streams */
};

struct frame {				/* one the stack sent */
	struct frame *next;
	nsec at;
	uint32_t len;
	uint8_t bytes[];
};

struct scene {
	struct script *script;
	struct sim sim;
	struct host host;
	struct netdev dev;
	struct frame *out, **out_end;	/* sent, not yet expected */
	struct frame *in, **in_end;	/* to be received at the next poll */
	struct tuple tuples[SCENE_TUPLES_MAX];
	unsigned tuples_n;
	struct tuple *main;		/* the connection that lines without ports mean */
	uint16_t local_port;		/* of the last bind or connect */
	struct fd fds[SCENE_FDS_MAX];
	uint8_t scratch[SEG_FRAME_MAX];
};

/* NULL, or what is wrong with the script's settings. */
const char *scene_init(struct scene *sc, struct script *s);

/* True when nothing leaked. */
bool scene_fini(struct scene *sc);

static inline nsec scene_now(const struct scene *sc)
{
	return sc->sim.now;
}

/* Lets the stack do all that is due now, then moves the clock on: to `until`, or to the moment
 * at which the stack has sent something. */
void scene_settle(struct scene *sc);
void scene_advance(struct scene *sc, nsec until);

/* The connection that a segment spec means; made when it is new.  NULL when there are too many. */
struct tuple *scene_tuple(struct scene *sc, uint32_t remote_ip, uint16_t rport, uint16_t lport);
struct tuple *scene_tuple_of(struct scene *sc, const struct spec *p, bool inbound);

/* Hands the stack a segment of the script. */
void scene_inject(struct scene *sc, const struct spec *p);

/* Reads a sent frame in the script's relative numbers; *t is its connection.  NULL, or what is
 * wrong. */
const char *scene_read(struct scene *sc, const struct frame *f, struct seg *out, struct tuple **t);

void scene_frame_free(struct scene *sc);	/* the first of sc->out */

/* Byte `at` of either direction's stream. */
uint8_t scene_byte(bool inbound, uint64_t at);

/* What tcp knows of a connection; false when it is gone. */
bool scene_info(struct scene *sc, const struct tuple *t, struct tcp_info *info);

/* Does a call; false when it would block.  *res is its result. */
bool scene_call(struct scene *sc, const struct call *c, int64_t *res, const char **unknown);

#endif
