/* Cases for resolve_wait.c: a thread waits for a name, and is told what becomes of it. */
#include "base.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "../../resolve_wait.c"

int main(int argc, char **argv)
{
	struct net_addr addrs[4];
	size_t count = 4;
	for (int i = 1; i < argc; i++) {
		char text[NET_TEXT];
		const char *why;
		int64_t at = sys_now();
		count = 4;
		why = resolve_wait(argv[i], -1, sys_now() + 3000, addrs, &count);
		printf("%s: %s %d ms\n", argv[i], why ? why : "fine", (int)(sys_now() - at));
		for (size_t j = 0; !why && j < count; j++)
			net_print(&addrs[j], text), printf("  %s\n", text);
	}
	return check_sum();
}
