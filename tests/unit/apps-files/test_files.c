/* A directory tree as the server's files: what can be opened, what cannot be reached, and what
 * becomes of a file that changes while its bytes are in use. */
#include "helper/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apps/files/files.h"
#include "apps/files/files_guard.h"

static char top[] = "/tmp/leat-files-XXXXXX";
static struct files files;
static struct sigaction ours;	/* cmocka puts its own in front of each test */

static void make(const char *path, size_t size)
{
	int fd = openat(files.dir, path, O_CREAT | O_TRUNC | O_WRONLY, 0644);

	assert_true(fd >= 0);
	for (size_t at = 0; at < size;) {
		char text[4096];
		size_t n = MIN(size - at, sizeof(text));

		for (size_t i = 0; i < n; i++)
			text[i] = (char)('a' + (at + i) % 23);
		assert_int_equal(write(fd, text, n), n);
		at += n;
	}
	close(fd);
}

static bool is_made(const uint8_t *p, size_t from, size_t size)
{
	for (size_t i = from; i < size; i++)
		if (p[i] != 'a' + i % 23)
			return false;
	return true;
}

static int setup(void **state)
{
	assert_non_null(mkdtemp(top));
	assert_int_equal(files_open(&files, top), 0);
	assert_int_equal(mkdirat(files.dir, "dir", 0755), 0);
	make("small", 1000);
	make("dir/file", 10);
	make("large", 200000);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	files_close(&files);
	snprintf(command, sizeof(command), "rm -rf %s", top);
	return system(command);
}

static enum httpd_found found(const char *path, struct httpd_blob *b)
{
	return files.httpd.open(files.httpd.ctx, path, b);
}

static bool fresh(const char *path, const struct httpd_blob *b)
{
	return files.httpd.fresh(files.httpd.ctx, path, b);
}

static bool intact(const struct httpd_blob *b)
{
	return files.httpd.intact(files.httpd.ctx, b);
}

static void finish(struct httpd_blob *b)
{
	files.httpd.close(files.httpd.ctx, b);
}

static void files_are_whole_whatever_their_size(void **state)
{
	static const size_t sizes[] = {
		0, 1, 4095, 4096, FILES_READ_MAX, FILES_READ_MAX + 1, 200000, 5 << 20
	};
	struct httpd_blob b;

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		make("any", sizes[i]);
		assert_int_equal(found("any", &b), HTTPD_FOUND);
		assert_int_equal(b.size, sizes[i]);
		assert_int_equal(b.guarded, sizes[i] > FILES_READ_MAX);
		assert_true(is_made(b.data, 0, sizes[i]));
		assert_true(intact(&b) && fresh("any", &b));
		finish(&b);
	}
}

static void what_is_no_file_is_told_apart(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	struct httpd_blob b;

	assert_int_equal(mkfifoat(files.dir, "fifo", 0644), 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/socket", top);
	assert_int_equal(bind(s, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(found("none", &b), HTTPD_NOT_FOUND);
	assert_int_equal(found("dir/none", &b), HTTPD_NOT_FOUND);
	assert_int_equal(found("small/x", &b), HTTPD_NOT_FOUND);
	assert_int_equal(found("dir", &b), HTTPD_IS_DIR);
	assert_int_equal(found(".", &b), HTTPD_IS_DIR);
	assert_int_equal(found("fifo", &b), HTTPD_FORBIDDEN);
	assert_int_equal(found("socket", &b), HTTPD_FORBIDDEN);
	close(s);
}

static void names_that_are_too_long_are_not_found(void **state)
{
	struct httpd_blob b;
	char name[6000];

	memset(name, 'x', sizeof(name));
	for (unsigned n = 254; n < sizeof(name); n += 63) {
		name[n] = '\0';
		assert_int_equal(found(name, &b), HTTPD_NOT_FOUND);
		name[n] = 'x';
	}
}

/* Both ways of looking: the kernel's, and ours for kernels that have none. */
static void no_link_leads_out(void **state)
{
	static const struct {
		const char *name, *to;
		enum httpd_found found;
	} links[] = {
		{ "in", "small", HTTPD_FOUND }, { "dir/up", "../small", HTTPD_FOUND },
		{ "in-dir", "dir", HTTPD_IS_DIR }, { "to-passwd", "/etc/passwd", HTTPD_FORBIDDEN },
		{ "up", "..", HTTPD_FORBIDDEN }, { "up-up", "../../etc/passwd", HTTPD_FORBIDDEN },
		{ "loop", "loop", HTTPD_FORBIDDEN }, { "proc", "/proc/self/cwd", HTTPD_FORBIDDEN },
		{ "dir/out", "../../x", HTTPD_FORBIDDEN }, { "nowhere", "none", HTTPD_NOT_FOUND },
	};
	struct httpd_blob b;

	for (unsigned i = 0; i < ARRAY_LEN(links); i++) {
		assert_int_equal(symlinkat(links[i].to, files.dir, links[i].name), 0);
		assert_int_equal(found(links[i].name, &b), links[i].found);
		if (links[i].found == HTTPD_FOUND)
			finish(&b);
	}
	assert_int_equal(found("up/etc/passwd", &b), HTTPD_FORBIDDEN);
	files.walk = true;
	for (unsigned i = 0; i < ARRAY_LEN(links); i++)
		assert_int_equal(found(links[i].name, &b), HTTPD_FORBIDDEN);
	assert_int_not_equal(found("up/etc/passwd", &b), HTTPD_FOUND);
	assert_int_not_equal(found("in-dir/file", &b), HTTPD_FOUND);
	assert_int_equal(found("dir/file", &b), HTTPD_FOUND);
	finish(&b);
	assert_int_equal(found("small", &b), HTTPD_FOUND);
	finish(&b);
	assert_int_equal(found(".", &b), HTTPD_IS_DIR);
	files.walk = false;
}

static void touch(const char *path, time_t s)
{
	struct timespec times[2] = { { .tv_sec = s }, { .tv_sec = s } };

	assert_int_equal(utimensat(files.dir, path, times, 0), 0);
}

static void what_opening_again_would_change_is_not_fresh(void **state)
{
	struct httpd_blob b;

	make("f", 100);
	assert_int_equal(found("f", &b), HTTPD_FOUND);
	assert_true(fresh("f", &b));
	touch("f", 1000);
	assert_false(fresh("f", &b));
	finish(&b);
	assert_int_equal(found("f", &b), HTTPD_FOUND);
	assert_int_equal(b.mtime_ns, 1000ull * 1000000000);
	make("f", 101);
	touch("f", 1000);
	assert_false(fresh("f", &b));
	finish(&b);
	assert_int_equal(found("f", &b), HTTPD_FOUND);
	make("g", 101);
	touch("g", 1000);
	assert_int_equal(renameat(files.dir, "g", files.dir, "f"), 0);
	assert_false(fresh("f", &b));
	finish(&b);
	assert_int_equal(found("f", &b), HTTPD_FOUND);
	assert_int_equal(fchmodat(files.dir, "f", 0600, 0), 0);
	assert_false(fresh("f", &b));
	assert_int_equal(unlinkat(files.dir, "f", 0), 0);
	assert_false(fresh("f", &b));
	finish(&b);
}

/* Reading where the file is gone gives zeros, not a signal, and is found out. */
static void a_mapped_file_that_shrinks_can_be_read_and_is_found_out(void **state)
{
	uint32_t broken = files.httpd.broken(files.httpd.ctx);
	struct httpd_blob b;

	sigaction(SIGBUS, &ours, NULL);
	make("s", 200000);
	assert_int_equal(found("s", &b), HTTPD_FOUND);
	make("s", 50000);
	assert_false(intact(&b));
	assert_int_equal(files.httpd.broken(files.httpd.ctx), broken);	/* nobody has read it */
	assert_true(is_made(b.data, 0, 50000));
	assert_int_equal(b.data[100000], 0);
	assert_int_equal(files.httpd.broken(files.httpd.ctx), broken + 1);
	assert_int_equal(b.data[199999], 0);
	assert_int_equal(b.data[60000], 0);
	assert_int_equal(files.httpd.broken(files.httpd.ctx), broken + 2);
	make("s", 200000);
	assert_false(intact(&b));	/* it stays broken, whatever the file does */
	finish(&b);
	assert_int_equal(found("s", &b), HTTPD_FOUND);
	assert_true(intact(&b));
	finish(&b);
}

static void only_what_is_appended_leaves_a_mapped_file_intact(void **state)
{
	struct httpd_blob b;
	int fd;

	make("t", 100000);
	assert_int_equal(found("t", &b), HTTPD_FOUND);
	fd = openat(files.dir, "t", O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "more", 4), 4);
	close(fd);
	assert_true(intact(&b));
	assert_int_equal(unlinkat(files.dir, "t", 0), 0);
	assert_true(intact(&b));
	assert_true(is_made(b.data, 0, 100000));
	finish(&b);
	make("t", 100000);
	assert_int_equal(found("t", &b), HTTPD_FOUND);
	usleep(20000);	/* the clock of files is coarse */
	fd = openat(files.dir, "t", O_WRONLY);
	assert_int_equal(write(fd, "other", 5), 5);
	close(fd);
	assert_false(intact(&b));
	finish(&b);
}

static void there_are_so_many_mappings_and_no_more(void **state)
{
	static struct httpd_blob b[FILES_MAPS_MAX + 1];
	unsigned n = 0;

	while (n <= FILES_MAPS_MAX && found("large", &b[n]) == HTTPD_FOUND)
		n++;
	assert_true(n <= FILES_MAPS_MAX && n > 100); /* or the limit of descriptors comes first */
	assert_int_equal(found("large", &b[n]), HTTPD_BUSY);
	finish(&b[0]);
	assert_int_equal(found("large", &b[0]), HTTPD_FOUND);
	while (n)
		finish(&b[--n]);
	assert_int_equal(found("large", &b[0]), HTTPD_FOUND);
	assert_true(is_made(b[0].data, 0, 200000));
	finish(&b[0]);
}

/* In a child, which has to die of it. */
static void a_bus_error_elsewhere_is_as_deadly_as_ever(void **state)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		int fd;
		volatile char *p;

		sigaction(SIGBUS, &ours, NULL);
		make("u", 100);
		fd = openat(files.dir, "u", O_RDONLY);
		p = (volatile char *)mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
		_exit(p[5000]);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	/* By the signal; a sanitizer, which has it before us, exits instead. */
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void what_is_no_directory_cannot_be_a_tree(void **state)
{
	struct files other;
	char path[64];

	assert_int_equal(files_open(&other, "/does/not/exist"), -2);
	snprintf(path, sizeof(path), "%s/small", top);
	assert_int_equal(files_open(&other, path), -20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_whole_whatever_their_size),
		cmocka_unit_test(what_is_no_file_is_told_apart),
		cmocka_unit_test(names_that_are_too_long_are_not_found),
		cmocka_unit_test(no_link_leads_out),
		cmocka_unit_test(what_opening_again_would_change_is_not_fresh),
		cmocka_unit_test(a_mapped_file_that_shrinks_can_be_read_and_is_found_out),
		cmocka_unit_test(only_what_is_appended_leaves_a_mapped_file_intact),
		cmocka_unit_test(there_are_so_many_mappings_and_no_more),
		cmocka_unit_test(a_bus_error_elsewhere_is_as_deadly_as_ever),
		cmocka_unit_test(what_is_no_directory_cannot_be_a_tree),
	};

	files_guard_init();	/* while nobody else has the signal */
	sigaction(SIGBUS, NULL, &ours);
	return cmocka_run_group_tests(tests, setup, teardown);
}
