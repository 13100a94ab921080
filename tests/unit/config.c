/* Cases for config_read.c and what is below it: command line, environment and file go in, values, services and errors come
 * out. */
#include "base.h"

#include <errno.h>
#include <unistd.h>

#include "capture.h"
#include "check.h"
#include "list.h"
#include "sources.h"
#include "../../config.c"
#include "../../config_read.c"

/* The name that files have in origins and errors; all are written in one directory, which is the working one. */
static char directory[] = "/tmp/dill-config-XXXXXX";

struct outcome {
	struct config *config; /* NULL: it was refused */
	int status;
	struct buf errors;
	char words[1024], variables[1024];
};

/* Cuts a text at its bars. */
static int split(char *text, char **parts)
{
	int count = 0;

	for (char *part = strtok(text, "|"); part; part = strtok(NULL, "|"))
		parts[count++] = part;
	parts[count] = NULL;
	return count;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	if (!file || fputs(text, file) < 0 || fclose(file))
		abort();
}

/* Words and variables with bars between them. `file` NULL: none; else -c name goes before the words. */
static struct outcome read_all(const char *name, const char *file, const char *variables, const char *words)
{
	char *argv[32] = { "dill" }, *environment[32];
	struct outcome outcome = { 0 };
	struct capture capture;
	int argc = 1;

	if (file) {
		write_file(name, file);
		argv[argc++] = "-c";
		argv[argc++] = (char *)name;
	}
	snprintf(outcome.words, sizeof outcome.words, "%s", words);
	snprintf(outcome.variables, sizeof outcome.variables, "%s", variables);
	argc += split(outcome.words, argv + argc);
	split(outcome.variables, environment);
	capture_start(&capture);
	outcome.config = config_read(argc, argv, environment, &outcome.status);
	capture_end(&capture, &outcome.errors);
	return outcome;
}

static void outcome_free(struct outcome *outcome)
{
	config_unref(outcome->config);
	buf_free(&outcome->errors);
}

/* KEY=VALUE@ORIGIN of each key, the services, the sources in use: what a case names of it. */
static void put_value(struct buf *out, const struct config *config, const char *key)
{
	struct config_table *table;
	const struct option *row = config_find(config, key, &table);

	if (row) {
		option_put(row, table->values, out);
		buf_printf(out, "@%s", config_mark(table, row)->origin);
	}
}

static void put_sources(struct buf *out, const struct config *config)
{
	const char *comma = "";

	for (size_t i = 0; i < source_count; i++)
		if (config->uses[i]) {
			buf_printf(out, "%s%s", comma, sources[i]->name);
			comma = ",";
		}
}

/* Of AWS's services, which without TLS are asked where somebody says. */
#define TABLE_AT_H "--routing.dynamodb.endpoint=http://h"
#define NO_SERVERS "is not a list of IP addresses, each with or without a port, such as 10.0.0.2,[fd00::2]:5353"
#define CLUSTER_AT_H "--elasticache-cluster-id=x|--routing.elasticache.endpoint=http://h"

/* Precedence, names and sources: one value of what comes out. */
static const struct {
	const char *file, *variables, *words, *key, *want; /* key "services", "sources", "name": those; the file is in TOML */
} fine[] = {
	/* The command line, then the environment, the file, the default. */
	{ NULL, "", "", "listeners.port_min", "1024@default" },
	{ "[listeners]\nport_min = 2000\n", "", "", "listeners.port_min", "2000@c.toml:2" },
	{ "[listeners]\nport_min = 2000\n", "DILL_LISTENERS_PORT_MIN=3000", "", "listeners.port_min", "3000@DILL_LISTENERS_PORT_MIN" },
	{ "[listeners]\nport_min = 2000\n", "DILL_LISTENERS_PORT_MIN=3000", "--listeners.port_min=4000", "listeners.port_min",
	  "4000@--listeners.port_min" },
	{ "[listeners]\nport_min = 2000\n", "", "-listeners.port_min|4000", "listeners.port_min", "4000@-listeners.port_min" },
	{ NULL, "DYNTCP_LISTENERS_PORT_MIN=3000", "", "listeners.port_min", "3000@DYNTCP_LISTENERS_PORT_MIN" },
	{ NULL, "DYNTCP_LISTENERS_PORT_MIN=3000|DILL_LISTENERS_PORT_MIN=2000", "", "listeners.port_min", "2000@DILL_LISTENERS_PORT_MIN" },
	/* Of two on the command line the last one counts. */
	{ NULL, "", "--timeout=1s|-timeout|2s", "proxy.connect_timeout", "2s@-timeout" },
	{ NULL, "", "--Proxy.connect_timeout=2s|--proxy.connect_timeout=1s", "proxy.connect_timeout", "1s@--proxy.connect_timeout" },
	/* Between layers, names make no difference. */
	{ "[runtime]\nthreads = 2\n", "DILL_RUNTIME_GOMAXPROCS=3", "", "runtime.threads", "3@DILL_RUNTIME_GOMAXPROCS" },
	{ NULL, "DILL_ROUTING_CONSUL_TAG=x", "--consul.tag=y", "consul.tag", "y@--consul.tag" },
	/* What sources on AWS have in common. */
	{ "[aws]\nregion = 'eu-west-1'\n", "", "", "aws.region", "eu-west-1@c.toml:2" },
	{ NULL, "DILL_AWS_REGION=eu-west-1", "--region|eu-west-2", "aws.region", "eu-west-2@--region" },
	{ NULL, "DILL_AWS_PROFILE=x", "", "aws.profile", "x@DILL_AWS_PROFILE" },
	{ NULL, "SSL_CERT_FILE=/a|AWS_CA_BUNDLE=/b", "", "tls.ca", "/b@AWS_CA_BUNDLE" },
	{ NULL, "SSL_CERT_FILE=/a|AWS_CA_BUNDLE=", "", "tls.ca", "/a@SSL_CERT_FILE" },
	{ "[aws]\nregion = 'eu-west-1'\nhost = 'dynamodb.eu-west-1.amazonaws.com'\n", "", "", "sources", "consul" },
	/* Names. */
	{ "[dns]\nservers = ['10.0.0.2', '[::1]:8600']\n", "", "", "dns.servers", "10.0.0.2,[::1]:8600@c.toml:2" },
	{ NULL, "DILL_DNS_SERVERS=::1, 127.0.0.1:8600", "", "dns.servers", "::1, 127.0.0.1:8600@DILL_DNS_SERVERS" },
	{ "[dns]\nservers = ''\n", "", "", "dns.servers", "@c.toml:2" },
	{ "[dns]\nservers = '10.0.0.2'\n", "", "--dns.servers=", "dns.servers", "@--dns.servers" },
	{ NULL, "", "--dns.timeout=0", "dns.timeout", "0s@--dns.timeout" },
	{ NULL, "", "", "dns.hold", "0s@default" },
	/* A table without keys says nothing. */
	{ "[consul]\n[log]\n[routing.http]\n", "", "", "sources", "consul" },
	{ "[listeners]\nallow = []\nallowed = 'a=10.0.0.1'\n", "", "", "listeners.allowed", "a=10.0.0.1@c.toml:3" },
	/* Other names of a key. */
	{ "[runtime]\ngomaxprocs = 3\n", "", "", "runtime.threads", "3@c.toml:2" },
	{ NULL, "DILL_ROUTING_CONSUL_TAG=edge", "", "consul.tag", "edge@DILL_ROUTING_CONSUL_TAG" },
	{ "[routing.consul]\ntag = 'edge'\n", "", "", "consul.tag", "edge@c.toml:2" },
	{ NULL, "", "--status=:81", "status.listener", ":81@--status" },
	{ NULL, "", "--debug=2", "log.level", "debug@--debug" },
	{ NULL, "", "--debug|3", "log.level", "debug@--debug" },
	{ "[log]\nlevel = 'warn'\n", "", "-cc.toml|--test", "log.level", "warn@c.toml:2" },
	{ NULL, "", "--consul.address=HTTP://h:1", "consul.address", "HTTP://h:1@--consul.address" },
	{ NULL, "", "--routing.http.endpoint=Http://h/", "sources", "http" },
	{ NULL, "", "-lb|P2C", "proxy.balance", "p2c@-lb" },
	/* Keys in any letter case. */
	{ "[Listeners]\nPort_Min = 2000\n", "", "", "listeners.port_min", "2000@c.toml:2" },
	{ "[LISTENERS.ALLOWED]\nlocal = '127.0.0.5'\n", "", "", "listeners.allowed", "local=127.0.0.5@default" },
	{ NULL, "", "--Log.Level=debug", "log.level", "debug@--Log.Level" },
	/* Labels: a table replaces all, a variable or option adds. */
	{ "[listeners.allowed]\nlan = '10.0.0.1'\nwan = '10.0.0.4'\n", "DILL_LISTENERS_ALLOWED_EDGE=10.0.0.2",
	  "--listeners.allowed.six=::1", "listeners.allowed", "lan=10.0.0.1,wan=10.0.0.4,edge=10.0.0.2,six=::1@default" },
	{ NULL, "DILL_LISTENERS_ALLOWED_EDGE=10.0.0.2|DILL_LISTENERS_ALLOWED=a=10.0.0.3", "", "listeners.allowed",
	  "a=10.0.0.3,edge=10.0.0.2@DILL_LISTENERS_ALLOWED" },
	/* Who may ask for what: a table in the file, all in one value, which replaces it, or one pattern, which adds to it. */
	{ "[listeners.bind]\n'db-*' = 'local:5432-5439, any:5432'\nweb = ['any:1', 'any:2-3']\n'*' = 'local:*'\n'a.b' = 'any:4'\n", "", "",
	  "listeners.bind", "db-*=local:5432-5439, any:5432; web=any:1, any:2-3; *=local:*; a.b=any:4@default" },
	{ "listeners.bind.a = 'any:1'\n", "DILL_LISTENERS_BIND=b=any:2,local:2; *=any:3", "", "listeners.bind",
	  "b=any:2,local:2; *=any:3@DILL_LISTENERS_BIND" },
	{ "listeners.bind.a = 'any:1'\n", "DILL_LISTENERS_BIND={\"b\": \"any:2\", \"*\": [\"any:3\"]}", "", "listeners.bind",
	  "b=any:2; *=any:3@DILL_LISTENERS_BIND" },
	{ "listeners.bind.a = 'any:1'\n", "DILL_LISTENERS_BIND=b=any:2", "--listeners.bind|c=any:3", "listeners.bind",
	  "c=any:3@--listeners.bind" },
	{ "listeners.bind.a = 'any:1'\n", "", "--listeners.bind=", "listeners.bind", "@--listeners.bind" },
	{ "listeners.bind.a = 'any:1'\n", "DILL_LISTENERS_BIND=", "", "listeners.bind", "a=any:1@default" },
	{ "[Listeners.Bind]\na = 'any:1'\nA = 'any:2'\n", "", "--Listeners.bind.a=any:3|--listeners.bind.b*=any:4", "listeners.bind",
	  "a=any:3; A=any:2; b*=any:4@default" },
	{ "[listeners.allowed]\nlan = '10.0.0.1'\n[listeners.bind]\na = 'edge:1, lan:1'\n", "DILL_LISTENERS_ALLOWED_EDGE=10.0.0.2", "",
	  "listeners.bind", "a=edge:1, lan:1@default" },
	/* A list of networks. */
	{ "[listeners]\nallow = ['10.0.0.0/8', '::1']\n", "", "", "listeners.allow", "10.0.0.0/8,::1@c.toml:2" },
	{ "[listeners]\nallow = ['10.0.0.0/8', '::1']\n", "DILL_LISTENERS_ALLOW=1.1.1.1", "", "listeners.allow",
	  "1.1.1.1@DILL_LISTENERS_ALLOW" },
	/* Variables of other programs, only where Consul is used and nothing else says it. */
	{ NULL, "CONSUL_HTTP_ADDR=http://h:1", "", "consul.address", "http://h:1@CONSUL_HTTP_ADDR" },
	{ NULL, "CONSUL_HTTP_ADDR=http://h:1|DILL_CONSUL_ADDRESS=http://h:2", "", "consul.address", "http://h:2@DILL_CONSUL_ADDRESS" },
	{ NULL, "CONSUL_HTTP_ADDR=", "", "consul.address", "http://127.0.0.1:8500@default" },
	{ NULL, "CONSUL_HTTP_ADDR=http://h:1", "-laddr|:1|h:2", "consul.address", "http://127.0.0.1:8500@default" },
	{ NULL, "CONSUL_HTTP_ADDR=ftp://wrong", "h:2", "consul.address", "http://127.0.0.1:8500@default" },
	{ NULL, "", "--routing.nomad.wait=1s", "routing.nomad.tag", "dill@consul.tag" },
	{ NULL, "", "--routing.nomad.wait=1s|--consul.tag=edge", "routing.nomad.tag", "edge@consul.tag" },
	{ NULL, "", "--routing.nomad.tag=own|--consul.tag=edge", "routing.nomad.tag", "own@--routing.nomad.tag" },
	{ NULL, "NOMAD_NAMESPACE=ops", "--routing.nomad.wait=1s", "routing.nomad.namespace", "ops@NOMAD_NAMESPACE" },
	{ "[routing.nomad]\nnamespace = ['a', 'b']\n", "", "", "routing.nomad.namespace", "a,b@c.toml:2" },
	/* Which sources there are. */
	{ NULL, "NOMAD_ADDR=http://h:1|NOMAD_TOKEN=x", "h:2", "sources", "static" },
	{ NULL, "NOMAD_ADDR=http://h:1", "--backend=nomad", "sources", "nomad" },
	{ NULL, "", "--routing.nomad.stale=true|--consul.tag=x", "sources", "consul,nomad" },
	{ NULL, "", "", "sources", "consul" },
	{ NULL, "CONSUL_HTTP_ADDR=http://h:1", "h:2", "sources", "static" },
	{ "services = []\n", "", "", "sources", "consul" },
	{ NULL, "", "h:2|--consul.tag=x", "sources", "static,consul" },
	{ NULL, "", "h:2|--consul.tag=x|--backend=static", "sources", "static" },
	{ NULL, "", "--routing.file.path=x.toml", "sources", "file" },
	{ NULL, "", "--routing.http.endpoint=http://h/|--routing.file.path=x.toml", "sources", "file,http" },
	{ NULL, "", "--routing.http.endpoint=http://h/|--backend=CONSUL", "sources", "consul" },
	{ NULL, "", "--routing.http.endpoint=http://h/|--backend=http", "sources", "http" },
	/* What tcpproxy polled only when it was told to. --proxy gives /connections its name in any case. */
	{ NULL, "", "--connections=1:h:2|--proxy=a", "sources", "static" },
	{ NULL, "", "--connections=1:h:2|--proxy=a", "name", "a" },
	{ NULL, "", "--connections=1:h:2", "name", "" },
	{ NULL, "", "--connections=1:h:2|--dynamodb=abc|--elasticache-port=1", "sources", "static" },
	{ "[routing.dynamodb]\ntable = 'abc'\n", "", "", "sources", "consul" },
	{ NULL, "", "--backend=dynamodb|--proxy=a|" TABLE_AT_H, "sources", "dynamodb" },
	{ NULL, "", "--proxy|a|--backend|DYNAMODB|" TABLE_AT_H, "routing.dynamodb.proxy", "a@--proxy" },
	{ NULL, "", "--backend=dynamodb|--proxy=a|--dynamodb=abc|" TABLE_AT_H, "routing.dynamodb.table", "abc@--dynamodb" },
	{ NULL, "DILL_ROUTING_DYNAMODB_PROXY=a", TABLE_AT_H, "sources", "dynamodb" },
	{ "[routing.dynamodb]\nproxy = 'a'\n", "", TABLE_AT_H "|h:2", "sources", "static,dynamodb" },
	{ "[routing.dynamodb]\nproxy = 'a'\n", "", TABLE_AT_H, "name", "a" },
	{ "[routing.dynamodb]\nproxy = 'a'\n", "", "--backend=dynamodb|--proxy=b|" TABLE_AT_H, "name", "b" },
	{ "[routing.dynamodb]\nproxy = 'a'\n", "", "--backend=dynamodb|--proxy=b|" TABLE_AT_H, "routing.dynamodb.proxy", "b@--proxy" },
	{ NULL, "", CLUSTER_AT_H "|--elasticache-port=5000", "sources", "elasticache" },
	{ NULL, "", "--backend=elasticache|--elasticache-port=5000|" CLUSTER_AT_H, "routing.elasticache.port", "5000@--elasticache-port" },
	{ NULL, "DILL_ROUTING_ELASTICACHE_CLUSTER_ID=x", "--elasticache-port=5000|--routing.elasticache.endpoint=http://h", "sources",
	  "elasticache" },
	/* Services. */
	{ NULL, "", "h:1|h:2", "services", "static( :4000 h:1*1 h:2*1)" },
	{ NULL, "", "h:1|-laddr|:80", "services", "static( :80 h:1*1)" },
	{ NULL, "", "--connections=80:h:1,81:h:2", "services", "80:h:1( :80 h:1*1) 81:h:2( :81 h:2*1)" },
	{ "[[services]]\nname = 'web'\nlistener = 'a:1'\nbackends = ['h:1']\n", "DILL_SERVICES_WEB_BACKENDS=h:2", "", "services",
	  "web( a:1 h:2*1)" },
	{ "[[services]]\nname = 'my-web'\nlistener = 'a:1'\nbackends = ['h:1']\n", "DILL_SERVICES_MY_WEB_BACKENDS=h:2",
	  "--services.my-web.backends=h:3", "services", "my-web( a:1 h:3*1)" },
	{ "[Services.web]\nListener = 'a:1'\nBackends = ['h:1']\n", "", "", "services", "web( a:1 h:1*1)" },
	{ NULL, "DILL_SERVICES=[{\"name\": \"web\", \"listener\": \"a:1\", \"backends\": [\"h:1\"]}]", "", "services", "web( a:1 h:1*1)" },
	{ "[services.web]\nlistener = 'a:1'\nbackends = ['h:1']\n", "", "--backend=consul", "services", "" },
	{ "[services.web]\nlistener = 'x'\n", "", "--backend=consul", "services", "" },
};

static void fine_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
		struct outcome outcome = read_all("c.toml", fine[i].file, fine[i].variables, fine[i].words);
		const char *name = fine[i].file ? fine[i].file : *fine[i].variables ? fine[i].variables : fine[i].words;
		struct buf got = { 0 };

		check(outcome.config && !outcome.status && !outcome.errors.len, outcome.errors.data, name);
		buf_puts(&got, "");
		if (outcome.config && strcmp(fine[i].key, "services") == 0)
			list_put(&got, outcome.config->given);
		else if (outcome.config && strcmp(fine[i].key, "sources") == 0)
			put_sources(&got, outcome.config);
		else if (outcome.config && strcmp(fine[i].key, "name") == 0)
			buf_puts(&got, outcome.config->proxy ? outcome.config->proxy : "");
		else if (outcome.config)
			put_value(&got, outcome.config, fine[i].key);
		check(strcmp(got.data, fine[i].want) == 0, got.data, name);
		buf_free(&got);
		outcome_free(&outcome);
	}
}

/* All that is said, word for word; with a status of 0 these are warnings. */
static const struct {
	const char *name, *file, *variables, *words;
	int status;
	const char *errors;
} said[] = {
	/* One key under two names. */
	{ "c.toml", "[runtime]\nthreads = 2\ngomaxprocs = 3\n", "", "", 1,
	  "dill: c.toml:3: runtime.gomaxprocs: \"3\" is given twice, first at c.toml:2\n" },
	{ "c.toml", "[consul]\ntag = 'a'\n[routing.consul]\ntag = 'b'\n", "", "", 1,
	  "dill: c.toml:4: routing.consul.tag: \"b\" is given twice, first at c.toml:2\n" },
	{ "c.json", "{\"log\": {\"level\": \"info\", \"Level\": \"warn\"}}", "", "", 1,
	  "dill: c.json:1: log.Level: \"warn\" is given twice, first at c.json:1\n" },
	{ "c.toml", NULL, "DILL_RUNTIME_THREADS=2|DILL_RUNTIME_GOMAXPROCS=2", "", 1,
	  "dill: DILL_RUNTIME_GOMAXPROCS: runtime.threads: \"2\" is given twice, first at DILL_RUNTIME_THREADS\n" },
	{ "c.env", "DILL_RUNTIME_THREADS=2\nDILL_RUNTIME_GOMAXPROCS=2\n", "", "", 1,
	  "dill: c.env:2: runtime.threads: \"2\" is given twice, first at c.env:1\n" },
	{ "c.toml", NULL, "", "--consul.address=http://a|--routing.consul.address=http://b", 1,
	  "dill: --routing.consul.address: routing.consul.address: \"http://b\" is given twice, first at --consul.address\n" },
	{ "c.toml", NULL, "", "-timeout|2s|--proxy.connect_timeout=2s", 1,
	  "dill: --proxy.connect_timeout: proxy.connect_timeout: \"2s\" is given twice, first at -timeout\n" },
	{ "c.toml", NULL, "", "--debug=2|--log.level=info", 1, "dill: --log.level: log.level: \"info\" is given twice, first at --debug\n" },
	{ "c.json", "{\"listeners\": {\"allow\": [\"10.0.0.0/8\"],\n\"Allow\": [\"::1\", \"::2\"]}}", "", "", 1,
	  "dill: c.json:2: listeners.Allow[0]: \"::1\" is given twice, first at c.json:1\n" },
	/* A known key in the wrong shape: once for all that stands there. */
	{ "c.yaml", "consul:\n  address: [a, b]\n", "", "", 1, "dill: c.yaml:2: consul.address: a value expected, not a list\n" },
	{ "c.yaml", "consul:\n  token:\n    - a: b\n", "", "", 1, "dill: c.yaml:3: consul.token: a value expected, not a list\n" },
	{ "c.yaml", "consul:\n  address: []\n  tag: {}\n  wait: {a: {b: [c]}, d: e}\n", "", "", 1,
	  "dill: c.yaml:2: consul.address: a value expected, not a list\n"
	  "dill: c.yaml:3: consul.tag: a value expected, not a table\n"
	  "dill: c.yaml:4: consul.wait: a value expected, not a table\n" },
	{ "c.yaml", "peek: 127.0.0.1:2323\nrouting: {file: [x], http: http://x, consul: []}\nLog: ''\n", "", "", 1,
	  "dill: c.yaml:1: peek: a table expected, not a value; there is peek.listener\n"
	  "dill: c.yaml:2: routing.file: a table expected, not a list; there is routing.file.path\n"
	  "dill: c.yaml:2: routing.http: a table expected, not a value; there is routing.http.endpoint\n"
	  "dill: c.yaml:2: routing.consul: a table expected, not a list; there is consul.address\n"
	  "dill: c.yaml:3: Log: a table expected, not a value; there is log.level\n" },
	{ "c.yaml", "listeners:\n  allowed:\n    - local\n    - any\n", "", "", 1,
	  "dill: c.yaml:3: listeners.allowed: a table expected, not a list\n" },
	{ "c.yaml", "listeners: {allowed: [], allow: {}}", "", "", 1,
	  "dill: c.yaml:1: listeners.allowed: a table expected, not a list\n"
	  "dill: c.yaml:1: listeners.allow: a list expected, not a table\n" },
	{ "c.yaml", "listeners: {allowed: {a: [10.0.0.1]}, allow: [{a: 10.0.0.0/8}]}", "", "", 1,
	  "dill: c.yaml:1: listeners.allowed.a[0]: \"10.0.0.1\" is in a list: one IP address expected for a label\n"
	  "dill: c.yaml:1: listeners.allow: a list expected, not a table\n" },
	{ "c.yaml", "routing: {consul: {address: [a]}}\nruntime: {gomaxprocs: {a: 1}}\n", "", "", 1,
	  "dill: c.yaml:1: routing.consul.address: a value expected, not a list\n"
	  "dill: c.yaml:2: runtime.gomaxprocs: a value expected, not a table\n" },
	{ "c.json", "{\"log\": {\"level\": [\"info\"]}, \"status\": 3}", "", "", 1,
	  "dill: c.json:1: log.level: a value expected, not a list\n"
	  "dill: c.json:1: status: a table expected, not a value; there is status.listener\n" },
	{ "c.toml", "[[consul]]\ntag = 'a'\n[log.level]\n", "", "", 1,
	  "dill: c.toml:2: consul: a table expected, not a list; there is consul.address\n"
	  "dill: c.toml:3: log.level: a value expected, not a table\n" },
	{ "c.hcl", "consul \"tag\" {\n x = 1\n}\nlog = \"info\"\n", "", "", 1,
	  "dill: c.hcl:2: consul.tag: a value expected, not a table\n"
	  "dill: c.hcl:4: log: a table expected, not a value; there is log.level\n" },
	{ "c.ini", "log = info\n[peek.listener]\n[consul]\ntag[0] = a\n", "", "", 1,
	  "dill: c.ini:1: log: a table expected, not a value; there is log.level\n"
	  "dill: c.ini:2: peek.listener: a value expected, not a table\n"
	  "dill: c.ini:4: consul.tag: a value expected, not a list\n" },
	{ "c.properties", "log.level.x = info\nrouting = x\n", "", "", 1,
	  "dill: c.properties:1: log.level: a value expected, not a table\n"
	  "dill: c.properties:2: routing: a table expected, not a value; there is routing.file.path\n" },
	{ "c.env", "consul.tag.x=1\nrouting.file=x\npeek=:1\n", "", "", 1,
	  "dill: c.env:1: consul.tag: a value expected, not a table\n"
	  "dill: c.env:2: routing.file: a table expected, not a value; there is routing.file.path\n"
	  "dill: c.env:3: unknown key peek; the nearest one is peek.listener\n" },
	{ "c.toml", NULL, "", "--peek|:1", 2, "dill: unknown option --peek; the nearest one is --peek.listener; all are in dill --help\n" },
	{ "c.yaml", "services: foo\napps: 3\n", "", "", 1,
	  "dill: c.yaml:1: services: \"foo\" is not a table of services\n"
	  "dill: c.yaml:2: apps: \"3\" is not a table of services\n" },
	{ "c.toml", NULL, "DILL_SERVICES=\"foo\"", "", 1, "dill: DILL_SERVICES: services: \"foo\" is not a table of services\n" },
	/* Who may ask for what. */
	{ "c.toml", "[listeners.bind]\nweb = 'local'\n'a[1]b' = 'local:1'\n'' = 'local:1'\n", "", "", 1, "dill: c.toml:4: empty key\n" },
	{ "c.toml", "[listeners.bind]\nweb = 'local'\n'a[1]b' = 'local:1'\nx = []\ny = 'local:9-8'\n", "", "", 1,
	  "dill: c.toml:2: listeners.bind.web: \"local\" has \"local\" for \"web\", which is not label:port, label:first-last or label:*\n"
	  "dill: c.toml:3: listeners.bind.a[1]b: \"local:1\" has the pattern \"a[1]b\": only * and ? stand for others, not [\n"
	  "dill: c.toml:4: listeners.bind.x: \"\" has nothing for \"x\"\n"
	  "dill: c.toml:5: listeners.bind.y: \"local:9-8\" has \"local:9-8\" for \"y\", which ends before it begins\n" },
	{ "c.toml", "[listeners.bind]\nweb = 'local:1'\nweb = 'local:2'\n", "", "", 1,
	  "dill: c.toml:3: listeners.bind.web is given twice, first on line 2\n" },
	{ "c.toml", "[listeners.bind]\n", "", "", 1, "dill: c.toml:1: listeners.bind: \"\" names no pattern\n" },
	{ "c.yaml", "listeners: {bind: {}}\n", "", "", 1, "dill: c.yaml:1: listeners.bind: \"\" names no pattern\n" },
	{ "c.yaml", "listeners:\n  bind:\n\n  # web: local:1\n  allow:\n", "", "", 1,
	  "dill: c.yaml:2: listeners.bind: \"\" names no pattern\n" },
	{ "c.yaml", "listeners:\n  bind:\n    web:\n    '*': local:1\n", "", "", 1,
	  "dill: c.yaml:3: listeners.bind.web: \"\" has nothing for \"web\"\n" },
	{ "c.json", "{\"listeners\": {\"bind\": null, \"allow\": null}}", "", "", 1,
	  "dill: c.json:1: listeners.bind: \"\" names no pattern\n" },
	{ "c.toml", NULL, "DILL_LISTENERS_BIND={\"web\": null, \"*\": \"local:1\"}", "", 1, "dill: DILL_LISTENERS_BIND: listeners.bind: "
	  "\"{\"web\": null, \"*\": \"local:1\"}\" has nothing for \"web\"\n" },
	{ "c.yaml", "listeners: {bind: ['web=local:1']}\n", "", "", 1, "dill: c.yaml:1: listeners.bind: a table expected, not a list\n" },
	{ "c.toml", "[listeners.bind]\nweb = 'local:1'\n'*' = 'lan:2, any:1-2'\n", "DILL_LISTENERS_ALLOWED=lan=10.0.0.1", "", 1,
	  "dill: c.toml:2: listeners.bind: \"web\" grants \"local:1\", but no such label is in listeners.allowed\n"
	  "dill: c.toml:3: listeners.bind: \"*\" grants \"any:1-2\", but no such label is in listeners.allowed\n" },
	{ "c.toml", NULL, "DILL_LISTENERS_BIND_WEB=any:1", "", 1, "dill: DILL_LISTENERS_BIND_WEB: listeners.bind: \"any:1\" "
	  "is not a list like db-*=public:5432-5439,local:5432; *=local:8000-8999\n" },
	{ "c.toml", NULL, "DILL_LISTENERS_BIND=web=any:1|DILL_LISTENERS_BIND_DB=db=any:1", "", 1,
	  "dill: DILL_LISTENERS_BIND_DB: listeners.bind: \"db=any:1\" is given twice, first at DILL_LISTENERS_BIND\n" },
	{ "c.toml", NULL, "DILL_LISTENERS_BIND=web=any:1;web=any:2", "--listeners.bind.db=any:x", 1,
	  "dill: DILL_LISTENERS_BIND: listeners.bind: \"web=any:1;web=any:2\" has the pattern \"web\" twice\n"
	  "dill: --listeners.bind.db: listeners.bind.db: \"any:x\" has \"any:x\" for \"db\", which has a port out of range (1-65535)\n" },
	/* Unknown keys: a guess only when it is near. */
	{ "c.toml", "[listeners]\nport_mni = 1\n", "", "", 0,
	  "dill: c.toml:2: unknown key listeners.port_mni; the nearest one is listeners.port_min\n" },
	{ "c.toml", "[colour]\nscheme = 1\n", "", "", 0, "dill: c.toml:2: unknown key colour.scheme\n" },
	{ "c.toml", "[servces.web]\nlistener = 'a:1'\n", "", "", 0, "dill: c.toml:2: unknown key servces.web.listener; the nearest one is services\n" },
	{ "c.toml", "[[aps]]\nname = 'x'\n", "", "", 0, "dill: c.toml:2: unknown key aps[0].name; the nearest one is apps\n" },
	{ "c.toml", "[PEAK]\nListener = ':1'\n", "", "", 0, "dill: c.toml:2: unknown key PEAK.Listener; the nearest one is peek.listener\n" },
	{ "c.toml", "title = 1\n", "", "", 0, "dill: c.toml:1: unknown key title\n" },
	{ "c.toml", "title = 1\n", "", "-t", 0, "dill: c.toml:1: unknown key title\n" },
	{ "c.toml", "title = 1\n", "", "-t|--strict", 1, "dill: c.toml:1: unknown key title\ndill: c.toml: 1 unknown key\n" },
	{ "c.toml", "title = 1\nx = 2\n", "", "-t|--strict", 1,
	  "dill: c.toml:1: unknown key title\ndill: c.toml:2: unknown key x\ndill: c.toml: 2 unknown keys\n" },
	{ "c.toml", "title = 1\n", "", "--strict", 0, "dill: c.toml:1: unknown key title\n" },
	{ "c.env", "DILL_LOG_LEVL=info\nOTHER=1\n", "", "", 0, "dill: c.env:1: unknown key DILL_LOG_LEVL\ndill: c.env:2: unknown key OTHER\n" },
	{ "c.toml", NULL, "DILL_NO_SUCH=1|PATH=/", "-t|--strict", 0, "" }, /* platforms set such names */
	{ "c.toml", NULL, "", "--debug=-1", 1, "dill: --debug: \"-1\" is not 0, 1 or 2\n" },
	/* A file right behind -c; what does not end as a file does is an option that nobody knows. */
	{ "c.toml", NULL, "", "-cmissing.toml", 1, "dill: missing.toml: No such file or directory\n" },
	{ "c.toml", NULL, "", "-conusl.tag|x", 2, "dill: unknown option -conusl.tag; the nearest one is --consul.tag; all are in dill --help\n" },
	/* A leading zero, in every format that does not refuse it itself. */
	{ "c.yaml", "listeners:\n  port_min: 02000\n  drain: 010\n", "", "", 1,
	  "dill: c.yaml:2: listeners.port_min: \"02000\" has a leading zero, which some programs read as octal\n"
	  "dill: c.yaml:3: listeners.drain: \"010\" has a leading zero, which some programs read as octal\n" },
	{ "c.ini", "[listeners]\nport_min = 02000\n", "DILL_LISTENERS_PORT_MAX=03000", "--runtime.threads=02", 1,
	  "dill: c.ini:2: listeners.port_min: \"02000\" has a leading zero, which some programs read as octal\n"
	  "dill: DILL_LISTENERS_PORT_MAX: listeners.port_max: \"03000\" has a leading zero, which some programs read as octal\n"
	  "dill: --runtime.threads: runtime.threads: \"02\" has a leading zero, which some programs read as octal\n" },
	{ "c.env", "DILL_LISTENERS_PORT_MIN=02000\n", "", "", 1,
	  "dill: c.env:1: listeners.port_min: \"02000\" has a leading zero, which some programs read as octal\n" },
	{ "c.properties", "listeners.port_min=02000\n", "", "", 1,
	  "dill: c.properties:1: listeners.port_min: \"02000\" has a leading zero, which some programs read as octal\n" },
	/* What cannot be seen. */
	{ "c.yaml", "listeners: {port_min: 2000\302\240}\n", "DILL_PEEK_LISTENER=:80\342\200\213", "", 1,
	  "dill: c.yaml:1: listeners.port_min: \"2000\\xc2\\xa0\" has an invisible character (\\xNN)\n"
	  "dill: DILL_PEEK_LISTENER: peek.listener: \":80\\xe2\\x80\\x8b\" has an invisible character (\\xNN)\n" },
	{ "c.json", "{\"\\u001b[31m\": 1}", "", "", 0, "dill: c.json:1: unknown key \\x1b[31m\n" }, /* nor is a terminal told what to do */
	{ "c.yaml", "log:\n  level\302\240: info\n", "", "", 0, "dill: c.yaml:2: unknown key log.level\\xc2\\xa0; the nearest one is log.level\n" },
	/* Wrong usage is 2. */
	{ "c.toml", NULL, "", "--log.levl=info", 2, "dill: unknown option --log.levl; the nearest one is --log.level; all are in dill --help\n" },
	{ "c.toml", NULL, "", "--colour=red", 2, "dill: unknown option --colour; all are in dill --help\n" },
	{ "c.toml", NULL, "", "--log.level", 2, "dill: --log.level needs a value\n" },
	{ "c.toml", NULL, "", "--strict=1", 2, "dill: --strict takes no value\n" },
	{ "c.toml", NULL, "", "-laddr|:1", 2, "dill: -laddr: no BACKEND is named that could be reached there\n" },
	{ "c.toml", NULL, "", "h:1|--backend=consul", 2, "dill: --backend consul and BACKENDs exclude each other\n" },
	/* --backend. */
	{ "c.toml", NULL, "", "--backend=x", 1, "dill: --backend: \"x\" is not one of static, consul, file, http, nomad, dynamodb, elasticache\n" },
	{ "c.toml", NULL, "", "--backend=file", 1, "dill: --backend file needs routing.file.path\n" },
	{ "c.toml", NULL, "", "--backend=http", 1, "dill: --backend http needs routing.http.endpoint\n" },
	{ "c.toml", NULL, "", "--backend=static", 1, "dill: --backend static needs services, BACKENDs or --connections\n" },
	/* Values, each with its place; secrets are masked. */
	{ "c.toml", "[log]\nlevel = 'loud'\nformat = 'xml'\n", "DILL_LISTENERS_PORT_MIN=x", "--peek.listener=y", 1,
	  "dill: c.toml:2: log.level: \"loud\" is not one of error, warn, info or debug\n"
	  "dill: c.toml:3: log.format: \"xml\" is not one of text or json, one object a line\n"
	  "dill: DILL_LISTENERS_PORT_MIN: listeners.port_min: \"x\" is not a port (0-65535)\n"
	  "dill: --peek.listener: peek.listener: \"y\" is not host:port\n" },
	{ "c.toml", NULL, "DILL_CONSUL_TOKEN=se\tcret", "", 1, "dill: DILL_CONSUL_TOKEN: consul.token: \"********\" has a control character\n" },
	{ "c.toml", NULL, "CONSUL_HTTP_ADDR=ftp://h", "", 1, "dill: CONSUL_HTTP_ADDR: consul.address: \"ftp://h\" is not an http:// address\n" },
	{ "c.toml", "[listeners]\nport_min = 5\nport_max = 4\n", "", "", 1, "dill: listeners.port_min 5 is above listeners.port_max 4\n" },
	{ "c.toml", NULL, "CONSUL_HTTP_TOKEN_FILE=none", "", 1,
	  "dill: CONSUL_HTTP_TOKEN_FILE: consul.token_file: \"none\" No such file or directory\n" },
	{ "c.toml", NULL, "", "--consul.token_file=.", 1, "dill: --consul.token_file: consul.token_file: \".\" is no regular file\n" },
	{ "c.toml", "[consul]\ntokn = 's3'\ntokn_file = 's3'\n", "", "", 0,
	  "dill: c.toml:2: unknown key consul.tokn; the nearest one is consul.token\n"
	  "dill: c.toml:3: unknown key consul.tokn_file; the nearest one is consul.token_file\n" },
	{ "c.toml", "[consul.tls]\nca_fil = 'x'\n[routing.consul]\ntls.certt = 'x'\nadress = 'x'\n", "", "", 0,
	  "dill: c.toml:2: unknown key consul.tls.ca_fil; the nearest one is consul.tls.ca\n"
	  "dill: c.toml:4: unknown key routing.consul.tls.certt; the nearest one is consul.tls.cert\n"
	  "dill: c.toml:5: unknown key routing.consul.adress; the nearest one is consul.address\n" },
	{ "c.toml", "consul.tls = 'x'\n", "", "", 1,
	  "dill: c.toml:1: consul.tls: a table expected, not a value; there is consul.tls.ca\n" },
	{ "c.yaml", "routing:\n  consul:\n    tls:\n      ca:\n        x: 1\n", "", "", 1,
	  "dill: c.yaml:5: routing.consul.tls.ca: a value expected, not a table\n" },
	{ "c.toml", NULL, "DILL_CONSUL_TLS_CA=", "--routing.consul.adress=x", 2,
	  "dill: unknown option --routing.consul.adress; the nearest one is --consul.address; all are in dill --help\n" },
	{ "c.toml", "[services.web]\npasword = 's3'\nlistener = ':1'\nbackends = 'h:1'\n", "", "", 1,
	  "dill: c.toml:2: services.web.pasword: \"********\" is not a key of a service (name, listener, backends, balance, proxy, "
	  "proxy_protocol, allow, deny, ports)\n" },
	{ "c.toml", NULL, "", "--connections=1:u:s3@h:2", 1, "dill: --connections: \"********@h:2\" is not PORT:HOST:PORT\n" },
	{ "c.toml", NULL, "", "u:s3@h:2", 1, "dill: BACKEND: \"********@h:2\" needs brackets around its IPv6 address, like [::1]:80\n" },
	{ "c.toml", "[aws]\nsecret = 's3'\n", "", "", 0, "dill: c.toml:2: unknown key aws.secret\n" },
	{ "c.toml", "[routing.dynamodb]\ntable = 'a/b'\nendpoint = 'h:1'\n", "", "", 1,
	  "dill: c.toml:2: routing.dynamodb.table: \"a/b\" is not the name or ARN of a table\n"
	  "dill: c.toml:3: routing.dynamodb.endpoint: \"h:1\" is not an https:// or http:// URL\n" },
	{ "c.toml", "[routing.elasticache]\npoll_interval = '9s'\n[routing.dynamodb]\npoll_interval = '0s'\n", "", "--elasticache-port=x", 1,
	  "dill: c.toml:2: routing.elasticache.poll_interval: \"9s\" is too short\n"
	  "dill: c.toml:4: routing.dynamodb.poll_interval: \"0s\" is too short\n"
	  "dill: --elasticache-port: routing.elasticache.port: \"x\" is not a port (0-65535)\n" },
	{ "c.toml", NULL, "", CLUSTER_AT_H, 1,
	  "dill: elasticache: routing.elasticache.cluster_id needs routing.elasticache.port (--elasticache-port)\n" },
	{ "c.toml", NULL, "", "--backend=elasticache|--elasticache-port=1", 1,
	  "dill: --backend elasticache needs --elasticache-cluster-id (routing.elasticache.cluster_id)\n" },
	{ "c.toml", NULL, "", "--backend=DynamoDB|--dynamodb=abc", 1,
	  "dill: --backend DynamoDB needs --proxy (routing.dynamodb.proxy)\n" },
	{ "c.toml", NULL, "", "--backend=dynamodb|--proxy=", 1,
	  "dill: --proxy: \"\" is no name\ndill: --backend dynamodb needs --proxy (routing.dynamodb.proxy)\n" },
	{ "c.toml", NULL, "", "--backend=dynamodb|--proxy=a|--routing.dynamodb.proxy=b|" TABLE_AT_H, 1,
	  "dill: --proxy: routing.dynamodb.proxy: \"a\" is given twice, first at --routing.dynamodb.proxy\n" },
	{ "c.toml", "[aws]\nregion = 'EU'\n", "", "--aws.host=a/b", 1,
	  "dill: c.toml:2: aws.region: \"EU\" is not the name of a region\n"
	  "dill: --aws.host: aws.host: \"a/b\" is not the name of a host\n" },
	{ "c.toml", "[dns]\nservers = 'ns.example'\ntimeout = '48h'\n", "DILL_DNS_HOLD=x", "", 1,
	  "dill: c.toml:2: dns.servers: \"ns.example\" " NO_SERVERS "\n"
	  "dill: c.toml:3: dns.timeout: \"48h\" is too long\n"
	  "dill: DILL_DNS_HOLD: dns.hold: \"x\" is not a duration (like 250ms, 5s or 1m30s)\n" },
	{ "c.toml", NULL, "", "--dns.servers=10.0.0.2:0", 1, "dill: --dns.servers: dns.servers: \"10.0.0.2:0\" " NO_SERVERS "\n" },
	{ "c.toml", NULL, "", "--dns.servers=1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1", 1,
	  "dill: --dns.servers: dns.servers: \"1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1\" names more "
	  "than 8 servers\n" },
	{ "c.toml", NULL, "", "--region=eu-west-1.amazonaws.com", 1,
	  "dill: --region: aws.region: \"eu-west-1.amazonaws.com\" is not the name of a region\n" },
	{ "c.toml", "[routing.nomad]\naddress = 'http://u:s3@h'\nnamespace = 'a,*'\nwait = '6m'\ntag = 'a b'\n", "", "", 1,
	  "dill: c.toml:2: routing.nomad.address: \"http://********@h\" has a user name or password, which is not supported\n"
	  "dill: c.toml:3: routing.nomad.namespace: \"a,*\" is no namespace, list of them, or *\n"
	  "dill: c.toml:4: routing.nomad.wait: \"6m\" is too long\n"
	  "dill: c.toml:5: routing.nomad.tag: \"a b\" is not a word of letters, digits, '_', '.' and '-'\n" },
	{ "c.toml", "[log\n", "", "", 1, "dill: c.toml:1: ']' expected\n" },
	{ "c.toml", NULL, "", "-c|missing.toml", 1, "dill: missing.toml: No such file or directory\n" },
	/* Services. */
	{ "c.toml", "[[services]]\nname = 'a'\nlistener = 'x'\n[[services]]\nname = 'b'\nlistener = 'b:1'\n", "DILL_SERVICES_C_BACKENDS=h:1", "localhost", 1,
	  "dill: c.toml:3: services[0].listener: \"x\" is not label:port\n"
	  "dill: BACKEND: \"localhost\" is not host:port\n"
	  "dill: c.toml:5: services[1] has no backends\n"
	  "dill: DILL_SERVICES_C_BACKENDS: services.c has no listener\n" },
	{ "c.toml", NULL, "", "--connections=80,81:h:1", 1, "dill: --connections: \"80\" is not PORT:HOST:PORT\n" },
};

static void said_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		struct outcome outcome = read_all(said[i].name, said[i].file, said[i].variables, said[i].words);

		check(outcome.status == said[i].status && !outcome.config == (said[i].status != 0), "the status", said[i].errors);
		check(strcmp(outcome.errors.data, said[i].errors) == 0, outcome.errors.data, said[i].errors);
		outcome_free(&outcome);
	}
}

/* Empty variables, which are as not set: the value in force, and whether Consul is used beside the one that asks for it. */
static const struct {
	const char *name, *file, *variables, *words, *key, *want;
	bool consul;
} empty[] = {
#define FILE_SOURCE "|DILL_ROUTING_FILE_PATH=r.toml"
	{ "c.toml", NULL, "DILL_CONSUL_TOKEN=" FILE_SOURCE, "", "consul.token", "@default", false },
	{ "c.toml", NULL, "DILL_CONSUL_ADDRESS=" FILE_SOURCE, "", "consul.address", "http://127.0.0.1:8500@default", false },
	{ "c.toml", NULL, "DYNTCP_CONSUL_ADDRESS=" FILE_SOURCE, "", "consul.address", "http://127.0.0.1:8500@default", false },
	{ "c.toml", NULL, "DILL_ROUTING_CONSUL_TAG=" FILE_SOURCE, "", "consul.tag", "dill@default", false },
	{ "c.toml", NULL, "CONSUL_HTTP_ADDR=|CONSUL_HTTP_TOKEN=", "", "consul.address", "http://127.0.0.1:8500@default", true },
	{ "c.toml", NULL, "DILL_CONSUL_ADDRESS=|CONSUL_HTTP_ADDR=h:1", "", "consul.address", "h:1@CONSUL_HTTP_ADDR", true },
	{ "c.toml", NULL, "DILL_CONSUL_ADDRESS=|DYNTCP_CONSUL_ADDRESS=h:1", "", "consul.address", "h:1@DYNTCP_CONSUL_ADDRESS", true },
	{ "c.env", "DILL_CONSUL_TOKEN=\nDILL_ROUTING_FILE_PATH=r.toml\n", "", "", "consul.token", "@default", false },
	{ "c.toml", NULL, "DILL_LISTENERS_PORT_MIN=", "", "listeners.port_min", "1024@default", true },
	{ "c.toml", NULL, "DILL_LISTENERS_ALLOWED=|DILL_LISTENERS_ALLOWED_X=", "", "listeners.allowed",
	  "local=127.0.0.1,any=0.0.0.0@default", true },
	{ "c.toml", "[peek]\nlistener = ':1'\n", "DILL_PEEK_LISTENER=", "", "peek.listener", ":1@c.toml:2", true },
	{ "c.toml", "[peek]\nlistener = ':1'\n", "", "--peek.listener=", "peek.listener", "@--peek.listener", true },
	{ "c.toml", "[listeners]\nallow = '::1'\n", "DILL_LISTENERS_ALLOW=", "", "listeners.allow", "::1@c.toml:2", true },
	{ "c.toml", NULL, "DILL_SERVICES=|DILL_APPS=|DILL_ROUTING_NOMAD_ADDRESS=", "", "log.level", "info@default", true },
};

/* consul.token and consul.token_file: which counts. */
static const struct {
	const char *file, *variables, *words, *token, *token_file;
} tokens[] = {
	{ NULL, "", "", "@default", "@default" },
	{ "[consul]\ntoken_file = 'tok'\n", "", "", "@default", "tok@c.toml:2" },
	{ "[routing.consul]\ntoken_file = 'tok'\n", "", "", "@default", "tok@c.toml:2" },
	{ NULL, "DILL_ROUTING_CONSUL_TOKEN_FILE=tok", "", "@default", "tok@DILL_ROUTING_CONSUL_TOKEN_FILE" },
	{ NULL, "CONSUL_HTTP_TOKEN_FILE=tok", "", "@default", "tok@CONSUL_HTTP_TOKEN_FILE" },
	{ NULL, "CONSUL_HTTP_TOKEN_FILE=tok|CONSUL_HTTP_TOKEN=s", "", "@CONSUL_HTTP_TOKEN; consul.token_file counts", "tok@CONSUL_HTTP_TOKEN_FILE" },
	{ "[consul]\ntoken_file = 'tok'\ntoken = 's'\n", "", "", "@c.toml:3; consul.token_file counts", "tok@c.toml:2" },
	{ "[consul]\ntoken_file = 'none'\n", "DILL_CONSUL_TOKEN=s", "", "s@DILL_CONSUL_TOKEN", "@c.toml:2; consul.token counts" },
	{ "[consul]\ntoken = 's'\n", "CONSUL_HTTP_TOKEN_FILE=none", "", "s@c.toml:2", "@CONSUL_HTTP_TOKEN_FILE; consul.token counts" },
	{ "[consul]\ntoken = 's'\n", "", "--consul.token_file=tok", "@c.toml:2; consul.token_file counts", "tok@--consul.token_file" },
	{ NULL, "DILL_CONSUL_TOKEN_FILE=none", "--consul.token=s", "s@--consul.token", "@DILL_CONSUL_TOKEN_FILE; consul.token counts" },
	{ "[consul]\ntoken_file = 'none'\n[routing.file]\npath = 'r.toml'\n", "", "--backend=file", "@default", "none@c.toml:2" },
};

/* consul.tls and tls: where a key of it may stand, and what it is called there. Each is an error where no TLS is built in. */
static const struct {
	const char *name, *file, *variables, *words, *key, *value, *origin, *written; /* written: the key, as it stands there */
} nested[] = {
	{ "c.toml", "[consul.tls]\nca = '/x'\n", "", "", "consul.tls.ca", "/x", "c.toml:2", NULL },
	{ "c.toml", "[routing.consul.tls]\nca_path = '/x'\n", "", "", "consul.tls.ca_path", "/x", "c.toml:2", "routing.consul.tls.ca_path" },
	{ "c.toml", "[tls]\nca = '/x'\n", "AWS_CA_BUNDLE=/y", "", "tls.ca", "/x", "c.toml:2", NULL },
	{ "c.toml", NULL, "SSL_CERT_FILE=/y", "--tls.ca=/x", "tls.ca", "/x", "--tls.ca", NULL },
	{ "c.toml", "consul.tls.cert = '/x'\n", "", "", "consul.tls.cert", "/x", "c.toml:1", NULL },
	{ "c.toml", "[consul]\ntls = { key = '/x' }\n", "", "", "consul.tls.key", "/x", "c.toml:2", NULL },
	{ "c.toml", "[Consul.TLS]\nInsecure = true\n", "", "", "consul.tls.insecure", "true", "c.toml:2", "Consul.TLS.Insecure" },
	{ "c.yaml", "consul:\n  tls:\n    server_name: n\n", "", "", "consul.tls.server_name", "n", "c.yaml:3", NULL },
	{ "c.yaml", "routing:\n  consul:\n    tls: {ca: /x}\n", "", "", "consul.tls.ca", "/x", "c.yaml:3", "routing.consul.tls.ca" },
	{ "c.json", "{\"consul\": {\"tls\": {\"insecure\": true}}}", "", "", "consul.tls.insecure", "true", "c.json:1", NULL },
	{ "c.json", "{\"routing\": {\"consul\":\n{\"tls\": {\"key\": \"/x\"}}}}", "", "", "consul.tls.key", "/x", "c.json:2", "routing.consul.tls.key" },
	{ "c.hcl", "consul {\n  tls {\n    ca = \"/x\"\n  }\n}\n", "", "", "consul.tls.ca", "/x", "c.hcl:3", NULL },
	{ "c.ini", "[consul.tls]\nca = /x\n", "", "", "consul.tls.ca", "/x", "c.ini:2", NULL },
	{ "c.properties", "routing.consul.tls.ca=/x\n", "", "", "consul.tls.ca", "/x", "c.properties:1", "routing.consul.tls.ca" },
	{ "c.env", "DILL_CONSUL_TLS_CA=/x\n", "", "", "consul.tls.ca", "/x", "c.env:1", NULL },
	{ "c.env", "consul.tls.server_name=n\n", "", "", "consul.tls.server_name", "n", "c.env:1", NULL },
	{ "c.toml", NULL, "DILL_CONSUL_TLS_CA=/x", "", "consul.tls.ca", "/x", "DILL_CONSUL_TLS_CA", NULL },
	{ "c.toml", NULL, "DYNTCP_CONSUL_TLS_CA_PATH=/x", "", "consul.tls.ca_path", "/x", "DYNTCP_CONSUL_TLS_CA_PATH", NULL },
	{ "c.toml", NULL, "DILL_ROUTING_CONSUL_TLS_SERVER_NAME=n", "", "consul.tls.server_name", "n",
	  "DILL_ROUTING_CONSUL_TLS_SERVER_NAME", NULL },
	{ "c.toml", NULL, "CONSUL_CACERT=/y|CONSUL_HTTP_SSL_VERIFY=0", "--consul.tls.ca=/x", "consul.tls.ca", "/x", "--consul.tls.ca", NULL },
	{ "c.toml", NULL, "CONSUL_HTTP_SSL_VERIFY=0", "-routing.consul.tls.insecure|false", "consul.tls.insecure", "false",
	  "-routing.consul.tls.insecure", "routing.consul.tls.insecure" },
};

static void check_mark(struct config *config, const char *key, const char *want, const char *what)
{
	struct config_table *table;
	const struct option *row = config_find(config, key, &table);
	struct buf got = { 0 };

	option_put(row, table->values, &got);
	buf_printf(&got, "@%s", config_mark(table, row)->origin);
	check(strcmp(got.data, want) == 0, got.data, what);
	buf_free(&got);
}

static void token_cases(void)
{
	FILE *file = fopen("tok", "w");

	if (!file || fputs("one\n", file) < 0 || fclose(file))
		abort();
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		struct outcome outcome = read_all("c.toml", tokens[i].file, tokens[i].variables, tokens[i].words);

		check(outcome.config && !outcome.errors.len, outcome.errors.len ? outcome.errors.data : "read", tokens[i].token_file);
		if (outcome.config) {
			check_mark(outcome.config, "consul.token", tokens[i].token, tokens[i].token_file);
			check_mark(outcome.config, "consul.token_file", tokens[i].token_file, tokens[i].token);
		}
		outcome_free(&outcome);
	}
	unlink("tok");
}

static void nested_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(nested); i++) {
		struct outcome outcome = read_all(nested[i].name, nested[i].file, nested[i].variables, nested[i].words);
		struct buf want = { 0 };

		if (tls_library) {
			buf_printf(&want, "%s@%s", nested[i].value, nested[i].origin);
			check(outcome.config && !outcome.errors.len, outcome.errors.data, want.data);
			if (outcome.config)
				check_mark(outcome.config, nested[i].key, want.data, nested[i].origin);
		} else {
			buf_printf(&want, "dill: %s: %s: \"%s\" needs TLS, which this dill does not have: make TLS=openssl builds one that does\n",
			           nested[i].origin, nested[i].written ? nested[i].written : nested[i].key, nested[i].value);
			check(outcome.status == 1 && strcmp(outcome.errors.data, want.data) == 0, outcome.errors.data, want.data);
		}
		if (nested[i].file)
			unlink(nested[i].name);
		buf_free(&want);
		outcome_free(&outcome);
	}
}

static void empty_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
		struct outcome outcome = read_all(empty[i].name, empty[i].file, empty[i].variables, empty[i].words);
		struct config_table *table;
		const struct option *row = outcome.config ? config_find(outcome.config, empty[i].key, &table) : NULL;
		struct buf got = { 0 };

		check(row && !outcome.errors.len, "read", empty[i].variables);
		if (row) {
			option_put(row, table->values, &got);
			buf_printf(&got, "@%s", config_mark(table, row)->origin);
			check(strcmp(got.data, empty[i].want) == 0, got.data, empty[i].variables);
			check(outcome.config->uses[1] == empty[i].consul, "Consul is used", empty[i].variables);
		}
		buf_free(&got);
		outcome_free(&outcome);
	}
}

/* An option of a service that came out empty is wrong, not absent. */
static void empty_service_case(void)
{
	struct outcome outcome = read_all("c.toml", NULL,
		"DILL_SERVICES_WEB_LISTENER=a:1|DILL_SERVICES_WEB_BACKENDS=h:1|DILL_SERVICES_WEB_ALLOW=", "");

	check(outcome.config && outcome.config->given->count == 1 && outcome.config->given->items[0]->wrong, "refused", "allow");
	outcome_free(&outcome);
}

/* So many wrong labels, and what is said of them. */
static void count_case(int count, int lines, const char *last)
{
	struct buf file = { 0 };
	struct outcome outcome;
	int said_lines = 0;

	buf_puts(&file, "[listeners.allowed]\n");
	for (int i = 0; i < count; i++)
		buf_printf(&file, "l%d = 'x'\n", i);
	outcome = read_all("c.toml", file.data, "", "");
	for (size_t i = 0; i < outcome.errors.len; i++)
		said_lines += outcome.errors.data[i] == '\n';
	check(outcome.status == 1 && said_lines == lines, "lines", outcome.errors.data);
	check(strstr(outcome.errors.data, last) && strlen(strstr(outcome.errors.data, last)) == strlen(last), "the last line",
	      outcome.errors.data);
	buf_free(&file);
	outcome_free(&outcome);
}

/* Where each field of a service comes from. */
static void origin_cases(void)
{
	struct outcome outcome = read_all("c.toml",
		"[[services]]\nname = 'web'\nlistener = ['a:1',\n'b:1']\nbackends = ['h:1']\nbalance = 'p2c'\n",
		"DILL_SERVICES_WEB_BACKENDS=h:2", "--services.web.allow=1.1.1.1");
	const struct service *web = outcome.config && outcome.config->given->count == 1 ? outcome.config->given->items[0] : NULL;

	check(web, "one service", outcome.errors.data);
	if (web) {
		check(strcmp(web->wishes[0].origin, "c.toml:3") == 0, web->wishes[0].origin, "a listener");
		check(strcmp(web->wishes[1].origin, "c.toml:4") == 0, web->wishes[1].origin, "the next listener");
		check(strcmp(web->backends_origin, "DILL_SERVICES_WEB_BACKENDS") == 0, web->backends_origin, "backends");
		check(strcmp(web->settings[0].origin, "c.toml:6") == 0, web->settings[0].origin, "balance");
		check(strcmp(web->settings[1].origin, "--services.web.allow") == 0, web->settings[1].origin, "allow");
	}
	outcome_free(&outcome);
}

/* In a file of variables a single pattern adds to the table, wherever it stands; each says where it is from. */
static void pattern_cases(void)
{
	struct outcome outcome = read_all("c.env", "listeners.bind.web=any:1,any:3\nDILL_LISTENERS_BIND='db-*=any:2; *=any:4'\n", "",
	                                  "--listeners.bind.db-*=any:5");
	const struct bind_table *bind = outcome.config ? &outcome.config->bind : NULL;
	struct buf got = { 0 };

	check(bind && bind->count == 3, "three patterns", outcome.errors.data);
	for (size_t i = 0; bind && i < bind->count; i++)
		buf_printf(&got, "%s=%s@%s ", bind->patterns[i].name, bind->patterns[i].grants, bind->patterns[i].origin);
	check(got.data && strcmp(got.data, "db-*=any:5@--listeners.bind.db-* *=any:4@c.env:2 web=any:1,any:3@c.env:1 ") == 0,
	      got.data, "patterns");
	check(bind && bind_grants(bind, "web", slice_of("any"), 4, 4) && !bind_grants(bind, "x", slice_of("any"), 3, 3),
	      "the table is ready for questions", "patterns");
	buf_free(&got);
	outcome_free(&outcome);
}

static void same_cases(void)
{
	struct outcome a = read_all("c.toml", NULL, "", "--consul.tag=x|--log.level=warn");
	struct outcome b = read_all("c.toml", NULL, "DILL_CONSUL_TAG=x", "");

	check(config_same_table(a.config, b.config, 2), "the same", "wherever it comes from");
	check(!config_same_table(a.config, b.config, 0), "not the same", "the program's own");
	check(config_same_below(a.config, b.config, "aws,tls"), "the same", "of what was named");
	check(!config_same_below(a.config, b.config, "aws,log"), "not the same", "of what was named");
	outcome_free(&b);
	b = read_all("c.toml", NULL, "DILL_LOG_LEVEL=warn", "--region=eu-west-1");
	check(!config_same_below(a.config, b.config, "aws,tls"), "not the same", "the first");
	check(!config_same_below(a.config, b.config, "tls,aws"), "not the same", "the last");
	check(config_same_below(a.config, b.config, "log"), "the same", "of what was named");
	outcome_free(&a);
	outcome_free(&b);
}

int main(void)
{
	if (!mkdtemp(directory) || chdir(directory))
		abort();
	fine_cases();
	said_cases();
	empty_cases();
	token_cases();
	nested_cases();
	empty_service_case();
	count_case(1, 1, "dill: c.toml:2: listeners.allowed.l0: \"x\" is not an IP address\n");
	count_case(20, 20, "dill: c.toml:21: listeners.allowed.l19: \"x\" is not an IP address\n");
	count_case(22, 21, "dill: 2 more errors\n");
	count_case(150, 21, "dill: 130 more errors\n");
	origin_cases();
	pattern_cases();
	same_cases();
	for (size_t i = 0; i < ARRAY_LEN(said); i++)
		unlink(said[i].name);
	rmdir(directory);
	return check_sum();
}
