/* resolv.conf: whatever it says, there is a server, and all is within its bounds. */
#include "base.h"

#include <stdlib.h>

#include "../../dns.h"
#include "../../resolve_conf.c"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1); /* of its own size, so that a byte too many is seen */
	struct resolve_conf conf;

	memcpy(text, data, size);
	resolve_conf_parse(&conf, (struct slice){ text, size });
	free(text);
	MUST(conf.server_count >= 1 && conf.server_count <= RESOLVE_SERVERS && conf.search_count <= SEARCH_MAX);
	for (size_t i = 0; i < conf.server_count; i++)
		MUST(net_addr_port(&conf.servers[i]) != 0);
	for (size_t i = 0; i < conf.search_count; i++)
		MUST(dns_is_name(conf.search[i]) && conf.search[i][strlen(conf.search[i]) - 1] != '.');
	MUST(conf.ndots <= 15 && conf.attempts >= 1 && conf.attempts <= 5);
	MUST(conf.timeout >= 1000 && conf.timeout <= 30000 && conf.timeout % 1000 == 0);
	resolve_conf_free(&conf);
	return 0;
}
