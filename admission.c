#include "base.h"
#include "admission.h"

#include <unistd.h>

#include "admit.h"
#include "config_print.h"
#include "log.h"
#include "net.h"
#include "power.h"
#include "print.h"
#include "rules.h"
#include "service.h"
#include "service_option.h"
#include "sources.h"
#include "sys.h"
#include "text.h"
#include "tls.h"

static void print_field(const struct service *service, const char *field, struct buf *values, const char *origin)
{
	struct buf line = { 0 };

	buf_puts_visible(&line, "services.", service->name);
	buf_printf(&line, ".%s = ", field);
	buf_visible(&line, values->data, values->len);
	buf_printf(&line, "  # %s", origin);
	print_to(STDOUT_FILENO, "%s\n", line.data);
	buf_free(&line);
	values->len = 0;
}

static void print_service(const struct service *service)
{
	struct buf values = { 0 };

	for (size_t i = 0; i < service->wish_count; i++)
		buf_printf(&values, "%s%s", i ? ", " : "", service->wishes[i].text);
	print_field(service, "listener", &values, service->wishes[0].origin);
	for (size_t i = 0; i < service->backend_count; i++) {
		buf_puts(&values, i ? ", " : "");
		service_put_backend(&service->backends[i], &values);
	}
	print_field(service, "backends", &values, service->backends_origin);
	for (size_t i = 0; i < service->setting_count; i++) {
		service_option_mask(service->settings[i].option, service->settings[i].value, &values);
		print_field(service, service_option_name(service->settings[i].option), &values, service->settings[i].origin);
	}
	buf_free(&values);
}

static void print_verdict(const struct service *service, const char *wish, const char *why, const struct net_addr *addr,
                          unsigned last)
{
	struct buf line = { 0 };

	buf_puts_visible(&line, "# ", service->name);
	buf_puts_visible(&line, ": ", wish);
	if (why) {
		buf_printf(&line, " is refused: %s", why);
	} else {
		buf_puts(&line, " is accepted: ");
		net_put_ports(&line, addr, last);
	}
	print_to(STDOUT_FILENO, "%s\n", line.data);
	buf_free(&line);
}

static void print_admission(const struct admit_rules *rules, const struct service *service, bool trusted,
                            struct arena *memory)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < service->setting_count; i++) {
		if (!service->settings[i].why)
			continue;
		text.len = 0;
		service_put_setting(&service->settings[i], &text);
		print_verdict(service, text.data, service->settings[i].why, NULL, 0);
	}
	buf_free(&text);
	for (size_t i = 0; !service->wrong && i < service->wish_count; i++) {
		struct admit_refusal no;
		struct net_addr addr;
		bool fine = admit_wish(rules, service->name, &service->wishes[i], trusted, memory, &addr, &no);

		print_verdict(service, service->wishes[i].text, fine ? NULL : no.why, &addr, service->wishes[i].last);
	}
}

static void print_list(const struct admit_rules *rules, const struct service_list *list)
{
	struct arena memory = { 0 };

	for (size_t i = 0; i < list->count; i++)
		print_service(list->items[i]);
	for (size_t i = 0; i < list->count; i++)
		print_admission(rules, list->items[i], list->trusted, &memory);
	arena_free(&memory);
}

/* Root becomes that user for it, and sees what it would be told. */
static bool print_power(const struct config *config)
{
	struct buf line = { 0 };

	power_put(config, &line);
	if (line.len)
		print_to(STDOUT_FILENO, "%s\n", line.data);
	buf_free(&line);
	return geteuid() || power_drop(config);
}

int admission_print(const struct config *config)
{
	struct arena memory = { 0 };
	struct admit_rules rules = rules_of(config, &memory).admit;
	struct buf why = { 0 };
	int status;

	print_to(STDOUT_FILENO, "# dill " DILL_VERSION " (%s)\n", tls_version());
	config_print(config);
	status = print_power(config) ? 0 : 1;
	print_list(&rules, config->given);
	for (size_t i = 0; i < source_count; i++) {
		struct service_list *list;

		if (!config->uses[i] || !sources[i]->read)
			continue;
		list = sources[i]->read(config->tables[1 + i].values, &why);
		if (list)
			print_list(&rules, list);
		else
			log_complain(LOG_ERROR, "%s: %s", sources[i]->name, why.data);
		status = list ? status : 1;
		service_list_unref(list);
	}
	buf_free(&why);
	arena_free(&memory);
	return status;
}
