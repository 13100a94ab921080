#include "base.h"
#include "publish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "merge.h"
#include "sys.h"

static bool same_words(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_entry(const struct route_entry *a, const struct route_entry *b)
{
	return a->listener == b->listener && a->balance == b->balance && a->count == b->count &&
	       a->proxy_protocol == b->proxy_protocol && a->limited == b->limited && net_ranges_equal(&a->allow, &b->allow) &&
	       net_ranges_equal(&a->deny, &b->deny) &&
	       strcmp(a->services, b->services) == 0 && same_words(a->conflict, b->conflict) &&
	       strcmp(a->owner.source, b->owner.source) == 0 &&
	       (!a->count || (memcmp(a->backends, b->backends, a->count * sizeof *a->backends) == 0 &&
	                      memcmp(a->weights, b->weights, a->count * sizeof *a->weights) == 0));
}

static bool refused_in(const struct route_table *t, const struct route_refusal *r)
{
	return t->refused_count && bsearch(r, t->refused, t->refused_count, sizeof *r, route_by_refusal);
}

static bool same_table(const struct route_table *a, const struct route_table *b)
{
	if (a->count != b->count || a->refused_count != b->refused_count || !a->remembered != !b->remembered ||
	    !net_ranges_equal(&a->allow, &b->allow))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_entry(&a->entries[i], &b->entries[i]))
			return false;
	for (size_t i = 0; i < a->refused_count; i++)
		if (route_by_refusal(&a->refused[i], &b->refused[i]) != 0)
			return false;
	return true;
}

static const struct route_backend *at_turn(const struct route_entry *e, unsigned at)
{
	at %= e->round_len;
	return e->backends[e->round ? e->round[at] : at];
}

/* The backend whose turn it was keeps its turn, wherever it stands now; when it left, the next one that stayed. */
static void keep_turn(const struct route_entry *old, const struct route_entry *e)
{
	unsigned at = atomic_load(&e->listener->cursor);

	if (!old || !old->count || !e->count)
		return;
	if (e->round_len == old->round_len && at_turn(e, at) == at_turn(old, at))
		return; /* its place in the round too */
	for (unsigned i = 0; i < old->round_len; i++)
		for (unsigned to = 0; to < e->round_len; to++)
			if (at_turn(e, to) == at_turn(old, at + i)) {
				atomic_store(&e->listener->cursor, to);
				return;
			}
	atomic_store(&e->listener->cursor, 0);
}

static void mark(const struct route_table *t, bool in_table)
{
	for (size_t i = 0; i < t->count; i++)
		for (unsigned b = 0; b < t->entries[i].count; b++)
			t->entries[i].backends[b]->in_table = in_table;
}

/* Those that came back live on; those whose last connection ended are let go. */
static void sweep_retired(struct route *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->retired_count; i++) {
		struct route_backend *b = r->retired[i];

		if (b->in_table)
			atomic_store(&b->gone, false);
		r->moves += b->in_table;
		if (b->in_table || !atomic_load(&b->active))
			route_backend_unref(b);
		else
			r->retired[kept++] = b;
	}
	r->retired_count = kept;
}

static void retire(struct route *r, const struct route_table *old, const struct route_table *now)
{
	for (size_t i = 0; i < r->retired_count; i++)
		r->retired[i]->in_table = false;
	mark(old, false);
	mark(now, true);
	sweep_retired(r);
	for (size_t i = 0; i < old->count; i++)
		for (unsigned k = 0; k < old->entries[i].count; k++) {
			struct route_backend *b = old->entries[i].backends[k];

			if (b->in_table)
				continue;
			atomic_store(&b->gone_at, sys_now());
			atomic_store(&b->gone, true); /* before the look at `active`: see session.c, where a session starts */
			if (!atomic_load(&b->active))
				continue;
			SYS_GROW(r->retired, r->retired_count, r->retired_cap);
			r->retired[r->retired_count++] = route_backend_ref(b);
			r->moves++;
		}
}

static void say_what_is_new(const struct route_table *old, const struct route_table *now)
{
	for (size_t i = 0; i < now->refused_count; i++)
		if (!refused_in(old, &now->refused[i]))
			log_warn("refused: %s wants %s: %s", now->refused[i].service, now->refused[i].wish, now->refused[i].reason);
	for (size_t i = 0; i < now->count; i++) {
		const struct route_entry *e = &now->entries[i], *was = route_find(old, &e->listener->addr);

		if (e->conflict && (!was || !same_words(e->conflict, was->conflict)))
			log_warn("%s: %s", e->listener->name, e->conflict);
		if (!was || was->count != e->count)
			log_info("%s: %u backend%s of %s", e->listener->name, e->count, e->count == 1 ? "" : "s", e->services);
	}
}

static bool bind_one(const struct route_entry *e)
{
	struct route_listener *l = e->listener;
	int fd = net_listen(&l->addr);
	struct buf why = { 0 };

	if (fd >= 0) {
		buf_printf(&why, l->error ? "after: %s" : "new in %s", l->error ? strerror(l->error) : e->owner.source);
		route_audit("opened", e, why.data);
		buf_free(&why);
		l->error = 0;
		atomic_store(&l->fd, fd);
		return true;
	}
	if (l->error != -fd)
		log_error("cannot listen on %s: %s (retrying)", l->name, strerror(-fd));
	l->error = -fd;
	return false;
}

static bool bind_all(const struct route_table *t)
{
	bool opened = false;

	for (size_t i = 0; i < t->count; i++)
		if (atomic_load(&t->entries[i].listener->fd) < 0 && bind_one(&t->entries[i]))
			opened = true;
	return opened;
}

static bool shares(const struct route_entry *e, const char *service)
{
	for (size_t i = 0; i < e->name_count; i++)
		if (strcmp(e->names[i], service) == 0)
			return true;
	return false;
}

/* What to say when the listeners close that the new table lacks. */
static void say_why_gone(const struct route_table *old, const struct route_table *now, const char *why)
{
	for (size_t i = 0; i < old->count; i++) {
		const struct route_entry *e = &old->entries[i];
		struct buf text = { 0 };

		if (route_find(now, &e->listener->addr))
			continue;
		for (size_t k = 0; k < now->refused_count && !why && !text.len; k++)
			if (shares(e, now->refused[k].service))
				buf_printf(&text, "refused: %s", now->refused[k].reason);
		if (!text.len)
			buf_printf(&text, why ? "%s" : "gone from %s", why ? why : e->owner.source);
		free(e->listener->closing);
		e->listener->closing = text.data;
	}
}

/* why: what ends the listeners that the table lacks; NULL: their services ask for them no more. */
static void publish_table(struct route *r, struct route_table *t, const char *why)
{
	struct route_table *old = r->table;

	say_why_gone(old, t, why);
	r->changes++;
	for (size_t i = 0; i < t->count; i++)
		keep_turn(route_find(old, &t->entries[i].listener->addr), &t->entries[i]);
	retire(r, old, t);
	t->moves = r->moves;
	if (!r->dry) {
		say_what_is_new(old, t);
		bind_all(t);
	}
	pthread_mutex_lock(&r->lock);
	r->table = t;
	pthread_mutex_unlock(&r->lock);
	route_release(old);
}

bool publish_update(struct route *r, struct service_list *const *lists, size_t count)
{
	struct route_table *t = merge_table(r, lists, count);

	if (same_table(r->table, t)) {
		route_release(t);
		return false;
	}
	publish_table(r, t, NULL);
	return true;
}

void publish_clear(struct route *r)
{
	publish_table(r, merge_table(r, NULL, 0), "shutdown");
}

bool publish_bind(struct route *r)
{
	return bind_all(r->table);
}

