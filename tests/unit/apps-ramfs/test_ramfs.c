/* The files in memory: an archive, and what is made, renamed and removed later. */
#include "helper/unit.h"

#include "apps/ramfs/ramfs.h"
#include "base/err.h"

#define NODES 64u
#define ARCHIVE 65536u

static struct ramfs fs;
static void *memory;
static unsigned held;		/* pieces got and not put back */
static uint8_t archive[ARCHIVE];
static size_t archive_n;

static void *get(void *ctx, size_t bytes)
{
	held++;
	return malloc(bytes);
}

static void put(void *ctx, void *mem, size_t bytes)
{
	memset(mem, 0xdd, bytes);
	held--;
	free(mem);
}

static int up(void **state)
{
	memory = unit_memory(64, ramfs_bytes(NODES));
	ramfs_init(&fs, NODES, memory);
	fs.get = get;
	fs.put = put;
	held = 0;
	memset(archive, 0, sizeof(archive));
	archive_n = 0;
	return 0;
}

static int down(void **state)
{
	ramfs_check(&fs);
	free(memory);
	return 0;
}

/* ---- an archive as tar writes it */

static void tar_sum(uint8_t *h)
{
	unsigned sum = 0;

	memset(h + 148, ' ', 8);
	for (unsigned i = 0; i < 512; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
}

static void tar_add(const char *name, char type, const char *text)
{
	uint8_t *h = archive + archive_n;
	size_t n = strlen(text);

	memcpy(h, name, MIN(strlen(name), (size_t)100));
	snprintf((char *)h + 124, 12, "%011o", (unsigned)n & 0xffffff);
	snprintf((char *)h + 136, 12, "%011o", 1234567u);
	h[156] = (uint8_t)type;
	memcpy(h + 257, "ustar", 5);
	memcpy(h + 512, text, n);
	tar_sum(h);
	archive_n += 512 + ALIGN_UP(n, (size_t)512);
}

static bool holds(const char *path, const char *text)
{
	struct httpd_blob b;
	bool same;

	if (fs.httpd.open(&fs, path, &b) != HTTPD_FOUND)
		return false;
	same = b.size == strlen(text) && (!b.size || !memcmp(b.data, text, b.size));
	fs.httpd.close(&fs, &b);
	return same;
}

static enum httpd_found found(const char *path)
{
	struct httpd_blob b;
	enum httpd_found is = fs.httpd.open(&fs, path, &b);

	if (is == HTTPD_FOUND)
		fs.httpd.close(&fs, &b);
	return is;
}

static int create(const char *path, const char *text)
{
	return ramfs_create(&fs, path, text, strlen(text), 1);
}

static void the_files_of_an_archive_are_there(void **state)
{
	tar_add("./", '5', "");
	tar_add("./index.html", '0', "hello");
	tar_add("a/b/c.txt", '0', "deep");
	tar_add("a/", '5', "");
	tar_add("link", '2', "");
	tar_add("empty", '0', "");
	assert_int_equal(ramfs_tar(&fs, archive, archive_n + 1024), 3);
	assert_true(holds("index.html", "hello"));
	assert_true(holds("a/b/c.txt", "deep"));
	assert_true(holds("empty", ""));
	assert_int_equal(found("."), HTTPD_IS_DIR);
	assert_int_equal(found("a/b"), HTTPD_IS_DIR);
	assert_int_equal(found("link"), HTTPD_NOT_FOUND);
	assert_int_equal(found("a/b/c"), HTTPD_NOT_FOUND);
	assert_true(ramfs_tar_count(archive, archive_n) >= 5);
}

static void a_name_of_more_than_a_hundred_bytes_is_whole(void **state)
{
	char name[160];

	memset(name, 'n', sizeof(name));
	name[80] = '/';
	name[159] = '\0';
	tar_add("././@LongLink", 'L', name);
	tar_add("nnnn", '0', "long");
	assert_int_equal(ramfs_tar(&fs, archive, archive_n), 1);
	assert_true(holds(name, "long"));
}

static void a_damaged_archive_is_refused_and_read_nowhere_else(void **state)
{
	tar_add("a", '0', "text");
	for (size_t cut = 1; cut < archive_n; cut += 61) {
		uint8_t *copy = malloc(cut);	/* so that a sanitizer sees what is beyond */

		memcpy(copy, archive, cut);
		ramfs_init(&fs, NODES, memory);
		assert_in_range(ramfs_tar(&fs, copy, cut) + E_PROTO, 0, E_PROTO + 1);
		free(copy);
	}
	archive[3] ^= 1;
	ramfs_init(&fs, NODES, memory);
	assert_int_equal(ramfs_tar(&fs, archive, archive_n), -E_PROTO);
}

static void too_many_files_are_refused(void **state)
{
	char name[16];

	for (unsigned i = 0; i <= NODES; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		tar_add(name, '0', "");
	}
	assert_int_equal(ramfs_tar(&fs, archive, archive_n), -E_NOSPC);
}

static void a_file_is_made_written_again_and_removed(void **state)
{
	assert_int_equal(create("dir/new", "one"), 0);
	assert_true(holds("dir/new", "one"));
	assert_int_equal(create("dir/new", "two"), 0);
	assert_true(holds("dir/new", "two"));
	assert_int_equal(held, 1);
	assert_int_equal(ramfs_unlink(&fs, "dir"), -E_BUSY);
	assert_int_equal(ramfs_unlink(&fs, "dir/new"), 0);
	assert_int_equal(found("dir/new"), HTTPD_NOT_FOUND);
	assert_int_equal(ramfs_unlink(&fs, "dir"), 0);
	assert_int_equal(ramfs_unlink(&fs, "dir"), -E_NOENT);
	assert_int_equal(held, 0);
}

static void a_file_changes_its_name_and_takes_the_place_of_another(void **state)
{
	create("a/x", "from");
	create("b/y", "old");
	assert_int_equal(ramfs_rename(&fs, "a/x", "b/y"), 0);
	assert_true(holds("b/y", "from"));
	assert_int_equal(found("a/x"), HTTPD_NOT_FOUND);
	assert_int_equal(held, 1);
	assert_int_equal(ramfs_rename(&fs, "b/y", "b/y"), 0);
	assert_int_equal(ramfs_rename(&fs, "b/y", "c/d/e"), 0);
	assert_true(holds("c/d/e", "from"));
	assert_int_equal(ramfs_rename(&fs, "b/y", "z"), -E_NOENT);
	assert_int_equal(ramfs_rename(&fs, "c/d/e", "c/d"), -E_EXIST);
	assert_int_equal(ramfs_unlink(&fs, "a"), 0);
	assert_int_equal(ramfs_unlink(&fs, "c/d/e"), 0);
}

static void who_reads_a_file_keeps_it_after_it_was_removed(void **state)
{
	struct httpd_blob b;

	create("f", "bytes");
	assert_int_equal(fs.httpd.open(&fs, "f", &b), HTTPD_FOUND);
	assert_true(fs.httpd.fresh(&fs, "f", &b));
	assert_int_equal(create("f", "others"), 0);
	assert_false(fs.httpd.fresh(&fs, "f", &b));
	assert_memory_equal(b.data, "bytes", 5);
	assert_int_equal(held, 2);
	fs.httpd.close(&fs, &b);
	assert_int_equal(held, 1);
	assert_int_equal(ramfs_unlink(&fs, "f"), 0);
}

static void names_that_cannot_be_are_refused(void **state)
{
	char longest[RAMFS_PATH_MAX + 1];

	memset(longest, 'x', RAMFS_PATH_MAX);
	longest[RAMFS_PATH_MAX] = '\0';
	assert_int_equal(create("", "x"), -E_INVAL);
	assert_int_equal(create("/a", "x"), -E_INVAL);
	assert_int_equal(create("a//b", "x"), -E_INVAL);
	assert_int_equal(create("a/", "x"), -E_INVAL);
	assert_int_equal(create(longest, "x"), -E_INVAL);
	longest[RAMFS_PATH_MAX - 1] = '\0';
	assert_int_equal(create(longest, "x"), 0);
	assert_int_equal(create("f", "x"), 0);
	assert_int_equal(create("f/g", "x"), -E_NOENT);
	create("d/f", "x");
	assert_int_equal(create("d", "x"), -E_EXIST);
	assert_int_equal(held, 3);
	ramfs_unlink(&fs, longest);
	ramfs_unlink(&fs, "f");
	ramfs_unlink(&fs, "d/f");
	assert_int_equal(held, 0);
}

static void a_full_tree_refuses_and_has_room_again_later(void **state)
{
	char name[16];
	unsigned n;

	for (n = 0;; n++) {
		snprintf(name, sizeof(name), "f%u", n);
		if (create(name, "x") < 0)
			break;
	}
	assert_int_equal(n, NODES);
	assert_int_equal(create("g", "x"), -E_NOSPC);
	assert_int_equal(held, NODES);
	assert_int_equal(create("f0", "y"), 0);		/* in place of one that is there */
	assert_int_equal(ramfs_unlink(&fs, "f1"), 0);
	assert_int_equal(create("g", "x"), 0);
	for (n = 0; n < NODES; n++) {
		snprintf(name, sizeof(name), "f%u", n);
		ramfs_unlink(&fs, name);
	}
	ramfs_unlink(&fs, "g");
	assert_int_equal(held, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_files_of_an_archive_are_there),
		T(a_name_of_more_than_a_hundred_bytes_is_whole),
		T(a_damaged_archive_is_refused_and_read_nowhere_else),
		T(too_many_files_are_refused),
		T(a_file_is_made_written_again_and_removed),
		T(a_file_changes_its_name_and_takes_the_place_of_another),
		T(who_reads_a_file_keeps_it_after_it_was_removed),
		T(names_that_cannot_be_are_refused),
		T(a_full_tree_refuses_and_has_room_again_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
