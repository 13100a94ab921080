/* elasticache: one node of a cluster of ElastiCache (routing.elasticache.*) as a service, asked for again at each interval,
 * as tcpproxy did. */
#ifndef ELASTICACHE_H
#define ELASTICACHE_H

#include "base.h"
#include "source.h"

extern const struct source_kind elasticache_kind;

#endif
