/* Cases for admit.c: who may listen where, and in what words others are refused. */
#include "base.h"

#include "check.h"
#include "list.h"
#include "../../admit.c"

static struct option_label labels[] = { { .name = "local" }, { .name = "any" }, { .name = "six" }, { .name = "localhost" } };
static const char *const addresses[] = { "127.0.0.1", "0.0.0.0", "fd00::1", "127.0.0.9" };
static const struct option_labels all_of_them = { labels, ARRAY_LEN(labels), 0 }, three = { labels, 3, 0 }, none = { 0 };

#define LABEL "listeners.allowed"
#define LIST "one of local, any, six"

static const struct {
	const char *wish;
	bool trusted;
	const char *addr;                 /* NULL: refused, and then: */
	const char *rule, *why, *accepted;
} wishes[] = {
	/* Labels. */
	{ "local:5432", false, "127.0.0.1:5432", NULL, NULL, NULL },
	{ "any:5432", false, "0.0.0.0:5432", NULL, NULL, NULL },
	{ "six:5432", false, "[fd00::1]:5432", NULL, NULL, NULL },
	{ "local:5432", true, "127.0.0.1:5432", NULL, NULL, NULL },
	{ "lan:5432", false, NULL, LABEL, "label \"lan\" is not in listeners.allowed", LIST },
	{ "lan:5432", true, NULL, LABEL, "label \"lan\" is not in listeners.allowed", LIST },
	{ "Local:5432", false, NULL, LABEL, "label \"Local\" is not in listeners.allowed", LIST },
	{ "loca:5432", false, NULL, LABEL, "label \"loca\" is not in listeners.allowed", LIST },
	{ "locals:5432", false, NULL, LABEL, "label \"locals\" is not in listeners.allowed", LIST },
	{ "lan:1", false, NULL, LABEL, "label \"lan\" is not in listeners.allowed", LIST }, /* the label is looked at first */
	/* Ports: both bounds are fine, for the operator too. */
	{ "local:1024", false, "127.0.0.1:1024", NULL, NULL, NULL },
	{ "local:49151", false, "127.0.0.1:49151", NULL, NULL, NULL },
	{ "local:1023", false, NULL, "listeners.port_min", "port below listeners.port_min 1024", "a port from 1024 to 49151" },
	{ "local:49152", false, NULL, "listeners.port_max", "port above listeners.port_max 49151", "a port from 1024 to 49151" },
	{ "local:1", true, NULL, "listeners.port_min", "port below listeners.port_min 1024", "a port from 1024 to 49151" },
	{ "six:65535", true, NULL, "listeners.port_max", "port above listeners.port_max 49151", "a port from 1024 to 49151" },
	/* The operator may name an address, and then any port. */
	{ "10.0.0.1:80", true, "10.0.0.1:80", NULL, NULL, NULL },
	{ ":65535", true, "0.0.0.0:65535", NULL, NULL, NULL },
	{ "localhost:80", true, "127.0.0.1:80", NULL, NULL, NULL },
	{ "[::1]:80", true, "[::1]:80", NULL, NULL, NULL },
	{ "[::]:80", true, "[::]:80", NULL, NULL, NULL },
	{ "10.0.0.1:8080", false, NULL, LABEL, "label \"10.0.0.1\" is not in listeners.allowed", LIST },
	{ ":8080", false, NULL, LABEL, "label \"\" is not in listeners.allowed", LIST },
	{ "localhost:8080", false, NULL, LABEL, "label \"localhost\" is not in listeners.allowed", LIST },
	{ "[::1]:8080", false, NULL, LABEL, "label \"::1\" is not in listeners.allowed", LIST },
	/* No wishes at all. */
	/* A range: all of it, or nothing. */
	{ "local:1024-1026", false, "127.0.0.1:1024", NULL, NULL, NULL },
	{ "local:1023-1026", false, NULL, "listeners.port_min", "port below listeners.port_min 1024", "a port from 1024 to 49151" },
	{ "local:49150-49152", false, NULL, "listeners.port_max", "port above listeners.port_max 49151", "a port from 1024 to 49151" },
	{ "10.0.0.1:80-90", true, "10.0.0.1:80", NULL, NULL, NULL },
	{ "local:2000-9000", true, NULL, "listener", "is a range of 7001 ports; at most 4096", "label:port, such as local:5432" },
	{ "local", false, NULL, "listener", "not label:port", "label:port, such as local:5432" },
	{ "", true, NULL, "listener", "not label:port", "label:port, such as local:5432" },
	{ "local:0", false, NULL, "listener", "has a port out of range (1-65535)", "label:port, such as local:5432" },
	{ "local:70000", true, NULL, "listener", "has a port out of range (1-65535)", "label:port, such as local:5432" },
	{ "::1:80", true, NULL, "listener", "needs brackets around its IPv6 address, like [::1]:80", "label:port, such as local:5432" },
};

static void wish_is(const struct option_labels *allowed, size_t i)
{
	struct admit_rules rules = { .labels = allowed, .port_min = 1024, .port_max = 49151 };
	struct arena memory = { 0 };
	struct wish wish = wish_parse(wishes[i].wish, NULL, &memory);
	struct admit_refusal no;
	struct net_addr addr;
	char text[NET_TEXT];
	bool fine = admit_wish(&rules, "web", &wish, wishes[i].trusted, &memory, &addr, &no);

	check(fine == (wishes[i].addr != NULL), fine ? "is accepted" : no.why, wishes[i].wish);
	if (fine && wishes[i].addr) {
		net_print(&addr, text);
		check(strcmp(text, wishes[i].addr) == 0, text, wishes[i].wish);
	} else if (!fine && !wishes[i].addr) {
		check(strcmp(no.rule, wishes[i].rule) == 0, no.rule, wishes[i].wish);
		check(strcmp(no.why, wishes[i].why) == 0, no.why, wishes[i].wish);
		check(strcmp(no.accepted, wishes[i].accepted) == 0, no.accepted, wishes[i].wish);
	}
	arena_free(&memory);
}

static void label_cases(void)
{
	struct admit_rules rules = { .labels = &none, .port_min = 1, .port_max = 65535 };
	struct arena memory = { 0 };
	struct wish wish = wish_parse("local:80", NULL, &memory);
	struct admit_refusal no;
	struct net_addr addr;
	char text[NET_TEXT];

	check(!admit_wish(&rules, "web", &wish, false, &memory, &addr, &no), "refused", "no labels");
	check(strcmp(no.accepted, "none: listeners.allowed is empty") == 0, no.accepted, "no labels");
	rules.labels = &all_of_them;
	wish = wish_parse("localhost:80", NULL, &memory);
	check(admit_wish(&rules, "web", &wish, true, &memory, &addr, &no), "accepted", "a label that looks like an address");
	net_print(&addr, text);
	check(strcmp(text, "127.0.0.9:80") == 0, text, "the label counts");
	rules.port_min = 81;
	check(!admit_wish(&rules, "web", &wish, true, &memory, &addr, &no), "refused", "a label that looks like an address");
	arena_free(&memory);
}

#define GRANTS "no pattern of listeners.bind grants "

static const struct {
	const char *service, *wish;
	bool trusted;
	const char *rule, *why, *accepted; /* rule NULL: it is accepted */
} bound[] = {
	{ "web", "local:8443", false, NULL, NULL, NULL }, { "web", "any:8000", false, NULL, NULL, NULL },
	{ "db", "any:8000", false, NULL, NULL, NULL },
	{ "web", "any:9000", false, "listeners.bind", GRANTS "any:9000 to web",
	  "any:80 (\"web\"), local:8443 (\"web\"), any:8000-8099 (\"*\"), any:8101-8999 (\"*\")" },
	{ "db", "local:8443", false, "listeners.bind", GRANTS "local:8443 to db",
	  "any:8000-8099 (\"*\"), any:8101-8999 (\"*\"); local:8443 is for \"web\"" },
	{ "db", "any:8100", false, "listeners.bind", GRANTS "any:8100 to db",
	  "any:8000-8099 (\"*\"), any:8101-8999 (\"*\"); any:8100 is for \"ops-*\"" },
	/* The operator's own are not asked; labels and ports come first. */
	{ "db", "local:8443", true, NULL, NULL, NULL }, { "db", "10.0.0.1:80", true, NULL, NULL, NULL },
	{ "web", "any:80", false, "listeners.port_min", "port below listeners.port_min 1024", "a port from 1024 to 49151" },
	{ "web", "lan:8443", false, LABEL, "label \"lan\" is not in listeners.allowed", LIST },
	{ "db", "local:50000", false, "listeners.port_max", "port above listeners.port_max 49151", "a port from 1024 to 49151" },
};

static void bind_cases(void)
{
	struct arena memory = { 0 };
	struct bind_table bind = { 0 };
	struct admit_rules rules = { .labels = &three, .port_min = 1024, .port_max = 49151, .bind = &bind };

	bind_set(&bind, "web=local:8443,any:80; ops-*=any:8100; *=any:8000-8999", "here", &memory);
	bind_seal(&bind, &memory);
	for (size_t i = 0; i < ARRAY_LEN(bound); i++) {
		struct wish wish = wish_parse(bound[i].wish, NULL, &memory);
		struct admit_refusal no;
		struct net_addr addr;
		bool fine = admit_wish(&rules, bound[i].service, &wish, bound[i].trusted, &memory, &addr, &no);

		check(fine == !bound[i].rule, fine ? "is accepted" : no.why, bound[i].wish);
		if (fine || !bound[i].rule)
			continue;
		check(strcmp(no.rule, bound[i].rule) == 0, no.rule, bound[i].wish);
		check(strcmp(no.why, bound[i].why) == 0, no.why, bound[i].wish);
		if (!no.accepted)
			no.accepted = admit_granted(&rules, bound[i].service, &wish, &memory);
		check(strcmp(no.accepted, bound[i].accepted) == 0, no.accepted, bound[i].wish);
	}
	arena_free(&memory);
}

static void setting_cases(void)
{
	struct service_list *list = service_list_new();
	struct service *service = service_add(list, slice_of("web"));
	struct admit_refusal no;

	service_set(service, SERVICE_BALANCE, slice_of("fastest"), NULL);
	service_seal(service);
	no = admit_setting(&service->settings[0]);
	check(strcmp(no.rule, "balance") == 0, no.rule, "the rule is the option");
	check(strcmp(no.why, "not one of round_robin, random, p2c, least_conn") == 0, no.why, "why");
	check(strcmp(no.accepted, "round_robin, random, p2c or least_conn") == 0, no.accepted, "accepted");
	service_list_unref(list);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(labels); i++)
		check(net_numeric(slice_of(addresses[i]), 0, &labels[i].addr), "an address", addresses[i]);
	for (size_t i = 0; i < ARRAY_LEN(wishes); i++)
		wish_is(&three, i);
	label_cases();
	bind_cases();
	setting_cases();
	return check_sum();
}
