/* main: reads the configuration, and does what it asks for: serve, or say something and exit. */
#include "base.h"

#include <signal.h>
#include <unistd.h>

#include "admission.h"
#include "config.h"
#include "config_print.h"
#include "config_read.h"
#include "control.h"
#include "inspect.h"
#include "log.h"
#include "loop_backend.h"
#include "net.h"
#include "plan.h"
#include "power.h"
#include "print.h"
#include "resolve.h"
#include "resolve_conf.h"
#include "resolve_wait.h"
#include "route.h"
#include "rules.h"
#include "sys.h"
#include "tls.h"

extern char **environ;

/* --explain and --plan: the log is for the person at the terminal. */
static void inspect(struct config *config)
{
	struct arena memory = { 0 };
	struct route_rules rules = rules_of(config, &memory);
	struct net_addr servers[RESOLVE_SERVERS];
	struct resolve_rules names = rules_names(config, servers);
	int status;

	resolve_wait_set(&names);
	log_setup(config->log_level == LOG_DEBUG ? LOG_DEBUG : LOG_WARN, false);
	status = config->explain ? inspect_explain(config, &rules.admit) : plan_print(config, &rules, &names);
	_exit(status); /* nobody waits for the threads of the sources */
}

#if defined(__GLIBC__)
#define NUMBER_TEXT(n) #n
#define VERSION_TEXT(major, minor) NUMBER_TEXT(major) "." NUMBER_TEXT(minor)
#define LIBC "glibc " VERSION_TEXT(__GLIBC__, __GLIBC_MINOR__)
#elif defined(__linux__)
#define LIBC "musl, or another libc"
#else
#define LIBC "the system's libc"
#endif

#if defined(__clang__) || !defined(__GNUC__)
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

#ifdef LOOP_EPOLL
#define LOOPS "epoll, poll"
#else
#define LOOPS "poll"
#endif

#ifdef DILL_NO_AWS
#define AWS "no"
#else
#define AWS "yes"
#endif

/* For reports of bugs: four lines. */
static void print_version(void)
{
	print_to(STDOUT_FILENO, "dill " DILL_VERSION " (%s)\nloop: " LOOPS "; AWS: " AWS "\nsandbox: %s\nbuilt with " COMPILER
	         " and " LIBC "\n", tls_version(), power_version());
}

int main(int argc, char **argv)
{
	struct config *config;
	int status;

	power_bound();
	sys_standard_fds();
	signal(SIGPIPE, SIG_IGN);
	config = config_read(argc, argv, environ, &status);
	if (!config)
		return status;
	if (config->help)
		config_usage();
	else if (config->version)
		print_version();
	else if (config->check)
		status = admission_print(config);
	else if (config->explain || config->plan)
		inspect(config);
	else
		return control_run(config, argc, argv);
	config_unref(config);
	return status;
}
