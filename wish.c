#include "base.h"
#include "wish.h"

#include <string.h>

#include "hash.h"
#include "net.h"

struct wish wish_parse(const char *text, const char *origin, struct arena *memory)
{
	struct wish wish = { .text = text, .origin = origin, .hash = hash_text(text, strlen(text)) };

	if (net_is_list(slice_of(text)))
		wish.why = "is a list: each listener needs a tag or list element of its own";
	else
		wish.why = strchr(text, ':') ? net_split_range(slice_of(text), memory, &wish.host, &wish.port, &wish.last)
		                             : "is not label:port";
	return wish;
}
