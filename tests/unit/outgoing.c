/* Cases for outgoing.c: clients that are dill itself. */
#include "base.h"

#include <netinet/in.h>

#include "check.h"
#include "sys.h"

static int64_t fake_now = 1000;

static int64_t now_of_test(void)
{
	return fake_now;
}

#define sys_now now_of_test
#include "../../outgoing.c"

static struct route_listener listeners[PATH_MOST + 2];

/* A socket that listens on a free port of 127.0.0.1. */
static int serve(struct net_addr *at)
{
	int fd;

	net_numeric(slice_of("127.0.0.1"), 0, at);
	fd = net_listen(at);
	net_own(fd, at);
	return fd;
}

static struct net_addr client_at(const char *host, uint16_t port)
{
	struct net_addr client;

	net_numeric(slice_of(host), port, &client);
	return client;
}

static void loop_cases(const struct net_addr *at)
{
	struct net_addr user = client_at("10.0.0.9", 4000), own, other, next;
	int fd, second;

	check(!outgoing_loops(&user, &listeners[0]), "a client", "while there is nothing");
	fd = outgoing_connect(at, &listeners[0], &user);
	check(fd >= 0 && net_own(fd, &own), "it connects", "the first");
	other = client_at("127.0.0.2", net_addr_port(&own));
	check(!outgoing_loops(&user, &listeners[0]), "the user comes again", "the first");
	check(!outgoing_loops(&other, &listeners[0]), "another address with that port", "the first");
	check(!outgoing_loops(&own, &listeners[1]), "another listener is none", "a chain");
	check(outgoing_loops(&own, &listeners[0]), "the same listener is a loop", "the first");
	second = outgoing_connect(at, &listeners[1], &own);
	check(second >= 0 && net_own(second, &next), "it connects", "the second");
	check(outgoing_loops(&next, &listeners[0]) && outgoing_loops(&next, &listeners[1]), "both have been there", "the second");
	check(!outgoing_loops(&next, &listeners[2]), "a third has not", "the second");
	outgoing_end(fd);
	check(!outgoing_loops(&own, &listeners[0]), "it has been accepted and has ended", "the first");
	outgoing_end(second);
	check(atomic_load(&set.count) == 0, "nothing is left", "both have been accepted");
	close(fd);
	close(second);
}

/* One that ends before it is accepted is known for a while. */
static void unseen_cases(const struct net_addr *at)
{
	struct net_addr user = client_at("10.0.0.9", 4000), own[2];
	int fd[2];

	for (int i = 0; i < 2; i++) {
		fd[i] = outgoing_connect(at, &listeners[0], &user);
		net_own(fd[i], &own[i]);
	}
	for (int i = 0; i < 2; i++) {
		outgoing_end(fd[i]);
		fake_now += UNSEEN_MS / 2;
	}
	check(outgoing_loops(&own[1], &listeners[0]), "still known", "the second");
	check(!outgoing_loops(&own[0], &listeners[0]), "forgotten", "the first");
	fake_now += UNSEEN_MS / 2;
	outgoing_loops(&user, &listeners[0]);
	check(atomic_load(&set.count) == 0 && !set.ended, "nothing is left", "both");
	close(fd[0]);
	close(fd[1]);
}

static void long_path(const struct net_addr *at)
{
	struct net_addr client = client_at("10.0.0.9", 4000);
	int fd[PATH_MOST];

	for (int i = 0; i < PATH_MOST; i++) {
		check(!outgoing_loops(&client, &listeners[i]), "no loop yet", "a long way");
		fd[i] = outgoing_connect(at, &listeners[i], &client);
		net_own(fd[i], &client);
	}
	check(outgoing_loops(&client, &listeners[PATH_MOST]), "too many", "a long way");
	for (int i = 0; i < PATH_MOST; i++) {
		outgoing_end(fd[i]);
		close(fd[i]);
	}
	check(atomic_load(&set.count) == 0, "nothing is left", "a long way");
}

static void failing_cases(void)
{
	struct net_addr user = client_at("10.0.0.9", 4000), none = { .sa.any.sa_family = AF_UNSPEC };

	check(outgoing_connect(&none, &listeners[0], &user) < 0, "it fails", "no address");
	check(atomic_load(&set.count) == 0, "nothing is left", "no address");
}

int main(void)
{
	struct net_addr at;
	int fd = serve(&at);

	loop_cases(&at);
	unseen_cases(&at);
	long_path(&at);
	failing_cases();
	close(fd);
	return check_sum();
}
