#include "base.h"
#include "aws_asked.h"

#include "aws_container.h"
#include "aws_endpoint.h"
#include "aws_instance.h"
#include "aws_web_identity.h"
#include "http_url.h"
#include "text.h"

bool aws_asked(const char *service, size_t n, struct http_url *url, const char **variable)
{
	struct buf words = { 0 };
	const char *text = NULL;
	bool container = false;

	if (n == 0 || (n == 1 && aws_web_identity_given()))
		text = aws_endpoint_given(n == 0 ? service : "sts", "", variable);
	else if (n == 2 && aws_container_given())
		container = !aws_container_url(url, variable, &words);
	else if (n == 3 && !aws_instance_disabled())
		text = aws_instance_given(variable);
	buf_free(&words);
	return container || (text && *text && !http_url_parse(url, text, 80));
}
