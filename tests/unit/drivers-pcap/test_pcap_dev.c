/* A captured file as a link: files of every form are replayed, broken ones end, what is sent is
 * recorded. */
#include "helper/unit.h"

#include <unistd.h>

#include "base/err.h"
#include "drivers/pcap/pcap_dev.h"
#include "drivers/pcap/pcapng.h"

#define FRAMES 128u
#define BARE 16u

static struct pool pool;
static struct netdev dev;
static char path[64], out[80], why[200];

static int setup(void **state)
{
	void *mem = unit_memory(CACHE_LINE, pool_bytes(FRAMES, BARE));
	int fd;

	memset(mem, 0, pool_bytes(FRAMES, BARE));
	pool_init(&pool, (struct region){ unit_memory(FRAME_SIZE, FRAMES * FRAME_SIZE), FRAMES },
		  BARE, mem);
	snprintf(path, sizeof(path), "/tmp/leat-pcap-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	snprintf(out, sizeof(out), "%s.out", path);
	return 0;
}

static int teardown(void **state)
{
	assert_true(pool_at_rest(&pool));
	free(pool.region.base);
	free(pool.pkts);
	unlink(path);
	unlink(out);
	return 0;
}

static uint32_t turn(uint32_t v, bool swap)
{
	return swap ? __builtin_bswap32(v) : v;
}

/* Three frames of 60, 61 and 62 bytes, a unit of the time stamp apart. */
static size_t classic(uint8_t *b, bool nano, bool swap)
{
	uint32_t head[6] = { nano ? 0xa1b23c4d : 0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1 };
	size_t n = 0;

	for (unsigned i = 0; i < 6; i++, n += 4) {
		head[i] = turn(head[i], swap);
		memcpy(b + n, &head[i], 4);
	}
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t record[4] = { turn(1000, swap), turn(i, swap), turn(60 + i, swap),
				       turn(60 + i, swap) };

		memcpy(b + n, record, 16);
		memset(b + n + 16, (int)i + 1, 60 + i);
		n += 16 + 60 + i;
	}
	return n;
}

static void save(const uint8_t *b, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(b, 1, n, f), n);
	fclose(f);
}

static int open_file(bool fast)
{
	struct pcap_dev_config config = { .path = path, .fast = fast };

	return pcap_dev_open(&dev, &pool, &config, why, sizeof(why));
}

/* Takes what is there; each frame has its length and its bytes. */
static unsigned take(void)
{
	struct pkt *p[8];
	int n = dev.ops->rx(&dev, p, 8);

	for (int i = 0; i < n; i++) {
		assert_int_equal(p[i]->total, 59u + p[i]->data[0]);
		assert_int_equal(p[i]->data[20], p[i]->data[0]);
		pkt_put(p[i]);
	}
	return (unsigned)n;
}

static void files_of_either_order_and_resolution_are_replayed(void **state)
{
	uint8_t b[1000];

	for (unsigned form = 0; form < 4; form++) {
		save(b, classic(b, form & 1, form & 2));
		assert_int_equal(open_file(true), 0);
		assert_int_equal(take(), 3);
		assert_false(dev.up);
		dev.ops->close(&dev);
	}
}

static void a_frame_comes_when_its_time_has_come(void **state)
{
	uint8_t b[1000];
	size_t n = classic(b, false, false);
	uint32_t late = 500000;

	memcpy(b + 24 + 76 + 4, &late, 4);	/* the second frame: half a second */
	save(b, n);
	assert_int_equal(open_file(false), 0);
	assert_int_equal(take(), 1);
	assert_true(dev.ops->deadline(&dev, 1) < NSEC_NEVER);
	assert_false(dev.ops->arm(&dev));
	assert_int_equal(take(), 0);
	assert_true(dev.up);
	dev.ops->close(&dev);
}

static void what_is_sent_is_recorded_and_can_be_replayed(void **state)
{
	uint8_t b[1000], frame[100];
	struct pkt *p[2];

	save(b, classic(b, false, false));
	assert_int_equal(open_file(true), 0);
	for (unsigned i = 0; i < 2; i++) {
		p[i] = pkt_new(&pool);
		memset(frame, (int)i + 1, sizeof(frame));
		assert_int_equal(pkt_write(p[i], frame, 60 + i), 0);
	}
	assert_int_equal(dev.ops->tx(&dev, p, 2), 2);
	dev.ops->close(&dev);
	assert_int_equal(rename(out, path), 0);
	assert_int_equal(open_file(true), 0);
	assert_int_equal(take(), 2);
	dev.ops->close(&dev);
}

static void a_file_that_is_cut_off_ends_there(void **state)
{
	uint8_t b[1000];
	size_t n = classic(b, false, false);

	for (size_t cut = 24; cut < n; cut++) {
		save(b, cut);
		assert_int_equal(open_file(true), 0);
		assert_int_equal(take(), (cut >= 24 + 76) + (cut >= 24 + 76 + 77));
		dev.ops->close(&dev);
	}
}

static void a_file_of_junk_is_refused_or_ends_without_harm(void **state)
{
	struct prng r;
	uint8_t b[400];

	prng_seed(&r, 5);
	save(b, 0);
	assert_int_equal(open_file(true), -E_INVAL);
	assert_non_null(strstr(why, "no capture of Ethernet"));
	for (unsigned i = 0; i < 300; i++) {
		struct pkt *p[8];
		int n;

		unit_fill(&r, b, sizeof(b));
		memcpy(b, i & 1 ? "\x0a\x0d\x0d\x0a" : "\xd4\xc3\xb2\xa1", 4);
		memcpy(b + 20, "\1\0\0\0", 4);
		save(b, sizeof(b));
		if (open_file(true))
			continue;
		while ((n = dev.ops->rx(&dev, p, 8)) > 0)
			while (n)
				pkt_put(p[--n]);
		dev.ops->close(&dev);
	}
	unlink(path);
	assert_int_equal(open_file(true), -E_NOENT);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(files_of_either_order_and_resolution_are_replayed),
		CASE(a_frame_comes_when_its_time_has_come),
		CASE(what_is_sent_is_recorded_and_can_be_replayed),
		CASE(a_file_that_is_cut_off_ends_there),
		CASE(a_file_of_junk_is_refused_or_ends_without_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
