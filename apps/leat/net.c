/* `leat net`: what links there are.  Prints the tables of drivers/; opens nothing.  And what all
 * commands with a stack have in common. */
#include <stdio.h>
#include <string.h>

#include "apps/leat/leat.h"
#include "drivers/drivers.h"

static const char net_usage[] =
	"usage: leat net help\n"
	"       leat net check LINK\n"
	"\n"
	"A link is KIND[:ARG][,key=value...], the same for every command that has --net.\n"
	"`leat net help` lists the kinds and the keys, `leat net check` judges one without\n"
	"opening it.\n";

static void net_help(void)
{
	const struct drivers_help *k;
	const char *name, *form, *what;

	printf("A link is KIND[:ARG][,key=value...]; the same for every command that has --net.\n"
	       "\nKinds:\n");
	for (unsigned i = 0; (k = drivers_kind(i)); i++) {
		printf("  %-14s %s%s\n", k->form, k->what, k->later ? " (comes later)" : "");
		printf("  %-14s   keys: %s%s\n", "", k->keys,
		       k->devargs ? ", and the device's" : "");
		if (k->modes)
			printf("  %-14s   modes: %s\n", "", k->modes);
	}
	printf("\nKeys:\n");
	for (unsigned i = 0; (name = drivers_key(i, &form, &what)); i++)
		printf("  %s=%s\n  %-14s %s\n", name, form, "", what);
	printf("\nslirp needs no privilege.  leat-net(7) has examples.\n");
}

int leat_net_check(const char *command, const char *spec)
{
	char why[512];

	if (!drivers_check(spec, why, sizeof(why)))
		return LEAT_EXIT_OK;
	fprintf(stderr, "leat %s: %s; see leat net help\n", command, why);
	return LEAT_EXIT_USAGE;
}

int leat_poll_mode(const char *command, const char *text, enum leat_poll_mode *mode)
{
	static const char *const names[] = {
		[LEAT_POLL_ADAPTIVE] = "adaptive",
		[LEAT_POLL_BUSY] = "busy",
		[LEAT_POLL_SLEEP] = "sleep",
	};

	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(text, names[i]))
			continue;
		*mode = (enum leat_poll_mode)i;
		return LEAT_EXIT_OK;
	}
	fprintf(stderr, "leat %s: --poll is adaptive, busy or sleep, not \"%s\"\n",
		command, text);
	return LEAT_EXIT_USAGE;
}

static int net_main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "help")) {
		net_help();
		return LEAT_EXIT_OK;
	}
	if (argc == 3 && !strcmp(argv[1], "check"))
		return leat_net_check("net", argv[2]);
	fputs(net_usage, stderr);
	return LEAT_EXIT_USAGE;
}

const struct leat_command leat_net = {
	"net", "what links there are: leat net help", net_usage, net_main,
};
