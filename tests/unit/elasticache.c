/* Cases for elasticache.c: which node an answer makes a service of, and which texts are no answer. */
#include "base.h"

#include "check.h"
#include "list.h"
#include "../../elasticache.c"

static struct elasticache_settings settings = { .cluster = "docker-registry", .port = 5000 };

#define ANSWER(inside) "<?xml version=\"1.0\"?>\n<DescribeCacheClustersResponse " \
	"xmlns=\"http://elasticache.amazonaws.com/doc/2015-02-02/\"><DescribeCacheClustersResult>" inside \
	"</DescribeCacheClustersResult><ResponseMetadata><RequestId>x</RequestId></ResponseMetadata></DescribeCacheClustersResponse>"
#define CLUSTER(inside) ANSWER("<CacheClusters><CacheCluster><CacheClusterId>docker-registry</CacheClusterId>" inside \
	"</CacheCluster></CacheClusters>")
#define NODES(inside) CLUSTER("<CacheNodes>" inside "</CacheNodes>")
#define ENDPOINT(address, port) "<Endpoint><Port>" port "</Port><Address>" address "</Address></Endpoint>"
#define NODE(id, status, inside) "<CacheNode><CacheNodeId>" id "</CacheNodeId><CacheNodeStatus>" status "</CacheNodeStatus>" inside \
	"</CacheNode>"
#define ROUTED(id, to) "docker-registry(docker-registry::" id " :5000 " to "*1)"
#define REFUSED "docker-registry( :5000 !none of its nodes has an endpoint)"

static const struct {
	const char *body, *want; /* want: the service, the marker behind a bar, or the reason behind a minus */
} answers[] = {
	{ ANSWER("<CacheClusters/>"), "" },
	{ ANSWER("<CacheClusters></CacheClusters>"), "" },
	{ CLUSTER(""), "" },
	{ NODES(""), "" },
	{ NODES(NODE("0001", "available", ENDPOINT("x.0001.use1.cache.amazonaws.com", "6379"))),
	  ROUTED("0001", "x.0001.use1.cache.amazonaws.com:6379") },
	/* The lowest number, not the first, nor the first as a text. */
	{ NODES(NODE("10", "available", ENDPOINT("ten", "1")) NODE("9", "available", ENDPOINT("nine", "2"))), ROUTED("9", "nine:2") },
	{ NODES(NODE("0002", "available", ENDPOINT("two", "1")) NODE("1", "available", ENDPOINT("one", "2"))), ROUTED("1", "one:2") },
	/* What is available before all others. */
	{ NODES(NODE("0001", "rebooting", ENDPOINT("one", "1")) NODE("0002", "available", ENDPOINT("two", "2"))),
	  ROUTED("0002", "two:2") },
	{ NODES(NODE("0002", "deleting", ENDPOINT("two", "1")) NODE("0001", "rebooting", ENDPOINT("one", "2"))),
	  ROUTED("0001", "one:2") },
	/* An endpoint with both parts. */
	{ NODES(NODE("0001", "available", "") NODE("0002", "creating", ENDPOINT("two", "2"))), ROUTED("0002", "two:2") },
	{ NODES(NODE("0001", "available", "<Endpoint><Port>1</Port></Endpoint>") NODE("0002", "available", ENDPOINT("two", "2"))),
	  ROUTED("0002", "two:2") },
	{ NODES(NODE("0001", "available", "<Endpoint><Address>one</Address></Endpoint>")), REFUSED },
	{ NODES(NODE("0001", "creating", "")), REFUSED },
	{ NODES(NODE("0001", "available", ENDPOINT("one", "0"))), REFUSED },
	{ NODES(NODE("0001", "available", ENDPOINT("one", "65536"))), REFUSED },
	{ NODES(NODE("0001", "available", ENDPOINT("o ne", "1"))), REFUSED },
	{ NODES(NODE("0001", "available", "<Endpoint/>")), REFUSED },
	{ NODES("<CacheNode/>"), REFUSED },
	/* One node's parts are not another's. */
	{ NODES(NODE("0001", "available", ENDPOINT("one", "1")) "<CacheNode><CacheNodeId>0000</CacheNodeId></CacheNode>"),
	  ROUTED("0001", "one:1") },
	{ NODES(NODE("0005", "available", ENDPOINT("five", "5")) NODE("9", "available", ENDPOINT("nine", "9"))
	        "<CacheNode><CacheNodeId>1</CacheNodeId></CacheNode>"), ROUTED("0005", "five:5") },
	{ NODES("<CacheNode>" ENDPOINT("one", "1") "</CacheNode>" NODE("7", "x", ENDPOINT("seven", "7"))), ROUTED("7", "seven:7") },
	/* Parts in any order, elements of lists of any name, and what is unknown. */
	{ NODES("<member>" ENDPOINT("one", "1") "<Endpoints><Address>no</Address></Endpoints><CacheNodeStatus>available"
	        "</CacheNodeStatus><New><CacheNodeId>0</CacheNodeId><Endpoint><Port>9</Port></Endpoint></New>"
	        "<CacheNodeId>0001</CacheNodeId></member>"), ROUTED("0001", "one:1") },
	{ NODES("<CacheNode>" ENDPOINT("one", "1") "<CacheNodeId>5</CacheNodeId><New><CacheNodeId>0</CacheNodeId><Endpoint><Port>9</Port>"
	        "</Endpoint><Address>x</Address></New></CacheNode>"), ROUTED("5", "one:1") },
	{ CLUSTER("<New><CacheNodes>" NODE("0001", "available", ENDPOINT("one", "1")) "</CacheNodes></New>"), "" },
	{ CLUSTER("<ConfigurationEndpoint><Port>11211</Port><Address>c</Address></ConfigurationEndpoint><CacheNodes>"
	          NODE("0001", "available", ENDPOINT("a", "1")) "</CacheNodes><CacheClusterStatus>snapshotting</CacheClusterStatus>"),
	  ROUTED("0001", "a:1") },
	{ NODES(NODE(" 0001 ", "available\n", ENDPOINT("\ta", " 1"))), ROUTED("0001", "a:1") },
	{ "<a:DescribeCacheClustersResponse xmlns:a=\"x\"><a:DescribeCacheClustersResult><a:CacheClusters/>"
	  "</a:DescribeCacheClustersResult></a:DescribeCacheClustersResponse>", "" },
	{ ANSWER("<Marker/><CacheClusters/>"), "" },
	{ ANSWER("<Marker>a&amp;b</Marker><CacheClusters/>"), "|a&b" },
	{ ANSWER("<CacheClusters><CacheCluster><Marker>x</Marker></CacheCluster></CacheClusters>"), "" },
	/* No answers. */
	{ "", NULL }, { "x", NULL }, { "{}", NULL }, { "<html></html>", "-it has no CacheClusters" },
	{ ANSWER(""), "-it has no CacheClusters" },
	{ "<CacheClusters/>", "-it has no CacheClusters" },
	{ "<ErrorResponse><Error><Code>x</Code></Error></ErrorResponse>", "-it has no CacheClusters" },
	{ ANSWER("<CacheClusters></CacheCluster>"), NULL },
	{ ANSWER("<CacheClusters/>") "<a/>", NULL },
};

static void elasticache_free(struct elasticache *elasticache)
{
	buf_free(&elasticache->query);
	buf_free(&elasticache->why);
	buf_free(&elasticache->marker);
	buf_free(&elasticache->group);
	buf_free(&elasticache->said);
	node_free(&elasticache->node);
	node_free(&elasticache->best);
}

/* want NULL: any reason will do. */
static void answer_is(const char *body, size_t len, const char *want)
{
	struct elasticache elasticache = { .settings = &settings };
	struct http_response response = { .status = 200 };
	struct service_list *list = NULL;
	struct buf got = { 0 };
	const char *why;

	buf_add(&response.body, body, len);
	why = take_cluster(&elasticache, &response);
	buf_puts(&got, why ? "-" : "");
	if (why) {
		buf_puts(&got, why + strlen("its answer cannot be used: "));
	} else {
		list = make_list(&elasticache);
		check(list->trusted, "its port is the operator's", body);
		list_put(&got, list);
	}
	if (!why && elasticache.marker.len)
		buf_printf(&got, "|%s", elasticache.marker.data);
	check(want ? strcmp(got.data, want) == 0 : got.data[0] == '-', got.data, want ? want : body);
	service_list_unref(list);
	buf_free(&response.body);
	buf_free(&got);
	elasticache_free(&elasticache);
}

/* Nodes of all pages are one list: the best of them all is the service. */
static void pages(void)
{
	static const char *const bodies[] = {
		NODES(NODE("0003", "available", ENDPOINT("three", "3"))), NODES(NODE("0001", "available", ENDPOINT("one", "1"))),
		NODES(NODE("0002", "available", ENDPOINT("two", "2")))
	};
	struct elasticache elasticache = { .settings = &settings };
	struct service_list *list;
	struct buf got = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct http_response response = { .status = 200 };

		buf_puts(&response.body, bodies[i]);
		check(!take_cluster(&elasticache, &response), "a page", bodies[i]);
		buf_free(&response.body);
	}
	list = make_list(&elasticache);
	list_put(&got, list);
	check(strcmp(got.data, ROUTED("0001", "one:1")) == 0, "the best of three pages", got.data);
	service_list_unref(list);
	buf_free(&got);
	elasticache_free(&elasticache);
}

/* Wherever an answer is cut, nothing of it counts. */
static void cut_answers(void)
{
	static const char whole[] = NODES(NODE("0001", "available", ENDPOINT("one", "1")));

	for (size_t len = 0; len < sizeof whole - 1; len++)
		answer_is(whole, len, NULL);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		answer_is(answers[i].body, strlen(answers[i].body), answers[i].want);
	pages();
	cut_answers();
	return check_sum();
}
