#include "base.h"
#include "resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "sys.h"

#define AGAIN_MS 5000 /* between two look-ups of a name */

struct answer {
	size_t count;
	struct net_addr addrs[];
};

struct host {
	struct host *next;
	struct answer *now;   /* the control plane's */
	struct answer *fresh; /* left by the thread; NULL: nothing new */
	int64_t due;
	bool used, gone, said;
	char name[];
};

struct resolver {
	pthread_t thread;
	pthread_mutex_t lock; /* over the list, and each host but `now` and `used` */
	pthread_cond_t wake;
	struct host *hosts;
	bool stop;
	void (*ring)(void *arg);
	void *arg;
};

static int by_address(const void *a, const void *b)
{
	return net_compare(a, b);
}

/* NULL when the name cannot be resolved now; *why tells. */
static struct answer *look_up(const char *name, const char **why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *all;
	struct answer *found;
	size_t count = 0;
	int error = getaddrinfo(name, NULL, &hints, &all);

	if (error) {
		*why = error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error);
		return NULL;
	}
	for (struct addrinfo *a = all; a; a = a->ai_next)
		count++;
	found = sys_alloc(sizeof *found + count * sizeof *found->addrs);
	for (struct addrinfo *a = all; a; a = a->ai_next)
		if (a->ai_addrlen <= sizeof *found->addrs)
			memcpy(&found->addrs[found->count++], a->ai_addr, a->ai_addrlen);
	freeaddrinfo(all);
	qsort(found->addrs, found->count, sizeof *found->addrs, by_address);
	return found;
}

static bool same(const struct answer *a, const struct answer *b)
{
	if (!a || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (net_compare(&a->addrs[i], &b->addrs[i]) != 0)
			return false;
	return true;
}

static void free_host(struct host *h)
{
	free(h->now);
	free(h->fresh);
	free(h);
}

static void drop_gone(struct resolver *r)
{
	for (struct host **at = &r->hosts; *at;) {
		struct host *h = *at;

		if (h->gone) {
			*at = h->next;
			free_host(h);
		} else {
			at = &h->next;
		}
	}
}

static struct host *next_due(struct resolver *r)
{
	struct host *first = r->hosts;

	for (struct host *h = r->hosts; h; h = h->next)
		if (h->due < first->due)
			first = h;
	return first;
}

static void wait_until(struct resolver *r, int64_t at)
{
	int64_t ms = sys_wall() + (at - sys_now());
	struct timespec t = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

	pthread_cond_timedwait(&r->wake, &r->lock, &t);
}

/* One look-up, without the lock. The host stays: only this thread takes hosts off the list. */
static void refresh(struct resolver *r, struct host *h)
{
	const char *why = NULL;
	struct answer *found, *last;
	bool changed;

	pthread_mutex_unlock(&r->lock);
	found = look_up(h->name, &why);
	pthread_mutex_lock(&r->lock);
	last = h->fresh ? h->fresh : h->now;
	h->due = sys_now() + AGAIN_MS;
	if (!found) {
		if (!h->said)
			log_warn("cannot resolve %s: %s%s", h->name, why, last ? "; its last addresses stay" : "");
		h->said = true;
		return;
	}
	if (h->said)
		log_info("%s resolves again", h->name);
	h->said = false;
	changed = !same(last, found);
	if (!changed) {
		free(found);
		return;
	}
	free(h->fresh);
	h->fresh = found;
	pthread_mutex_unlock(&r->lock);
	r->ring(r->arg);
	pthread_mutex_lock(&r->lock);
}

static void *run(void *arg)
{
	struct resolver *r = arg;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		struct host *h;

		drop_gone(r);
		h = next_due(r);
		if (!h)
			pthread_cond_wait(&r->wake, &r->lock);
		else if (h->due > sys_now())
			wait_until(r, h->due);
		else
			refresh(r, h);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

size_t resolve_lookup(void *resolver, const char *host, const struct net_addr **addrs)
{
	struct resolver *r = resolver;
	struct host *h;
	size_t count = 0;

	pthread_mutex_lock(&r->lock);
	for (h = r->hosts; h && (h->gone || strcmp(h->name, host) != 0); h = h->next)
		;
	if (!h) {
		h = sys_alloc(sizeof *h + strlen(host) + 1);
		strcpy(h->name, host);
		h->next = r->hosts;
		r->hosts = h;
		pthread_cond_signal(&r->wake);
	}
	h->used = true;
	if (h->now) {
		*addrs = h->now->addrs;
		count = h->now->count;
	}
	pthread_mutex_unlock(&r->lock);
	return count;
}

void resolve_round(struct resolver *r)
{
	bool dropped = false;

	pthread_mutex_lock(&r->lock);
	for (struct host *h = r->hosts; h; h = h->next) {
		if (h->fresh) {
			free(h->now);
			h->now = h->fresh;
			h->fresh = NULL;
		}
		dropped = dropped || !h->used;
		h->gone = h->gone || !h->used;
		h->used = false;
	}
	if (dropped)
		pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

struct resolver *resolve_open(void (*ring)(void *arg), void *arg)
{
	struct resolver *r = sys_alloc(sizeof *r);

	r->ring = ring;
	r->arg = arg;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->wake, NULL);
	errno = pthread_create(&r->thread, NULL, run, r);
	if (!errno)
		return r;
	free(r);
	return NULL;
}

void resolve_close(struct resolver *r)
{
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	while (r->hosts) {
		struct host *h = r->hosts;

		r->hosts = h->next;
		free_host(h);
	}
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->wake);
	free(r);
}
