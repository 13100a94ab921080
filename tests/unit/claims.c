/* Cases for claims.c: variables go in, what is reserved comes out. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "config_read.h"
#include "../../claims.c"

static const struct {
	const char *variables, *want;
} cases[] = {
	/* Consul is used when nothing else is; and its address counts, whoever has set it. */
	{ "", "127.0.0.1:8500 consul.address*" },
	{ "DILL_CONSUL_TOKEN=x", "127.0.0.1:8500 consul.address*" },
	{ "CONSUL_HTTP_ADDR=10.0.0.1", "10.0.0.1:8500 consul.address*" },
	{ "DILL_CONSUL_ADDRESS=http://[::1]/prefix", "[::1]:80 consul.address*" },
	{ "CONSUL_HTTP_ADDR=unix:///run/consul.sock", "" },
	{ "DILL_CONSUL_ADDRESS=10.0.0.1/consul", "10.0.0.1:8500 consul.address*" },
	{ "DILL_CONSUL_ADDRESS=Localhost:8500", "127.0.0.1:8500 consul.address* [::1]:8500 consul.address*" },
	{ "DILL_CONSUL_ADDRESS=http://consul.test:8500", "consul.test:8500 consul.address*" },
	{ "DILL_CONSUL_ADDRESS=0.0.0.0:8500", "0.0.0.0:8500 consul.address*" },
	{ "DILL_SERVICES_WEB_LISTENER=:1|DILL_SERVICES_WEB_BACKENDS=a:1", "" },
	{ "DILL_ROUTING_HTTP_ENDPOINT=http://10.0.0.2/x?token=y", "10.0.0.2:80 routing.http.endpoint*" },
	{ "DILL_ROUTING_HTTP_ENDPOINT=http://10.0.0.2:1/x|DILL_CONSUL_TAG=dill",
	  "127.0.0.1:8500 consul.address* 10.0.0.2:1 routing.http.endpoint*" },
	{ "DILL_ROUTING_FILE_PATH=/x.toml|DILL_PEEK_LISTENER=:2323|DILL_STATUS_LISTENER=[::]:80",
	  "0.0.0.0:2323 peek.listener [::]:80 status.listener" },
	{ "DILL_ROUTING_FILE_PATH=/x.toml|DILL_LISTENERS_RESERVED=10.0.0.1:1, :2,localhost:3,[fe80::1]:4,",
	  "10.0.0.1:1 listeners.reserved 0.0.0.0:2 listeners.reserved [::]:2 listeners.reserved 127.0.0.1:3 listeners.reserved "
	  "[::1]:3 listeners.reserved [fe80::1]:4 listeners.reserved" },
};

static void put_reserved(const struct route_reserved *reserved, struct buf *out)
{
	char text[NET_TEXT];

	buf_puts(out, out->len ? " " : "");
	if (reserved->host) {
		buf_printf(out, "%s:%u", reserved->host, reserved->port);
	} else {
		net_print(&reserved->addr, text);
		buf_puts(out, text);
		check(reserved->port == net_addr_port(&reserved->addr), "its port", text);
	}
	buf_printf(out, " %s%s", reserved->rule, reserved->dialled ? "*" : "");
	check(strstr(reserved->why, reserved->rule), reserved->why, reserved->rule);
}

static void check_reserved(const char *variables, const char *want)
{
	char text[256], *environment[8], *words[] = { "dill", NULL };
	struct arena memory = { 0 };
	struct route_claims claims;
	struct config *config;
	struct buf got = { 0 };
	int count = 0, status;

	snprintf(text, sizeof text, "%s", variables);
	for (char *part = strtok(text, "|"); part; part = strtok(NULL, "|"))
		environment[count++] = part;
	environment[count] = NULL;
	config = config_read(1, words, environment, &status);
	check(config, "it is read", variables);
	if (!config)
		return;
	claims = claims_of(config, &memory);
	buf_puts(&got, "");
	for (size_t k = 0; k < claims.reserved_count; k++)
		put_reserved(&claims.reserved[k], &got);
	check(strcmp(got.data, want) == 0, got.data, variables);
	check(!claims.by_name && claims.per_service == 64, "the defaults", variables);
	buf_free(&got);
	arena_free(&memory);
	config_unref(config);
}

/* Whom AWS's variables name: dill asks there for tables and for credentials. */
static void aws_cases(void)
{
	static const struct {
		const char *variables, *services, *want;
	} places[] = {
		{ "AWS_ENDPOINT_URL=http://127.0.0.1:1", "DILL_CONSUL_TAG=dill", "127.0.0.1:8500 consul.address*" },
		{ "", "DILL_ROUTING_DYNAMODB_PROXY=x|DILL_ROUTING_DYNAMODB_ENDPOINT=unix:///x", "" },
		{ "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:1/x", "DILL_ROUTING_DYNAMODB_PROXY=x", "127.0.0.1:1 AWS_ENDPOINT_URL_DYNAMODB*" },
		{ "AWS_ENDPOINT_URL=http://localhost:1", "DILL_ROUTING_DYNAMODB_PROXY=x",
		  "127.0.0.1:1 AWS_ENDPOINT_URL* [::1]:1 AWS_ENDPOINT_URL*" },
		{ "AWS_ENDPOINT_URL=http://127.0.0.1:1|AWS_ENDPOINT_URL_STS=http://127.0.0.1:2|AWS_WEB_IDENTITY_TOKEN_FILE=x",
		  "DILL_ROUTING_ELASTICACHE_CLUSTER_ID=x|DILL_ROUTING_ELASTICACHE_PORT=9",
		  "127.0.0.1:1 AWS_ENDPOINT_URL* 127.0.0.1:2 AWS_ENDPOINT_URL_STS*" },
		{ "AWS_ENDPOINT_URL_STS=http://127.0.0.1:2", "DILL_ROUTING_DYNAMODB_PROXY=x|DILL_ROUTING_DYNAMODB_ENDPOINT=http://127.0.0.1:3",
		  "127.0.0.1:3 routing.dynamodb.endpoint*" },
		{ "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:4/x|AWS_EC2_METADATA_SERVICE_ENDPOINT=http://[::1]:5/",
		  "DILL_ROUTING_DYNAMODB_PROXY=x|DILL_ROUTING_DYNAMODB_ENDPOINT=unix:///x",
		  "127.0.0.1:4 AWS_CONTAINER_CREDENTIALS_FULL_URI* [::1]:5 AWS_EC2_METADATA_SERVICE_ENDPOINT*" },
		{ "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/x|AWS_EC2_METADATA_SERVICE_ENDPOINT=http://[::1]:5/|AWS_EC2_METADATA_DISABLED=true",
		  "DILL_ROUTING_DYNAMODB_PROXY=x|DILL_ROUTING_DYNAMODB_ENDPOINT=unix:///x",
		  "169.254.170.2:80 AWS_CONTAINER_CREDENTIALS_RELATIVE_URI*" },
	};

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char text[256];

		snprintf(text, sizeof text, "%s", places[i].variables);
		for (char *part = strtok(text, "|"); part; part = strtok(NULL, "|")) {
			char *value = strchr(part, '=');

			*value = '\0';
			setenv(part, value + 1, 1);
		}
		check_reserved(places[i].services, places[i].want);
		snprintf(text, sizeof text, "%s", places[i].variables);
		for (char *part = strtok(text, "|"); part; part = strtok(NULL, "|")) {
			*strchr(part, '=') = '\0';
			unsetenv(part);
		}
	}
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_reserved(cases[i].variables, cases[i].want);
	aws_cases();
	return check_sum();
}
