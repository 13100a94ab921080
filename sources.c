#include "base.h"
#include "sources.h"

#include <string.h>
#include <strings.h>

#include "config.h"
#include "consul.h"
#include "file.h"
#include "url.h"

static const struct source_kind static_kind = {
	.name = "static", .title = "the configuration", .table = "services", .needs = "services, BACKENDs or --connections"
};

/* One line a source. */
const struct source_kind *const sources[] = { &static_kind, &consul_kind, &file_kind, &url_kind };
const size_t source_count = ARRAY_LEN(sources);

static const struct {
	const char *name, *table;
} absent[] = {
	{ "nomad", "routing.nomad" }, { "dynamodb", "routing.dynamodb" }, { "elasticache", "routing.elasticache" }
};

static const struct {
	const char *flag, *key;
} absent_flags[] = {
	{ "proxy", "routing.dynamodb.proxy" }, { "dynamodb", "routing.dynamodb.table" },
	{ "elasticache-cluster-id", "routing.elasticache.cluster_id" }, { "elasticache-port", "routing.elasticache.port" }
};

bool sources_lack_key(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		if (config_below(key, absent[i].table))
			return true;
	return false;
}

bool sources_lack(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		if (slice_is_nocase(name, absent[i].name))
			return true;
	return false;
}

const char *sources_lacking_flag(const char *flag)
{
	for (size_t i = 0; i < ARRAY_LEN(absent_flags); i++)
		if (strcmp(flag, absent_flags[i].flag) == 0)
			return absent_flags[i].key;
	return NULL;
}

void sources_put_names(const char *before_last, struct buf *out)
{
	for (size_t i = 0; i < source_count; i++) {
		if (i)
			buf_puts(out, i + 1 < source_count ? ", " : before_last);
		buf_puts(out, sources[i]->name);
	}
}
