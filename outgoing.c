#include "base.h"
#include "outgoing.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"
#include "route.h"
#include "sys.h"

#define PATH_MOST 8   /* listeners that one connection may come through, one after the other */
#define UNSEEN_MS 2000 /* one that has ended may still wait to be accepted for that long */
#define BUCKETS 1024

struct outgoing {
	struct outgoing *next;     /* in its bucket of `by_port` */
	struct outgoing *next_too; /* in its bucket of `by_fd`; once ended, among those */
	const struct route_listener *path[PATH_MOST]; /* that the first client has come through; never looked into */
	unsigned len;
	int fd;
	struct net_addr own; /* at this end: whoever accepts it sees a client of this address */
	int64_t ended_at;
	bool seen; /* it has been accepted */
};

/* All that there are. `count` changes under the lock, and while it is 0 nobody needs to take that. */
static struct {
	pthread_mutex_t lock;
	atomic_uint count;
	struct outgoing *by_port[BUCKETS], *by_fd[BUCKETS];
	struct outgoing *ended, **last_ended; /* the oldest first: those that nobody has accepted yet */
} set = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct outgoing **port_bucket(const struct net_addr *own)
{
	return &set.by_port[net_addr_port(own) % BUCKETS];
}

static void forget(struct outgoing *connection)
{
	struct outgoing **at = port_bucket(&connection->own);

	while (*at != connection)
		at = &(*at)->next;
	*at = connection->next;
	free(connection);
	atomic_fetch_sub(&set.count, 1);
}

static void forget_ended(void)
{
	int64_t now = sys_now();

	while (set.ended && now - set.ended->ended_at >= UNSEEN_MS) {
		struct outgoing *oldest = set.ended;

		set.ended = oldest->next_too;
		forget(oldest);
	}
}

static struct outgoing *find(const struct net_addr *client)
{
	struct outgoing *at = *port_bucket(client);

	while (at && net_compare(&at->own, client) != 0)
		at = at->next;
	return at;
}

/* Adds the connection. False without memory. */
static bool add(int fd, const struct route_listener *listener, const struct net_addr *client)
{
	struct outgoing *connection = calloc(1, sizeof *connection), *before = find(client);

	if (!connection || !net_own(fd, &connection->own)) {
		free(connection);
		return false;
	}
	if (before)
		memcpy(connection->path, before->path, before->len * sizeof *before->path);
	connection->len = before ? before->len : 0;
	connection->path[connection->len++] = listener;
	connection->fd = fd;
	connection->next = *port_bucket(&connection->own);
	*port_bucket(&connection->own) = connection;
	connection->next_too = set.by_fd[fd % BUCKETS];
	set.by_fd[fd % BUCKETS] = connection;
	return true;
}

/* Under the lock: another worker may accept it at once. */
int outgoing_connect(const struct net_addr *to, const struct route_listener *listener, const struct net_addr *client)
{
	int fd;

	pthread_mutex_lock(&set.lock);
	atomic_fetch_add(&set.count, 1);
	fd = net_connect(to);
	if (fd >= 0 && !add(fd, listener, client)) {
		close(fd);
		fd = -ENOBUFS;
	}
	if (fd < 0)
		atomic_fetch_sub(&set.count, 1);
	pthread_mutex_unlock(&set.lock);
	return fd;
}

void outgoing_end(int fd)
{
	struct outgoing **at = &set.by_fd[fd % BUCKETS], *connection;

	pthread_mutex_lock(&set.lock);
	while ((*at)->fd != fd)
		at = &(*at)->next_too;
	connection = *at;
	*at = connection->next_too;
	connection->next_too = NULL;
	connection->ended_at = sys_now();
	if (connection->seen) {
		forget(connection);
	} else {
		*(set.ended ? set.last_ended : &set.ended) = connection;
		set.last_ended = &connection->next_too;
	}
	pthread_mutex_unlock(&set.lock);
}

static bool has_been_at(const struct outgoing *connection, const struct route_listener *listener)
{
	for (unsigned i = 0; i < connection->len; i++)
		if (connection->path[i] == listener)
			return true;
	return connection->len == PATH_MOST;
}

bool outgoing_loops(const struct net_addr *client, const struct route_listener *listener)
{
	struct outgoing *connection;
	bool loops;

	if (!atomic_load(&set.count))
		return false;
	pthread_mutex_lock(&set.lock);
	forget_ended();
	connection = find(client);
	if (connection)
		connection->seen = true;
	loops = connection && has_been_at(connection, listener);
	pthread_mutex_unlock(&set.lock);
	return loops;
}
