#include "base.h"
#include "sources.h"

#include <string.h>

#include "config.h"
#include "consul.h"
#include "dynamodb.h"
#include "elasticache.h"
#include "file.h"
#include "nomad.h"
#include "url.h"

static const struct source_kind static_kind = {
	.name = "static", .title = "the configuration", .table = "services", .needs = "services, BACKENDs or --connections"
};

/* One line a source. */
const struct source_kind *const sources[] = {
	&static_kind, &consul_kind, &file_kind, &url_kind, &nomad_kind,
#ifndef DILL_NO_AWS
	&dynamodb_kind, &elasticache_kind,
#endif
};
const size_t source_count = ARRAY_LEN(sources);

/* One without a name ends the list. */
static const struct {
	const char *name, *table, *flags[2];
} lacking[] = {
#ifdef DILL_NO_AWS
	{ "dynamodb", "routing.dynamodb", { "dynamodb", "dynamodb" } },
	{ "elasticache", "routing.elasticache", { "elasticache-cluster-id", "elasticache-port" } },
#endif
	{ NULL, NULL, { "", "" } }
};

bool sources_lack_key(const char *key)
{
	for (size_t i = 0; lacking[i].name; i++)
		if (config_below(key, lacking[i].table) || strcmp(key, lacking[i].flags[0]) == 0 ||
		    strcmp(key, lacking[i].flags[1]) == 0)
			return true;
	return false;
}

bool sources_lack(struct slice name)
{
	for (size_t i = 0; lacking[i].name; i++)
		if (slice_is_nocase(name, lacking[i].name))
			return true;
	return false;
}

void sources_put_names(const char *before_last, struct buf *out)
{
	for (size_t i = 0; i < source_count; i++) {
		if (i)
			buf_puts(out, i + 1 < source_count ? ", " : before_last);
		buf_puts(out, sources[i]->name);
	}
}
