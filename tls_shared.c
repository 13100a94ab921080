#include "base.h"
#include "tls.h"

#ifdef TLS_OPENSSL

#include <pthread.h>
#include <stdlib.h>

#include <openssl/ssl.h>

#include "sys.h"

struct tls_shared {
	struct tls_shared *below;
	SSL_CTX *context;
	uint64_t stamp;
	size_t users;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tls_shared *all;

static SSL_CTX *find_locked(uint64_t stamp)
{
	struct tls_shared *shared = all;

	while (shared && shared->stamp != stamp)
		shared = shared->below;
	if (!shared)
		return NULL;
	shared->users++;
	return shared->context;
}

struct ssl_ctx_st *tls_shared_take(uint64_t stamp)
{
	SSL_CTX *context;

	pthread_mutex_lock(&lock);
	context = find_locked(stamp);
	pthread_mutex_unlock(&lock);
	return context;
}

/* Files are read without the lock, as one of them may hang: another thread may have been faster. */
struct ssl_ctx_st *tls_shared_give(uint64_t stamp, struct ssl_ctx_st *context)
{
	struct tls_shared *fresh = sys_alloc(sizeof *fresh);
	SSL_CTX *first;

	pthread_mutex_lock(&lock);
	first = find_locked(stamp);
	if (!first) {
		*fresh = (struct tls_shared){ .below = all, .context = context, .stamp = stamp, .users = 1 };
		all = fresh;
	}
	pthread_mutex_unlock(&lock);
	if (!first)
		return context;
	free(fresh);
	SSL_CTX_free(context);
	return first;
}

void tls_shared_leave(struct ssl_ctx_st *context)
{
	struct tls_shared **at = &all, *last = NULL;

	pthread_mutex_lock(&lock);
	while (*at && (*at)->context != context)
		at = &(*at)->below;
	if (*at && --(*at)->users == 0) {
		last = *at;
		*at = last->below;
	}
	pthread_mutex_unlock(&lock);
	if (!last)
		return;
	SSL_CTX_free(last->context);
	free(last);
}

#endif
