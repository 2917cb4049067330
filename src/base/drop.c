/* The names and texts of drop.h's reasons. */
#include "base/drop.h"

#include "base/assert.h"

static const char *const names[DROP_N] = {
	[DROP_NOT] = "NOT",
#define X(name, text) [DROP_##name] = #name,
	DROP_REASONS(X)
#undef X
};

static const char *const texts[DROP_N] = {
	[DROP_NOT] = "not dropped",
#define X(name, text) [DROP_##name] = text,
	DROP_REASONS(X)
#undef X
};

const char *drop_name(enum drop why)
{
	assert((unsigned)why < DROP_N);
	return names[why];
}

const char *drop_text(enum drop why)
{
	assert((unsigned)why < DROP_N);
	return texts[why];
}
