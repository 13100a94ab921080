#include "base.h"
#include "aws_endpoint.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http_url.h"
#include "text.h"
#include "tls.h"

const char *aws_variable(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

static const char *endpoint_variable(const char *service)
{
	static const char *const names[] = {
		"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_ELASTICACHE", "AWS_ENDPOINT_URL_STS"
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcasecmp(names[i] + strlen("AWS_ENDPOINT_URL_"), service) == 0)
			return names[i];
	return "AWS_ENDPOINT_URL";
}

const char *aws_endpoint_given(const char *service, const char *key, const char **origin)
{
	const char *own = endpoint_variable(service), *all = "AWS_ENDPOINT_URL";

	*origin = NULL;
	if (*key)
		return key;
	if (strcasecmp(aws_variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true") == 0)
		return NULL;
	*origin = *aws_variable(own) ? own : *aws_variable(all) ? all : NULL;
	return *origin ? aws_variable(*origin) : NULL;
}

static const char *endpoint_parse(struct http_url *url, const char *text)
{
	const char *why = NULL;

	if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0 &&
	    strncasecmp(text, "unix://", 7) != 0)
		why = "is not an https:// or http:// URL";
	if (!why)
		why = http_url_parse(url, text, 443);
	if (!why && strpbrk(url->prefix, "?#"))
		why = "has a query";
	for (size_t len = why ? 0 : strlen(url->prefix); len && url->prefix[len - 1] == '/';)
		url->prefix[--len] = '\0';
	return why;
}

/* Partitions that are not called amazonaws.com. */
static const char *endpoint_suffix(const char *region)
{
	if (strncmp(region, "cn-", 3) == 0)
		return "amazonaws.com.cn";
	return strncmp(region, "eusc-", 5) == 0 ? "amazonaws.eu" : "amazonaws.com";
}

/* AWS's own addresses are not reached by a socket or an agent. */
static void put_fault(struct buf *words, const char *service, const char *why)
{
	if (why != tls_missing) {
		buf_printf(words, " %s", why);
		return;
	}
	buf_puts(words, " is https, and this dill has no TLS: make TLS=openssl builds one that does; or name a proxy that speaks "
	                "TLS in ");
	if (strcmp(service, "sts") == 0)
		buf_puts(words, endpoint_variable(service));
	else
		buf_printf(words, "routing.%s.endpoint", service);
}

const char *aws_endpoint(struct http_url *url, const char *service, const char *region, const char *key,
                         struct buf *words)
{
	const char *origin, *given = aws_endpoint_given(service, key, &origin), *why;
	struct buf own = { 0 };

	buf_printf(&own, "https://%s.%s.%s", service, region, endpoint_suffix(region));
	why = endpoint_parse(url, given ? given : own.data);
	if (why) {
		words->len = 0;
		buf_puts(words, origin ? origin : "");
		buf_puts(words, origin ? ": " : "");
		buf_masked(words, given ? given : own.data);
		put_fault(words, service, why);
		why = words->data;
	}
	buf_free(&own);
	return why;
}

const char *aws_endpoint_check(const char *service, const char *key, struct buf *words)
{
	struct http_url url;

	return *key ? NULL : aws_endpoint(&url, service, "REGION", key, words); /* a key has been looked at by its row */
}

const char *aws_endpoint_check_key(const char *value)
{
	struct http_url url;

	return *value ? endpoint_parse(&url, value) : NULL;
}
