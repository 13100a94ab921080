#include "base.h"
#include "resolve_wait.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "loop.h"
#include "loop_backend.h"
#include "net.h"
#include "resolve.h"
#include "resolve_answer.h"
#include "resolve_conf.h"
#include "sys.h"
#include "text.h"

enum wait_kind { WAIT_RESOLVE = 1, WAIT_CANCEL };

static pthread_mutex_t rules_lock = PTHREAD_MUTEX_INITIALIZER;
static struct net_addr rule_servers[RESOLVE_SERVERS];
static struct resolve_rules rules = { .servers = rule_servers, .quiet = true };

void resolve_wait_set(const struct resolve_rules *new)
{
	pthread_mutex_lock(&rules_lock);
	rules.server_count = new->server_count < RESOLVE_SERVERS ? new->server_count : RESOLVE_SERVERS;
	if (rules.server_count)
		memcpy(rule_servers, new->servers, rules.server_count * sizeof *rule_servers);
	pthread_mutex_unlock(&rules_lock);
}

struct wait {
	struct loop loop;
	struct resolver *resolver;
	struct loop_io cancel;
	struct loop_fifo fifo;
	struct loop_timer timer;
	bool stopped, late;
};

static void wait_ready(struct loop *loop, struct loop_io *io, unsigned events)
{
	struct wait *wait = loop->owner;

	if (io != &wait->cancel)
		resolve_ready(wait->resolver, io, events);
	else
		wait->stopped = loop->stop = true;
}

static void wait_expired(struct loop *loop, struct loop_fifo *fifo, struct loop_timer *timer)
{
	struct wait *wait = loop->owner;

	if (fifo != &wait->fifo)
		resolve_expired(wait->resolver, fifo, timer);
	else
		wait->late = loop->stop = true;
}

static void wait_woken(struct loop *loop)
{
	(void)loop;
}

static const struct loop_ops wait_ops = { wait_ready, wait_expired, wait_woken };

static void wait_ring(void *arg)
{
	struct wait *wait = arg;

	wait->loop.stop = true;
}

static void wait_follow_rules(struct wait *wait)
{
	pthread_mutex_lock(&rules_lock);
	resolve_set(wait->resolver, &rules);
	pthread_mutex_unlock(&rules_lock);
}

static const char *wait_over(const struct resolve_answer *answer, struct net_addr *addrs, size_t *count)
{
	const struct resolve_host *host = answer->hosts;

	if (answer->state != RESOLVE_GOOD)
		return answer->why;
	if (host->count < *count)
		*count = host->count;
	memcpy(addrs, host->addrs, *count * sizeof *addrs);
	return NULL;
}

static const char *wait_for(struct wait *wait, const char *name, struct net_addr *addrs, size_t *count)
{
	struct resolve_answer answer = resolve_lookup(wait->resolver, name, false);

	while (answer.state == RESOLVE_ASKED && !wait->stopped && !wait->late) {
		wait->loop.stop = false;
		loop_run(&wait->loop);
		resolve_round(wait->resolver);
		answer = resolve_lookup(wait->resolver, name, false);
	}
	if (answer.state != RESOLVE_ASKED)
		return wait_over(&answer, addrs, count);
	return wait->stopped ? "stopped" : "no answer";
}

const char *resolve_wait(const char *name, int cancel_fd, int64_t deadline, struct net_addr *addrs, size_t *count)
{
	struct wait wait = { .cancel = LOOP_IO(cancel_fd, WAIT_CANCEL) };
	const char *why;

	if (*count && net_numeric(slice_of(name), 0, addrs)) {
		*count = 1;
		return NULL;
	}
	if (!loop_open(&wait.loop, &wait_ops, &wait))
		return strerror(errno);
	if (cancel_fd >= 0 && !loop_want(&wait.loop, &wait.cancel, LOOP_IN)) {
		why = strerror(errno);
		loop_close(&wait.loop);
		return why;
	}
	loop_fifo_open(&wait.loop, &wait.fifo, deadline - wait.loop.now, 0);
	loop_arm(&wait.loop, &wait.fifo, &wait.timer);
	wait.resolver = resolve_open(&wait.loop, WAIT_RESOLVE, wait_ring, &wait);
	wait_follow_rules(&wait);
	why = wait_for(&wait, name, addrs, count);
	resolve_close(wait.resolver);
	loop_close(&wait.loop);
	return why;
}
