#include "base.h"
#include "peek.h"

#include <string.h>

#include "service.h"
#include "service_option.h"

static void peek_entry(const struct route_entry *entry, struct buf *out)
{
	int error = route_listener_error(entry->listener);

	buf_puts(out, entry->listener->name);
	if (error)
		buf_printf(out, " (cannot listen: %s)", strerror(error));
	buf_printf(out, "\n  ├ %s\n", service_balance_names[entry->balance]);
	for (unsigned i = 0; i < entry->count; i++)
		buf_printf(out, "  ├──➤ %s%s\n", entry->backends[i]->name,
		           atomic_load(&entry->backends[i]->unhealthy) ? " (unhealthy)" : "");
}

void peek_text(const struct route_table *table, struct buf *out)
{
	if (!table->count)
		buf_puts(out, "No registered backends. Please verify routing configuration.\n");
	for (size_t i = 0; i < table->count; i++)
		peek_entry(&table->entries[i], out);
	for (size_t i = 0; i < table->count; i++)
		if (!route_healthy(&table->entries[i]))
			buf_printf(out, "# no healthy backend: %s\n", table->entries[i].listener->name);
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
