/* The socket calls of scripts, on tcp.h: a thin stand-in for a socket layer, for one thread and
 * a few descriptors, whose results are those of the calls of the same names.
 *
 * A call that would block says so; play.c decides whether it may. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "script/scene.h"

typedef bool call_fn(struct scene *sc, const struct call *c, int64_t *res);

static struct tcp *tcp_of(struct scene *sc)
{
	return &sc->host.net.tcp;
}

/* The descriptor that the first argument names, or NULL. */
static struct fd *fd_of(struct scene *sc, const struct call *c)
{
	int64_t n = c->args_n ? c->args[0].number : -1;

	if (n < 0 || n >= SCENE_FDS_MAX || sc->fds[n].kind == FD_FREE)
		return NULL;
	return &sc->fds[n];
}

static bool has_word(const struct call *c, unsigned i, const char *word)
{
	return i < c->args_n && c->args[i].kind == ARG_WORD &&
	       strstr(c->args[i].word, word) != NULL;
}

/* As a kernel: the lowest free number, after standard input, output and error. */
static struct fd *fd_new(struct scene *sc, int64_t *number)
{
	for (unsigned i = 3; i < SCENE_FDS_MAX; i++) {
		if (sc->fds[i].kind == FD_FREE) {
			memset(&sc->fds[i], 0, sizeof(sc->fds[i]));
			sc->fds[i].kind = FD_FRESH;
			*number = i;
			return &sc->fds[i];
		}
	}
	*number = -E_MFILE;
	return NULL;
}

static struct tuple *tuple_of_conn(struct scene *sc, const struct tcp_conn *c)
{
	struct tcp_info info;

	tcp_get_info(tcp_of(sc), c, &info);
	return scene_tuple(sc, addr_to_v4(&info.remote), info.rport, info.lport);
}

static bool call_socket(struct scene *sc, const struct call *c, int64_t *res)
{
	fd_new(sc, res);
	return true;
}

static bool call_bind(struct scene *sc, const struct call *c, int64_t *res)
{
	struct fd *f = fd_of(sc, c);

	*res = -E_BADF;
	if (!f)
		return true;
	f->bound = true;
	f->bound_port =
		c->args_n > 1 && c->args[1].number ? (uint16_t)c->args[1].number : SCENE_LOCAL_PORT;
	*res = 0;
	return true;
}

static bool call_listen(struct scene *sc, const struct call *c, int64_t *res)
{
	struct fd *f = fd_of(sc, c);
	struct addr any = addr_v4(0);
	int err = 0;

	*res = -E_BADF;
	if (!f)
		return true;
	f->listener = tcp_listen(tcp_of(sc), &any, f->bound_port,
				 c->args_n > 1 ? (uint32_t)c->args[1].number : 1, f, &err);
	*res = f->listener ? 0 : err;
	if (f->listener) {
		tcp_listener_set_all(f->listener, &f->opts);
		f->kind = FD_LISTENER;
		sc->local_port = tcp_listener_port(f->listener);
	}
	return true;
}

static bool call_accept(struct scene *sc, const struct call *c, int64_t *res)
{
	struct fd *f = fd_of(sc, c), *made;
	struct tcp_conn *conn;

	*res = -E_BADF;
	if (!f)
		return true;
	*res = -E_INVAL;
	if (f->kind != FD_LISTENER)
		return true;
	made = fd_new(sc, res);
	if (!made)
		return true;
	conn = tcp_accept(tcp_of(sc), f->listener, made);
	if (!conn) {
		made->kind = FD_FREE;
		*res = -E_AGAIN;
		return false;
	}
	made->kind = FD_CONN;
	made->conn = conn;
	made->connected = true;
	made->tuple = tuple_of_conn(sc, conn);
	return true;
}

static int start_connect(struct scene *sc, struct fd *f, uint16_t port)
{
	struct addr any = addr_v4(0), remote = addr_v4(SCENE_REMOTE_IP);
	int err;

	f->conn = tcp_open(tcp_of(sc), f);
	if (!f->conn)
		return -E_NFILE;
	tcp_conn_set_all(tcp_of(sc), f->conn, &f->opts);
	err = tcp_connect(tcp_of(sc), f->conn, &any, f->bound ? f->bound_port : 0, &remote, port);
	if (err) {
		tcp_abort(tcp_of(sc), f->conn);
		f->conn = NULL;
		return err;
	}
	f->kind = FD_CONN;
	f->connecting = true;
	f->tuple = tuple_of_conn(sc, f->conn);
	return -E_INPROGRESS;
}

static bool call_connect(struct scene *sc, const struct call *c, int64_t *res)
{
	struct fd *f = fd_of(sc, c);

	*res = -E_BADF;
	if (!f)
		return true;
	if (f->kind == FD_FRESH) {
		bool told = c->args_n > 1 && c->args[1].number;

		*res = start_connect(sc, f, told ? (uint16_t)c->args[1].number : SCENE_LOCAL_PORT);
		return *res != -E_INPROGRESS;
	}
	*res = f->err ? -f->err : !f->connected ? -E_ALREADY : f->connecting ? 0 : -E_ISCONN;
	if (f->connected)
		f->connecting = false;
	return *res != -E_ALREADY;
}

/* ---- bytes */

static bool call_write(struct scene *sc, const struct call *c, int64_t *res)
{
	struct fd *f = fd_of(sc, c);
	static uint8_t bytes[1 << 20];
	uint32_t n;

	*res = !f ? -E_BADF : f->kind != FD_CONN ? -E_NOTCONN : -E_INVAL;
	if (!f || f->kind != FD_CONN || c->args_n < 3 || c->args[2].number > (int64_t)sizeof(bytes))
		return true;
	if (has_word(c, 3, "MSG_MORE"))
		tcp_cork(tcp_of(sc), f->conn, true);
	n = (uint32_t)c->args[2].number;
	for (uint32_t i = 0; i < n; i++)
		bytes[i] = scene_byte(false, f->written + i);
	*res = tcp_write(tcp_of(sc), f->conn, bytes, n);
	if (!has_word(c, 3, "MSG_MORE") && c->args_n > 3)
		tcp_cork(tcp_of(sc), f->conn, false);
	if (*res > 0)
		f->written += (uint64_t)*res;
	if (*res == 0 && n > 0) {
		*res = -E_AGAIN;
		return false;
	}
	return true;
}

/* send_pieces(FD, ..., BYTES, EACH): queued without a copy, in packets of so many bytes each */
static bool call_send_pieces(struct scene *sc, const struct call *c, int64_t *res)
{
	struct fd *f = fd_of(sc, c);
	uint8_t bytes[2048];
	uint32_t each;

	*res = !f ? -E_BADF : f->kind != FD_CONN ? -E_NOTCONN : -E_INVAL;
	if (!f || f->kind != FD_CONN || c->args_n < 4 || c->args[3].number > (int64_t)sizeof(bytes))
		return true;
	each = (uint32_t)c->args[3].number;
	for (*res = 0; *res < c->args[2].number; *res += each) {
		struct pkt *p = pkt_new(&sc->host.net.pool);

		for (uint32_t i = 0; i < each; i++)
			bytes[i] = scene_byte(false, f->written + i);
		if (!p || pkt_write(p, bytes, each) < 0)
			break;
		if (tcp_send(tcp_of(sc), f->conn, p) < 0)
			break;
		f->written += each;
	}
	return true;
}

/* Copies out of what the stack hands over; a negative result when the bytes are not the right
 * ones. */
static int64_t take_bytes(struct scene *sc, struct fd *f, uint32_t want)
{
	uint32_t got = 0;
	uint8_t b[2048];

	while (got < want) {
		uint32_t n;

		if (!f->partly) {
			f->partly = tcp_recv(tcp_of(sc), f->conn);
			f->partly_off = 0;
			if (!f->partly)
				break;
		}
		n = pkt_read(f->partly, f->partly_off, b, MIN(want - got, (uint32_t)sizeof(b)));
		for (uint32_t i = 0; i < n; i++)
			if (b[i] != scene_byte(true, f->read + i))
				return -E_IO;
		f->read += n;
		f->partly_off += n;
		got += n;
		tcp_recv_done(tcp_of(sc), f->conn, n);
		if (f->partly_off == f->partly->total) {
			pkt_put(f->partly);
			f->partly = NULL;
		}
	}
	return got;
}

static bool call_read(struct scene *sc, const struct call *c, int64_t *res)
{
	struct fd *f = fd_of(sc, c);

	*res = !f ? -E_BADF : f->kind != FD_CONN ? -E_NOTCONN : -E_INVAL;
	if (!f || f->kind != FD_CONN || c->args_n < 3)
		return true;
	*res = take_bytes(sc, f, (uint32_t)c->args[2].number);
	if (*res != 0)
		return true;
	if (f->err) {
		*res = -f->err;
		f->err = 0;		/* told once, as SO_ERROR */
		f->eof = true;
		return true;
	}
	if (f->eof)
		return true;
	*res = -E_AGAIN;
	return false;
}

static bool call_shutdown(struct scene *sc, const struct call *c, int64_t *res)
{
	struct fd *f = fd_of(sc, c);

	*res = !f ? -E_BADF : f->kind != FD_CONN ? -E_NOTCONN : 0;
	if (f && f->kind == FD_CONN)
		*res = tcp_shutdown(tcp_of(sc), f->conn);
	return true;
}

static bool call_close(struct scene *sc, const struct call *c, int64_t *res)
{
	struct fd *f = fd_of(sc, c);

	*res = -E_BADF;
	if (!f)
		return true;
	if (f->partly)
		pkt_put(f->partly);
	if (f->kind == FD_LISTENER)
		tcp_listener_close(tcp_of(sc), f->listener);
	if (f->kind == FD_CONN && (f->linger_reset || strcmp(c->name, "abort") == 0))
		tcp_abort(tcp_of(sc), f->conn);
	else if (f->kind == FD_CONN)
		tcp_close(tcp_of(sc), f->conn);
	memset(f, 0, sizeof(*f));
	*res = 0;
	return true;
}

/* ---- options */

static const struct {
	const char *name;
	enum tcp_opt opt;
	uint32_t unit;
} opts[] = {
	{"TCP_NODELAY", TCP_OPT_NODELAY, 1},
	{"TCP_CORK", TCP_OPT_CORK, 1},
	{"TCP_QUICKACK", TCP_OPT_QUICKACK, 1},
	{"SO_KEEPALIVE", TCP_OPT_KEEPALIVE, 1},
	{"TCP_KEEPIDLE", TCP_OPT_KEEPIDLE_MS, 1000},
	{"TCP_KEEPINTVL", TCP_OPT_KEEPINTVL_MS, 1000},
	{"TCP_KEEPCNT", TCP_OPT_KEEPCNT, 1},
	{"TCP_USER_TIMEOUT", TCP_OPT_USER_TIMEOUT_MS, 1},
	{"TELL_USER_TIMEOUT", TCP_OPT_USER_TIMEOUT_TOLD, 1},
	{"TCP_SYNCNT", TCP_OPT_SYNCNT, 1},
	{"TCP_MAXSEG", TCP_OPT_MAXSEG, 1},
	{"TCP_DEFER_ACCEPT", TCP_OPT_DEFER_ACCEPT_MS, 1000},
	{"TCP_LINGER2", TCP_OPT_LINGER2_MS, 1000},
	{"TCP_FASTOPEN_CONNECT", TCP_OPT_FASTOPEN_CONNECT, 1},
	{"TCP_FASTOPEN", TCP_OPT_FASTOPEN, 1},
	{"IP_MTU_DISCOVER", TCP_OPT_MTU_DISCOVER, 1},
	{"TCP_WINDOW_CLAMP", TCP_OPT_WINDOW_CLAMP, 1},
	{"TCP_NOTSENT_LOWAT", TCP_OPT_NOTSENT_LOWAT, 1},
	{"SO_RCVBUF", TCP_OPT_RCVBUF, 1},
	{"SO_SNDBUF", TCP_OPT_SNDBUF, 1},
};

static int opt_of(const struct call *c)
{
	for (unsigned i = 0; i < ARRAY_LEN(opts); i++)
		if (has_word(c, 2, opts[i].name))
			return (int)i;
	return -1;
}

static int set_tcp(struct scene *sc, struct fd *f, const struct call *c)
{
	int i = opt_of(c);
	uint32_t value;

	if (i < 0)
		return -E_NOPROTOOPT;
	if (c->args_n < 4 || c->args[3].number < 0)
		return -E_INVAL;
	value = (uint32_t)c->args[3].number * opts[i].unit;
	if (f->kind == FD_CONN)
		return tcp_conn_set(tcp_of(sc), f->conn, opts[i].opt, value);
	if (f->kind == FD_LISTENER)
		return tcp_listener_set(f->listener, opts[i].opt, value);
	return tcp_opts_set(&f->opts, opts[i].opt, value);
}

static int64_t get_tcp(struct scene *sc, struct fd *f, const struct call *c)
{
	int i = opt_of(c);

	if (i < 0)
		return -E_NOPROTOOPT;
	if (f->kind == FD_CONN)
		return tcp_conn_get(tcp_of(sc), f->conn, opts[i].opt) / opts[i].unit;
	if (f->kind == FD_LISTENER)
		return tcp_listener_get(tcp_of(sc), f->listener, opts[i].opt) / opts[i].unit;
	return tcp_opts_get(tcp_of(sc), &f->opts, opts[i].opt) / opts[i].unit;
}

static bool call_setsockopt(struct scene *sc, const struct call *c, int64_t *res)
{
	struct fd *f = fd_of(sc, c);
	bool on = c->args_n > 3 && c->args[3].number != 0;

	*res = f ? 0 : -E_BADF;
	if (!f)
		return true;
	if (has_word(c, 2, "SO_LINGER"))
		f->linger_reset = on;	/* {onoff=1, linger=0}: the only one that scripts need */
	else if (!has_word(c, 2, "SO_REUSEADDR"))
		*res = set_tcp(sc, f, c);
	return true;
}

/* getsockopt(FD, LEVEL, NAME, [EXPECTED], [4]): the value is compared here */
static bool call_getsockopt(struct scene *sc, const struct call *c, int64_t *res)
{
	struct fd *f = fd_of(sc, c);

	bool err = has_word(c, 2, "SO_ERROR");
	int64_t value;

	*res = -E_BADF;
	if (!f)
		return true;
	value = err ? f->err : get_tcp(sc, f, c);
	*res = value < 0 ? value : 0;
	if (value >= 0 && c->args_n > 3 && c->args[3].kind == ARG_NUMBER &&
	    c->args[3].number != value)
		*res = -E_IO;
	if (err)
		f->err = 0;
	return true;
}

static bool call_fcntl(struct scene *sc, const struct call *c, int64_t *res)
{
	*res = fd_of(sc, c) ? 0 : -E_BADF;
	return true;
}

static const struct {
	const char *name;
	call_fn *fn;
} calls[] = {
	{"socket", call_socket},
	{"bind", call_bind},
	{"listen", call_listen},
	{"accept", call_accept},
	{"connect", call_connect},
	{"read", call_read},
	{"recv", call_read},
	{"write", call_write},
	{"send", call_write}, {"send_pieces", call_send_pieces},
	{"shutdown", call_shutdown},
	{"close", call_close},
	{"abort", call_close},
	{"setsockopt", call_setsockopt},
	{"getsockopt", call_getsockopt},
	{"fcntl", call_fcntl},
};

bool scene_call(struct scene *sc, const struct call *c, int64_t *res, const char **unknown)
{
	*unknown = NULL;
	for (unsigned i = 0; i < ARRAY_LEN(calls); i++) {
		if (strcmp(calls[i].name, c->name) == 0)
			return calls[i].fn(sc, c, res);
	}
	*unknown = c->name;
	return true;
}
