/* The calendar of Gregory without tables: days are counted in years that begin in March, so that
 * the odd day of a leap year is the last of a year.
 *
 *	IMF-fixdate	Sun, 06 Nov 1994 08:49:37 GMT
 *	RFC 850		Sunday, 06-Nov-94 08:49:37 GMT
 *	asctime		Sun Nov  6 08:49:37 1994 */
#include "http/http_date.h"

#include "base/mem.h"

#define DAY_S 86400u

static const char days[7][3] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
static const char *const long_days[7] = {
	"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
};
static const char months[12][3] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
};

struct civil {
	uint32_t year, month, day;	/* month and day from 1 */
	uint32_t hour, minute, second;
};

/* Days from 1 March of the year 0 to 1 January 1970. */
#define EPOCH_DAY 719468u
#define DAYS_400_YEARS 146097u

static uint64_t days_of(uint32_t year, uint32_t month, uint32_t day)
{
	uint32_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;

	return 365ull * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
}

static struct civil civil_of(uint64_t unix_s)
{
	uint32_t day = (uint32_t)(unix_s / DAY_S) + EPOCH_DAY, second = (uint32_t)(unix_s % DAY_S);
	uint32_t era = day / DAYS_400_YEARS, of_era = day % DAYS_400_YEARS;
	uint32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint32_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint32_t month = (5 * of_year + 2) / 153;	/* 0 is March */

	return (struct civil){
		.year = era * 400 + year + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = of_year - (153 * month + 2) / 5 + 1,
		.hour = second / 3600, .minute = second / 60 % 60, .second = second % 60,
	};
}

static void put2(uint8_t *to, uint32_t n)
{
	to[0] = (uint8_t)('0' + n / 10);
	to[1] = (uint8_t)('0' + n % 10);
}

void http_date_format(uint8_t to[HTTP_DATE_LEN], uint64_t unix_s)
{
	uint64_t s = MIN(unix_s, HTTP_DATE_MAX);
	struct civil c = civil_of(s);

	mem_copy(to, "Sun, 06 Nov 1994 08:49:37 GMT", HTTP_DATE_LEN);
	mem_copy(to, days[(s / DAY_S + 4) % 7], 3);	/* 1 January 1970 was a Thursday */
	put2(to + 5, c.day);
	mem_copy(to + 8, months[c.month - 1], 3);
	put2(to + 12, c.year / 100);
	put2(to + 14, c.year % 100);
	put2(to + 17, c.hour);
	put2(to + 20, c.minute);
	put2(to + 23, c.second);
}

void http_date_init(struct http_date *d, uint64_t unix_s)
{
	d->unix_s = unix_s;
	http_date_format(d->text, unix_s);
}

/* Reads from the front of a text; once something is not as wanted, `bad` stays. */
struct reader {
	struct http_slice text;
	bool bad;
};

/* The next n bytes, or NULL: then the caller says that it is bad. */
static const uint8_t *take(struct reader *r, size_t n)
{
	const uint8_t *p = r->text.p;

	if (r->bad || n > r->text.n)
		return NULL;
	r->text.p += n;
	r->text.n -= n;
	return p;
}

static void want(struct reader *r, const char *literal)
{
	size_t n = str_len(literal);
	const uint8_t *p = take(r, n);

	r->bad |= !p || !mem_eq(p, literal, n);
}

static uint32_t number(struct reader *r, size_t digits)
{
	const uint8_t *p = take(r, digits);
	uint64_t n = 0;

	r->bad |= !p || !http_slice_u64((struct http_slice){ p, digits }, 9999, &n);
	return (uint32_t)n;
}

static void time_of_day(struct reader *r, struct civil *c)
{
	c->hour = number(r, 2);
	want(r, ":");
	c->minute = number(r, 2);
	want(r, ":");
	c->second = number(r, 2);
}

static uint32_t month(struct reader *r)
{
	const uint8_t *p = take(r, 3);

	for (uint32_t m = 0; p && m < 12; m++)
		if (mem_eq(p, months[m], 3))
			return m + 1;
	r->bad = true;
	return 1;
}

/* Which weekday, short or long, does the text begin with?  7 when none. */
static uint32_t weekday(struct reader *r, bool long_name)
{
	for (uint32_t d = 0; d < 7; d++) {
		size_t n = long_name ? str_len(long_days[d]) : 3;

		if (r->text.n >= n && mem_eq(r->text.p, long_name ? long_days[d] : days[d], n)) {
			take(r, n);
			return d;
		}
	}
	return 7;
}

/* Sun, 06 Nov 1994 08:49:37 GMT; the weekday is read. */
static void imf_fixdate(struct reader *r, struct civil *c)
{
	want(r, ", ");
	c->day = number(r, 2);
	want(r, " ");
	c->month = month(r);
	want(r, " ");
	c->year = number(r, 4);
	want(r, " ");
	time_of_day(r, c);
	want(r, " GMT");
}

/* Sunday, 06-Nov-94 08:49:37 GMT: two digits that seem over 50 years ahead are of the past. */
static void rfc850_date(struct reader *r, struct civil *c, uint64_t now_s)
{
	uint32_t this_year = civil_of(MIN(now_s, HTTP_DATE_MAX)).year;

	want(r, ", ");
	c->day = number(r, 2);
	want(r, "-");
	c->month = month(r);
	want(r, "-");
	c->year = this_year / 100 * 100 + number(r, 2);
	if (c->year > this_year + 50)
		c->year -= 100;
	want(r, " ");
	time_of_day(r, c);
	want(r, " GMT");
}

/* Sun Nov  6 08:49:37 1994 */
static void asctime_date(struct reader *r, struct civil *c)
{
	bool one_digit;

	want(r, " ");
	c->month = month(r);
	want(r, " ");
	one_digit = r->text.n && r->text.p[0] == ' ';
	if (one_digit)
		want(r, " ");
	c->day = number(r, one_digit ? 1 : 2);
	want(r, " ");
	time_of_day(r, c);
	want(r, " ");
	c->year = number(r, 4);
}

static bool civil_valid(const struct civil *c)
{
	static const uint8_t month_days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);

	return c->year >= 1970 && c->day >= 1 &&
	       c->day <= (uint32_t)month_days[c->month - 1] + (leap && c->month == 2) &&
	       c->hour < 24 && c->minute < 60 && c->second <= 60;	/* 60: a leap second */
}

bool http_date_parse(struct http_slice text, uint64_t now_s, uint64_t *unix_s)
{
	struct reader r = { .text = text };
	struct civil c = { 0 };

	if (weekday(&r, true) < 7)
		rfc850_date(&r, &c, now_s);
	else if (weekday(&r, false) == 7)
		return false;
	else if (r.text.n && r.text.p[0] == ',')
		imf_fixdate(&r, &c);
	else
		asctime_date(&r, &c);
	if (r.bad || r.text.n || !civil_valid(&c))
		return false;
	*unix_s = (days_of(c.year, c.month, c.day) - EPOCH_DAY) * DAY_S + c.hour * 3600 +
		  c.minute * 60 + c.second;
	return true;
}
