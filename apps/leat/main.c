/* The program `leat`: finds the subcommand and runs it. */
#include <stdio.h>
#include <string.h>

#include "leat/leat.h"

#include "apps/leat/leat.h"

static int leat_help(int argc, char **argv);
static int leat_print_version(int argc, char **argv);

static const struct leat_command leat_help_command = {
	"help", "what there is, and how it is used",
	"usage: leat help [COMMAND]\n", leat_help,
};
static const struct leat_command leat_version_command = {
	"version", "the version of this program",
	"usage: leat version\n", leat_print_version,
};
static const struct leat_command *const leat_commands[] = {
	&leat_serve, &leat_bench, &leat_bulk, &leat_frames, &leat_wire,
	&leat_ping, &leat_arp, &leat_route, &leat_ip, &leat_net, &leat_help_command,
	&leat_version_command,
};

static const struct leat_command *leat_command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(leat_commands); i++)
		if (!strcmp(leat_commands[i]->name, name))
			return leat_commands[i];
	return NULL;
}

static void leat_overview(FILE *to)
{
	fprintf(to, "leat " LEAT_VERSION
		    ", a TCP/IP stack of its own\n\nusage: leat COMMAND [...]\n\n");
	for (size_t i = 0; i < ARRAY_LEN(leat_commands); i++)
		fprintf(to, "  %-10s %s\n", leat_commands[i]->name, leat_commands[i]->what);
	fprintf(to, "\nleat help COMMAND says more.\n");
}

static int leat_no_command(const char *name)
{
	fprintf(stderr, "leat: no command \"%s\"; see leat help\n", name);
	return LEAT_EXIT_USAGE;
}

static int leat_help(int argc, char **argv)
{
	const struct leat_command *c;

	if (argc < 2) {
		leat_overview(stdout);
		return LEAT_EXIT_OK;
	}
	c = leat_command_find(argv[1]);
	if (!c)
		return leat_no_command(argv[1]);
	fputs(c->usage, stdout);
	return LEAT_EXIT_OK;
}

static int leat_print_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("leat %s\n", leat_version());
	return LEAT_EXIT_OK;
}

int main(int argc, char **argv)
{
	const struct leat_command *c;

	if (argc < 2) {
		leat_overview(stderr);
		return LEAT_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return leat_help(1, argv);
	if (!strcmp(argv[1], "--version"))
		return leat_print_version(1, argv);
	c = leat_command_find(argv[1]);
	if (!c)
		return leat_no_command(argv[1]);
	if (argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"))) {
		fputs(c->usage, stdout);
		return LEAT_EXIT_OK;
	}
	return c->run(argc - 1, argv + 1);
}
