#include "base.h"
#include "handed.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"

struct handed {
	int fd; /* -1: somebody has taken it */
	char address[NET_TEXT];
};

static struct handed *all;
static size_t count, cap;
static bool sorted, waits;

static int by_handed(const void *left, const void *right)
{
	return strcmp(((const struct handed *)left)->address, ((const struct handed *)right)->address);
}

static bool is_listening(int fd)
{
	int yes = 0;
	socklen_t len = sizeof yes;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) < 0 || yes; /* a sandbox may not let us ask */
}

void handed_add(struct slice address, int fd)
{
	if (address.len >= NET_TEXT || !is_listening(fd)) {
		close(fd);
		return;
	}
	SYS_GROW(all, count, cap);
	all[count] = (struct handed){ .fd = fd };
	memcpy(all[count++].address, address.at, address.len);
	sorted = false;
}

/* Without those that have been taken. */
static void sort_handed(void)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (all[i].fd >= 0)
			all[kept++] = all[i];
	count = kept;
	if (count)
		qsort(all, count, sizeof *all, by_handed);
	sorted = true;
}

/* NULL: there is none. */
static struct handed *find_handed(const struct net_addr *addr)
{
	struct handed key = { .fd = -1 };

	if (!sorted)
		sort_handed();
	if (!count)
		return NULL;
	net_print(addr, key.address);
	return bsearch(&key, all, count, sizeof *all, by_handed);
}

int handed_listen(const struct net_addr *addr, bool *handed)
{
	struct handed *found = find_handed(addr);
	int fd;

	*handed = found && found->fd >= 0;
	if (!*handed)
		return net_listen(addr);
	fd = found->fd;
	found->fd = -1;
	return fd;
}

void handed_wait(bool wait)
{
	waits = wait;
}

bool handed_may_bind(const struct net_addr *addr)
{
	const struct handed *found = waits ? find_handed(addr) : NULL;

	return !waits || (found && found->fd >= 0);
}

size_t handed_close(void)
{
	size_t closed = 0;

	for (size_t i = 0; i < count; i++)
		if (all[i].fd >= 0) {
			close(all[i].fd);
			closed++;
		}
	free(all);
	all = NULL;
	count = cap = 0;
	return closed;
}
