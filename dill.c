/* main: reads the configuration, and does what it asks for: serve, or say something and exit. */
#include "base.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "admit.h"
#include "config.h"
#include "config_print.h"
#include "config_read.h"
#include "control.h"
#include "inspect.h"
#include "log.h"
#include "plan.h"
#include "resolve.h"
#include "route.h"
#include "service.h"
#include "service_option.h"
#include "sources.h"
#include "sys.h"
#include "text.h"

extern char **environ;

/* -t: the services of the configuration, and of each source that can be read without waiting. */
static int print_check(const struct config *config)
{
	struct arena memory = { 0 };
	struct admit_rules rules = control_rules(config, &memory);
	struct buf why = { 0 };
	int status = 0;

	config_print(config);
	admit_print(&rules, config->given);
	for (size_t i = 0; i < source_count; i++) {
		struct service_list *list;

		if (!config->uses[i] || !sources[i]->read)
			continue;
		list = sources[i]->read(config->tables[1 + i].values, &why);
		if (list)
			admit_print(&rules, list);
		else
			log_complain(LOG_ERROR, "%s: %s", sources[i]->name, why.data);
		status = list ? status : 1;
		service_list_unref(list);
	}
	buf_free(&why);
	arena_free(&memory);
	return status;
}

/* --explain and --plan: the log is for the person at the terminal. */
static void inspect(struct config *config)
{
	struct arena memory = { 0 };
	struct route_rules rules = {
		.admit = control_rules(config, &memory), .balance = (enum service_balance)config->balance
	};
	int status;

	log_setup(config->log_level == LOG_DEBUG ? LOG_DEBUG : LOG_WARN, false);
	status = config->explain ? inspect_explain(config, &rules.admit) : plan_print(config, &rules);
	fflush(stdout);
	_exit(status); /* threads may hang in a look-up: nobody waits for them */
}

int main(int argc, char **argv)
{
	struct config *config;
	int status;

	sys_standard_fds();
	signal(SIGPIPE, SIG_IGN);
	config = config_read(argc, argv, environ, &status);
	if (!config)
		return status;
	if (config->help)
		config_usage();
	else if (config->version)
		puts("dill " DILL_VERSION);
	else if (config->check)
		status = print_check(config);
	else if (config->explain || config->plan)
		inspect(config);
	else
		return control_run(config, argc, argv);
	config_unref(config);
	return status;
}
