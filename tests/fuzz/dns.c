/* DNS answers: the least TTL is found without reading beyond the message. */
#include "base.h"
#include "../../resolve.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *message = malloc(size ? size : 1); /* of its own size, so that a byte too many is seen */
	long ttl;

	memcpy(message, data, size);
	ttl = least_ttl(message, size);
	if (ttl < -1 || ttl > UINT32_MAX)
		abort();
	free(message);
	return 0;
}
