/* A list of services in one line, for tests to compare: name(node/instance wish,wish host:port*weight option=value #created
 * ?absent !fault ~), ~ for what is held. */
#ifndef LIST_H
#define LIST_H

#include "base.h"
#include "service.h"
#include "text.h"

static inline void list_put_service(struct buf *out, const struct service *s)
{
	buf_printf(out, "%s(%s%s%s", s->name, s->node ? s->node : "", s->node ? "/" : "", s->instance ? s->instance : "");
	for (size_t i = 0; i < s->wish_count; i++)
		buf_printf(out, "%s%s", i ? "," : " ", s->wishes[i].text);
	for (size_t i = 0; i < s->backend_count; i++) {
		buf_printf(out, " %s:%u", s->backends[i].host, s->backends[i].port);
		if (s->backends[i].last)
			buf_printf(out, "-%u", s->backends[i].last);
		buf_printf(out, "*%u", s->backends[i].weight);
	}
	for (size_t i = 0; i < s->setting_count; i++)
		buf_printf(out, " %s=%s", service_option_name(s->settings[i].option), s->settings[i].value);
	if (s->created)
		buf_printf(out, " #%llu", (unsigned long long)s->created);
	buf_printf(out, "%s%s%s%s%s)", s->absent ? " ?" : "", s->absent ? s->absent : "", s->fault ? " !" : "",
	           s->fault ? s->fault : "", s->held ? " ~" : "");
}

static inline void list_put(struct buf *out, const struct service_list *list)
{
	buf_puts(out, "");
	for (size_t i = 0; i < list->count; i++) {
		buf_puts(out, out->len ? " " : "");
		list_put_service(out, list->items[i]);
	}
}

/* Adds a service with these wishes (commas between them) and backends (host:port, host:port*weight, or an SRV
 * name; blanks between them). */
static inline struct service *list_add(struct service_list *list, const char *name, const char *wishes, const char *backends)
{
	struct service *service = service_add(list, slice_of(name));
	struct slice rest = slice_of(wishes), part, host, port, first;
	long number, weight;

	while (slice_next(&rest, ',', &part))
		if (part.len)
			service_wish(service, part, NULL);
	rest = slice_of(backends);
	while (slice_next(&rest, ' ', &part)) {
		size_t colon = part.len;

		while (colon && part.at[colon - 1] != ':')
			colon--;
		if (!colon && part.len)
			service_backend(service, part, 0, 1);
		if (!colon)
			continue;
		host = slice_first(part, colon - 1);
		part = slice_skip(part, colon);
		weight = 1;
		slice_next(&part, '*', &port);
		if (part.len)
			text_number(part, 0, 65535, &weight);
		slice_next(&port, '-', &first);
		text_number(first, 0, 65535, &number);
		service_backend(service, host, (uint16_t)number, (uint16_t)weight);
		if (port.len && !text_number(port, 0, 65535, &number))
			service->backends[service->backend_count - 1].last = (uint16_t)number;
	}
	return service;
}

#endif
