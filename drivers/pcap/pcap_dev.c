/* The file driver: see pcap_dev.h.
 *
 * The file is mapped and read front to back, one record ahead.  Nothing in it is believed: a record
 * that reaches beyond the file ends it. */
#include "drivers/pcap/pcap_dev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fmt.h"
#include "drivers/pcap/pcapng.h"
#include "port/port.h"

#define PCAP_MTU 1500u
#define PCAP_USEC 0xa1b2c3d4u
#define PCAP_NSEC 0xa1b23c4du
#define PCAP_HEADER 24u
#define PCAP_RECORD 16u
#define NG_SECTION 0x0a0d0d0au
#define NG_MAGIC 0x1a2b3c4du
#define NG_INTERFACE 1u
#define NG_PACKET 6u
#define NG_TSRESOL 9u
#define ETH_HEADER 14u

struct pcap_frame {
	const uint8_t *bytes;
	uint32_t n;
	nsec at;		/* as recorded */
};

struct pcap_dev {
	const uint8_t *file;
	size_t file_n, off;
	bool swapped, ng, fast, more;
	nsec unit;		/* of a time stamp: 1 or 1000 ns */
	struct pcap_frame next;	/* valid while `more` */
	nsec first_at, start;	/* when the first frame was recorded, and when it is replayed */
	struct pcapng *out;
	uint8_t frame[NETDEV_MTU_MAX + ETH_HEADER];
};

/* ---- the file */

static uint32_t pcap_u32(const struct pcap_dev *d, size_t at)
{
	uint32_t v;

	memcpy(&v, d->file + at, sizeof(v));
	return d->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t pcap_u16(const struct pcap_dev *d, size_t at)
{
	uint16_t v;

	memcpy(&v, d->file + at, sizeof(v));
	return d->swapped ? __builtin_bswap16(v) : v;
}

static bool pcap_next_classic(struct pcap_dev *d)
{
	uint32_t n;

	if (d->file_n - d->off < PCAP_RECORD)
		return false;
	n = pcap_u32(d, d->off + 8);
	if (d->file_n - d->off - PCAP_RECORD < n)
		return false;
	d->next = (struct pcap_frame){
		.bytes = d->file + d->off + PCAP_RECORD,
		.n = n,
		.at = SEC(pcap_u32(d, d->off)) + pcap_u32(d, d->off + 4) * d->unit,
	};
	d->off += PCAP_RECORD + n;
	return true;
}

/* A block's interface options: the resolution of time stamps, of the one interface that is
 * understood. */
static void pcap_interface(struct pcap_dev *d, size_t at, size_t end)
{
	for (at += 16; at + 4 <= end;) {
		uint16_t code = pcap_u16(d, at), n = pcap_u16(d, at + 2);

		if (!code || at + 4 + n > end)
			return;
		if (code == NG_TSRESOL && n == 1)
			d->unit = d->file[at + 4] == 9 ? 1 : 1000;
		at += 4 + ALIGN_UP((size_t)n, (size_t)4);
	}
}

static bool pcap_next_ng(struct pcap_dev *d)
{
	while (d->file_n - d->off >= 12) {
		size_t at = d->off;
		uint32_t type = pcap_u32(d, at), n;

		if (type == NG_SECTION)
			d->swapped ^= pcap_u32(d, at + 8) != NG_MAGIC;
		n = pcap_u32(d, at + 4);
		if (n < 12 || n % 4 || d->file_n - at < n)
			return false;
		d->off += n;
		if (type == NG_INTERFACE && n >= 20)
			pcap_interface(d, at, at + n - 4);
		if (type != NG_PACKET || n < 32 || pcap_u32(d, at + 20) > n - 32)
			continue;
		d->next = (struct pcap_frame){
			.bytes = d->file + at + 28,
			.n = pcap_u32(d, at + 20),
			.at = ((nsec)pcap_u32(d, at + 12) << 32 | pcap_u32(d, at + 16)) * d->unit,
		};
		return true;
	}
	return false;
}

static void pcap_next(struct pcap_dev *d)
{
	d->more = d->ng ? pcap_next_ng(d) : pcap_next_classic(d);
}

/* 0 when the file is one that can be read, and then the first frame is there. */
static int pcap_head(struct pcap_dev *d)
{
	uint32_t magic;

	if (d->file_n < PCAP_HEADER)
		return -E_INVAL;
	magic = pcap_u32(d, 0);
	d->unit = 1000;
	if (magic == NG_SECTION) {
		d->ng = true;
	} else {
		d->swapped = magic == __builtin_bswap32(PCAP_USEC) ||
			     magic == __builtin_bswap32(PCAP_NSEC);
		magic = d->swapped ? __builtin_bswap32(magic) : magic;
		if (magic != PCAP_USEC && magic != PCAP_NSEC)
			return -E_INVAL;
		if ((pcap_u32(d, 20) & 0xffff) != 1)	/* LINKTYPE_ETHERNET */
			return -E_INVAL;
		d->unit = magic == PCAP_NSEC ? 1 : 1000;
		d->off = PCAP_HEADER;
	}
	pcap_next(d);
	d->first_at = d->next.at;
	return 0;
}

static int pcap_map(struct pcap_dev *d, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat st;
	void *mem;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (st.st_size < (off_t)PCAP_HEADER)
		err = -E_INVAL;
	if (!err) {
		mem = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (mem == MAP_FAILED)
			err = -errno;
		else
			d->file = mem;
		d->file_n = (size_t)st.st_size;
	}
	close(fd);
	return err ? err : pcap_head(d);
}

/* ---- the device */

/* When the next frame is due. */
static nsec pcap_due(const struct pcap_dev *d)
{
	if (!d->more)
		return NSEC_NEVER;
	if (d->fast || d->next.at < d->first_at)
		return d->start;
	return d->start + (d->next.at - d->first_at);
}

static struct pkt *pcap_take(struct netdev *dev, const struct pcap_frame *f)
{
	struct pkt *p;

	if (f->n < ETH_HEADER) {
		dev->stats.rx_runt++;
		return NULL;
	}
	if (f->n > dev->mtu + ETH_HEADER) {
		dev->stats.rx_oversize++;
		return NULL;
	}
	p = pkt_new(dev->pool);
	if (p && pkt_write(p, f->bytes, f->n) == 0) {
		dev->stats.rx_frames++;
		dev->stats.rx_bytes += f->n;
		return p;
	}
	if (p)
		pkt_put(p);
	dev->stats.rx_no_frame++;
	return NULL;
}

static int pcap_dev_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct pcap_dev *d = dev->priv;
	nsec now = port_now();
	unsigned n = 0;

	while (n < max && pcap_due(d) <= now) {
		out[n] = pcap_take(dev, &d->next);
		n += out[n] != NULL;
		pcap_next(d);
	}
	dev->up = d->more;
	return (int)n;
}

static unsigned pcap_dev_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	struct pcap_dev *d = dev->priv;
	nsec at = SEC(port_wall_seconds()) + port_now() % SEC(1);

	for (unsigned i = 0; i < n; i++) {
		if (p[i]->total > sizeof(d->frame)) {
			dev->stats.tx_error++;
		} else {
			pkt_read(p[i], 0, d->frame, p[i]->total);
			pcapng_frame(d->out, 0, at, PCAPNG_OUT, d->frame, p[i]->total, NULL);
			dev->stats.tx_frames++;
			dev->stats.tx_bytes += p[i]->total;
		}
		pkt_put(p[i]);
	}
	return n;
}

static bool pcap_dev_arm(struct netdev *dev)
{
	return pcap_due(dev->priv) <= port_now();
}

static nsec pcap_dev_deadline(struct netdev *dev, nsec now)
{
	(void)now;
	return pcap_due(dev->priv);
}

static void pcap_dev_close(struct netdev *dev)
{
	struct pcap_dev *d = dev->priv;

	if (d->out && pcapng_close(d->out) < 0)
		port_log(NULL, LOG_WARN, "pcap: the record of what was sent is not complete");
	if (d->file)
		munmap((void *)(uintptr_t)d->file, d->file_n);
	free(d);
	dev->priv = NULL;
	dev->up = false;
}

static const struct netdev_ops pcap_dev_ops = {
	.kind = "pcap",
	.rx = pcap_dev_rx,
	.tx = pcap_dev_tx,
	.arm = pcap_dev_arm,
	.deadline = pcap_dev_deadline,
	.close = pcap_dev_close,
};

static int pcap_dev_files(struct pcap_dev *d, const char *path, char *why, size_t size)
{
	char out[512];
	int err = pcap_map(d, path);

	if (err == -E_INVAL) {
		fmt(why, size, "pcap:%s is no capture of Ethernet that can be read", path);
		return err;
	}
	if (!err) {
		fmt(out, sizeof(out), "%s.out", path);
		d->out = pcapng_open(out, "leat");
		if (d->out)
			pcapng_add_interface(d->out, "leat", 0);
		else
			err = -errno;
	}
	if (err)
		fmt(why, size, "pcap:%s: %s", path, strerror(-err));
	return err;
}

int pcap_dev_open(struct netdev *dev, struct pool *pool, const struct pcap_dev_config *config,
		  char *why, size_t size)
{
	static const struct mac none;
	struct pcap_dev *d = calloc(1, sizeof(*d));
	int err;

	fmt(why, size, "no memory");
	if (!d)
		return -E_NOMEM;
	*dev = (struct netdev){
		.ops = &pcap_dev_ops,
		.pool = pool,
		.mac = config->mac,
		.mtu = (uint16_t)(config->mtu ? config->mtu : PCAP_MTU),
		.features = NETDEV_CHAIN_TX,
		.wake_fd = -1,
		.up = true,
		.name = "pcap",
		.priv = d,
	};
	if (mac_eq(config->mac, none)) {
		port_entropy(dev->mac.b, sizeof(dev->mac.b));
		dev->mac.b[0] = 0x02;	/* administered locally */
	}
	d->fast = config->fast;
	d->start = port_now();
	err = pcap_dev_files(d, config->path, why, size);
	if (err)
		pcap_dev_close(dev);
	return err;
}
