#include "base.h"
#include "peek.h"

#include <string.h>

#include "service.h"
#include "service_option.h"
#include "span.h"

static void peek_span(const struct span *span, struct buf *out)
{
	const struct route_entry *entry = span->first[0];
	int error = route_listener_error(entry->listener);

	span_put_address(span, out);
	if (error)
		buf_printf(out, " (cannot listen: %s)", strerror(error));
	buf_printf(out, "\n  ├ %s\n", service_balance_names[entry->balance]);
	for (unsigned i = 0; i < entry->count; i++) {
		buf_puts(out, "  ├──➤ ");
		span_put_backend(span, i, out);
		buf_puts(out, atomic_load(&entry->backends[i]->unhealthy) ? " (unhealthy)\n" : "\n");
	}
}

static void peek_unserved(const struct route_table *table, struct buf *out)
{
	struct span span;

	for (size_t i = 0; i < table->count; i += span.count) {
		span = span_of(&table->entries[i]);
		if (route_healthy(*span.first))
			continue;
		span = span_at(table, i);
		buf_puts(out, "# no healthy backend: ");
		span_put_address(&span, out);
		buf_puts(out, "\n");
	}
}

void peek_text(const struct route_table *table, struct buf *out)
{
	struct span span;

	if (!table->count)
		buf_puts(out, "No registered backends. Please verify routing configuration.\n");
	for (size_t i = 0; i < table->count; i += span.count) {
		span = span_at(table, i);
		peek_span(&span, out);
	}
	peek_unserved(table, out);
	if (table->remembered)
		buf_printf(out, "# from state.path: %s has not answered yet\n", table->remembered);
	for (size_t i = 0; i < table->refused_count; i++) {
		buf_puts_visible(out, "# refused: ", table->refused[i].service);
		buf_puts_visible(out, " wants ", table->refused[i].wish);
		buf_puts_visible(out, ": ", table->refused[i].reason);
		buf_puts(out, "\n");
	}
}

void peek_greet(struct admin *admin, struct admin_client *client)
{
	const struct route *route = admin->owner;
	struct buf text = { .may_fail = true };

	admin_relieve(admin);
	peek_text(route->table, &text);
	if (text.failed)
		buf_puts(&client->out, "There is no memory for the table. Try again later.\n");
	else
		client->body = admin_body(admin, &text);
	admin_answer(admin, client, true);
}
