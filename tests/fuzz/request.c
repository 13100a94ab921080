/* Requests to the status server: a head is cut and read without touching what is beyond it. */
#include "base.h"
#include "../../status.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf in = { 0 };
	size_t len;

	buf_add(&in, data, size);
	while ((len = head_length(&in))) {
		struct request r = { .last = true };
		char *head = malloc(len); /* of its own size, so that a byte too many is seen */
		int code;

		memcpy(head, in.data, len);
		code = memchr(head, '\0', len) ? 400 : read_head(&r, (struct slice){ head, len });
		if (code != 0 && code != 400 && code != 505)
			abort();
		if (!code && (!r.method.len || r.path.at[0] != '/' || memchr(r.path.at, '?', r.path.len)))
			abort();
		free(head);
		memmove(in.data, in.data + len, in.len - len);
		in.len -= len;
	}
	buf_free(&in);
	return 0;
}
