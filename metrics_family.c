#include "base.h"
#include "metrics_family.h"

#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "metrics_put.h"
#include "net.h"
#include "service_option.h"
#include "stats.h"

/* Parts of a sample. */

void metrics_put_head(struct buf *out, const struct metrics_family *family)
{
	static const char *const types[] = { "gauge", "counter", "histogram" };

	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name, types[family->type]);
}

unsigned long long metrics_value(const struct metrics_family *family, const void *object)
{
	const void *at = (const char *)object + family->at;

	switch (family->number) {
	case IS_UINT:
		return atomic_load((const atomic_uint *)at);
	case IS_ULLONG:
		return atomic_load((const atomic_ullong *)at);
	case IS_FIGURE:
		return *(const unsigned long long *)at;
	case IS_FALSE:
		return !atomic_load((const atomic_bool *)at);
	default: /* IS_OPEN */
		return stats_is_open(object);
	}
}

static void metrics_put_listener_name(const struct metrics *metrics, const struct metrics_family *family)
{
	metrics_put_name(metrics->out, family->name, "{listener=\"", metrics->walk.listener->name);
}

/* Listeners. */

/* What to join other series of a listener with. */
void metrics_put_info(const struct metrics *metrics, const struct metrics_family *family)
{
	const struct route_entry *entry = metrics->walk.entry;
	const struct route_listener *it = metrics->walk.listener;

	metrics_put_listener_name(metrics, family);
	metrics_put_label(metrics->out, ",service=\"", entry ? entry->services : it->services);
	metrics_put_label(metrics->out, ",balance=\"", service_balance_names[entry ? entry->balance : it->balance]);
	metrics_put_label(metrics->out, ",source=\"", entry ? entry->owner.source : it->source);
	buf_puts(metrics->out, "} 1\n");
}

/* Whether those that left the table have this figure, too: how much there was, not how things are. */
static bool metrics_lasts(const struct metrics_family *family)
{
	return family->number != IS_OPEN && family->number != IS_FALSE && family->number != IS_WEIGHT;
}

void metrics_put_listener(const struct metrics *metrics, const struct metrics_family *family)
{
	const struct route_listener *it = metrics->walk.listener;
	struct route_figures figures;
	const void *object = it;

	if (family->number == IS_FIGURE) {
		figures = route_listener_figures(it);
		object = &figures;
	}
	metrics_put_listener_name(metrics, family);
	metrics_put_number(metrics->out, "} ", metrics_value(family, object));
}

void metrics_put_rejected(const struct metrics *metrics, const struct metrics_family *family)
{
	for (int k = 0; k < ROUTE_REJECTS; k++) {
		metrics_put_listener_name(metrics, family);
		metrics_put_label(metrics->out, ",reason=\"", route_reject_names[k]);
		metrics_put_number(metrics->out, "} ", route_rejected(metrics->walk.listener, (enum route_reject)k));
	}
}

void metrics_put_health(const struct metrics *metrics, const struct metrics_family *family)
{
	unsigned healthy = route_healthy(metrics->walk.entry);

	metrics_put_listener_name(metrics, family);
	metrics_put_number(metrics->out, ",state=\"healthy\"} ", healthy);
	metrics_put_listener_name(metrics, family);
	metrics_put_number(metrics->out, ",state=\"unhealthy\"} ", metrics->walk.count - healthy);
}

/* Backends. */

void metrics_put_backend(const struct metrics *metrics, const struct metrics_family *family,
                         const struct route_backend *backend, unsigned weight)
{
	struct route_figures figures;
	const void *object = backend;

	if (family->number == IS_FIGURE) {
		figures = route_backend_figures(backend);
		object = &figures;
	}
	metrics_put_listener_name(metrics, family);
	metrics_put_label(metrics->out, ",backend=\"", backend->name);
	metrics_put_number(metrics->out, "} ", family->number == IS_WEIGHT ? weight : metrics_value(family, object));
}

void metrics_put_connect_time(const struct metrics *metrics, const struct metrics_family *family,
                              const struct route_backend *backend, unsigned weight)
{
	struct histogram times;
	struct buf labels = { 0 };

	(void)weight;
	metrics_put_label(&labels, "listener=\"", metrics->walk.listener->name);
	metrics_put_label(&labels, ",backend=\"", backend->name);
	route_connect_times(backend, &times);
	metrics_put_histogram(metrics->out, family->name, labels.data, &times);
	buf_free(&labels);
}

/* Backends that have left. */

void metrics_forget_left(struct metrics *metrics)
{
	for (size_t i = 0; i < metrics->left_count; i++)
		route_backend_unref(metrics->left[i]);
	free(metrics->left);
	metrics->left = NULL;
	metrics->left_count = 0;
}

static int metrics_by_listener(const void *left, const void *right)
{
	return net_compare(&(*(struct route_backend *const *)left)->listener->addr,
	                   &(*(struct route_backend *const *)right)->listener->addr);
}

/* For a family, when some have left or come back since the last one. */
static void metrics_collect_left(struct metrics *metrics)
{
	const struct route *route = metrics->stats->route;

	metrics->left_at = 0;
	if (metrics->moves == route->moves && metrics->left)
		return;
	metrics_forget_left(metrics);
	metrics->moves = route->moves;
	metrics->left = malloc((route->retired_count + 1) * sizeof *metrics->left);
	if (!metrics->left) {
		buf_fail(metrics->out);
		return;
	}
	for (size_t i = 0; i < route->retired_count; i++)
		metrics->left[metrics->left_count++] = route_backend_ref(route->retired[i]);
	qsort(metrics->left, metrics->left_count, sizeof *metrics->left, metrics_by_listener);
}

/* Backends with other credentials for the same proxy have the same name: the second would be a series twice. */
static bool metrics_is_named(const struct metrics *metrics, const struct route_backend *backend)
{
	const struct route_entry *entry = metrics->walk.entry;

	for (unsigned i = 0; backend->socks && entry && i < entry->count; i++)
		if (strcmp(entry->backends[i]->name, backend->name) == 0)
			return true;
	for (size_t i = metrics->left_at; backend->socks && i-- > 0;)
		if (net_compare(&metrics->left[i]->listener->addr, &backend->listener->addr) != 0)
			break;
		else if (strcmp(metrics->left[i]->name, backend->name) == 0)
			return true;
	return false;
}

/* Those that have left the listener. False: the part is full. */
static bool metrics_put_left(struct metrics *metrics, const struct metrics_family *family)
{
	const struct net_addr *addr = metrics->walk.listener ? &metrics->walk.listener->addr : NULL;

	if (metrics->walk.inside && metrics->moves != metrics->stats->route->moves)
		return true; /* one that has left since then may be out already: the rest is missing */
	for (; addr && metrics->left_at < metrics->left_count; metrics->left_at++) {
		const struct route_backend *backend = metrics->left[metrics->left_at];
		int order = net_compare(&backend->listener->addr, addr);

		if (order > 0)
			break;
		if (order < 0 || !atomic_load(&backend->gone) || metrics_is_named(metrics, backend))
			continue; /* of no listener any more; back in the table */
		if (body_full(&metrics->body, 1))
			return false;
		family->backend(metrics, family, backend, 0);
	}
	return true;
}

/* False: the part is full. */
static bool metrics_put_backends(struct metrics *metrics, const struct metrics_family *family)
{
	struct walk *walk = &metrics->walk;

	for (; walk->backend < walk->count; walk->backend++) {
		if (body_full(&metrics->body, 1))
			return false;
		family->backend(metrics, family, walk->entry->backends[walk->backend], walk->entry->weights[walk->backend]);
	}
	return !metrics_lasts(family) || metrics_put_left(metrics, family);
}

bool metrics_walk(struct metrics *metrics, const struct metrics_family *family)
{
	struct walk *walk = &metrics->walk;

	if (!metrics->begun) {
		walk_begin(walk, metrics->stats->route, metrics_lasts(family));
		metrics_collect_left(metrics);
	}
	while (walk_on(walk)) {
		if (family->listener)
			family->listener(metrics, family);
		else if (!metrics_put_backends(metrics, family))
			return walk_pause(walk, true);
		if (body_full(&metrics->body, family->listener ? 1 + walk->count : 1)) /* it may count the healthy ones */
			return walk_pause(walk, false);
	}
	return false;
}
