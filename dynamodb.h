/* dynamodb: reads services from a table of DynamoDB (routing.dynamodb.*), again at each interval, as tcpproxy did. */
#ifndef DYNAMODB_H
#define DYNAMODB_H

#include "base.h"
#include "source.h"

extern const struct source_kind dynamodb_kind;

#endif
