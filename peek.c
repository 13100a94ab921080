#include "base.h"
#include "peek.h"

#include <string.h>

static void put_entry(const struct route_entry *e, struct buf *out)
{
	buf_puts(out, e->listener->name);
	if (e->listener->error)
		buf_printf(out, " (cannot listen: %s)", strerror(e->listener->error));
	buf_printf(out, "\n  ├ %s\n", service_balance_names[e->balance]);
	for (unsigned i = 0; i < e->count; i++)
		buf_printf(out, "  ├──➤ %s%s\n", e->backends[i]->name,
		           atomic_load(&e->backends[i]->unhealthy) ? " (unhealthy)" : "");
}

static void put_visible(struct buf *out, const char *before, const char *text)
{
	buf_puts(out, before);
	buf_visible(out, text, strlen(text));
}

void peek_text(const struct route_table *t, struct buf *out)
{
	if (!t->count)
		buf_puts(out, "No registered backends. Please verify routing configuration.\n");
	for (size_t i = 0; i < t->count; i++)
		put_entry(&t->entries[i], out);
	if (t->remembered)
		buf_puts(out, "# from state.path: Consul has not answered yet\n");
	for (size_t i = 0; i < t->refused_count; i++) {
		put_visible(out, "# refused: ", t->refused[i].service);
		put_visible(out, " wants ", t->refused[i].wish);
		put_visible(out, ": ", t->refused[i].reason);
		buf_puts(out, "\n");
	}
}

void peek_greet(struct admin *s, struct admin_client *c)
{
	const struct route *route = s->owner;

	peek_text(route->table, &c->out);
	admin_answer(s, c, true);
}
