/* Cases for resolve_wait.c: a thread waits for a name, and is told what becomes of it. The server is a real one. */
#include "base.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "../../resolve_wait.c"

/* Says nothing to names that begin with s, and that there is none to those that begin with n; others have two addresses, and one
 * of IPv6. */
static int server, halt[2];

static size_t server_answer(unsigned char *message, size_t len)
{
	static const unsigned char v4[] = "\300\14\0\1\0\1\0\0\0\74\0\4\12\0\0\2" "\300\14\0\1\0\1\0\0\0\74\0\4\12\0\0\1";
	static const unsigned char v6[] = "\300\14\0\34\0\1\0\0\0\74\0\20\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1";
	size_t end = 12 + strlen((char *)message + 12) + 1;
	bool six = message[end + 1] == 28;

	(void)len;
	message[2] = 0x81;
	message[3] = message[13] == 'n' ? 3 : 0;
	message[11] = 0; /* what follows the question is cut off */
	if (message[13] == 'n')
		return end + 4;
	message[7] = six ? 1 : 2;
	memcpy(message + end + 4, six ? v6 : v4, six ? sizeof v6 - 1 : sizeof v4 - 1);
	return end + 4 + (six ? sizeof v6 : sizeof v4) - 1;
}

static void *server_run(void *arg)
{
	struct pollfd polls[2] = { { .fd = server, .events = POLLIN }, { .fd = halt[0], .events = POLLIN } };

	while (poll(polls, 2, -1) > 0 && !polls[1].revents) {
		unsigned char message[1024] = { 0 };
		struct sockaddr_in from;
		socklen_t from_len = sizeof from;
		ssize_t n = recvfrom(server, message, 512, 0, (struct sockaddr *)&from, &from_len);

		if (n > 16 && message[13] != 's')
			sendto(server, message, server_answer(message, (size_t)n), 0, (struct sockaddr *)&from, from_len);
	}
	return arg;
}

static pthread_t server_start(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct net_addr where = { 0 };
	socklen_t len = sizeof at;
	pthread_t thread;

	server = socket(AF_INET, SOCK_DGRAM, 0);
	if (server < 0 || bind(server, (struct sockaddr *)&at, len) || getsockname(server, (struct sockaddr *)&at, &len) || pipe(halt) ||
	    pthread_create(&thread, NULL, server_run, NULL))
		abort();
	where.sa.v4 = at;
	resolve_wait_set(&(struct resolve_rules){ .servers = &where, .server_count = 1 });
	return thread;
}

/* What comes of a name: the reason, or its addresses. */
static void expect(const char *name, size_t room, int64_t ms, int cancel_fd, const char *text)
{
	struct net_addr addrs[4];
	size_t count = room;
	const char *why = resolve_wait(name, cancel_fd, sys_now() + ms, addrs, &count);
	char is[256] = "", both[512];

	snprintf(is, sizeof is, "%s", why ? why : "");
	for (size_t i = 0; !why && i < count; i++) {
		char ip[INET6_ADDRSTRLEN];

		net_print_ip(&addrs[i], ip);
		snprintf(is + strlen(is), sizeof is - strlen(is), "%s%s", i ? " " : "", ip);
	}
	snprintf(both, sizeof both, "%s: %s, not %s", name, is, text);
	check(strcmp(is, text) == 0, "what comes of it", both);
}

/* An address of IPv6 is only used where there is one. */
static bool has_six(void)
{
	struct net_addr addrs[4];
	size_t count = 4;

	return !resolve_wait("v6.test.", -1, sys_now() + 20000, addrs, &count) && addrs[count - 1].sa.any.sa_family == AF_INET6;
}

int main(void)
{
	pthread_t thread = server_start();
	int64_t begun;
	int stop[2];

	expect("10.1.2.3", 4, 0, -1, "10.1.2.3");
	expect("[::1]", 4, 0, -1, "::1");
	expect("localhost", 1, 20000, -1, "127.0.0.1");
	expect("a.test.", 4, 20000, -1, has_six() ? "10.0.0.1 10.0.0.2 2001:db8::1" : "10.0.0.1 10.0.0.2");
	expect("a.test.", 1, 20000, -1, "10.0.0.1");
	expect("nix.test.", 4, 20000, -1, "NXDOMAIN");
	expect("a..test", 4, 20000, -1, "it is no name");
	begun = sys_now();
	expect("silent.test.", 4, 50, -1, "no answer");
	check(sys_now() - begun >= 50 && sys_now() - begun < 4000, "at the deadline", "");
	if (pipe(stop) || write(stop[1], "", 1) != 1)
		abort();
	expect("silent.test.", 4, 60000, stop[0], "stopped");
	check(sys_now() - begun < 20000, "at once", "");
	resolve_wait_set(&(struct resolve_rules){ .server_count = 0 });
	check(rules.server_count == 0, "resolv.conf again", "");
	if (write(halt[1], "", 1) != 1 || pthread_join(thread, NULL))
		abort();
	return check_sum();
}
