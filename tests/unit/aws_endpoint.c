/* Cases for aws_endpoint.c: where a service is, by key, by the environment, by region, and what is wrong about it. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "tls.h"
#include "../../aws_endpoint.c"

static void set_all(const char *variables)
{
	static const char *const names[] = {
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_ELASTICACHE", "AWS_ENDPOINT_URL_STS",
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
	};
	struct slice rest = slice_of(variables), part;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unsetenv(names[i]);
	while (*variables && slice_next(&rest, ' ', &part)) {
		struct buf pair = { 0 };
		char *equals;

		buf_add(&pair, part.at, part.len);
		equals = strchr(pair.data, '=');
		*equals = '\0';
		setenv(pair.data, equals + 1, 1);
		buf_free(&pair);
	}
}

#define ALL "AWS_ENDPOINT_URL=http://all:1 AWS_ENDPOINT_URL_DYNAMODB=http://table:2 AWS_ENDPOINT_URL_STS=http://sts:3"

static const struct {
	const char *variables, *service, *region, *key, *want; /* host:port and prefix, as the log has it, or the reason */
} places[] = {
	{ "", "dynamodb", "us-east-1", "http://h:8000", "http h:8000" },
	{ ALL, "dynamodb", "us-east-1", "http://key", "http key" },
	{ ALL, "dynamodb", "us-east-1", "", "http table:2" },
	{ ALL, "elasticache", "us-east-1", "", "http all:1" },
	{ ALL, "sts", "us-east-1", "", "http sts:3" },
	{ ALL " AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true", "dynamodb", "us-east-1", "http://key", "http key" },
	{ ALL " AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false", "sts", "us-east-1", "", "http sts:3" },
	{ "AWS_ENDPOINT_URL_STS= AWS_ENDPOINT_URL=http://all:1", "sts", "us-east-1", "", "http all:1" },
	{ "", "dynamodb", "us-east-1", "http://h:80/a/b/", "http h/a/b" },
	{ "", "dynamodb", "us-east-1", "http://h:443", "http h:443" },
	{ "", "dynamodb", "us-east-1", "HTTP://[::1]:8000///", "http [::1]:8000" },
	{ "", "dynamodb", "us-east-1", "unix:///run/aws.sock", "unix localhost" },
	{ "", "dynamodb", "us-east-1", "h:8000", "h:8000 is not an https:// or http:// URL" },
	{ "", "dynamodb", "us-east-1", "ftp://h", "ftp://h is not an https:// or http:// URL" },
	{ "", "dynamodb", "us-east-1", "http://h/?x=y", "http://h/?******** has a query" },
	{ "", "dynamodb", "us-east-1", "http://u:p@h/", "http://********@h/ has a user name or password, which is not supported" },
	{ "AWS_ENDPOINT_URL=here", "dynamodb", "us-east-1", "", "AWS_ENDPOINT_URL: here is not an https:// or http:// URL" },
	{ "AWS_ENDPOINT_URL_DYNAMODB=http://u:p@h", "dynamodb", "us-east-1", "",
	  "AWS_ENDPOINT_URL_DYNAMODB: http://********@h has a user name or password, which is not supported" },
};

/* AWS's own places: in a dill without TLS the reason names them. */
static const struct {
	const char *service, *region, *host;
} own[] = {
	{ "dynamodb", "us-east-1", "dynamodb.us-east-1.amazonaws.com" }, { "elasticache", "eu-west-1", "elasticache.eu-west-1.amazonaws.com" },
	{ "sts", "cn-north-1", "sts.cn-north-1.amazonaws.com.cn" }, { "dynamodb", "eusc-de-east-1", "dynamodb.eusc-de-east-1.amazonaws.eu" },
	{ "dynamodb", "us-gov-west-1", "dynamodb.us-gov-west-1.amazonaws.com" }, { "sts", "cnx-1", "sts.cnx-1.amazonaws.com" },
};

static const char *name_place(const char *service, const char *region, const char *key, struct buf *out)
{
	static const char *const schemes[] = { [HTTP_PLAIN] = "http", [HTTP_TLS] = "https", [HTTP_UNIX] = "unix" };
	struct buf words = { 0 };
	struct http_url url;
	const char *why = aws_endpoint(&url, service, region, key, &words);

	out->len = 0;
	if (why) {
		buf_puts(out, why);
	} else {
		buf_printf(out, "%s ", schemes[url.scheme]);
		http_put_host(out, &url);
		buf_puts(out, url.prefix);
	}
	buf_free(&words);
	return out->data;
}

static void place_cases(void)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		set_all(places[i].variables);
		name_place(places[i].service, places[i].region, places[i].key, &out);
		check(strcmp(out.data, places[i].want) == 0, places[i].want, out.data);
	}
	buf_free(&out);
}

static void own_cases(void)
{
	struct buf out = { 0 }, want = { 0 };

	set_all("AWS_ENDPOINT_URL=http://all:1 AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=TRUE");
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		bool sts = strcmp(own[i].service, "sts") == 0;

		name_place(own[i].service, own[i].region, "", &out);
		want.len = 0;
		if (tls_library)
			buf_printf(&want, "https %s", own[i].host);
		else
			buf_printf(&want, "https://%s is https, and this dill has no TLS: make TLS=openssl builds one that does; or name a "
			           "proxy that speaks TLS in %s%s%s", own[i].host, sts ? "" : "routing.",
			           sts ? "AWS_ENDPOINT_URL_STS" : own[i].service, sts ? "" : ".endpoint");
		check(strcmp(out.data, want.data) == 0, want.data, out.data);
		check(!aws_endpoint_check(own[i].service, "", &out) == !!tls_library, "whether it can be asked", own[i].host);
	}
	check(!aws_endpoint_check("dynamodb", "http://h", &out), "whether it can be asked", "a key");
	check(!aws_endpoint_check("dynamodb", "h", &out), "a fault of a key is its row's to say", "");
	check(!aws_endpoint_check_key("") && !aws_endpoint_check_key("http://h") && aws_endpoint_check_key("h"), "of a row", "");
	buf_free(&out);
	buf_free(&want);
}

int main(void)
{
	place_cases();
	own_cases();
	return check_sum();
}
