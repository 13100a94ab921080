#include "base.h"
#include "source.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "net.h"
#include "service.h"
#include "sys.h"

#define BACKOFF_MIN 250
#define BACKOFF_MAX 10000

static void *source_thread(void *arg)
{
	struct source *source = arg;

	sys_thread_patient();
	source->kind->run(source);
	atomic_store(&source->ended, true);
	source->ring(source->arg);
	return NULL;
}

int source_start(struct source *source)
{
	int error;

	if (!net_pipe(source->cancel))
		return errno;
	error = sys_thread(&source->thread, source_thread, source);
	if (error) {
		close(source->cancel[0]);
		close(source->cancel[1]);
	}
	return error;
}

void source_cancel(struct source *source)
{
	ssize_t n;

	if (atomic_exchange(&source->cancelled, true))
		return;
	n = write(source->cancel[1], "", 1);
	(void)n;
}

void source_join(struct source *source)
{
	pthread_join(source->thread, NULL);
	close(source->cancel[0]);
	close(source->cancel[1]);
}

void source_post(struct source *source, struct service_list *list)
{
	list->source = source->kind->name;
	list->title = source->kind->title;
	if (!list->heard)
		list->heard = sys_micros();
	mailbox_post(source->box, source->slot, list, &source->cancelled);
}

static int by_service(const void *a, const void *b)
{
	return service_order(*(struct service *const *)a, *(struct service *const *)b);
}

static bool is_same(const struct service_list *a, const struct service_list *b)
{
	return a->count == b->count && (!a->count || memcmp(a->items, b->items, a->count * sizeof *a->items) == 0);
}

bool source_renew(struct source *source, struct service_list **last, struct service_list *list)
{
	struct service_list *before = *last;

	if (list->count > 1)
		qsort(list->items, list->count, sizeof *list->items, by_service);
	if (before)
		service_adopt(list->items, list->count, before->items, before->count);
	if (before && is_same(before, list)) {
		service_list_unref(list);
		return false;
	}
	service_list_unref(before);
	*last = service_list_ref(list);
	source_post(source, list);
	return true;
}

bool source_sleep(const struct source *source, int64_t ms)
{
	struct pollfd cancel = { .fd = source->cancel[0], .events = POLLIN };

	return poll(&cancel, 1, ms < 0 ? 0 : (int)ms) <= 0;
}

bool source_stopping(const struct source *source)
{
	return !source_sleep(source, 0);
}

void source_error(struct source *source, int code)
{
	size_t i = 0;

	while (i < SOURCE_CODES - 1 && atomic_load(&source->counters.errors[i].code) != code &&
	       (!i || atomic_load(&source->counters.errors[i].count)))
		i++;
	atomic_store(&source->counters.errors[i].code, i == SOURCE_CODES - 1 ? -1 : code);
	atomic_fetch_add(&source->counters.errors[i].count, 1);
}

bool source_failed(struct source *source, int code, const char *where, const char *why, int64_t at_least)
{
	int64_t most = BACKOFF_MIN;

	if (source_stopping(source))
		return false;
	if (code != SOURCE_COUNTED)
		source_error(source, code);
	atomic_fetch_add(&source->counters.outages, 1);
	if (!source->down)
		log_warn("%s: %s: %s; keeping the last known services; retrying", source->kind->name, where, why);
	else
		log_debug("%s: %s: %s", source->kind->name, where, why);
	source->down = true;
	atomic_store(&source->up, false);
	for (unsigned i = 0; i < source->failures && most < BACKOFF_MAX; i++)
		most *= 2;
	if (most > BACKOFF_MAX)
		most = BACKOFF_MAX;
	source->failures++;
	most = sys_random() % (uint32_t)most + 20;
	return source_sleep(source, most > at_least ? most : at_least);
}

void source_worked(struct source *source, const char *where)
{
	if (source->down)
		log_info("%s: %s answers again", source->kind->name, where);
	source->down = false;
	source->failures = 0;
	atomic_store(&source->up, true);
	atomic_store(&source->last_good, sys_now());
}
