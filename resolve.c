#include "base.h"
#include "resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 34)
#define KNOWS_TTL /* the resolver library is part of libc */
#endif
#elif defined(__linux__) || defined(__FreeBSD__)
#define KNOWS_TTL
#endif
#ifdef KNOWS_TTL
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#endif

#include "log.h"
#include "sys.h"

#define AGAIN_MS 5000     /* until a name without a TTL is looked up again, or one that failed */
#define TTL_MAX 3600      /* seconds */
#define THREADS_MAX 8     /* so many names may hang in a silent server before others wait for them */

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
	bool busy; /* a thread looks it up */
	char name[];
};

struct resolver {
	pthread_t threads[THREADS_MAX];
	unsigned thread_count; /* grows with the names */
	size_t host_count;
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

/* Seconds that a DNS answer may be used: the least TTL of its records (RFC 1035, 4.1). -1: none, or a broken one. */
static long least_ttl(const unsigned char *m, size_t len)
{
	unsigned questions, answers;
	size_t at = 12;
	long least = -1;

	if (len < at)
		return -1;
	questions = m[4] << 8 | m[5];
	answers = m[6] << 8 | m[7];
	for (unsigned i = 0; i < questions + answers; i++) {
		size_t fixed = i < questions ? 4 : 10; /* type and class, then TTL and length */

		/* A name: labels, ended by an empty one, or by a pointer to one that came before. */
		while (at < len && m[at] && m[at] < 0xc0)
			at += m[at] + 1u;
		at += at < len && m[at] ? 2 : 1;
		if (at + fixed > len)
			return -1;
		if (i >= questions) {
			long ttl = (long)m[at + 4] << 24 | m[at + 5] << 16 | m[at + 6] << 8 | m[at + 7];

			least = least < 0 || ttl < least ? ttl : least;
			fixed += (size_t)(m[at + 8] << 8 | m[at + 9]);
		}
		at += fixed;
	}
	return at > len ? -1 : least;
}

/* How long the answer for a name may be used, in milliseconds, at least a second. What is not from the DNS (/etc/hosts)
 * has no TTL. */
static int64_t time_to_live(const char *name)
{
	long least = -1;

#ifdef KNOWS_TTL
	static const int types[] = { ns_t_a, ns_t_aaaa };
	unsigned char bytes[4096];

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		int len = res_search(name, ns_c_in, types[i], bytes, sizeof bytes);
		long ttl = len < 0 ? -1 : least_ttl(bytes, (size_t)len < sizeof bytes ? (size_t)len : sizeof bytes);

		if (ttl >= 0 && (least < 0 || ttl < least))
			least = ttl;
	}
#else
	(void)name;
#endif
	return least < 0 ? AGAIN_MS : least < 1 ? 1000 : least > TTL_MAX ? TTL_MAX * 1000L : least * 1000;
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

		if (h->gone && !h->busy) {
			*at = h->next;
			free_host(h);
			r->host_count--;
		} else {
			at = &h->next;
		}
	}
}

static struct host *next_due(struct resolver *r)
{
	struct host *first = NULL;

	for (struct host *h = r->hosts; h; h = h->next)
		if (!h->busy && (!first || h->due < first->due))
			first = h;
	return first;
}

static void wait_until(struct resolver *r, int64_t at)
{
	int64_t ms = sys_wall() + (at - sys_now());
	struct timespec t = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

	pthread_cond_timedwait(&r->wake, &r->lock, &t);
}

/* One look-up, without the lock. The host stays meanwhile: it is busy. */
static void refresh(struct resolver *r, struct host *h)
{
	const char *why = NULL;
	struct answer *found, *last;
	bool changed;
	int64_t again = AGAIN_MS;

	h->busy = true;
	pthread_mutex_unlock(&r->lock);
	found = look_up(h->name, &why);
	if (found)
		again = time_to_live(h->name);
	pthread_mutex_lock(&r->lock);
	h->busy = false;
	last = h->fresh ? h->fresh : h->now;
	h->due = sys_now() + again;
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
		/* Without a thread more, those that there are do its work. */
		if (++r->host_count > r->thread_count && r->thread_count < THREADS_MAX &&
		    sys_thread(&r->threads[r->thread_count], run, r) == 0)
			r->thread_count++;
		pthread_cond_broadcast(&r->wake);
	}
	h->used = true;
	if (h->now) {
		*addrs = h->now->addrs;
		count = h->now->count;
	}
	pthread_mutex_unlock(&r->lock);
	return count;
}

bool resolve_settled(struct resolver *r)
{
	bool settled = true;

	pthread_mutex_lock(&r->lock);
	for (const struct host *h = r->hosts; h; h = h->next)
		settled = settled && h->due;
	pthread_mutex_unlock(&r->lock);
	return settled;
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
		pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

struct resolver *resolve_open(void (*ring)(void *arg), void *arg)
{
	struct resolver *r = sys_alloc(sizeof *r);

	r->ring = ring;
	r->arg = arg;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->wake, NULL);
	errno = sys_thread(&r->threads[0], run, r);
	r->thread_count = 1;
	if (!errno)
		return r;
	free(r);
	return NULL;
}

void resolve_close(struct resolver *r)
{
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	for (unsigned i = 0; i < r->thread_count; i++)
		pthread_join(r->threads[i], NULL);
	while (r->hosts) {
		struct host *h = r->hosts;

		r->hosts = h->next;
		free_host(h);
	}
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->wake);
	free(r);
}
