/* The Unix-socket driver: see wire_sock.h.
 *
 * A stream is read into `in` and cut into frames; what the socket did not take of a frame that was
 * begun waits in `rest`, and nothing else is sent before it is gone.  The epoll set `dev->wake_fd`
 * holds the socket, and the listening one while nobody has come.
 *
 * When the peer goes, frames are lost and counted, as on a cable that was pulled; whoever was
 * waiting at the path waits there again, the other tries every WIRE_SOCK_RETRY to find him. */
#include "drivers/wire/wire_sock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fmt.h"
#include "port/port.h"

#define WIRE_SOCK_MTU 1500u
#define WIRE_SOCK_RETRY MSEC(100)
#define WIRE_SOCK_IN (256u * 1024)	/* bytes read at once; more than two frames */
#define WIRE_SOCK_BUFFER (1 << 20)	/* asked of the kernel for each direction */
#define ETH_HEADER 14u
#define LENGTH 4u			/* of a stream's frames */

struct wire_sock {
	struct sockaddr_un here, there;
	int fd, listener;	/* -1: none */
	bool dgram;
	bool bound;		/* a socket file of ours is at here.sun_path */
	nsec retry;		/* when to try to connect again; NSEC_NEVER: we listen */
	uint32_t frame_max;
	uint8_t *in;		/* stream: bytes [in_at, in_n) are not cut yet */
	uint32_t in_at, in_n;
	uint8_t *rest;		/* stream: bytes [rest_at, rest_n) of a frame are to be sent */
	uint32_t rest_at, rest_n;
};

/* ---- sockets */

static int wire_sock_new(const struct wire_sock *s)
{
	int type = s->dgram ? SOCK_DGRAM : SOCK_STREAM;
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int bytes = WIRE_SOCK_BUFFER;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return fd;
}

static void wire_sock_watch(struct netdev *dev, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };

	epoll_ctl(dev->wake_fd, EPOLL_CTL_ADD, fd, &ev);
}

/* Is somebody at the path? */
static bool wire_sock_alive(const struct wire_sock *s, const struct sockaddr_un *at)
{
	int fd = wire_sock_new(s);
	bool alive = fd >= 0 && (connect(fd, (const void *)at, sizeof(*at)) == 0 ||
				 errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return alive;
}

/* Binds at a path; a socket that a dead process left there is removed, nothing else is. */
static int wire_sock_bind(struct wire_sock *s, int fd)
{
	const char *path = s->here.sun_path;
	struct stat st;

	if (bind(fd, (const void *)&s->here, sizeof(s->here)) == 0) {
		s->bound = true;
		return 0;
	}
	if (errno != EADDRINUSE || stat(path, &st) < 0 || !S_ISSOCK(st.st_mode) ||
	    wire_sock_alive(s, &s->here))
		return -errno;
	unlink(path);
	s->bound = bind(fd, (const void *)&s->here, sizeof(s->here)) == 0;
	return s->bound ? 0 : -errno;
}

/* Stream: joins whoever waits at the path.  0 or a negative error. */
static int wire_sock_connect(struct netdev *dev)
{
	struct wire_sock *s = dev->priv;
	int fd = wire_sock_new(s), err;

	if (fd < 0)
		return fd;
	if (connect(fd, (const void *)&s->here, sizeof(s->here)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	s->fd = fd;
	wire_sock_watch(dev, fd);
	dev->up = true;
	return 0;
}

/* Stream: waits at the path. */
static int wire_sock_listen(struct netdev *dev)
{
	struct wire_sock *s = dev->priv;
	int fd = wire_sock_new(s), err;

	if (fd < 0)
		return fd;
	err = wire_sock_bind(s, fd);
	if (!err && listen(fd, 1) < 0)
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	s->listener = fd;
	s->retry = NSEC_NEVER;
	wire_sock_watch(dev, fd);
	return 0;
}

/* Datagrams: the first comer is at the path, the second at "path.peer". */
static int wire_sock_pair(struct netdev *dev, const struct wire_sock_config *config)
{
	struct wire_sock *s = dev->priv;
	struct sockaddr_un other = s->here;
	int err;

	s->fd = wire_sock_new(s);
	if (s->fd < 0)
		return s->fd;
	fmt(other.sun_path, sizeof(other.sun_path), "%s%s",
	    config->peer ? config->peer : config->path, config->peer ? "" : ".peer");
	err = wire_sock_bind(s, s->fd);
	if (err == -EADDRINUSE && !config->peer) {
		s->there = s->here;
		s->here = other;
		err = wire_sock_bind(s, s->fd);
	} else {
		s->there = other;
	}
	if (err)
		return err;
	s->retry = NSEC_NEVER;
	wire_sock_watch(dev, s->fd);
	dev->up = true;
	return 0;
}

/* Stream: the peer is gone. */
static void wire_sock_gone(struct netdev *dev)
{
	struct wire_sock *s = dev->priv;

	close(s->fd);
	s->fd = -1;
	s->in_at = s->in_n = s->rest_at = s->rest_n = 0;
	dev->up = false;
	if (s->listener < 0)
		s->retry = port_now() + WIRE_SOCK_RETRY;
}

/* Stream: is there a peer?  Looks for one when not. */
static bool wire_sock_there(struct netdev *dev)
{
	struct wire_sock *s = dev->priv;

	if (likely(s->fd >= 0))
		return true;
	if (s->listener >= 0) {
		s->fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (s->fd < 0)
			return false;
		wire_sock_watch(dev, s->fd);
		dev->up = true;
		return true;
	}
	if (port_now() < s->retry)
		return false;
	s->retry = port_now() + WIRE_SOCK_RETRY;
	return wire_sock_connect(dev) == 0;
}

/* ---- receive */

static struct pkt *wire_sock_take(struct netdev *dev, const uint8_t *frame, uint32_t n)
{
	const struct wire_sock *s = dev->priv;
	struct pkt *p;

	if (n < ETH_HEADER) {
		dev->stats.rx_runt++;
		return NULL;
	}
	if (n > s->frame_max) {
		dev->stats.rx_oversize++;
		return NULL;
	}
	p = pkt_new(dev->pool);
	if (p && pkt_write(p, frame, n) == 0) {
		dev->stats.rx_frames++;
		dev->stats.rx_bytes += n;
		return p;
	}
	if (p)
		pkt_put(p);
	dev->stats.rx_no_frame++;
	return NULL;
}

/* Reads behind what is there.  False when nothing came, and when the peer is gone. */
static bool wire_sock_fill(struct netdev *dev)
{
	struct wire_sock *s = dev->priv;
	ssize_t got;

	mem_move(s->in, s->in + s->in_at, s->in_n - s->in_at);
	s->in_n -= s->in_at;
	s->in_at = 0;
	got = recv(s->fd, s->in + s->in_n, WIRE_SOCK_IN - s->in_n, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got <= 0) {
		wire_sock_gone(dev);
		return false;
	}
	s->in_n += (uint32_t)got;
	return true;
}

/* Is a whole frame there?  Its bytes and length; a length that cannot be ends the connection, for
 * nobody knows where the next frame begins. */
static bool wire_sock_cut(struct netdev *dev, const uint8_t **frame, uint32_t *n)
{
	struct wire_sock *s = dev->priv;

	if (s->in_n - s->in_at < LENGTH)
		return false;
	*n = load_be32(s->in + s->in_at);
	if (*n > WIRE_SOCK_IN - LENGTH) {
		dev->stats.rx_oversize++;
		wire_sock_gone(dev);
		return false;
	}
	if (s->in_n - s->in_at < LENGTH + *n)
		return false;
	*frame = s->in + s->in_at + LENGTH;
	s->in_at += LENGTH + *n;
	return true;
}

static int wire_sock_rx_stream(struct netdev *dev, struct pkt **out, unsigned max)
{
	bool filled = false;
	unsigned n = 0;

	if (!wire_sock_there(dev))
		return 0;
	for (unsigned i = 0; i < max;) {
		const uint8_t *frame;
		uint32_t len;

		if (wire_sock_cut(dev, &frame, &len)) {
			out[n] = wire_sock_take(dev, frame, len);
			n += out[n] != NULL;
			i++;
			continue;
		}
		if (filled || ((struct wire_sock *)dev->priv)->fd < 0 || !wire_sock_fill(dev))
			break;
		filled = true;
	}
	return (int)n;
}

static int wire_sock_rx_dgram(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct wire_sock *s = dev->priv;
	unsigned n = 0;

	for (unsigned i = 0; i < max; i++) {
		ssize_t got = recv(s->fd, s->in, WIRE_SOCK_IN, 0);

		if (got < 0)
			break;
		out[n] = wire_sock_take(dev, s->in, (uint32_t)got);
		n += out[n] != NULL;
	}
	return (int)n;
}

/* ---- transmit */

/* Sends what is left of a frame.  False while the socket does not take all of it. */
static bool wire_sock_rest(struct netdev *dev)
{
	struct wire_sock *s = dev->priv;
	ssize_t sent;

	if (s->rest_at == s->rest_n)
		return true;
	sent = send(s->fd, s->rest + s->rest_at, s->rest_n - s->rest_at, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EINTR && errno != ENOBUFS) {
		wire_sock_gone(dev);
		return true;
	}
	s->rest_at += sent > 0 ? (uint32_t)sent : 0;
	return s->rest_at == s->rest_n;
}

/* 0: the frame is sent, or as good as; -E_AGAIN: no room; else it is lost. */
static int wire_sock_send(struct netdev *dev, const struct pkt *p)
{
	struct wire_sock *s = dev->priv;
	uint32_t front = s->dgram ? 0 : LENGTH;
	ssize_t sent;

	if (s->dgram || wire_sock_rest(dev)) {
		if (s->fd < 0)
			return -E_NETDOWN;
	} else {
		return -E_AGAIN;
	}
	if (p->total > s->frame_max || p->total < ETH_HEADER)
		return -E_MSGSIZE;
	store_be32(s->rest, p->total);
	pkt_read(p, 0, s->rest + front, p->total);
	if (s->dgram)
		sent = sendto(s->fd, s->rest, p->total, MSG_NOSIGNAL, (const void *)&s->there,
			      sizeof(s->there));
	else
		sent = send(s->fd, s->rest, p->total + LENGTH, MSG_NOSIGNAL);
	if (sent < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
			return -E_AGAIN;
		if (!s->dgram)
			wire_sock_gone(dev);
		return -E_PIPE;
	}
	if (!s->dgram) {
		s->rest_at = (uint32_t)sent;
		s->rest_n = p->total + LENGTH;
	}
	return 0;
}

static unsigned wire_sock_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	unsigned done;

	for (done = 0; done < n; done++) {
		int err = wire_sock_send(dev, p[done]);

		if (err == -E_AGAIN)
			break;
		if (err) {
			dev->stats.tx_error++;
		} else {
			dev->stats.tx_frames++;
			dev->stats.tx_bytes += p[done]->total;
		}
		pkt_put(p[done]);
	}
	dev->stats.tx_full += n - done;
	return done;
}

/* ---- sleeping */

/* What was read and not cut yet would not wake anybody. */
static bool wire_sock_arm(struct netdev *dev)
{
	const struct wire_sock *s = dev->priv;

	if (s->dgram || s->in_n - s->in_at < LENGTH)
		return false;
	return s->in_n - s->in_at >= LENGTH + load_be32(s->in + s->in_at);
}

static nsec wire_sock_deadline(struct netdev *dev, nsec now)
{
	const struct wire_sock *s = dev->priv;

	if (s->fd >= 0 && s->rest_at < s->rest_n)
		return now + USEC(50);
	return s->fd < 0 ? s->retry : NSEC_NEVER;
}

/* ---- opening and closing */

static void wire_sock_close(struct netdev *dev)
{
	struct wire_sock *s = dev->priv;

	if (s->fd >= 0)
		close(s->fd);
	if (s->listener >= 0)
		close(s->listener);
	if (s->bound)
		unlink(s->here.sun_path);
	if (dev->wake_fd >= 0)
		close(dev->wake_fd);
	free(s->in);
	free(s->rest);
	free(s);
	dev->priv = NULL;
	dev->wake_fd = -1;
	dev->up = false;
}

static const struct netdev_ops wire_sock_stream_ops = {
	.kind = "wire",
	.rx = wire_sock_rx_stream,
	.tx = wire_sock_tx,
	.arm = wire_sock_arm,
	.deadline = wire_sock_deadline,
	.close = wire_sock_close,
};
static const struct netdev_ops wire_sock_dgram_ops = {
	.kind = "wire",
	.rx = wire_sock_rx_dgram,
	.tx = wire_sock_tx,
	.arm = wire_sock_arm,
	.deadline = wire_sock_deadline,
	.close = wire_sock_close,
};

static int wire_sock_set_up(struct netdev *dev, const struct wire_sock_config *config)
{
	struct wire_sock *s = dev->priv;
	int err;

	s->in = malloc(WIRE_SOCK_IN);
	s->rest = malloc(s->frame_max + LENGTH);
	dev->wake_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!s->in || !s->rest)
		return -E_NOMEM;
	if (dev->wake_fd < 0)
		return -errno;
	if (config->dgram)
		return wire_sock_pair(dev, config);
	err = wire_sock_connect(dev);
	return err == -ENOENT || err == -ECONNREFUSED ? wire_sock_listen(dev) : err;
}

int wire_sock_open(struct netdev *dev, struct pool *pool, const struct wire_sock_config *config,
		   char *why, size_t size)
{
	static const struct mac none;
	struct wire_sock *s = calloc(1, sizeof(*s));
	uint32_t mtu = config->mtu ? config->mtu : WIRE_SOCK_MTU;
	int err;

	fmt(why, size, "no memory");
	if (!s)
		return -E_NOMEM;
	*s = (struct wire_sock){ .fd = -1, .listener = -1, .dgram = config->dgram,
				 .frame_max = mtu + ETH_HEADER, .here.sun_family = AF_UNIX };
	*dev = (struct netdev){
		.ops = config->dgram ? &wire_sock_dgram_ops : &wire_sock_stream_ops,
		.pool = pool,
		.mac = config->mac,
		.mtu = (uint16_t)mtu,
		.features = NETDEV_CHAIN_TX,
		.wake_fd = -1,
		.name = "wire",
		.priv = s,
	};
	if (mac_eq(config->mac, none)) {
		port_entropy(dev->mac.b, sizeof(dev->mac.b));
		dev->mac.b[0] = 0x02;	/* administered locally */
	}
	if (strlen(config->path) + sizeof(".peer") > sizeof(s->here.sun_path) ||
	    (config->peer && strlen(config->peer) >= sizeof(s->here.sun_path))) {
		fmt(why, size, "wire:%s: a socket's path has at most %u characters", config->path,
		    (unsigned)(sizeof(s->here.sun_path) - sizeof(".peer")));
		err = -E_NAMETOOLONG;
	} else {
		memcpy(s->here.sun_path, config->path, strlen(config->path));
		err = wire_sock_set_up(dev, config);
		if (err)
			fmt(why, size, "wire:%s: %s; is another cable at this path?", config->path,
			    strerror(-err));
	}
	if (err)
		wire_sock_close(dev);
	return err;
}
