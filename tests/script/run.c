/* Runs packet scripts: test-script [-v] [FILE or FOLDER]...
 *
 * Each script is its own stack in virtual time.  They are played in a child process, so that an
 * assertion of the stack fails one script and not the run: the child says how each ended, and
 * when it dies a new one goes on behind the script that killed it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "script/script.h"

#define SCRIPTS_MAX 4096u
#define FILE_MAX (1u << 20)

struct runs {				/* shared with the child */
	unsigned next, passed, failed;
};

static char *paths[SCRIPTS_MAX];
static unsigned paths_n;

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool find(const char *path, bool named)
{
	struct stat st;
	struct dirent *d;
	DIR *dir;
	bool good = true;
	size_t n = strlen(path);

	if (stat(path, &st) != 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	if (!S_ISDIR(st.st_mode)) {
		if (paths_n < SCRIPTS_MAX &&
		    (named || (n > 4 && strcmp(path + n - 4, ".pkt") == 0)))
			paths[paths_n++] = strdup(path);
		return true;
	}
	dir = opendir(path);
	while (dir && (d = readdir(dir)) != NULL) {
		char below[4096];

		if (d->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, d->d_name);
		good &= find(below, false);
	}
	if (dir)
		closedir(dir);
	return good;
}

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, FILE_MAX + 1);

	if (!f || !text || fread(text, 1, FILE_MAX, f) == FILE_MAX) {
		fprintf(stderr, "%s: cannot be read, or is larger than a script\n", path);
		free(text);
		text = NULL;
	}
	if (f)
		fclose(f);
	return text;
}

static bool run_one(const char *path, bool verbose)
{
	static struct script s;
	char *text = slurp(path);
	bool good;

	if (!text)
		return false;
	if (verbose)
		printf("%s\n", path);
	good = script_parse(&s, path, text) && script_play(&s, verbose);
	if (!good)
		printf("%s\n", s.error);
	script_free(&s);
	free(text);
	return good;
}

static void child(struct runs *r, bool verbose)
{
	while (r->next < paths_n) {
		bool good = run_one(paths[r->next], verbose);

		r->passed += good;
		r->failed += !good;
		r->next++;
	}
	fflush(stdout);
	_exit(0);
}

static void run_all(struct runs *r, bool verbose)
{
	while (r->next < paths_n) {
		int status;
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid < 0)
			return;
		if (pid == 0)
			child(r, verbose);
		waitpid(pid, &status, 0);
		if (r->next < paths_n) {	/* it died in the middle of this one */
			printf("%s: ended the program (%s %d)\n", paths[r->next],
			       WIFSIGNALED(status) ? "signal" : "status",
			       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
			r->failed++;
			r->next++;
		}
	}
}

int main(int argc, char **argv)
{
	struct runs *r =
		mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool verbose = false, good = true;
	struct timespec a, b;
	double took;

	if (r == MAP_FAILED)
		return 1;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") == 0)
			verbose = true;
		else
			good &= find(argv[i], true);
	}
	if (argc == 1 || (verbose && argc == 2))
		good = find("tests/script", true);
	qsort(paths, paths_n, sizeof(paths[0]), by_name);
	clock_gettime(CLOCK_MONOTONIC, &a);
	run_all(r, verbose);
	clock_gettime(CLOCK_MONOTONIC, &b);
	took = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	printf("%u scripts in %.2f s, %.0f a second\n", paths_n, took,
	       paths_n / (took > 0 ? took : 1));
	printf("%u passed, %u failed\n", r->passed, r->failed);
	for (unsigned i = 0; i < paths_n; i++)
		free(paths[i]);
	return good && r->failed == 0 && paths_n > 0 ? 0 : 1;
}
