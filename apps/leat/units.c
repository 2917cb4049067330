/* Numbers with units, as people type them: 1%, 20ms, 100mbit, 64k. */
#include <stdlib.h>
#include <string.h>

#include "apps/leat/leat.h"

struct leat_unit {
	const char *name;
	double times;
};

/* A number >= 0 and one of the units; false when it is neither, or more than `most`. */
static bool leat_unit_read(const char *text, const struct leat_unit *units, double most,
			   double *out)
{
	char *end;

	if ((*text < '0' || *text > '9') && *text != '.')
		return false;
	*out = strtod(text, &end);
	for (; units->name; units++) {
		if (strcmp(end, units->name))
			continue;
		*out *= units->times;
		return *out >= 0 && *out <= most;
	}
	return false;
}

bool leat_unit_ppm(const char *text, uint32_t *ppm)
{
	static const struct leat_unit units[] = { { "%", 1e4 }, { "", 1e6 }, { NULL, 0 } };
	double v;

	if (!leat_unit_read(text, units, 1e6, &v))
		return false;
	*ppm = (uint32_t)(v + 0.5);
	return true;
}

bool leat_unit_time(const char *text, nsec *out)
{
	static const struct leat_unit units[] = {
		{ "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { NULL, 0 },
	};
	double v;

	if (!strcmp(text, "0")) {
		*out = 0;
		return true;
	}
	if (!leat_unit_read(text, units, 86400e9, &v))
		return false;
	*out = (nsec)(v + 0.5);
	return true;
}

bool leat_unit_rate(const char *text, uint64_t *out)
{
	static const struct leat_unit units[] = {
		{ "bit", 1 }, { "kbit", 1e3 }, { "mbit", 1e6 }, { "gbit", 1e9 }, { NULL, 0 },
	};
	double v;

	if (!leat_unit_read(text, units, 400e9, &v) || v < 1000)
		return false;
	*out = (uint64_t)v;
	return true;
}

bool leat_unit_bytes(const char *text, uint32_t *out)
{
	static const struct leat_unit units[] = {
		{ "", 1 }, { "k", 1024 }, { "m", 1 << 20 }, { NULL, 0 },
	};
	double v;

	if (!leat_unit_read(text, units, 2e9, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}
