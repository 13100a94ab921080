/* Requests to the status server: a head is cut and read without touching what is beyond it. */
#include "base.h"
#include "httpd.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = { (const char *)data, size };
	size_t len;

	while ((len = httpd_head_length(rest))) {
		struct httpd_request request;
		char *head = malloc(len); /* of its own size, so that a byte too many is seen */
		int code;

		memcpy(head, rest.at, len);
		code = httpd_read((struct slice){ head, len }, &request);
		if (code != 0 && code != 400 && code != 505)
			abort();
		if (!code && (!request.method.len || request.path.at[0] != '/' || memchr(request.path.at, '?', request.path.len)))
			abort();
		free(head);
		rest = slice_skip(rest, len);
	}
	return 0;
}
