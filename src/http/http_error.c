/* Names, statuses and texts of everything that can be wrong with a request.  Tables only. */
#include "http/http_error.h"

#include "base/assert.h"

static const struct {
	const char *name, *text;
	uint16_t status;
} errors[HTTP_ERROR_N] = {
	[HTTP_OK] = { "OK", "complete", 200 },
	[HTTP_MORE] = { "MORE", "incomplete", 0 },
#define X(n, s, t) [HTTP_ERR_##n] = { #n, t, s },
	HTTP_ERRORS(X)
#undef X
};

unsigned http_error_status(enum http_error error)
{
	assert(error < HTTP_ERROR_N);
	return errors[error].status;
}

const char *http_error_name(enum http_error error)
{
	assert(error < HTTP_ERROR_N);
	return errors[error].name;
}

const char *http_error_text(enum http_error error)
{
	assert(error < HTTP_ERROR_N);
	return errors[error].text;
}
