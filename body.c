#include "base.h"
#include "body.h"

#include <stdlib.h>

bool body_add(struct body *body, struct buf *out)
{
	body->out = out;
	body->from = out->len;
	body->steps = 0;
	for (; body->kind->stages[body->stage] && !out->failed; body->stage++, body->at = 0)
		if (body->kind->stages[body->stage](body))
			return !out->failed;
	return false;
}

bool body_full(struct body *body, size_t steps)
{
	body->steps += steps;
	return body->steps >= BODY_STEPS || body->out->len - body->from >= BODY_PART || body->out->failed;
}

void body_put_all(struct body *body, struct buf *out)
{
	while (body_add(body, out))
		;
	body_free(body);
}

size_t body_kept(const struct body *body)
{
	return body && body->kind->kept ? body->kind->kept(body) : 0;
}

void body_free(struct body *body)
{
	if (body && body->kind->end)
		body->kind->end(body);
	free(body);
}
