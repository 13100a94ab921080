#include "base.h"
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "net.h"

#define STOP_SECONDS 3

static int signal_pipe[2];
static volatile sig_atomic_t stop_status;

static const int caught[] = {
	SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD,
#ifdef SIGINFO
	SIGINFO,
#endif
};

static void on_signal(int number)
{
	int saved = errno;
	unsigned char byte = (unsigned char)number;
	ssize_t n = write(signal_pipe[1], &byte, 1);

	(void)n;
	errno = saved;
}

static void block_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(caught); i++)
		sigaddset(&set, caught[i]);
	pthread_sigmask(how, &set, NULL);
}

int signals_open(void)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	block_signals(SIG_BLOCK);
	if (!net_pipe(signal_pipe))
		return -errno;
	for (size_t i = 0; i < ARRAY_LEN(caught); i++)
		sigaction(caught[i], &act, NULL);
	return signal_pipe[0];
}

void signals_allow(void)
{
	block_signals(SIG_UNBLOCK);
}

void signals_close(void)
{
	close(signal_pipe[0]);
	close(signal_pipe[1]);
}

static void on_alarm(int number)
{
	_exit(number == SIGALRM ? stop_status : 1);
}

void signals_bound_stop(int status)
{
	struct sigaction act = { .sa_handler = on_alarm };

	stop_status = status;
	sigaction(SIGALRM, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	alarm(STOP_SECONDS);
}
