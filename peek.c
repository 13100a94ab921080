#include "base.h"
#include "peek.h"

#include <string.h>

#include "resolve_answer.h"
#include "service.h"
#include "service_option.h"
#include "span.h"
#include "sys.h"
#include "walk.h"

struct peek {
	struct body body;
	const struct route *route;
	struct walk walk;
};

static struct peek *peek_of(struct body *body)
{
	return CONTAINER_OF(body, struct peek, body);
}

static bool peek_put_head(struct body *body)
{
	struct peek *peek = peek_of(body);

	if (!peek->route->table->count)
		buf_puts(body->out, "No registered backends. Please verify routing configuration.\n");
	walk_begin(&peek->walk, peek->route, false);
	return false;
}

static void peek_put_listener(const struct span *span, struct buf *out)
{
	int error = route_listener_error(span->first[0]->listener);

	span_put_address(span, out);
	if (error) {
		buf_puts(out, " (cannot listen: ");
		buf_puts(out, strerror(error));
		buf_puts(out, ")");
	} else if (route_waits(span->first[0])) {
		buf_puts(out, " (waiting for its names)");
	}
	buf_puts(out, "\n  ├ ");
	buf_puts(out, service_balance_names[span->first[0]->balance]);
	buf_puts(out, "\n");
}

static void peek_put_name(const struct span *span, const struct route_target *name, struct buf *out)
{
	span_put_name(span, name, out);
	if (name->state == RESOLVE_ASKED)
		buf_puts(out, " (resolving)\n");
	else
		buf_printf(out, " (cannot resolve: %s)\n", name->why);
}

static void peek_put_backend(const struct span *span, unsigned index, struct buf *out)
{
	span_put_backend(span, index, out);
	buf_puts(out, atomic_load(&span->first[0]->backends[index]->unhealthy) ? " (unhealthy)\n" : "\n");
}

static bool peek_put_listeners(struct body *body)
{
	struct walk *walk = &peek_of(body)->walk;

	while (walk_on(walk)) {
		if (walk->entry)
			walk_span(walk);
		if (!walk->inside)
			peek_put_listener(&walk->span, body->out);
		for (; walk_more(walk); walk_past(walk)) {
			if (body_full(body, 1))
				return walk_pause(walk, true);
			buf_puts(body->out, "  ├──➤ ");
			if (walk->name)
				peek_put_name(&walk->span, walk->name, body->out);
			else
				peek_put_backend(&walk->span, walk->backend, body->out);
		}
		if (body_full(body, walk->span.count))
			return walk_pause(walk, false);
	}
	return false;
}

static bool peek_put_unserved(struct body *body)
{
	struct peek *peek = peek_of(body);
	struct walk *walk = &peek->walk;

	if (!body->at++)
		walk_begin(walk, peek->route, false);
	while (walk_on(walk)) {
		if (!walk_is_served(walk)) {
			walk_span(walk);
			buf_puts(body->out, "# no healthy backend: ");
			span_put_address(&walk->span, body->out);
			buf_puts(body->out, "\n");
		}
		if (body_full(body, walk->span.count + walk->count))
			return walk_pause(walk, false);
	}
	if (peek->route->table->remembered)
		buf_printf(body->out, "# from state.path: %s has not answered yet\n", peek->route->table->remembered);
	return false;
}

static bool peek_put_refused(struct body *body)
{
	struct walk *walk = &peek_of(body)->walk;
	const struct route_refusal *refusal;

	while ((refusal = walk_refused(walk))) {
		buf_puts_visible(body->out, "# refused: ", refusal->service);
		buf_puts_visible(body->out, " wants ", refusal->wish);
		buf_puts_visible(body->out, ": ", refusal->reason);
		buf_puts(body->out, "\n");
		if (body_full(body, 1))
			return walk_pause_refused(walk);
	}
	return false;
}

static void peek_end(struct body *body)
{
	walk_end(&peek_of(body)->walk);
}

static bool (*const peek_stages[])(struct body *body) = {
	peek_put_head, peek_put_listeners, peek_put_unserved, peek_put_refused, NULL
};
static const struct body_kind peek_kind = { peek_stages, peek_end, NULL };

struct body *peek_body(const struct route *route)
{
	struct peek *peek = sys_alloc(sizeof *peek);

	peek->body.kind = &peek_kind;
	peek->route = route;
	return &peek->body;
}

void peek_greet(struct admin *admin, struct admin_client *client)
{
	admin_answer_body(admin, client, peek_body(admin->owner), true);
	admin_feed(admin);
}

bool peek_frame(struct admin *admin, struct admin_client *client, struct buf *part, bool more)
{
	(void)admin, (void)more;
	if (part->failed && client->waiting)
		buf_puts(&client->out, "There is no memory for the table. Try again later.\n");
	else
		buf_add(&client->out, part->data, part->len);
	return !part->failed || client->waiting;
}
