#include "base.h"
#include "elasticache.h"

#include <limits.h>
#include <string.h>

#include "aws.h"
#include "aws_asked.h"
#include "aws_endpoint.h"
#include "http.h"
#include "http_url.h"
#include "log.h"
#include "net.h"
#include "option.h"
#include "print.h"
#include "service.h"
#include "sys.h"
#include "text.h"
#include "xml.h"

#define DAY 86400000
#define PAGES_MAX 64

struct elasticache_settings {
	const char *cluster, *endpoint;
	long port;
	int64_t interval, timeout; /* milliseconds */
};

static const struct option elasticache_options[] = {
	{ .key = "routing.elasticache.cluster_id", OPTION_TEXT, .at = offsetof(struct elasticache_settings, cluster), "",
	  "cluster of ElastiCache of which one node is a service; off when empty",
	  .other = "elasticache-cluster-id", .other_is = OPTION_FLAG },
	{ .key = "routing.elasticache.port", OPTION_PORT, .at = offsetof(struct elasticache_settings, port), "0",
	  "port where the node is exposed, on every interface", 0, 65535,
	  .other = "elasticache-port", .other_is = OPTION_FLAG },
	{ .key = "routing.elasticache.poll_interval", OPTION_DURATION, .at = offsetof(struct elasticache_settings, interval), "1m",
	  "how often ElastiCache is asked", 10000, DAY },
	{ .key = "routing.elasticache.poll_timeout", OPTION_DURATION, .at = offsetof(struct elasticache_settings, timeout), "10s",
	  "how long one answer may take", 1, DAY },
	{ .key = "routing.elasticache.endpoint", OPTION_TEXT, .at = offsetof(struct elasticache_settings, endpoint), "",
	  "URL of ElastiCache; AWS's own of the region when empty", .check = aws_endpoint_check_key },
};

/* What an answer says of a node; empty: nothing. */
struct node {
	struct buf id, status, address, port;
	uint16_t number; /* its port; 0: there is no endpoint with both parts */
	bool available;
	long order;      /* its ID */
};

struct elasticache {
	struct source *source;
	const struct elasticache_settings *settings;
	struct aws aws;
	struct service_list *last; /* what was posted last; NULL: nothing yet */
	struct buf query, why;     /* why: the newest answer is not used */
	struct buf marker;         /* of the next page; empty: there is none */
	struct buf group, said;    /* the replication group, and the one that has been logged */
	struct node node, best;    /* the one that is being read, and the one to take of those before it */
	unsigned nodes;
	int code;                  /* status of the newest answer if that was an error, else 0 */
};

static bool elasticache_wanted(const void *settings)
{
	return *((const struct elasticache_settings *)settings)->cluster;
}

static void elasticache_check(const void *values, struct buf *why)
{
	const struct elasticache_settings *settings = values;

	aws_endpoint_check("elasticache", settings->endpoint, why);
	if (!settings->port)
		buf_printf(why, "%srouting.elasticache.cluster_id needs routing.elasticache.port (--elasticache-port)",
		           why->len ? "; " : "");
}

/* Nodes. */

static void node_clear(struct node *node)
{
	node->id.len = node->status.len = node->address.len = node->port.len = 0;
	node->number = 0;
}

static void node_free(struct node *node)
{
	buf_free(&node->id);
	buf_free(&node->status);
	buf_free(&node->address);
	buf_free(&node->port);
}

static struct slice slice_of_buf(const struct buf *b)
{
	return (struct slice){ b->data, b->len };
}

static void node_judge(struct node *node)
{
	struct slice address = slice_of_buf(&node->address);

	if (!address.len || !net_is_host(address) || net_port(slice_of_buf(&node->port), &node->number))
		node->number = 0;
	node->available = slice_is(slice_of_buf(&node->status), "available");
	if (text_number(slice_of_buf(&node->id), 0, LONG_MAX, &node->order))
		node->order = LONG_MAX;
}

/* The cluster's status does not count: nodes serve while it is snapshotting, modifying or being rebooted. */
static bool node_is_better(const struct node *node, const struct node *than)
{
	if (!node->number || !than->number)
		return node->number && !than->number;
	return node->available != than->available ? node->available : node->order < than->order;
}

static void end_node(struct elasticache *elasticache)
{
	struct node node;

	elasticache->nodes++;
	node_judge(&elasticache->node);
	if (node_is_better(&elasticache->node, &elasticache->best)) {
		node = elasticache->node;
		elasticache->node = elasticache->best;
		elasticache->best = node;
	}
}

/* Answers. */

/* The elements that lead to what matters, from the root; NULL: any, as an element of a list. */
static const char *const way[] = {
	"DescribeCacheClustersResponse", "DescribeCacheClustersResult", "CacheClusters", NULL, "CacheNodes", NULL, "Endpoint"
};
enum { ON_RESULT = 2, ON_CLUSTERS, ON_CLUSTER, ON_NODES, ON_NODE, ON_ENDPOINT };

/* Where the text of an element goes that lies so deep on the way; NULL: nobody asks. */
static struct buf *text_place(struct elasticache *elasticache, unsigned on, struct slice name)
{
	const struct {
		unsigned on;
		const char *name;
		struct buf *place;
	} places[] = {
		{ ON_RESULT, "Marker", &elasticache->marker },
		{ ON_CLUSTER, "ReplicationGroupId", &elasticache->group },
		{ ON_NODE, "CacheNodeId", &elasticache->node.id },
		{ ON_NODE, "CacheNodeStatus", &elasticache->node.status },
		{ ON_ENDPOINT, "Address", &elasticache->node.address },
		{ ON_ENDPOINT, "Port", &elasticache->node.port },
	};

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (places[i].on == on && slice_is(name, places[i].name))
			return places[i].place;
	return NULL;
}

static void take_text(struct elasticache *elasticache, unsigned on, const struct xml *xml)
{
	struct buf *place = text_place(elasticache, on, xml->name);
	struct slice text = slice_trim(slice_of_buf(&xml->text));

	if (!place)
		return;
	place->len = 0;
	buf_add(place, text.at, text.len);
}

/* How far the element goes on the way when its parent is `on` it. */
static unsigned step(unsigned on, const struct xml *xml)
{
	bool next = on < ARRAY_LEN(way) && xml->depth == on + 1 && (!way[on] || slice_is(xml->name, way[on]));

	return next ? on + 1 : on;
}

/* Returns why the text is no complete answer. */
static const char *walk_answer(struct elasticache *elasticache, struct xml *xml)
{
	unsigned on = 0;
	bool listed = false;

	for (;;)
		switch (xml_next(xml)) {
		case XML_OPEN:
			on = step(on, xml);
			listed = listed || on == ON_CLUSTERS;
			if (on == ON_NODE && xml->depth == on)
				node_clear(&elasticache->node);
			break;
		case XML_TEXT:
			if (xml->depth == on + 1)
				take_text(elasticache, on, xml);
			break;
		case XML_CLOSE:
			if (on == ON_NODE && xml->depth == on)
				end_node(elasticache);
			on = xml->depth <= on ? xml->depth - 1 : on;
			break;
		case XML_END:
			return listed ? NULL : "it has no CacheClusters";
		case XML_BROKEN:
			return xml->why;
		}
}

/* Takes a complete answer of status 200. */
static const char *take_cluster(struct elasticache *elasticache, const struct http_response *response)
{
	struct xml xml;
	const char *fault;

	elasticache->marker.len = 0;
	xml_open(&xml, response->body.data, response->body.len);
	fault = walk_answer(elasticache, &xml);
	xml_close(&xml);
	if (!fault)
		return NULL;
	elasticache->why.len = 0;
	buf_printf(&elasticache->why, "its answer cannot be used: %s", fault);
	return elasticache->why.data;
}

/* Questions. */

static const char *ask_page(struct elasticache *elasticache)
{
	struct buf *query = &elasticache->query;
	const char *why;

	query->len = 0;
	buf_puts(query, "Action=DescribeCacheClusters&Version=2015-02-02&CacheClusterId=");
	http_escape(query, elasticache->settings->cluster);
	buf_puts(query, "&MaxRecords=100&ShowCacheNodeInfo=true");
	if (elasticache->marker.len) {
		buf_puts(query, "&Marker=");
		http_escape(query, elasticache->marker.data);
	}
	why = aws_post(&elasticache->aws, NULL, "application/x-www-form-urlencoded; charset=utf-8", slice_of_buf(query),
	               sys_now() + elasticache->settings->timeout);
	elasticache->code = why ? elasticache->aws.code : 0;
	return why ? why : take_cluster(elasticache, &elasticache->aws.http.response);
}

static struct service_list *make_list(const struct elasticache *elasticache)
{
	struct service_list *list = service_list_new();
	const char *cluster = elasticache->settings->cluster;
	const struct node *best = &elasticache->best;
	struct service *service;
	char wish[8];

	list->trusted = true; /* the port is the operator's */
	if (!elasticache->nodes)
		return list;
	service = service_add(list, slice_of(cluster));
	print_text(wish, sizeof wish, ":%ld", elasticache->settings->port);
	service_wish(service, slice_of(wish), NULL);
	if (best->number) {
		service->instance = text_printf(&service->memory, "%s::%s", cluster, best->id.len ? best->id.data : "");
		service_backend(service, slice_of_buf(&best->address), best->number, 1);
	} else {
		service->fault = "none of its nodes has an endpoint";
	}
	service_seal(service);
	return list;
}

static void log_node(const struct elasticache *elasticache)
{
	const struct elasticache_settings *settings = elasticache->settings;
	const struct node *best = &elasticache->best;
	struct buf line = { 0 };

	buf_puts_visible(&line, "cluster ", settings->cluster);
	if (best->number) {
		buf_puts_visible(&line, ": node ", best->id.len ? best->id.data : "");
		buf_puts_visible(&line, ", ", best->status.len ? best->status.data : "of no status");
		buf_puts(&line, ", at ");
		net_put_host_port(&line, best->address.data, best->number);
		buf_printf(&line, ", one of %u", elasticache->nodes);
	} else {
		buf_puts(&line, elasticache->nodes ? ": none of its nodes has an endpoint" : ": no nodes");
	}
	log_info("%s: %s", elasticache->source->kind->name, line.data);
	buf_free(&line);
}

/* A failover makes another node the primary, and changes nothing here. */
static void log_group(struct elasticache *elasticache)
{
	struct buf line = { 0 };

	if (!elasticache->group.len ||
	    (elasticache->said.data && strcmp(elasticache->said.data, elasticache->group.data) == 0))
		return;
	elasticache->said.len = 0;
	buf_puts(&elasticache->said, elasticache->group.data);
	buf_puts_visible(&line, "cluster ", elasticache->settings->cluster);
	buf_puts_visible(&line, " is in the replication group ", elasticache->group.data);
	log_warn("%s: %s, whose failovers are not followed", elasticache->source->kind->name, line.data);
	buf_free(&line);
}

static const char *read_cluster(struct elasticache *elasticache)
{
	const char *why = NULL;
	unsigned pages = 0;

	elasticache->marker.len = elasticache->group.len = 0;
	elasticache->nodes = 0;
	node_clear(&elasticache->best);
	do {
		why = ++pages > PAGES_MAX ? "its answers do not end" : ask_page(elasticache);
	} while (!why && elasticache->marker.len);
	if (why)
		return why;
	if (source_renew(elasticache->source, &elasticache->last, make_list(elasticache)))
		log_node(elasticache);
	log_group(elasticache);
	return NULL;
}

static void elasticache_run(struct source *source)
{
	struct elasticache elasticache = { .source = source, .settings = source->settings };
	bool go_on = true;

	aws_open(&elasticache.aws, source->config, "elasticache", elasticache.settings->endpoint, source->cancel[0]);
	while (go_on) {
		const char *why = read_cluster(&elasticache);

		if (why) {
			go_on = source_failed(source, elasticache.code, aws_where(&elasticache.aws), why, elasticache.aws.pause);
		} else {
			source_worked(source, aws_where(&elasticache.aws));
			go_on = source_sleep(source, elasticache.settings->interval);
		}
	}
	aws_close(&elasticache.aws);
	service_list_unref(elasticache.last);
	buf_free(&elasticache.query);
	buf_free(&elasticache.why);
	buf_free(&elasticache.marker);
	buf_free(&elasticache.group);
	buf_free(&elasticache.said);
	node_free(&elasticache.node);
	node_free(&elasticache.best);
}

const struct source_kind elasticache_kind = {
	.name = "elasticache", .title = "ElastiCache", .table = "routing.elasticache",
	.asks = "routing.elasticache.endpoint", .asks_port = 443, .asked = aws_asked, .asks_too = AWS_ASKED,
	.options = elasticache_options, .option_count = ARRAY_LEN(elasticache_options),
	.size = sizeof(struct elasticache_settings), .shares = "aws,tls",
	.needs = "--elasticache-cluster-id (routing.elasticache.cluster_id)", .wanted = elasticache_wanted,
	.check = elasticache_check, .run = elasticache_run
};
