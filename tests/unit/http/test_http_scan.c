/* Scanners: the plain one against a definition byte by byte, all others against the plain one, on
 * random bytes that end at a guard page. */
#include "unit/http/heads.h"

static struct prng chance;

/* Bytes as in a head, with now and then one that must not be there. */
static void fill(uint8_t *p, size_t n, unsigned wrong_in_1000)
{
	static const char usual[] = "abcXYZ019-:; /,\t\x80\xff()";

	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n && prng_below(&chance, 30) == 0) {
			p[i++] = '\r';
			p[i] = '\n';
		} else if (prng_below(&chance, 1000) < wrong_in_1000) {
			p[i] = (uint8_t)prng_below(&chance, 40);
		} else {
			p[i] = (uint8_t)usual[prng_below(&chance, sizeof(usual) - 1)];
		}
	}
}

/* What http_scan.h promises, one byte after the other. */
static void define_scan(struct http_scan *s, const uint8_t *p, size_t n, unsigned after)
{
	unsigned before = after & HTTP_SCAN_AFTER_CR ? '\r' :
			  after & HTTP_SCAN_AFTER_LF ? '\n' : 'x';
	unsigned before_2 = after & HTTP_SCAN_AFTER_LF_2 ? '\n' : 'x';

	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < n && i < HTTP_SCAN_WINDOW; i++) {
		bool control = (p[i] < 32 && p[i] != '\t') || p[i] == 127;

		if ((before == '\r') != (p[i] == '\n') ||
		    (control && p[i] != '\r' && p[i] != '\n')) {
			s->stop = HTTP_SCAN_BAD;
			return;
		}
		s->scanned++;
		if (p[i] == '\n' && before_2 == '\n') {
			s->stop = HTTP_SCAN_END;
			return;
		}
		if (p[i] == '\n')
			s->eol[s->eols++] = (uint16_t)i;
		before_2 = before;
		before = p[i];
	}
}

static void assert_scan(const struct http_scan *s, const struct http_scan *is, const uint8_t *p)
{
	assert_int_equal(s->stop, is->stop);
	assert_int_equal(s->scanned, is->scanned);
	assert_int_equal(s->eols, is->eols);
	for (unsigned i = 0; i < s->eols; i++)
		assert_int_equal(s->eol[i], is->eol[i]);
	for (unsigned i = 0; i < s->scanned; i++)
		assert_int_equal(s->nontoken[i / 64] >> i % 64 & 1,
				 !http_char_is(p[i], HTTP_CH_TOKEN));
}

static void every_scanner_gives_the_same_as_the_definition(void **state)
{
	const struct http_scanner *scanner;

	prng_seed(&chance, 1);
	for (unsigned round = 0; round < 3000; round++) {
		size_t n = prng_below(&chance, round % 8 ? 300 : HTTP_SCAN_WINDOW + 100);
		uint8_t *p = http_cut_guarded(0, n);
		unsigned after = (unsigned)prng_below(&chance, 8);
		struct http_scan s, is;

		if (after & HTTP_SCAN_AFTER_CR)
			after &= ~(unsigned)HTTP_SCAN_AFTER_LF;
		fill(p, n, round % 3);
		define_scan(&is, p, n, after);
		if (is.eols >= HTTP_SCAN_EOLS - 64)
			continue;	/* the scan may stop early there */
		for (unsigned i = 0; (scanner = http_scanner_nth(i)) != NULL; i++) {
			memset(&s, 0xa5, sizeof(s));
			scanner->scan(&s, p, n, after);
			assert_scan(&s, &is, p);
		}
	}
}

static void a_scan_stops_in_front_of_line_ends_that_it_has_no_room_for(void **state)
{
	const struct http_scanner *scanner;
	uint8_t *p = http_cut_guarded(0, 2046);

	for (unsigned i = 0; i < 2046; i += 3)
		memcpy(p + i, "a\r\n", 3);
	for (unsigned i = 0; (scanner = http_scanner_nth(i)) != NULL; i++) {
		struct http_scan s;
		size_t at = 0, lines = 0;

		while (at < 2046) {
			unsigned after = at == 0 ? 0 : p[at - 1] == '\r' ? HTTP_SCAN_AFTER_CR :
					 p[at - 1] == '\n' ? HTTP_SCAN_AFTER_LF : 0;

			scanner->scan(&s, p + at, 2046 - at, after);
			assert_int_equal(s.stop, HTTP_SCAN_ALL);
			assert_in_range(s.scanned, 1, 2046 - at);
			for (unsigned k = 0; k < s.eols; k++)
				assert_int_equal(at + s.eol[k], 3 * lines++ + 2);
			at += s.scanned;
		}
		assert_int_equal(lines, 682);
	}
}

static void every_byte_is_in_the_classes_that_the_table_says_in_every_scanner(void **state)
{
	static const uint8_t classes[] = { HTTP_CH_TARGET, HTTP_CH_HOST };
	const struct http_scanner *scanner;

	for (unsigned i = 0; (scanner = http_scanner_nth(i)) != NULL; i++)
		for (unsigned c = 0; c < 256; c++)
			for (unsigned k = 0; k < 2; k++) {
				uint8_t *p = http_cut_guarded(0, 1);

				*p = (uint8_t)c;
				assert_int_equal(scanner->span(p, 1, classes[k]),
						 http_char_is((uint8_t)c, classes[k]));
			}
}

static void a_span_ends_in_front_of_the_first_other_byte_or_at_the_end(void **state)
{
	const struct http_scanner *scanner;

	for (unsigned i = 0; (scanner = http_scanner_nth(i)) != NULL; i++)
		for (size_t n = 0; n < 200; n++) {
			uint8_t *p = http_cut_guarded(0, n);

			memset(p, 'a', n);
			assert_int_equal(scanner->span(p, n, HTTP_CH_TARGET), n);
			assert_int_equal(scanner->span(p, n, HTTP_CH_HOST), n);
			for (size_t at = 0; at < n; at++) {
				p[at] = ' ';
				assert_int_equal(scanner->span(p, n, HTTP_CH_TARGET), at);
				p[at] = '/';
				assert_int_equal(scanner->span(p, n, HTTP_CH_TARGET), n);
				assert_int_equal(scanner->span(p, n, HTTP_CH_HOST), at);
				p[at] = 'a';
			}
		}
}

static void the_best_scanner_is_one_of_those_that_run(void **state)
{
	unsigned i = 0;

	while (http_scanner_nth(i) && http_scanner_nth(i) != http_scanner_best())
		i++;
	assert_non_null(http_scanner_nth(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(every_scanner_gives_the_same_as_the_definition),
		T(a_scan_stops_in_front_of_line_ends_that_it_has_no_room_for),
		T(every_byte_is_in_the_classes_that_the_table_says_in_every_scanner),
		T(a_span_ends_in_front_of_the_first_other_byte_or_at_the_end),
		T(the_best_scanner_is_one_of_those_that_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
