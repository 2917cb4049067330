/* libslirp as a device: see slirp_dev.h.
 *
 * libslirp wants poll(2): it names the descriptors it waits for, is told what became ready, and
 * goes through all its sockets each time.  Here its wishes are kept in an epoll set, which is also
 * the device's wake_fd: they are asked for again only after something has happened that may have
 * changed them, only what changed goes to the kernel, and libslirp runs only when something is
 * ready or its timer is due.
 *
 * Always: a frame that libslirp sends is copied into packets at once and waits on rxq; a frame that
 * the stack sends is gone when tx() returns. */
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libslirp.h>

#include "base/err.h"
#include "base/mem.h"
#include "drivers/slirp/slirp_dev.h"
#include "port/port.h"

#define SLIRP_DEV_EVENTS 64	/* ready descriptors taken from the kernel at once */
#define SLIRP_DEV_FDS_MAX 65536u
#define SLIRP_DEV_BACKLOG 1024	/* libslirp asks for 1: clients then wait for a second SYN */
#define SLIRP_DEV_FDS_SPARE 64u	/* descriptors left to the rest of the program */
#define SLIRP_DEV_NAMESERVER 3u
#define SLIRP_DEV_UNSENT 262144	/* bytes the kernel keeps that the client has no room for */
#define ETH_HEADER 14u

/* By descriptor number: libslirp hands back as `idx` what add_poll() answered, which is that
 * number. */
struct slirp_dev_fd {
	uint16_t want;		/* SLIRP_POLL_* of the current round */
	uint16_t asked;		/* ... that the epoll set knows; 0: not in it */
	uint16_t ready;		/* ... that are to be told */
	uint8_t listed;		/* on slirp_dev.live */
	uint8_t listener;
};

struct slirp_dev {
	Slirp *slirp;
	struct netdev *dev;
	uint32_t network;
	struct pktq rxq;
	bool stale;		/* libslirp may want other descriptors than the epoll set has */
	nsec due;		/* when it wants to run; NSEC_NEVER */
	uint32_t fds_max, live_n;
	struct slirp_dev_fd *fds;
	int32_t *live;		/* descriptors that may be in the epoll set */
	uint8_t *frame;		/* a packet of several pieces is gathered here */
	uint32_t frame_max;
};

/* ---- what libslirp calls */

static ssize_t slirp_dev_receive(const void *buf, size_t len, void *opaque)
{
	struct slirp_dev *s = opaque;
	struct netdev *dev = s->dev;
	struct pkt *p;

	if (len < ETH_HEADER) {
		dev->stats.rx_runt++;
	} else if (len > s->frame_max) {
		dev->stats.rx_oversize++;
	} else if (!(p = pkt_new(dev->pool))) {
		dev->stats.rx_no_frame++;
	} else if (pkt_write(p, buf, (uint32_t)len) < 0) {
		dev->stats.rx_no_frame++;
		pkt_put(p);
	} else {
		pktq_push(&s->rxq, p);
	}
	return (ssize_t)len;
}

static void slirp_dev_complaint(const char *msg, void *opaque)
{
	(void)opaque;
	port_log(NULL, LOG_WARN, msg);
}

static int64_t slirp_dev_clock(void *opaque)
{
	(void)opaque;
	return (int64_t)port_now();
}

/* Timers are for IPv6's router advertisements, which are off. */
static void *slirp_dev_timer_new(SlirpTimerCb cb, void *cb_opaque, void *opaque)
{
	(void)cb;
	(void)cb_opaque;
	return opaque;
}

static void slirp_dev_timer_free(void *timer, void *opaque)
{
	(void)timer;
	(void)opaque;
}

static void slirp_dev_timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
	(void)timer;
	(void)expire_ms;
	(void)opaque;
}

static void slirp_dev_forget(struct slirp_dev *s, int fd)
{
	if (fd < 0 || (uint32_t)fd >= s->fds_max)
		return;
	if (s->fds[fd].asked)
		epoll_ctl(s->dev->wake_fd, EPOLL_CTL_DEL, fd, NULL);
	s->fds[fd].asked = 0;
	s->fds[fd].ready = 0;
	s->fds[fd].listener = 0;
	s->stale = true;
}

/* A number that was closed without notice and is used again must not pass for the old one.
 *
 * A socket that takes 4 MB before it says stop, and then asks for more a megabyte at a time, hides
 * from the stack that its client reads slowly: what waits unsent is kept short.  What is on its way
 * is not, so that long paths stay fast.  (Not TCP: the kernel says no, and nothing is lost.) */
static void slirp_dev_register(int fd, void *opaque)
{
	int unsent = SLIRP_DEV_UNSENT;

	slirp_dev_forget(opaque, fd);
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

static void slirp_dev_unregister(int fd, void *opaque)
{
	slirp_dev_forget(opaque, fd);
}

static void slirp_dev_notify(void *opaque)
{
	struct slirp_dev *s = opaque;

	s->stale = true;
}

static const SlirpCb slirp_dev_cb = {
	.send_packet = slirp_dev_receive,
	.guest_error = slirp_dev_complaint,
	.clock_get_ns = slirp_dev_clock,
	.timer_new = slirp_dev_timer_new,
	.timer_free = slirp_dev_timer_free,
	.timer_mod = slirp_dev_timer_mod,
	.register_poll_fd = slirp_dev_register,
	.unregister_poll_fd = slirp_dev_unregister,
	.notify = slirp_dev_notify,
};

/* ---- its wishes, and the epoll set */

static uint32_t slirp_dev_to_epoll(unsigned want)
{
	return (want & SLIRP_POLL_IN ? EPOLLIN : 0u) | (want & SLIRP_POLL_OUT ? EPOLLOUT : 0u) |
	       (want & SLIRP_POLL_PRI ? EPOLLPRI : 0u);
}

/* The kernel reports an error or a hang-up whether asked or not, and libslirp answers them by
 * reading. When it did not ask to read, its buffer may be full, which it asserts not to be: then it
 * is told to write, and finds out that way. */
static uint16_t slirp_dev_from_epoll(uint32_t got, unsigned asked)
{
	if (!(asked & SLIRP_POLL_IN))
		return got ? SLIRP_POLL_OUT : 0;
	return (uint16_t)((got & EPOLLIN ? SLIRP_POLL_IN : 0) |
			  (got & EPOLLOUT ? SLIRP_POLL_OUT : 0) |
			  (got & EPOLLPRI ? SLIRP_POLL_PRI : 0) |
			  (got & EPOLLERR ? SLIRP_POLL_ERR : 0) |
			  (got & EPOLLHUP ? SLIRP_POLL_HUP : 0));
}

static int slirp_dev_add_poll(int fd, int events, void *opaque)
{
	struct slirp_dev *s = opaque;

	if (fd < 0 || (uint32_t)fd >= s->fds_max)
		return -1;
	/* Without a free descriptor accept(2) fails and the listener stays ready: clients wait. */
	if (s->fds[fd].listener && s->live_n + SLIRP_DEV_FDS_SPARE > s->fds_max)
		return -1;
	s->fds[fd].want = (uint16_t)events;
	if (!s->fds[fd].listed) {
		s->fds[fd].listed = 1;
		s->live[s->live_n++] = fd;
	}
	return fd;
}

static int slirp_dev_get_revents(int idx, void *opaque)
{
	struct slirp_dev *s = opaque;
	int ready;

	if (idx < 0 || (uint32_t)idx >= s->fds_max)
		return 0;
	ready = s->fds[idx].ready;
	s->fds[idx].ready = 0;
	return ready;
}

/* One descriptor of the set as it is wanted.  The set may know less of it than we think (closed) or
 * more (the number is another socket's by now): the kernel says so, and then it is asked the other
 * way. */
static void slirp_dev_ask(struct slirp_dev *s, int fd)
{
	struct slirp_dev_fd *f = &s->fds[fd];
	struct epoll_event ev = { .events = slirp_dev_to_epoll(f->want), .data.fd = fd };
	int ep = s->dev->wake_fd;

	if (!f->want)
		epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
	else if (f->asked && epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev) < 0 && errno == ENOENT)
		epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	else if (!f->asked && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0 && errno == EEXIST)
		epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev);
	f->asked = f->want;
}

/* Asks libslirp what it waits for, and until when. */
static void slirp_dev_refresh(struct slirp_dev *s, nsec now)
{
	uint32_t timeout_ms = UINT32_MAX, kept = 0;

	slirp_pollfds_fill(s->slirp, &timeout_ms, slirp_dev_add_poll, s);
	for (uint32_t i = 0; i < s->live_n; i++) {
		int fd = s->live[i];
		struct slirp_dev_fd *f = &s->fds[fd];

		if (f->want != f->asked)
			slirp_dev_ask(s, fd);
		if (f->want)
			s->live[kept++] = fd;
		else
			f->listed = 0;
		f->want = 0;
	}
	s->live_n = kept;
	s->stale = false;
	/* A second or more means that nothing is due: it never answers with more. */
	if (timeout_ms < 1000)
		s->due = MIN(s->due, now + MSEC(timeout_ms));
}

/* Lets libslirp run when descriptors are ready or its timer is due. */
static void slirp_dev_step(struct slirp_dev *s)
{
	struct epoll_event ev[SLIRP_DEV_EVENTS];
	nsec now = port_now();
	int n;

	if (s->stale)
		slirp_dev_refresh(s, now);
	n = epoll_wait(s->dev->wake_fd, ev, SLIRP_DEV_EVENTS, 0);
	if (n <= 0 && now < s->due)
		return;
	for (int i = 0; i < n; i++) {
		struct slirp_dev_fd *f = &s->fds[ev[i].data.fd];

		f->ready = slirp_dev_from_epoll(ev[i].events, f->asked);
	}
	s->due = NSEC_NEVER;
	s->stale = true;
	slirp_pollfds_poll(s->slirp, 0, slirp_dev_get_revents, s);
}

/* ---- what the stack calls */

static int slirp_dev_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct slirp_dev *s = dev->priv;
	unsigned n = 0;

	if (!s->rxq.head)
		slirp_dev_step(s);
	while (n < max && s->rxq.head) {
		out[n] = pktq_pop(&s->rxq);
		dev->stats.rx_frames++;
		dev->stats.rx_bytes += out[n]->total;
		n++;
	}
	return (int)n;
}

static unsigned slirp_dev_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	struct slirp_dev *s = dev->priv;

	for (unsigned i = 0; i < n; i++) {
		uint32_t total = p[i]->total;

		if (total > s->frame_max) {
			dev->stats.tx_error++;
		} else {
			const uint8_t *frame = p[i]->data;

			if (p[i]->frag) {
				pkt_read(p[i], 0, s->frame, total);
				frame = s->frame;
			}
			dev->stats.tx_frames++;
			dev->stats.tx_bytes += total;
			slirp_input(s->slirp, frame, (int)total);
		}
		pkt_put(p[i]);
	}
	if (n)
		s->stale = true;
	return n;
}

/* The epoll set reports what is ready for as long as it is: nothing is lost between here and the
 * sleep. */
static bool slirp_dev_arm(struct netdev *dev)
{
	struct slirp_dev *s = dev->priv;

	if (s->stale)
		slirp_dev_refresh(s, port_now());
	return s->rxq.head != NULL;
}

static nsec slirp_dev_deadline(struct netdev *dev, nsec now)
{
	struct slirp_dev *s = dev->priv;

	if (s->rxq.head)
		return now;
	if (s->stale)
		slirp_dev_refresh(s, now);
	return s->due;
}

static void slirp_dev_close(struct netdev *dev)
{
	struct slirp_dev *s = dev->priv;

	if (s->slirp)
		slirp_cleanup(s->slirp);
	pktq_free(&s->rxq);
	if (dev->wake_fd >= 0)
		close(dev->wake_fd);
	free(s->fds);
	free(s->live);
	free(s->frame);
	free(s);
	dev->priv = NULL;
	dev->wake_fd = -1;
	dev->up = false;
}

static const struct netdev_ops slirp_dev_ops = {
	.kind = "slirp",
	.rx = slirp_dev_rx,
	.tx = slirp_dev_tx,
	.arm = slirp_dev_arm,
	.deadline = slirp_dev_deadline,
	.close = slirp_dev_close,
};

/* ---- opening */

static struct in_addr slirp_dev_in(uint32_t host_order)
{
	return (struct in_addr){ .s_addr = __builtin_bswap32(host_order) };
}

static Slirp *slirp_dev_new(struct slirp_dev *s, uint32_t mtu)
{
	SlirpConfig config = {
		.version = 4,
		.in_enabled = true,
		.vnetwork = slirp_dev_in(s->network),
		.vnetmask = slirp_dev_in(0xffffff00),
		.vhost = slirp_dev_in(s->network + SLIRP_DEV_HOST),
		.vnameserver = slirp_dev_in(s->network + SLIRP_DEV_NAMESERVER),
		.vdhcp_start = slirp_dev_in(s->network + SLIRP_DEV_STACK),
		.if_mtu = mtu,
		.if_mru = mtu,
		.disable_dhcp = true,
	};

	return slirp_new(&config, &slirp_dev_cb, s);
}

static int slirp_dev_alloc(struct slirp_dev *s, uint32_t mtu)
{
	struct rlimit files = { .rlim_cur = 1024 };

	getrlimit(RLIMIT_NOFILE, &files);
	s->fds_max = (uint32_t)MIN(files.rlim_cur, (rlim_t)SLIRP_DEV_FDS_MAX);
	s->frame_max = mtu + ETH_HEADER;
	s->fds = calloc(s->fds_max, sizeof(*s->fds));
	s->live = calloc(s->fds_max, sizeof(*s->live));
	s->frame = malloc(s->frame_max);
	return s->fds && s->live && s->frame ? 0 : -E_NOMEM;
}

/* libslirp writes to sockets without MSG_NOSIGNAL. */
static void slirp_dev_ignore_sigpipe(void)
{
	struct sigaction is, ignore = { .sa_handler = SIG_IGN };

	if (sigaction(SIGPIPE, NULL, &is) == 0 && is.sa_handler == SIG_DFL)
		sigaction(SIGPIPE, &ignore, NULL);
}

int slirp_dev_open(struct netdev *dev, struct pool *pool, const struct slirp_dev_config *config)
{
	static const struct mac mac = { { 0x02, 0x6c, 0x65, 0x61, 0x74, 0x0f } };
	uint32_t mtu = config->mtu ? config->mtu : SLIRP_DEV_MTU;
	uint32_t network = config->network ? config->network : SLIRP_DEV_NETWORK;
	struct slirp_dev *s;
	int err;

	if (mtu < NETDEV_MTU_MIN || mtu > NETDEV_MTU_MAX || network & 0xff)
		return -E_INVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -E_NOMEM;
	*dev = (struct netdev){
		.ops = &slirp_dev_ops,
		.pool = pool,
		.mac = mac,
		.mtu = (uint16_t)mtu,
		.features = NETDEV_CHAIN_TX,
		.wake_fd = epoll_create1(EPOLL_CLOEXEC),
		.up = true,
		.name = "slirp",
		.priv = s,
	};
	slirp_dev_ignore_sigpipe();
	s->dev = dev;
	s->network = network;
	s->due = NSEC_NEVER;
	s->stale = true;
	pktq_init(&s->rxq);
	err = dev->wake_fd < 0 ? -E_NFILE : slirp_dev_alloc(s, mtu);
	if (!err && !(s->slirp = slirp_dev_new(s, mtu)))
		err = -E_INVAL;
	if (err)
		slirp_dev_close(dev);
	return err;
}

static bool slirp_dev_listens_at(int fd, uint32_t host, uint16_t *port)
{
	struct sockaddr_in at;
	socklen_t size = sizeof(at), int_size = sizeof(int);
	int listens = 0;

	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &int_size);
	if (!listens || getsockname(fd, (struct sockaddr *)&at, &size) < 0)
		return false;
	if (at.sin_addr.s_addr != __builtin_bswap32(host) || (*port && ntohs(at.sin_port) != *port))
		return false;
	*port = ntohs(at.sin_port);
	return true;
}

/* The listening socket that libslirp has just opened is the last of those it waits for; it gets a
 * deeper backlog than libslirp's.  Returns its port. */
static int slirp_dev_listener(struct slirp_dev *s, uint32_t host, uint16_t port)
{
	slirp_dev_refresh(s, port_now());
	for (uint32_t i = s->live_n; i-- > 0;) {
		if (slirp_dev_listens_at(s->live[i], host, &port)) {
			s->fds[s->live[i]].listener = 1;
			listen(s->live[i], SLIRP_DEV_BACKLOG);
			return port;
		}
	}
	return -E_ADDRNOTAVAIL;
}

int slirp_dev_publish(struct netdev *dev, uint32_t host, uint16_t port, uint16_t stack_port)
{
	struct slirp_dev *s = dev->priv;

	if (slirp_add_hostfwd(s->slirp, 0, slirp_dev_in(host), port,
			      slirp_dev_in(s->network + SLIRP_DEV_STACK), stack_port) < 0)
		return -(errno ? errno : E_ADDRINUSE);
	return slirp_dev_listener(s, host, port);
}
