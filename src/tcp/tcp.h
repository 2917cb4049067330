/* TCP as the layer above sees it (RFC 9293): connections, listeners, bytes in and out.
 *
 * tcp calls nobody above.  It sets bits in conn->ready and links the connection on tcp->ready;
 * the owner drains that list after a poll.  Output is not sent from inside a call: a call marks
 * the connection, tcp_flush() at the end of the poll decides and builds segments, so that what
 * belongs together leaves together.
 *
 * Lifetime: a connection belongs to its owner from tcp_open() or tcp_accept() until tcp_close()
 * or tcp_abort(); then it is an orphan and frees itself when the protocol is done.  One thread. */
#ifndef TCP_TCP_H
#define TCP_TCP_H

#include "base/table.h"
#include "cc/cc.h"
#include "ip/ip.h"

enum tcp_state {
	TCP_CLOSED, TCP_LISTEN, TCP_SYN_SENT, TCP_SYN_RECEIVED, TCP_ESTABLISHED, TCP_FIN_WAIT_1,
	TCP_FIN_WAIT_2, TCP_CLOSE_WAIT, TCP_CLOSING, TCP_LAST_ACK, TCP_TIME_WAIT,
	TCP_STATE_N
};

/* What the owner is told; level, not edge: a bit stays until tcp_ready_take(). */
enum tcp_ready {
	TCP_READY_CONNECTED = 1 << 0,	/* an active open succeeded */
	TCP_READY_READABLE = 1 << 1,	/* tcp_recv() has something */
	TCP_READY_EOF = 1 << 2,		/* the peer sent FIN; what is queued comes first */
	TCP_READY_WRITABLE = 1 << 3,	/* room in the send buffer after a short write */
	TCP_READY_ERROR = 1 << 4,	/* conn->err says what; the connection is closed */
	TCP_READY_URGENT = 1 << 6,	/* the peer marked bytes as urgent, or more of them */
	TCP_READY_DRAINED = 1 << 5,	/* everything sent, FIN included, is acknowledged */
};

enum tcp_cookies {		/* RFC 4987 §3.6 */
	TCP_COOKIES_NEVER,
	TCP_COOKIES_WHEN_FULL,		/* the queue of half-open connections; the default */
	TCP_COOKIES_ALWAYS,		/* tests */
};

/* RFC 3168: not, when the peer asks (the default, as Linux's), or asked for by us too. A congestion
 * control that needs it asks in any case. */
enum tcp_ecn { TCP_ECN_OFF, TCP_ECN_ACCEPT, TCP_ECN_ASK };

enum tcp_probing {		/* RFC 4821: larger segments are tried ... */
	TCP_PROBING_OFF,
	TCP_PROBING_BLACK_HOLE,		/* after a black hole was found; the default */
	TCP_PROBING_ALWAYS,		/* from a small size on, whatever routers say */
};

struct tcp_config {
	uint32_t conns_max;		/* connections, half-open ones included */
	uint32_t timewaits_max;
	uint32_t halves_max;		/* half-open connections of all listeners */
	uint32_t listeners_max;
	uint32_t rcvbuf, sndbuf;	/* bytes a connection; defaults 256 KiB, 128 KiB */
	/* so far they may grow with the path, 8 MiB; not above rcvbuf, sndbuf: they stay */
	uint32_t rcvbuf_max, sndbuf_max;
	uint32_t rcv_wnd_initial;	/* bytes; default 64 KiB */
	uint32_t backlog;		/* default 128 */
	nsec rto_min, rto_max, rto_initial;	/* 200 ms, 120 s, 1 s */
	nsec delack;			/* 40 ms */
	/* so many segments of a stream are acknowledged at once, so that the peer's window opens
	 * soon; over with the first answer; 16, 0: none */
	uint8_t quick_acks;
	nsec msl;			/* 30 s: TIME_WAIT lasts twice as long */
	nsec fin_wait_2;		/* how long an orphan waits for the peer's FIN: 60 s */
	uint8_t syn_retries, data_retries;	/* 6, 15: then E_TIMEDOUT (RFC 1122 §4.2.3.5) */
	uint8_t synack_retries;		/* 5 */
	uint8_t syn_cookies;		/* enum tcp_cookies */
	uint8_t mtu_probing;		/* enum tcp_probing */
	/* connections that miss something at once; 0: conns_max, 1024 at most */
	uint32_t losses_max;
	/* connections with something rare (tcp_opt.h); 0: conns_max, 4096 at most */
	uint32_t sides_max;
	bool timestamps, window_scale, sack;	/* offered; all on */
	enum tcp_ecn ecn;
	bool pacing;			/* also with a congestion control that does not ask */
	/* connections that pace and send at once; 0: conns_max, 1024 at most */
	uint32_t paces_max;
	const struct cc_ops *cc;
	/* Tests only: initial sequence numbers lie at most so far below 2^32; 0: RFC 6528. */
	uint32_t iss_below_wrap;
};

extern const struct tcp_config tcp_config_default;

struct tcp_counters {		/* monotonic; names follow RFC 4022 (TCP-MIB) where it has one */
	uint64_t active_opens, passive_opens, attempt_fails, estab_resets;
	uint64_t in_segs, out_segs, retrans_segs, out_rsts, in_bytes, out_bytes;
	uint64_t fast_path_data, fast_path_ack;
	uint64_t tail_loss_probes, undone, frto_spurious, dsacks, losses_full;
	uint64_t pmtu_lowered, black_holes, pmtu_probes;
	uint64_t keepalives;		/* probes of idle connections */
	uint64_t rto_fired, fast_retransmits, delayed_acks, zero_window_probes, challenge_acks;
	/* a segment was not built for want of a frame; tried again */
	uint64_t out_no_memory;
	uint64_t timewait_full;		/* TIME_WAIT entries closed early for want of room */
	uint64_t listen_overflows;	/* accept queue full: SYN or ACK dropped */
	uint64_t cookies_sent, cookies_taken, cookies_failed;
	uint64_t fastopens;		/* connections opened by a SYN with a cookie */
	uint64_t sides_full;		/* a choice was refused for want of room */
	uint64_t rcvbufs_grown, sndbufs_grown;
	uint64_t paces_full;		/* a connection sends without pacing for want of room */
	uint64_t ecn_marks, ecn_cuts;	/* segments that came marked; windows that shrank for it */
};

struct tcp_conn;
struct tcp_loss;
struct tcp_side;
struct tcp_listener;
struct tcp_timewait;
struct tcp_half;

struct tcp {
	struct core *core;
	struct ip *ip;
	struct tcp_config config;
	struct list ready;		/* connections with new ready bits */
	struct list ready_listeners;	/* listeners with connections to accept */
	struct list out;		/* connections that tcp_flush() must look at */
	struct table table;		/* demultiplexing: connections and TIME_WAIT entries */
	struct tcp_conn *conns;
	struct list conns_free;
	uint32_t conns_used;
	struct tcp_loss *losses;	/* pooled, see tcp_int.h */
	struct list losses_free;
	uint32_t losses_used;
	struct tcp_side *sides;		/* pooled as well */
	struct list sides_free;
	uint32_t sides_used;
	struct tcp_pace *paces;
	struct list paces_free;
	struct tcp_listener *listeners;
	struct list listeners_free;
	struct list listeners_hash[64];
	struct tcp_timewait *timewaits;	/* compact entries; a FIFO, because all last equally long */
	/* 1 + index, 0: none */
	uint32_t timewait_free, timewait_head, timewait_tail, timewaits_used;
	struct wheel_node timewait_timer;	/* kind TIMER_TCP_MISC */
	struct tcp_half *halves;	/* half-open; a FIFO for each number of tries */
	uint32_t half_free, halves_used;	/* 1 + index, 0: none; as the queues */
	struct { uint32_t head, tail; } half_q[16];
	uint32_t fastopens;		/* whose handshake is not done */
	struct wheel_node half_timer;	/* kind TIMER_TCP_MISC */
	nsec challenge_at;		/* RFC 5961 §7: budget of challenge ACKs */
	uint32_t challenge_left;
	uint32_t ephemeral_next[16];	/* RFC 6056 §3.3.4, by a second hash */
	struct tcp_counters n;
};

/* Memory for the tables that `config` asks for; checked: 0 when the config makes no sense (then
 * `why` says which field). */
size_t tcp_bytes(const struct tcp_config *config, const char **why);
void tcp_init(struct tcp *t, struct core *core, struct ip *ip, const struct tcp_config *config,
	      void *mem);
void tcp_fini(struct tcp *t);	/* frees every packet; no segment is sent */

/* ---- listeners */

/* Port 0 picks one.  NULL with *err set: -E_ADDRINUSE, -E_ADDRNOTAVAIL, -E_NFILE. */
struct tcp_listener *tcp_listen(struct tcp *t, const struct addr *local, uint16_t port,
				uint32_t backlog, void *owner, int *err);
/* The same; others that share may listen there too, and each connection goes to one of them. */
struct tcp_listener *tcp_listen_shared(struct tcp *t, const struct addr *local, uint16_t port,
				       uint32_t backlog, void *owner, int *err);
uint16_t tcp_listener_port(const struct tcp_listener *l);
void *tcp_listener_owner(const struct tcp_listener *l);

const struct addr *tcp_listener_addr(const struct tcp_listener *l);

/* Would tcp_accept() have one? */
bool tcp_acceptable(const struct tcp_listener *l);

/* The next established connection, now the caller's, or NULL. */
struct tcp_conn *tcp_accept(struct tcp *t, struct tcp_listener *l, void *owner);

/* 0: the stack's default. */
void tcp_listener_backlog(struct tcp *t, struct tcp_listener *l, uint32_t backlog);

/* Has a connection or a TIME_WAIT entry this port at this address (unspecified: at any)?  Looks at
 * all of them: for whoever binds without SO_REUSEADDR. */
bool tcp_port_busy(struct tcp *t, const struct addr *local, uint16_t port);

/* Connections not yet accepted are reset. */
void tcp_listener_close(struct tcp *t, struct tcp_listener *l);

/* The next listener with something to accept, or NULL (removed from the list). */
struct tcp_listener *tcp_ready_listener(struct tcp *t);

/* ---- connections */

/* A CLOSED connection of the caller's, or NULL when the table is full. */
struct tcp_conn *tcp_open(struct tcp *t, void *owner);

/* Active open.  An unspecified local address or port 0 is chosen (RFC 6056 §3.3.4).  0 or a
 * negative error: -E_ADDRINUSE, -E_ADDRNOTAVAIL, -E_NETUNREACH, -E_ISCONN, -E_INVAL. */
int tcp_connect(struct tcp *t, struct tcp_conn *c, const struct addr *local, uint16_t lport,
		const struct addr *remote, uint16_t rport);

/* Most bytes one tcp_send() takes, and beyond which nothing more is queued. */
#define TCP_SEND_MAX (1u << 29)

/* Bytes that tcp_write() would take now. */
uint32_t tcp_send_room(const struct tcp_conn *c);

/* Copies as much as there is room for; returns how much (0: full, TCP_READY_WRITABLE will come), or
 * -E_PIPE after shutdown, -E_NOTCONN before a connection, or the connection's own -err. */
int tcp_write(struct tcp *t, struct tcp_conn *c, const void *from, uint32_t n);

/* Queues a packet of the caller's (bare ones of lent memory, whatever their length) without
 * copying. 0 or as tcp_write(); consumed on every path.  Allowed whenever tcp_send_room() > 0. */
int tcp_send(struct tcp *t, struct tcp_conn *c, struct pkt *p TAKES);

/* Asks for TCP_READY_WRITABLE when there is room again, as a short write does. */
void tcp_want_room(struct tcp *t, struct tcp_conn *c);

/* More is about to be written: hold back a segment that is not full until this is taken back,
 * for 200 ms at most (MSG_MORE, TCP_CORK of tcp(7)). */
void tcp_cork(struct tcp *t, struct tcp_conn *c, bool on);

/* The next received bytes in order, a packet (maybe a chain) with `data` at the payload, or
 * NULL.  It stays charged to the receive buffer until tcp_recv_done(). */
OWNER(pkt_put) struct pkt *tcp_recv(struct tcp *t, struct tcp_conn *c);
void tcp_recv_done(struct tcp *t, struct tcp_conn *c, uint32_t bytes);

/* Copies bytes from `off` on of what tcp_recv() would give, which stays; returns how many. */
uint32_t tcp_peek(const struct tcp_conn *c, uint32_t off, void *to, uint32_t n);

/* Puts back in front what tcp_recv() gave last, or the rest of it. */
void tcp_unrecv(struct tcp *t, struct tcp_conn *c, struct pkt *p TAKES);

/* Bytes that tcp_recv() has ready. */
uint32_t tcp_recv_queued(const struct tcp_conn *c);

/* RFC 9293 §3.8.5: bytes to read up to the peer's urgent mark, 0: none.  They come in their
 * place. */
uint32_t tcp_urgent_left(const struct tcp_conn *c);
/* What was written so far is urgent.  0, -E_NOBUFS. */
int tcp_urgent_mark(struct tcp *t, struct tcp_conn *c);

/* Sends FIN behind what is queued. */
int tcp_shutdown(struct tcp *t, struct tcp_conn *c);

/* Gives the connection up: FIN behind what is queued, or RST when received bytes were not read
 * (RFC 2525 §2.17, RFC 1122 §4.2.2.13). `c` is not the caller's afterwards. */
void tcp_close(struct tcp *t, struct tcp_conn *c);
void tcp_abort(struct tcp *t, struct tcp_conn *c);	/* RST, or nothing before the SYN */

/* The next connection with news, its bits moved to *bits; NULL when there is none. */
struct tcp_conn *tcp_ready_conn(struct tcp *t, unsigned *bits);

void *tcp_owner(const struct tcp_conn *c);
void tcp_set_nodelay(struct tcp *t, struct tcp_conn *c, bool on);

/* Congestion control by name (TCP_CONGESTION), before or while the connection is; the window stays
 * what it is.  0 or -E_NOENT. */
int tcp_set_cc(struct tcp *t, struct tcp_conn *c, const char *name, size_t len);
const char *tcp_cc_name(const struct tcp *t, const struct tcp_conn *c);
int tcp_error(const struct tcp_conn *c);	/* positive, 0: none */
enum tcp_state tcp_conn_state(const struct tcp_conn *c);

/* Identifies a connection in time: an index and a count of its reuses, for completions that come
 * late. */
uint64_t tcp_conn_cookie(const struct tcp *t, const struct tcp_conn *c);
/* NULL when it is another by now */
struct tcp_conn *tcp_conn_by_cookie(struct tcp *t, uint64_t cookie);

struct tcp_info {		/* what leat's own page, ss and getsockopt(TCP_INFO) tell */
	struct addr local, remote;
	uint16_t lport, rport;
	enum tcp_state state;
	uint16_t states_passed;	/* bit per enum tcp_state */
	uint8_t snd_wscale, rcv_wscale;
	bool timestamps;
	uint32_t snd_mss, rcv_mss;
	nsec srtt, rttvar, rtt_min, rto;
	uint32_t cwnd, ssthresh, snd_wnd, rcv_wnd;
	uint32_t retrans_segs, rto_fired;
	uint64_t bytes_in, bytes_out, segs_in, segs_out;
	uint32_t unsent, unacked, rcv_queued;
	uint8_t reass_pieces;
	/* what Linux's struct tcp_info has besides, by its names */
	uint8_t ca_state;		/* enum tcp_ca_state */
	uint8_t retransmits, probes, backoff;
	uint8_t options;		/* of linux/tcp.h: 1 timestamps, 2 SACK, 4 scale, 8 ECN */
	uint32_t pmtu, advmss;
	uint32_t lost, sacked;		/* bytes of unacked */
	nsec ato;			/* after which a delayed ACK leaves */
	nsec last_data_sent, last_recv;	/* so long ago; 0: never */
};

enum tcp_ca_state {		/* as Linux numbers them */
	TCP_CA_OPEN, TCP_CA_DISORDER, TCP_CA_CWR, TCP_CA_RECOVERY, TCP_CA_LOSS
};
void tcp_get_info(const struct tcp *t, const struct tcp_conn *c, struct tcp_info *info);
const char *tcp_state_name(enum tcp_state s);

/* Facts about whatever has this four-tuple, half-open and TIME_WAIT too (of that only the ends and
 * the state); false when nothing has. */
bool tcp_find(struct tcp *t, const struct addr *local, uint16_t lport, const struct addr *remote,
	      uint16_t rport, struct tcp_info *info);

/* ---- for net/ */
void tcp_input(void *tcp, struct pkt **p TAKES, unsigned n);	/* ip's row */
void tcp_icmp_error(void *tcp, const struct ip_error *e);
void tcp_timer(struct tcp *t, struct wheel_node *n);	/* kinds TIMER_TCP_CONN, TIMER_TCP_MISC */
void tcp_flush(struct tcp *t);	/* output of all marked connections */

/* Invariants of one connection, and of everything.  Called after every step in tests. */
void tcp_conn_check(const struct tcp *t, const struct tcp_conn *c);
void tcp_check(const struct tcp *t);

#endif
