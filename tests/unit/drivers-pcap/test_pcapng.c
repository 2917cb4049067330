/* What a capture file contains, read back block by block. */
#include "helper/unit.h"

#include <unistd.h>

#include "drivers/pcap/pcapng.h"

static uint8_t file[4096];
static char path[64];

static size_t read_back(void)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	assert_non_null(f);
	n = fread(file, 1, sizeof(file), f);
	fclose(f);
	return n;
}

static uint32_t word(size_t at)
{
	uint32_t v;

	memcpy(&v, file + at, 4);
	return v;
}

/* Blocks are whole and fill the file; returns how many there are of a type, *first its offset. */
static unsigned blocks(size_t n, uint32_t type, size_t *first)
{
	unsigned found = 0;
	size_t at = 0;

	while (at < n) {
		uint32_t len = word(at + 4);

		assert_true(len >= 12 && len % 4 == 0 && at + len <= n);
		assert_int_equal(word(at + len - 4), len);
		if (word(at) == type && found++ == 0)
			*first = at;
		at += len;
	}
	return found;
}

static void a_capture_is_a_section_with_interfaces_and_packets(void **state)
{
	struct pcapng *w = pcapng_open(path, "a test");
	uint8_t frame[61];
	size_t n, at = 0;

	assert_non_null(w);
	memset(frame, 0x42, sizeof(frame));
	assert_int_equal(pcapng_add_interface(w, "left", 2048), 0);
	assert_int_equal(pcapng_add_interface(w, "right", 2048), 1);
	pcapng_frame(w, 0, SEC(3) + 5, PCAPNG_OUT, frame, 61, "lost");
	pcapng_frame(w, 1, SEC(4), PCAPNG_IN, frame, 60, NULL);
	assert_int_equal(pcapng_close(w), 0);
	n = read_back();
	assert_int_equal(blocks(n, 0x0a0d0d0a, &at), 1);
	assert_int_equal(at, 0);
	assert_int_equal(word(8), 0x1a2b3c4d);
	assert_int_equal(blocks(n, 1, &at), 2);
	assert_int_equal(word(at + 8), 1);	/* Ethernet */
	assert_non_null(memmem(file, n, "left", 4));
	assert_int_equal(blocks(n, 6, &at), 2);
	assert_int_equal(word(at + 8), 0);
	assert_int_equal((uint64_t)word(at + 12) << 32 | word(at + 16), SEC(3) + 5);
	assert_int_equal(word(at + 20), 61);
	assert_int_equal(word(at + 24), 61);
	assert_memory_equal(file + at + 28, frame, 61);
	assert_memory_equal(file + at + 28 + 64 + 4, "lost", 4);
}

static void a_file_that_cannot_be_made_is_refused(void **state)
{
	assert_null(pcapng_open("/nonexistent/x.pcapng", "a test"));
}

static void a_full_disk_is_told_at_the_end(void **state)
{
	struct pcapng *w = pcapng_open("/dev/full", "a test");
	uint8_t frame[1500] = {0};

	assert_non_null(w);
	for (unsigned i = 0; i < 100; i++)
		pcapng_frame(w, 0, 1, PCAPNG_UNKNOWN, frame, sizeof(frame), NULL);
	assert_true(pcapng_close(w) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_capture_is_a_section_with_interfaces_and_packets),
		cmocka_unit_test(a_file_that_cannot_be_made_is_refused),
		cmocka_unit_test(a_full_disk_is_told_at_the_end),
	};
	int failed;

	snprintf(path, sizeof(path), "/tmp/leat-pcapng-%d", (int)getpid());
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
