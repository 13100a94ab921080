#include "base.h"
#include "why.h"

#include <string.h>

#include "config.h"
#include "explain.h"
#include "service.h"
#include "source.h"
#include "supervisor.h"
#include "sys.h"
#include "text.h"

#define INSTANCE_STEPS 32 /* what it counts for: its wishes are looked up, port by port */

struct why {
	struct body body;
	const struct stats *stats;
	size_t source;
	size_t found; /* of all sources */
	char name[];
};

static struct why *why_of(struct body *body)
{
	return CONTAINER_OF(body, struct why, body);
}

bool why_is_known(const struct stats *stats, const char *name)
{
	for (size_t i = 0; i < stats->sources->count; i++)
		if (explain_find(stats->sources->lists[i], 0, name) != SIZE_MAX)
			return true;
	return false;
}

/* Those of one source; of them, body->at have been explained. Its list may be another one than it was then. */
static bool why_put_list(struct body *body, const struct service_list *list)
{
	struct why *why = why_of(body);
	const struct stats *stats = why->stats;
	struct explain explain = { .rules = &stats->route->rules.admit, .table = stats->route->table };
	size_t at = explain_find(list, 0, why->name);

	for (size_t i = 0; i < body->at && at != SIZE_MAX; i++)
		at = explain_find(list, at + 1, why->name);
	for (; at != SIZE_MAX; at = explain_find(list, at + 1, why->name)) {
		explain_service(&explain, list, at, body->out);
		why->found++;
		body->at++;
		if (body_full(body, INSTANCE_STEPS))
			return true;
	}
	return false;
}

static bool why_put_services(struct body *body)
{
	struct why *why = why_of(body);
	const struct supervisor *sources = why->stats->sources;

	for (; why->source < sources->count; why->source++, body->at = 0)
		if (why_put_list(body, sources->lists[why->source]))
			return true;
	return false;
}

/* What to say of a name that no list has. */
static bool why_put_nothing(struct body *body)
{
	const struct why *why = why_of(body);
	const struct config *config = why->stats->config;

	if (why->found)
		return false;
	buf_puts_visible(body->out, "", why->name);
	buf_puts(body->out, ": no source has a service of this name.");
	for (size_t i = 0; i < why->stats->sources->count; i++) {
		const struct source_kind *kind = supervisor_state(why->stats->sources, i).kind;

		if (config->uses[i] && kind->word)
			buf_printf(body->out, " In %s it must be registered, and have the tag %s.", kind->title,
			           kind->word(config->tables[1 + i].values));
	}
	buf_puts(body->out, "\n");
	return false;
}

/* What a source says counts for less while it does not answer. */
static void why_put_silence(struct supervisor_state state, struct buf *out)
{
	if (!state.counters || state.up)
		return;
	if (state.age < 0)
		buf_printf(out, "note: %s has not answered yet\n", state.kind->name);
	else
		buf_printf(out, "note: %s has not answered for %lld s; this is what it said last\n", state.kind->name,
		           (long long)(state.age / 1000));
}

static bool why_put_silent(struct body *body)
{
	const struct supervisor *sources = why_of(body)->stats->sources;

	for (size_t i = 0; i < sources->count; i++)
		why_put_silence(supervisor_state(sources, i), body->out);
	return false;
}

static bool (*const why_stages[])(struct body *body) = { why_put_services, why_put_nothing, why_put_silent, NULL };
static const struct body_kind why_kind = { why_stages, NULL, NULL };

struct body *why_body(const struct stats *stats, const char *name)
{
	struct why *why = sys_alloc(sizeof *why + strlen(name) + 1);

	why->body.kind = &why_kind;
	why->stats = stats;
	strcpy(why->name, name);
	return &why->body;
}
