/* Cases for health_follow() of health.c: tables one after the other leave the same targets as the last one alone. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "check.h"
#include "table.h"
#include "publish.h"
#include "../../health.c"

static const struct loop_ops nothing = { NULL, NULL, NULL };
static struct loop loop;
static struct route route;

static bool operators = true; /* the services of s are */

static void update(const char *text)
{
	struct service_list *lists[2];

	table_lists(text, lists);
	lists[0]->trusted = operators;
	publish_update(&route, lists, 2);
	service_list_unref(lists[0]);
	service_list_unref(lists[1]);
}

/* Those of a place: the number of its backends, and how many want checks: "2/1"; "none". */
static const char *target_at(struct health *health, const char *name)
{
	static char text[32];

	for (size_t i = 0; i < health->bucket_count; i++)
		for (struct health_target *target = health->buckets[i]; target; target = target->chained) {
			unsigned count = 0;

			if (strcmp(target->backends->name, name) != 0)
				continue;
			for (struct route_backend *backend = target->backends; backend; backend = backend->peer)
				count++;
			snprintf(text, sizeof text, "%u/%u", count, target->wanted);
			return text;
		}
	return "none";
}

/* The ring has each target that wants checks once, and the buckets each one. */
static void check_ring(struct health *health, const char *what)
{
	const struct health_target *at = health->turn;
	size_t count = 0, all = 0, wanted = 0;

	for (size_t i = 0; i < health->bucket_count; i++)
		for (struct health_target *target = health->buckets[i]; target; target = target->chained) {
			all++;
			wanted += target->wanted > 0;
		}
	for (; at && count <= health->count && (!count || at != health->turn); at = at->after, count++)
		check(at->wanted && at->after->before == at, what, "a ring");
	check(count == health->active && count == wanted && all == health->count, what, "all of them");
}

static const struct {
	const char *lists, *a, *b, *c; /* the targets at 10.1.0.1:80 to 10.1.0.3:80 */
} steps[] = {
	{ "s one|local:2000|10.1.0.1:80 10.1.0.2:80\n", "1/1", "1/1", "none" },
	{ "s one|local:2000|10.1.0.1:80 10.1.0.2:80\nc two|local:2001|10.1.0.1:80 10.1.0.3:80\n", "2/1", "1/1", "1/0" },
	{ "s one|local:2000|10.1.0.2:80\nc two|local:2001|10.1.0.1:80 10.1.0.3:80\n", "1/0", "1/1", "1/0" },
	{ "c one|local:2000|10.1.0.2:80\nc two|local:2001|10.1.0.1:80 10.1.0.3:80\n", "1/0", "1/0", "1/0" },
	{ "c two|local:2001|10.1.0.1:80 10.1.0.3:80\ns three|local:2002|10.1.0.2:80\n", "1/0", "1/1", "1/0" },
	{ "c two|local:2001|10.1.0.1:80\ns two|local:2001|10.1.0.1:80\n", "1/1", "none", "none" },
	{ "c two|local:2001|10.1.0.1:80\n", "1/0", "none", "none" },
	{ "", "none", "none", "none" },
};

static void same_target(struct health *health, const char *name, const char *expected, size_t step)
{
	char where[64];

	snprintf(where, sizeof where, "%s, step %zu: %s", name, step, target_at(health, name));
	check(strcmp(target_at(health, name), expected) == 0, where, expected);
}

/* every: the tables that are seen; others are missed. */
static void step_cases(size_t every)
{
	struct health_rules rules = { HEALTH_AUTO, 5000, 1000, 3, 3 };
	struct health health;

	table_open(&route);
	health_open(&health, &loop, 0, 8);
	health_set(&health, &rules, route.table);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		update(steps[i].lists);
		if ((i + 1) % every)
			continue;
		health_follow(&health, route.table);
		same_target(&health, "10.1.0.1:80", steps[i].a, i);
		same_target(&health, "10.1.0.2:80", steps[i].b, i);
		same_target(&health, "10.1.0.3:80", steps[i].c, i);
		check_ring(&health, "a step");
	}
	health_close(&health);
	loop.fifos = NULL;
	route_close(&route);
}

/* A service moves to a source that checks it, and back; nothing else of its listener changes. */
static void move_cases(void)
{
	struct health_rules rules = { HEALTH_AUTO, 5000, 1000, 3, 3 };
	struct health health;

	operators = false;
	table_open(&route);
	health_open(&health, &loop, 0, 8);
	health_set(&health, &rules, route.table);
	for (size_t i = 0; i < 4; i++) {
		update(i % 2 ? "s one|local:2000|10.1.0.2:80\nc two|local:2000|10.1.0.1:80\n"
		             : "s one|local:2000|10.1.0.2:80\ns two|local:2000|10.1.0.1:80\n");
		health_follow(&health, route.table);
		same_target(&health, "10.1.0.1:80", i % 2 ? "1/0" : "1/1", i);
		same_target(&health, "10.1.0.2:80", "1/1", i);
		check(route.table->serial == i + 1, "a move", "is a change");
	}
	update("s one|local:2000|10.1.0.2:80\nc two|local:2000|10.1.0.1:80\n");
	check(route.table->serial == 4, "the same again", "is none");
	health_close(&health);
	loop.fifos = NULL;
	route_close(&route);
	operators = true;
}

static struct route_backend *backend_at(size_t entry)
{
	return route.table->entries[entry]->backends[0];
}

/* What is known of an address counts for a backend that comes there, and is forgotten with the last one. */
static void verdict_cases(void)
{
	struct health_rules rules = { HEALTH_ON, 5000, 1000, 1, 1 };
	struct health health;
	struct route_backend *first;

	table_open(&route);
	health_open(&health, &loop, 0, 8);
	update("s one|local:2000|10.1.0.1:80\n");
	health_set(&health, &rules, route.table);
	first = backend_at(0);
	check_failed(&health, target_find(&health, first), "refused");
	check(first->unhealthy, "a check has failed", "it is unhealthy");
	update("s one|local:2000|10.1.0.1:80\ns two|local:2001|10.1.0.1:80\n");
	health_follow(&health, route.table);
	check(backend_at(1)->unhealthy, "another one there", "is unhealthy, too");
	update("s two|local:2001|10.1.0.1:80\n");
	health_follow(&health, route.table);
	check(backend_at(0)->unhealthy, "the first one has left", "the other one is still unhealthy");
	update("s two|local:2001|10.1.0.2:80\n");
	health_follow(&health, route.table);
	update("s two|local:2001|10.1.0.1:80\n");
	health_follow(&health, route.table);
	check(!backend_at(0)->unhealthy && health.count == 1, "one that was away", "is trusted");
	check_failed(&health, target_find(&health, backend_at(0)), "refused");
	check(backend_at(0)->unhealthy, "a check has failed", "it is unhealthy");
	rules.mode = HEALTH_AUTO;
	health_set(&health, &rules, route.table);
	check(backend_at(0)->unhealthy, "a source that does not check", "leaves it unhealthy");
	rules.mode = HEALTH_OFF;
	health_set(&health, &rules, route.table);
	check(!backend_at(0)->unhealthy && !health.active, "nobody checks", "it is trusted");
	health_close(&health);
	loop.fifos = NULL;
	route_close(&route);
}

static void suspect_cases(void)
{
	struct health_rules rules = { HEALTH_AUTO, 5000, 1000, 1, 1 };
	struct route_backend *backend, *other;
	struct health health;

	table_open(&route);
	health_open(&health, &loop, 0, 8);
	update("c one|local:2000|10.1.0.1:80\nc two|local:2001|10.1.0.1:80\n");
	health_set(&health, &rules, route.table);
	backend = backend_at(0);
	other = backend_at(1);
	atomic_store(&backend->unhealthy, true);
	atomic_store(&backend->suspect, true);
	health_suspected(&health, backend);
	check(other->unhealthy && target_find(&health, backend)->timer.next, "a suspect", "is unhealthy for all, and probed");
	update("c two|local:2001|10.1.0.2:80\n");
	atomic_store(&backend_at(0)->unhealthy, true); /* a worker was faster */
	atomic_store(&backend_at(0)->suspect, true);
	health_follow(&health, route.table);
	check(backend_at(0)->unhealthy && target_find(&health, backend_at(0))->suspect, "a suspect that is new", "is one");
	update("c one|local:2000|10.1.0.1:80\n");
	health_follow(&health, route.table);
	check(health.count == 1, "the suspect has left", "and is forgotten");
	atomic_store(&backend_at(0)->suspect, true);
	health_suspected_any(&health);
	check(backend_at(0)->unhealthy, "one of all", "is found");
	health_close(&health);
	loop.fifos = NULL;
	route_close(&route);
}

/* So many that the buckets grow; every third leaves. */
static void many_cases(void)
{
	struct health_rules rules = { HEALTH_AUTO, 5000, 1000, 1, 1 };
	struct health health;
	struct buf text = { 0 };

	table_open(&route);
	health_open(&health, &loop, 0, 8);
	for (unsigned round = 0; round < 4; round++) {
		text.len = 0;
		buf_puts(&text, "");
		for (unsigned i = 0; i < 300; i++)
			if ((i + round) % 3)
				buf_printf(&text, "%c web%u|local:%u|10.1.0.%u:80\n", i % 2 ? 's' : 'c', i, 2000 + i, i % 200);
		update(text.data);
		if (round)
			health_follow(&health, route.table);
		else
			health_set(&health, &rules, route.table);
		check_ring(&health, "many");
		check(health.count > 150 && health.count <= 200, "many", "a target for each address");
	}
	health_close(&health);
	check(!health.count && !health.active, "at the end", "there is none");
	loop.fifos = NULL;
	route_close(&route);
	buf_free(&text);
}

int main(void)
{
	struct capture capture;
	struct buf said = { 0 };

	loop_open(&loop, &nothing, NULL);
	capture_start(&capture);
	step_cases(1);
	step_cases(2);
	step_cases(4);
	move_cases();
	verdict_cases();
	suspect_cases();
	many_cases();
	capture_end(&capture, &said);
	buf_free(&said);
	loop_close(&loop);
	return check_sum();
}
