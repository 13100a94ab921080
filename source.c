#include "base.h"
#include "source.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "net.h"
#include "sys.h"

#define BACKOFF_MIN 250
#define BACKOFF_MAX 10000

static void *run(void *arg)
{
	struct source *s = arg;

	s->run(s);
	atomic_store(&s->ended, true);
	s->ring(s->arg);
	return NULL;
}

int source_start(struct source *s)
{
	int error;

	if (!net_pipe(s->cancel))
		return errno;
	error = sys_thread(&s->thread, run, s);
	if (error) {
		close(s->cancel[0]);
		close(s->cancel[1]);
	}
	return error;
}

void source_cancel(struct source *s)
{
	ssize_t n;

	if (atomic_exchange(&s->cancelled, true))
		return;
	n = write(s->cancel[1], "", 1);
	(void)n;
}

void source_join(struct source *s)
{
	pthread_join(s->thread, NULL);
	close(s->cancel[0]);
	close(s->cancel[1]);
}

void source_post(struct source *s, struct service_list *list)
{
	list->source = s->name;
	if (!list->heard)
		list->heard = sys_micros();
	service_post(s->box, s->slot, list, &s->cancelled);
}

bool source_sleep(const struct source *s, int64_t ms)
{
	struct pollfd cancel = { .fd = s->cancel[0], .events = POLLIN };

	return poll(&cancel, 1, ms < 0 ? 0 : (int)ms) <= 0;
}

bool source_stopping(const struct source *s)
{
	return !source_sleep(s, 0);
}

void source_error(struct source *s, int code)
{
	size_t i = 0;

	while (i < SOURCE_CODES - 1 && atomic_load(&s->counters.errors[i].code) != code &&
	       (!i || atomic_load(&s->counters.errors[i].count)))
		i++;
	atomic_store(&s->counters.errors[i].code, i == SOURCE_CODES - 1 ? -1 : code);
	atomic_fetch_add(&s->counters.errors[i].count, 1);
}

bool source_failed(struct source *s, int code, const char *where, const char *why, int64_t at_least)
{
	int64_t most = BACKOFF_MIN;

	if (source_stopping(s))
		return false;
	if (code != SOURCE_COUNTED)
		source_error(s, code);
	atomic_fetch_add(&s->counters.outages, 1);
	if (!s->down)
		log_warn("%s: %s: %s; what is known stays in force, and it is tried again", s->name, where, why);
	else
		log_debug("%s: %s: %s", s->name, where, why);
	s->down = true;
	atomic_store(&s->up, false);
	for (unsigned i = 0; i < s->failures && most < BACKOFF_MAX; i++)
		most *= 2;
	if (most > BACKOFF_MAX)
		most = BACKOFF_MAX;
	s->failures++;
	most = sys_random() % (uint32_t)most + 20;
	return source_sleep(s, most > at_least ? most : at_least);
}

void source_worked(struct source *s, const char *where)
{
	if (s->down)
		log_info("%s: %s answers again", s->name, where);
	s->down = false;
	s->failures = 0;
	atomic_store(&s->up, true);
	atomic_store(&s->last_good, sys_wall());
}
