#include "base.h"
#include "service.h"

#include <stdlib.h>
#include <string.h>

const char *const service_option_names[SERVICE_OPTIONS] = { "balance", "proxy", "proxy_protocol", "allow", "deny" };

const char *const service_balance_names[] = { "round_robin", "random", "p2c", "least_conn", NULL };

int service_balance(const char *name)
{
	for (int i = 0; service_balance_names[i]; i++)
		if (slice_is_nocase(slice_of(name), service_balance_names[i]))
			return i;
	return -1;
}

struct service *service_add(struct service_list *list, struct slice name)
{
	struct service *s;

	SYS_GROW(list->items, list->count, list->cap);
	s = &list->items[list->count++];
	*s = (struct service){ .name = arena_dup(&list->memory, name.at, name.len) };
	return s;
}

void service_wish(struct service_list *list, struct service *s, struct slice wish)
{
	SYS_GROW(s->wishes, s->wish_count, s->wish_cap);
	s->wishes[s->wish_count++] = arena_dup(&list->memory, wish.at, wish.len);
}

void service_backend(struct service_list *list, struct service *s, struct slice host, uint16_t port, uint16_t weight)
{
	SYS_GROW(s->backends, s->backend_count, s->backend_cap);
	s->backends[s->backend_count++] = (struct service_backend){
		.host = arena_dup(&list->memory, host.at, host.len), .port = port, .weight = weight
	};
}

static const char *keep(struct service_list *list, const char *s)
{
	return s ? arena_dup(&list->memory, s, strlen(s)) : NULL;
}

struct slice service_tag(const struct service *s, const char *wish)
{
	struct slice rest = slice_of(s->tags), line;

	while (slice_next(&rest, '\n', &line)) {
		const char *equals = line.len ? memchr(line.at, '=', line.len) : NULL;

		if (!equals || equals - line.at < 9 || memcmp(equals - 9, ".listener", 9) != 0)
			continue;
		if (slice_is(slice_trim((struct slice){ equals + 1, line.len - (size_t)(equals + 1 - line.at) }), wish))
			return line;
	}
	return (struct slice){ NULL, 0 };
}

void service_copy(struct service_list *to, const struct service *s, const char *only_wish)
{
	struct service *copy = service_add(to, slice_of(s->name));
	struct slice tag = only_wish ? service_tag(s, only_wish) : slice_of(s->tags);

	copy->node = keep(to, s->node);
	copy->instance = keep(to, s->instance);
	copy->tags = s->tags ? arena_dup(&to->memory, tag.at, tag.len) : NULL;
	copy->absent = keep(to, s->absent);
	copy->fault = keep(to, s->fault);
	copy->origin = keep(to, s->origin);
	copy->held = s->held;
	for (size_t i = 0; i < s->wish_count; i++)
		if (!only_wish || s->wishes[i] == only_wish)
			service_wish(to, copy, slice_of(s->wishes[i]));
	for (size_t i = 0; i < s->backend_count; i++)
		service_backend(to, copy, slice_of(s->backends[i].host), s->backends[i].port, s->backends[i].weight);
	for (int i = 0; i < SERVICE_OPTIONS; i++)
		copy->options[i] = keep(to, s->options[i]);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_service(const struct service *a, const struct service *b)
{
	if (!same_text(a->name, b->name) || !same_text(a->node, b->node) || !same_text(a->instance, b->instance) ||
	    (!same_text(a->tags, b->tags) && !a->held && !b->held) || !same_text(a->absent, b->absent) ||
	    !same_text(a->fault, b->fault) || a->wish_count != b->wish_count || a->backend_count != b->backend_count)
		return false;
	for (size_t i = 0; i < a->wish_count; i++)
		if (strcmp(a->wishes[i], b->wishes[i]) != 0)
			return false;
	for (size_t i = 0; i < a->backend_count; i++) {
		const struct service_backend *x = &a->backends[i], *y = &b->backends[i];

		if (x->port != y->port || x->weight != y->weight || strcmp(x->host, y->host) != 0)
			return false;
	}
	for (int i = 0; i < SERVICE_OPTIONS; i++)
		if (!same_text(a->options[i], b->options[i]))
			return false;
	return true;
}

bool service_equal(const struct service_list *a, const struct service_list *b)
{
	if (a->count != b->count || a->trusted != b->trusted)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_service(&a->items[i], &b->items[i]))
			return false;
	return true;
}

struct service_list *service_hold(struct service_list *list)
{
	atomic_fetch_add(&list->refs, 1);
	return list;
}

void service_free(struct service_list *list)
{
	if (!list || atomic_fetch_sub(&list->refs, 1) != 0)
		return;
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].wishes);
		free(list->items[i].backends);
	}
	free(list->items);
	arena_free(&list->memory);
	free(list);
}

/* The mailbox. */

void service_mailbox_open(struct service_mailbox *m, size_t sources, void (*ring)(void *arg), void *arg)
{
	pthread_mutex_init(&m->lock, NULL);
	m->slots = sys_alloc(sources * sizeof *m->slots);
	m->count = sources;
	m->ring = ring;
	m->arg = arg;
}

void service_mailbox_close(struct service_mailbox *m)
{
	for (size_t i = 0; i < m->count; i++)
		service_free(m->slots[i]);
	free(m->slots);
	pthread_mutex_destroy(&m->lock);
}

static struct service_list *swap_slot(struct service_mailbox *m, size_t source, struct service_list *list,
                                      const atomic_bool *cancelled)
{
	struct service_list *old = list;

	pthread_mutex_lock(&m->lock);
	if (!cancelled || !atomic_load(cancelled)) {
		old = m->slots[source];
		m->slots[source] = list;
	}
	pthread_mutex_unlock(&m->lock);
	return old;
}

void service_post(struct service_mailbox *m, size_t source, struct service_list *list, const atomic_bool *cancelled)
{
	service_free(swap_slot(m, source, list, cancelled));
	m->ring(m->arg);
}

struct service_list *service_take(struct service_mailbox *m, size_t source)
{
	return swap_slot(m, source, NULL, NULL);
}
