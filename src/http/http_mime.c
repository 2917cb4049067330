/* A search by halves in the table of http_mime.h. */
#include "http/http_mime.h"

#include "base/mem.h"

#define ENDING_MAX 11

static const struct {
	char ending[ENDING_MAX + 1];
	const char *type;
} types[] = {
#define X(ending, type) { ending, type },
	HTTP_MIME_TYPES(X)
#undef X
};

/* What follows the last dot of the last segment; a dot at its start hides the file, it does not end
 * its name. */
static struct http_slice ending_of(struct http_slice path)
{
	for (size_t at = path.n; at > 1 && path.p[at - 1] != '/'; at--)
		if (path.p[at - 1] == '.' && path.p[at - 2] != '/')
			return (struct http_slice){ path.p + at, path.n - at };
	return (struct http_slice){ path.p, 0 };
}

struct http_slice http_mime_type(struct http_slice path)
{
	struct http_slice ending = ending_of(path);
	char wanted[ENDING_MAX + 1] = "";
	size_t low = 0, high = ARRAY_LEN(types);

	if (ending.n > ENDING_MAX)
		ending.n = 0;
	for (size_t i = 0; i < ending.n; i++)
		wanted[i] = (char)http_char_lower(ending.p[i]);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = mem_cmp(wanted, types[middle].ending, sizeof(wanted));

		if (order == 0)
			return http_slice_str(types[middle].type);
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return HTTP_SLICE("application/octet-stream");
}
