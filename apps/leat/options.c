/* Reading options: --name value, --name=value, -l, and words; `--` ends the options.
 *
 * What is wrong is said in one line that names the word and where to look. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/leat/leat.h"

static int leat_options_wrong(const char *command, const char *what, const char *word)
{
	fprintf(stderr, "leat %s: %s \"%s\"; see leat help %s\n", command, what, word, command);
	return -1;
}

/* The option that a word begins, or NULL; *value is what follows a "=". */
static const struct leat_option *leat_option_find(const struct leat_option *o, const char *word,
						  const char **value)
{
	const char *end = strchr(word, '=');
	size_t n = end ? (size_t)(end - word) : strlen(word);

	*value = end ? end + 1 : NULL;
	for (; o->name; o++) {
		if (word[1] != '-' && o->letter && word[1] == o->letter && !word[2])
			return o;
		if (word[1] == '-' && strlen(o->name) == n - 2 && !memcmp(o->name, word + 2, n - 2))
			return o;
	}
	return NULL;
}

/* False when it is no number within the option's bounds. */
static bool leat_option_number(const struct leat_option *o, const char *value)
{
	bool seconds = o->kind == LEAT_OPTION_SECONDS;
	char *end;
	double n = strtod(value, &end);

	if (end == value || *end || (*value < '0' || *value > '9'))
		return false;
	if (seconds)
		n *= 1000;
	else if (strspn(value, "0123456789") != strlen(value))
		return false;
	if (n < o->min || n > o->max)
		return false;
	*(uint32_t *)o->to = (uint32_t)n;
	return true;
}

static int leat_option_set(const char *command, const struct leat_option *o, const char *value)
{
	if (o->kind == LEAT_OPTION_TEXT) {
		*(const char **)o->to = value;
		return 0;
	}
	if (leat_option_number(o, value))
		return 0;
	if (o->kind == LEAT_OPTION_SECONDS)
		fprintf(stderr, "leat %s: --%s is from %g to %g seconds, not \"%s\"\n", command,
			o->name, o->min / 1e3, o->max / 1e3, value);
	else
		fprintf(stderr, "leat %s: --%s is a number from %u to %u, not \"%s\"\n", command,
			o->name, o->min, o->max, value);
	return -1;
}

int leat_options_read(const char *command, const struct leat_option *options, int argc, char **argv,
		      const char **words, int most)
{
	uint32_t seen = 0;	/* bit i: options[i] was there */
	bool only_words = false;
	int n = 0;

	for (int i = 1; i < argc; i++) {
		const struct leat_option *o;
		const char *value;

		if (!strcmp(argv[i], "--") && !only_words) {
			only_words = true;
			continue;
		}
		if (only_words || argv[i][0] != '-' || !argv[i][1]) {
			if (n == most)
				return leat_options_wrong(command, "one word too many:", argv[i]);
			words[n++] = argv[i];
			continue;
		}
		o = leat_option_find(options, argv[i], &value);
		if (!o)
			return leat_options_wrong(command, "no option", argv[i]);
		if (seen & 1u << (o - options))
			return leat_options_wrong(command, "said twice:", argv[i]);
		seen |= 1u << (o - options);
		if (o->kind == LEAT_OPTION_FLAG) {
			if (value)
				return leat_options_wrong(command, "no value may follow", argv[i]);
			*(bool *)o->to = true;
			continue;
		}
		if (!value && i + 1 == argc)
			return leat_options_wrong(command, "a value must follow", argv[i]);
		if (!value)
			value = argv[++i];
		if (leat_option_set(command, o, value) < 0)
			return -1;
	}
	return n;
}
