#include "base.h"
#include "resolve_name.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "log.h"
#include "net.h"
#include "resolve_answer.h"
#include "resolve_due.h"
#include "resolve_inquiry.h"
#include "resolve_local.h"
#include "sys.h"

#define ADDRESSES_MAX 64 /* of a name: each may be a backend, and a client's connect */
#define LATE_MS 5000     /* so long new targets are waited for */

/* Answers. */

static void free_found(struct resolve_found *found)
{
	if (!found)
		return;
	for (size_t i = 0; found->targets && i < found->count; i++)
		found->targets[i].host->refs--;
	free(found->targets);
	free(found->addrs);
	free(found);
}

static const struct resolve_found *latest(const struct resolve_name *name)
{
	return name->fresh ? name->fresh : name->now;
}

size_t resolve_name_count(const struct resolve_name *name)
{
	return latest(name) ? latest(name)->count : 0;
}

struct resolve_found *resolve_found_addresses(struct net_addr *addrs, size_t count)
{
	struct resolve_found *found = sys_alloc(sizeof *found);

	found->addrs = addrs;
	if (count)
		qsort(addrs, count, sizeof *addrs, net_by_address);
	for (size_t i = 0; i < count; i++)
		if (!found->all || net_compare(&addrs[found->all - 1], &addrs[i]) != 0)
			addrs[found->all++] = addrs[i];
	found->count = found->all < ADDRESSES_MAX ? found->all : ADDRESSES_MAX;
	return found;
}

static bool same_target(const struct resolve_target *a, const struct resolve_target *b)
{
	return a->host == b->host && a->port == b->port && a->weight == b->weight && a->last == b->last;
}

static bool same_found(const struct resolve_found *a, const struct resolve_found *b)
{
	if (!a || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->targets ? !same_target(&a->targets[i], &b->targets[i]) : net_compare(&a->addrs[i], &b->addrs[i]) != 0)
			return false;
	return true;
}

static void tell_cut(const struct resolve_names *names, struct resolve_name *name, const struct resolve_found *found)
{
	bool cut = found->all > found->count;

	if (cut && !name->cut && !names->quiet)
		log_warn("%s has %zu %s: the first %zu of them, as they are sorted, are used", name->text, found->all,
		         name->srv ? "targets" : "addresses", found->count);
	name->cut = cut;
}

static void name_news(struct resolve_names *names, struct resolve_name *name)
{
	name->news = names->news = true;
}

static void name_state(struct resolve_names *names, struct resolve_name *name, enum resolve_state state, const char *why)
{
	names->states[name->state]--;
	names->states[state]++;
	name->state = state;
	name->why = why;
	if (state != name->self.state || why != name->self.why)
		name_news(names, name);
}

/* Takes `found`. */
static void new_found(struct resolve_names *names, struct resolve_name *name, struct resolve_found *found)
{
	tell_cut(names, name, found);
	if (same_found(latest(name), found)) {
		free_found(found);
		return;
	}
	if (!name->fresh && name->srv)
		name->late_at = sys_now() + LATE_MS;
	free_found(name->fresh);
	name->fresh = found;
	name_news(names, name);
}

void resolve_name_good(struct resolve_names *names, struct resolve_name *name, struct resolve_found *found)
{
	new_found(names, name, found);
	name_state(names, name, RESOLVE_GOOD, NULL);
	if (name->said && !names->quiet)
		log_info("%s resolves again", name->text);
	name->said = false;
}

void resolve_name_bad(struct resolve_names *names, struct resolve_name *name, const char *why)
{
	bool kept = resolve_name_count(name);

	name_state(names, name, kept ? RESOLVE_KEPT : RESOLVE_FAILED, why);
	if (!name->said && !names->quiet)
		log_about(LOG_WARN, name, "time", "cannot resolve %s: %s%s%s", name->text, why, kept ? "; keeping its last " : "",
		          !kept ? "" : name->srv ? "targets" : "addresses");
	name->said = true;
}

/* dns.hold. */

static bool is_family(const struct resolve_name *name, size_t i, size_t family)
{
	return name->srv || (latest(name)->addrs[i].sa.any.sa_family == AF_INET6) == family;
}

static bool has_lost(const struct resolve_name *name, size_t family)
{
	bool has = false;

	for (size_t i = 0; name->lost_at[family] && i < resolve_name_count(name) && !has; i++)
		has = is_family(name, i, family);
	return has;
}

/* When it must be looked at next. */
void resolve_name_schedule(void *arg, struct resolve_name *name)
{
	struct resolve_names *names = arg;
	int64_t at = name->due.link ? INT64_MAX : name->again;

	for (size_t family = 0; family < 2 && names->hold; family++)
		if (has_lost(name, family) && name->lost_at[family] + names->hold < at)
			at = name->lost_at[family] + names->hold;
	if (name->late_at && name->late_at < at)
		at = name->late_at;
	resolve_due_set(&names->dues, &name->due, at);
}

static bool hold_over(const struct resolve_names *names, const struct resolve_name *name, size_t family, int64_t now)
{
	return names->hold && name->lost_at[family] && now - name->lost_at[family] >= names->hold;
}

/* The addresses that are still used of those there are; or only of families of which nobody says anything now. With room for
 * `more` others. */
static struct net_addr *held_addresses(const struct resolve_names *names, const struct resolve_name *name, bool all, size_t more,
                                       size_t *count)
{
	struct net_addr *held = sys_alloc((resolve_name_count(name) + more) * sizeof *held);
	int64_t now = sys_now();

	*count = 0;
	for (size_t i = 0; i < resolve_name_count(name); i++) {
		size_t family = is_family(name, i, 1);

		if ((all || name->lost_at[family]) && !hold_over(names, name, family, now))
			held[(*count)++] = latest(name)->addrs[i];
	}
	return held;
}

struct net_addr *resolve_name_held(const struct resolve_names *names, const struct resolve_name *name, size_t more, size_t *count)
{
	return held_addresses(names, name, false, more, count);
}

void resolve_name_expire(struct resolve_names *names, struct resolve_name *name)
{
	int64_t now = sys_now();
	struct net_addr *addrs = NULL;
	size_t count = 0;

	if (name->late_at && now >= name->late_at) {
		name->late_at = 0;
		name_news(names, name);
	}
	if (!hold_over(names, name, 0, now) && !hold_over(names, name, 1, now))
		return;
	if (!name->srv)
		addrs = held_addresses(names, name, true, 0, &count);
	new_found(names, name, resolve_found_addresses(addrs, count));
	if (name->state != RESOLVE_KEPT || count)
		return;
	name_state(names, name, RESOLVE_FAILED, name->why);
	if (names->quiet)
		return;
	log_about(LOG_WARN, name, "time", "cannot resolve %s: %s; its last %s are used no longer", name->text, name->why,
	          name->srv ? "targets" : "addresses");
}

/* The names. */

struct resolve_name *resolve_name_of(struct resolve_due *due)
{
	return CONTAINER_OF(due, struct resolve_name, due);
}

void resolve_names_open(struct resolve_names *names)
{
	*names = (struct resolve_names){ .news = false };
	resolve_due_open(&names->dues);
}

void resolve_names_each(struct resolve_names *names, void (*visit)(void *arg, struct resolve_name *name), void *arg)
{
	for (size_t i = 0; i < names->bucket_count; i++)
		for (struct resolve_name *name = names->buckets[i]; name; name = name->next)
			visit(arg, name);
}

static struct resolve_name **name_bucket(const struct resolve_names *names, const char *text)
{
	return &names->buckets[hash_text(text, strlen(text)) & (names->bucket_count - 1)];
}

static void grow_buckets(struct resolve_names *names)
{
	if (names->dues.count < names->bucket_count)
		return;
	free(names->buckets);
	names->bucket_count = names->bucket_count ? 2 * names->bucket_count : 16;
	names->buckets = sys_alloc(names->bucket_count * sizeof *names->buckets);
	for (size_t i = 0; i < names->dues.count; i++) {
		struct resolve_name *name = resolve_name_of(names->dues.items[i]), **bucket = name_bucket(names, name->text);

		name->next = *bucket;
		*bucket = name;
	}
}

struct resolve_name *resolve_names_find(const struct resolve_names *names, const char *text, bool srv)
{
	struct resolve_name *found = names->bucket_count ? *name_bucket(names, text) : NULL;

	while (found && (found->srv != srv || strcmp(found->text, text) != 0))
		found = found->next;
	return found;
}

static void end_name(struct resolve_names *names, struct resolve_name *name)
{
	names->states[name->state]--;
	names->from_hosts -= name->kind == RESOLVE_HOSTS;
	resolve_inquiry_drop(name->inquiry);
	free_found(name->fresh);
	free_found(name->now);
	free(name->hosts);
	free(name);
}

struct resolve_name *resolve_names_add(struct resolve_names *names, const char *text, bool srv)
{
	size_t len = strlen(text);
	bool absolute = len && text[len - 1] == '.';
	struct resolve_name *name = sys_alloc(sizeof *name + len + 1 + (absolute ? len : 0)), **bucket;

	strcpy(name->text, text);
	name->bare = absolute ? name->text + len + 1 : name->text;
	if (absolute)
		memcpy(name->bare, text, len - 1);
	name->absolute = absolute;
	name->srv = srv;
	name->self.name = name->text;
	name->moved = true;
	names->states[RESOLVE_ASKED]++;
	grow_buckets(names);
	bucket = name_bucket(names, text);
	name->next = *bucket;
	*bucket = name;
	resolve_due_add(&names->dues, &name->due);
	return name;
}

/* Those of SRV names, or else of hosts; or only those that nobody has asked for. */
static void drop_names(struct resolve_names *names, bool srv, bool all)
{
	for (size_t i = 0; i < names->bucket_count; i++)
		for (struct resolve_name **link = &names->buckets[i], *name; (name = *link);) {
			if (name->srv != srv || (!all && (name->used || name->refs))) {
				link = &name->next;
				continue;
			}
			*link = name->next;
			resolve_due_remove(&names->dues, &name->due);
			end_name(names, name);
		}
}

void resolve_names_drop_unused(struct resolve_names *names, bool srv)
{
	drop_names(names, srv, false);
}

void resolve_names_close(struct resolve_names *names)
{
	drop_names(names, true, true);
	drop_names(names, false, true);
	free(names->buckets);
	resolve_due_close(&names->dues);
}

/* Rounds. */

void resolve_name_renew_host(void *arg, struct resolve_name *name)
{
	(void)arg;
	if (name->srv)
		return;
	if (name->fresh) {
		free_found(name->now);
		name->now = name->fresh;
		name->fresh = NULL;
	}
	name->self = (struct resolve_host){
		.name = name->text, .state = name->state, .why = name->why,
		.addrs = name->now ? name->now->addrs : NULL, .count = name->now ? name->now->count : 0
	};
	name->moved = name->news;
	name->news = false;
}

/* While one of the new targets has not been answered yet, the old ones stay: but not for long. */
static bool may_renew(const struct resolve_name *name)
{
	bool may = true;

	for (size_t i = 0; i < name->fresh->count && may && name->late_at && name->now && name->now->count; i++)
		may = name->fresh->targets[i].host->state != RESOLVE_ASKED;
	return may;
}

/* Behind the hosts: what is known of them is also said here. */
void resolve_name_renew_srv(void *arg, struct resolve_name *name)
{
	(void)arg;
	if (!name->srv)
		return;
	name->moved = name->news;
	name->news = name->fresh && !may_renew(name);
	if (name->fresh && !name->news) {
		free_found(name->now);
		name->now = name->fresh;
		name->fresh = NULL;
		name->late_at = 0;
		name->hosts = sys_realloc(name->hosts, (name->now->count + 1) * sizeof *name->hosts);
	}
	for (size_t i = 0; name->now && i < name->now->count; i++) {
		const struct resolve_target *target = &name->now->targets[i];

		name->hosts[i] = target->host->self;
		name->hosts[i].name = target->host->bare;
		name->hosts[i].port = target->port;
		name->hosts[i].weight = target->weight;
		name->hosts[i].last = target->last;
		name->moved = name->moved || target->host->moved;
	}
	name->self.state = name->state;
	name->self.why = name->why;
}

struct resolve_answer resolve_name_answer(const struct resolve_name *name)
{
	bool srv = name->srv;

	return (struct resolve_answer){
		name->self.state, name->self.why, srv ? name->hosts : &name->self, !srv ? 1 : name->now ? name->now->count : 0, name->moved
	};
}
