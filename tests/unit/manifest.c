/* Cases for manifest.c: keys go in, one by one or as a document, and services come out. */
#include "base.h"

#include "check.h"
#include "list.h"
#include "manifest_variable.h"
#include "../../manifest.c"

/* A line each: LAYER KEY=VALUE. The origin is "LAYER:LINE". */
struct outcome {
	struct service_list *list;
	struct buf text, errors, origins; /* each in one line */
};

static void complain(void *arg, const char *origin, const char *place, const char *why)
{
	struct buf *errors = arg;

	buf_printf(errors, "%s%s %s %s", errors->len ? "; " : "", origin, place, why);
}

static void apply_line(struct manifest *manifest, struct slice line, int number, struct buf *errors)
{
	struct arena memory = { 0 };
	struct slice layer, key;
	char origin[16];
	const char *name, *why;

	slice_next(&line, ' ', &layer);
	slice_next(&line, '=', &key);
	snprintf(origin, sizeof origin, "%c:%d", layer.at[0], number);
	name = arena_dup(&memory, key.at, key.len);
	why = manifest_key(manifest, name, arena_dup(&memory, line.at, line.len), origin, layer.at[0] - '0');
	if (why)
		buf_printf(errors, "%s%s %s=%.*s %s", errors->len ? "; " : "", origin, name, (int)line.len, line.at, why);
	memset(origin, 'Z', sizeof origin - 1); /* it has been copied */
	arena_free(&memory);
}

static void put_origins(struct buf *out, const struct service *service)
{
	const char *last = "";

	buf_printf(out, "%s%s:", out->len ? " " : "", service->name);
	for (size_t i = 0; i < service->wish_count; i++, last = service->wishes[i - 1].origin)
		if (strcmp(last, service->wishes[i].origin) != 0)
			buf_printf(out, " %s", service->wishes[i].origin);
	buf_printf(out, " %s", service->backends_origin ? service->backends_origin : "-");
	for (size_t i = 0; i < service->setting_count; i++)
		buf_printf(out, " %s", service->settings[i].origin);
}

static struct outcome read_lines(const char *text)
{
	struct slice rest = slice_of(text), line;
	struct outcome outcome = { 0 };
	struct manifest manifest;
	bool fine;

	manifest_open(&manifest, true);
	buf_puts(&outcome.errors, "");
	for (int number = 1; slice_next(&rest, '\n', &line); number++)
		if (line.len)
			apply_line(&manifest, line, number, &outcome.errors);
	fine = manifest_finish(&manifest, complain, &outcome.errors);
	outcome.list = manifest_take(&manifest);
	check(fine == !outcome.errors.len || !outcome.list->count, "all are complete", text);
	check(outcome.list->trusted, "trusted", text);
	list_put(&outcome.text, outcome.list);
	buf_puts(&outcome.origins, "");
	for (size_t i = 0; i < outcome.list->count; i++)
		put_origins(&outcome.origins, outcome.list->items[i]);
	return outcome;
}

static void outcome_free(struct outcome *outcome)
{
	service_list_unref(outcome->list);
	buf_free(&outcome->text);
	buf_free(&outcome->errors);
	buf_free(&outcome->origins);
}

#define WEB "1 services.web.listener=a:1\n1 services.web.backends=h:1\n"
#define FIRST(name) "1 services[0].name=" name "\n1 services[0].listener=a:1\n1 services[0].backends=h:1\n"
#define SECOND(name) "1 services[1].name=" name "\n1 services[1].listener=a:2\n1 services[1].backends=h:2\n"

static const struct {
	const char *lines, *want, *origins;
} fine[] = {
	/* Fields, of services by name and in lists. */
	{ WEB, "web( a:1 h:1*1)", "web: 1:1 1:2" },
	{ "1 services=", "", "" }, { "1 apps=", "", "" },
	{ FIRST("web"), "web( a:1 h:1*1)", "web: 1:2 1:3" },
	{ FIRST("web") SECOND("db"), "web( a:1 h:1*1) db( a:2 h:2*1)", "web: 1:2 1:3 db: 1:5 1:6" },
	{ FIRST("web") SECOND("web"), "web( a:1 h:1*1) web( a:2 h:2*1)", "web: 1:2 1:3 web: 1:5 1:6" }, /* they stay two */
	{ "1 services.b.backends=h:1\n1 services.a.listener=a:1\n1 services.b.listener=b:1\n1 services.a.backends=h:2\n",
	  "b( b:1 h:1*1) a( a:1 h:2*1)", "b: 1:3 1:1 a: 1:2 1:4" }, /* in a row or not */
	{ "1 services.web.listener=a:1, b:2,,\n1 services.web.backends= h:1 ,[::1]:2\n", "web( a:1,b:2 h:1*1 ::1:2*1)",
	  "web: 1:1 1:2" },
	{ "1 services.web.listeners=a:1\n1 services.web.backend=h:1\n", "web( a:1 h:1*1)", "web: 1:1 1:2" },
	{ "1 services.a.b.listener=a:1\n1 services.a.b.backends=h:1\n", "a.b( a:1 h:1*1)", "a.b: 1:1 1:2" },
	{ "1 services.x.name=web\n1 services.x.listener=a:1\n1 services.x.backends=h:1\n", "web( a:1 h:1*1)", "web: 1:2 1:3" },
	{ WEB "1 services.web.balance=p2c\n1 services.web.allow=1.1.1.1\n", "web( a:1 h:1*1 balance=p2c allow=1.1.1.1)",
	  "web: 1:1 1:2 1:3 1:4" },
	/* Element by element. */
	{ "1 services.w.listener[0]=a:1\n1 services.w.listener[1]=b:1\n1 services.w.backends[0]=h:1\n1 services.w.backends[1]=h:2\n",
	  "w( a:1,b:1 h:1*1 h:2*1)", "w: 1:1 1:2 1:3" },
	{ WEB "1 services.web.allow[0]=1.1.1.1\n1 services.web.allow[1]=2.2.2.2\n1 services.web.deny[0]=3.3.3.3\n",
	  "web( a:1 h:1*1 allow=1.1.1.1,2.2.2.2 deny=3.3.3.3)", "web: 1:1 1:2 1:3 1:5" },
	{ WEB "1 services.web.allow[0]=1.1.1.1\n1 services.web.balance=p2c\n1 services.web.allow[1]=2.2.2.2\n",
	  "web( a:1 h:1*1 balance=p2c allow=1.1.1.1,2.2.2.2)", "web: 1:1 1:2 1:4 1:3" },
	/* Apps. */
	/* Ranges of ports: of each backend as many as of each listener. */
	{ "1 services.web.listener=a:5000-5149\n1 services.web.backends=h:6000-6149,[::1]:7000-7149,h-1:80\n1 services.web.ports=9\n",
	  "web( a:5000-5149 h:6000-6149*1 ::1:7000-7149*1 h-1:80*1 ports=9)", "web: 1:1 1:2 1:3" },
	{ "1 services.web.listener=a:1-9,b:11-19\n1 services.web.backends=h:6001-6009\n", "web( a:1-9,b:11-19 h:6001-6009*1)", "web: 1:1 1:2" },
	{ "1 services.web.listener=a:7-7\n1 services.web.backends=[fe80::1%a-]:80\n", "web( a:7-7 fe80::1%a-:80*1)", "web: 1:1 1:2" },
	/* SRV names have no port; with one it is a host name. */
	{ "1 services.web.listener=a:1\n1 services.web.backends=_pg._tcp.x, h:1,_pg._tcp.x:2,\n", "web( a:1 _pg._tcp.x:0*1 h:1*1 _pg._tcp.x:2*1)",
	  "web: 1:1 1:2" },
	{ "1 apps.x.ports=80\n1 apps.x.targets[0]=_pg._tcp.x\n1 apps.x.targets[1]=_a._b.c.\n", "x( any:80 _pg._tcp.x:0*1 _a._b.c.:0*1)",
	  "x: 1:1 1:2" },
	{ "1 apps[0].name=x\n1 apps[0].ports[0]=80\n1 apps[0].ports[1]=81\n1 apps[0].targets[0]=h:1\n", "x( any:80,any:81 h:1*1)",
	  "x: 1:2 1:3 1:4" },
	{ "1 apps.x.ports=80,81\n1 apps.x.targets=h:1\n1 apps.x.balance=random\n", "x( any:80,any:81 h:1*1 balance=random)",
	  "x: 1:1 1:2 1:3" },
	{ "1 apps.web.ports=80\n1 apps.web.targets=h:9\n" WEB, "web( any:80 h:9*1) web( a:1 h:1*1)", "web: 1:1 1:2 web: 1:3 1:4" },
	/* Any letter case, but for the name. */
	{ "1 SERVICES.Web.LISTENER=a:1\n1 Services.Web.Backends[0]=h:1\n1 services.Web.Proxy_Protocol=v1\n",
	  "Web( a:1 h:1*1 proxy_protocol=v1)", "Web: 1:1 1:2 1:3" },
	{ WEB "1 services.Web.listener=a:2\n1 services.Web.backends=h:2\n", "web( a:1 h:1*1) Web( a:2 h:2*1)",
	  "web: 1:1 1:2 Web: 1:3 1:4" },
	{ "1 Apps[0].Name=x\n1 Apps[0].Ports=80\n1 Apps[0].Targets=h:1\n", "x( any:80 h:1*1)", "x: 1:2 1:3" },
	/* Layers: a higher one replaces, field by field. */
	{ WEB "2 services.web.backends=h:2,h:3\n", "web( a:1 h:2*1 h:3*1)", "web: 1:1 2:3" },
	{ WEB "2 services.web.listener=b:2\n3 services.web.listener=c:3\n3 services.web.balance=p2c\n",
	  "web( c:3 h:1*1 balance=p2c)", "web: 3:4 1:2 3:5" },
	{ WEB "1 services.web.allow=1.1.1.1\n2 services.web.allow[0]=2.2.2.2\n2 services.web.allow[1]=3.3.3.3\n",
	  "web( a:1 h:1*1 allow=2.2.2.2,3.3.3.3)", "web: 1:1 1:2 2:4" },
	{ WEB "1 services.web.allow=1.1.1.1\n1 services.web.balance=p2c\n2 services.web.allow=2.2.2.2\n",
	  "web( a:1 h:1*1 balance=p2c allow=2.2.2.2)", "web: 1:1 1:2 1:4 2:5" },
	{ "1 services.web.listener[0]=a:1\n1 services.web.backends=h:1\n2 services.web.listener[0]=b:1\n2 services.web.listener[1]=b:2\n",
	  "web( b:1,b:2 h:1*1)", "web: 2:3 2:4 1:2" },
	/* Joining by name. */
	{ FIRST("web") "2 services.web.backends=h:9\n", "web( a:1 h:9*1)", "web: 1:2 2:4" },
	{ FIRST("web") "2 services.web.backends=h:9\n3 services.web.backends=h:8\n", "web( a:1 h:8*1)", "web: 1:2 3:5" },
	{ FIRST("web") "2 services.web.backends=h:9\n3 services[0].backends=h:8\n", "web( a:1 h:8*1)", "web: 1:2 3:5" },
	{ FIRST("web") "2 services.web.balance=p2c\n3 services.web.listener=c:3\n", "web( c:3 h:1*1 balance=p2c)", "web: 3:5 1:3 2:4" },
	{ FIRST("my-web") "2 services.my_web.backends=h:9\n", "my-web( a:1 h:9*1)", "my-web: 1:2 2:4" },
	{ FIRST("My.Web") "2 services.my_web.backends=h:9\n", "My.Web( a:1 h:9*1)", "My.Web: 1:2 2:4" },
	{ "1 services.my-web.listener=a:1\n1 services.my-web.backends=h:1\n2 services.my_web.backends=h:9\n", "my-web( a:1 h:9*1)",
	  "my-web: 1:1 2:3" },
	{ FIRST("web") SECOND("web") "2 services.web.backends=h:9\n", "web( a:1 h:9*1) web( a:2 h:9*1)", "web: 1:2 2:7 web: 1:5 2:7" },
	{ FIRST("my_web") SECOND("my-web") "2 services.my_web.backends=h:9\n", "my_web( a:1 h:9*1) my-web( a:2 h:2*1)",
	  "my_web: 1:2 2:7 my-web: 1:5 1:6" }, /* the very name comes first */
	{ FIRST("web") "2 services.wed.listener=a:9\n2 services.wed.backends=h:9\n", "web( a:1 h:1*1) wed( a:9 h:9*1)",
	  "web: 1:2 1:3 wed: 2:4 2:5" }, /* nobody's name: a service of its own */
	{ "1 apps[0].name=x\n1 apps[0].ports=80\n1 apps[0].targets=h:1\n2 services.x.backends=h:9\n", "x( any:80 h:9*1)", "x: 1:2 2:4" },
	{ FIRST("web") "1 services.web.listener=a:9\n1 services.web.backends=h:9\n", "web( a:1 h:1*1) web( a:9 h:9*1)",
	  "web: 1:2 1:3 web: 1:4 1:5" }, /* of one layer they stay two */
	{ FIRST("web") "2 services[1].name=web\n2 services[1].listener=a:9\n2 services[1].backends=h:9\n",
	  "web( a:1 h:1*1) web( a:9 h:9*1)", "web: 1:2 1:3 web: 2:5 2:6" }, /* a place is no name */
};

static void fine_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
		struct outcome outcome = read_lines(fine[i].lines);

		check(!outcome.errors.len, outcome.errors.data, fine[i].lines);
		check(strcmp(outcome.text.data, fine[i].want) == 0, outcome.text.data, fine[i].lines);
		check(strcmp(outcome.origins.data, fine[i].origins) == 0, outcome.origins.data, fine[i].lines);
		outcome_free(&outcome);
	}
}

#define KEYS "is not a key of a service (name, listener, backends, balance, proxy, proxy_protocol, allow, deny, ports)"
#define APP_KEYS "is not a key of an app (name, ports, targets, balance, proxy, proxy_protocol, allow, deny)"

static const struct {
	const char *lines, *errors;
} wrong[] = {
	{ "1 services=x\n", "1:1 services=x is not a table of services" },
	{ "1 services[0]=x\n", "1:1 services[0]=x is not a service: a table expected" },
	{ WEB "1 services.web.colour=red\n", "1:3 services.web.colour=red " KEYS },
	/* Ranges. */
	{ "1 services.web.listener=a:5000-5149\n1 services.web.backends=h:80,h-1:6000-6148\n",
	  "1:2 services.web has a backend with a range of 149 ports, at h-1, and a listener with 150, a:5000-5149" },
	{ "1 services.web.listener=a:5000-5149,a:80\n1 services.web.backends=h:6000-6149\n",
	  "1:2 services.web has a backend with a range of 150 ports, at h, and a listener with 1, a:80" },
	{ "1 services.web.listener=a:5000-5149\n1 services.web.backends=h:6149-6000\n",
	  "1:2 services.web.backends=h:6149-6000 is a range of ports whose end comes before its begin" },
	{ "1 services.web.listener=a:1-5000\n1 services.web.backends=h:80\n",
	  "1:1 services.web.listener=a:1-5000 is a range of 5000 ports; at most 4096" },
	{ "1 apps.x.ports=80-90\n1 apps.x.targets=h:1\n", "1:1 apps.x.ports=80-90 is not a port (1-65535)" },
	{ WEB "1 services.web.weight=2\n", "1:3 services.web.weight=2 " KEYS }, /* only state.c writes it */
	{ "1 apps.x.listener=a:1\n1 apps.x.ports=80\n1 apps.x.targets=h:1\n", "1:1 apps.x.listener=a:1 " APP_KEYS },
	{ "1 apps.x.ports=80,http\n1 apps.x.targets=h:1\n", "1:1 apps.x.ports=80,http is not a port (1-65535)" },
	{ "1 services.web.listener=a\n1 services.web.backends=h:1\n", "1:1 services.web.listener=a is not label:port" },
	{ "1 services.web.listener=a:1\n1 services.web.backends=h\n", "1:2 services.web.backends=h is not host:port" },
	{ "1 services.web.listener=a:1\n1 services.web.backends=:80\n", "1:2 services.web.backends=:80 has no host" },
	{ "1 apps.x.ports=080\n1 apps.x.targets=h:1\n", "1:1 apps.x.ports=080 has a leading zero, which some programs read as octal" },
	{ "1 services.web.listener=a:1\n1 services.web.backends=010.0.0.1:80\n",
	  "1:2 services.web.backends=010.0.0.1:80 has a leading zero, which some programs read as octal" },
	/* SRV names. */
	{ "1 services.web.listener=a:1\n1 services.web.backends=_pg._tcp\n", "1:2 services.web.backends=_pg._tcp is not host:port" },
	{ "1 services.web.listener=a:1\n1 services.web.backends=_pg._tcp.x-9\n1 services.web.backends=_pg._tcp.x:-9\n",
	  "1:3 services.web.backends=_pg._tcp.x:-9 has no valid port (1-65535)" },
	{ "1 services.web.listener=a:1,a:7-7,a:2-3\n1 services.web.backends=h:80,_pg._tcp.x\n",
	  "1:2 services.web has the SRV name _pg._tcp.x, which says its targets' ports, and a listener with a range of ports, a:2-3" },
	/* Wrong shapes. */
	{ "1 services.web=foo\n", "1:1 services.web=foo is not a service: a table expected" },
	{ "1 apps.x=\n", "1:1 apps.x= is not a service: a table expected" },
	{ WEB "1 services.web.listener.a=a:1\n1 services.web.backends[0].host=h\n",
	  "1:3 services.web.listener.a=a:1 is in a table: a value or a list of values expected above it; "
	  "1:4 services.web.backends[0].host=h is in a table: a value or a list of values expected above it" },
	{ "1 apps[0].name=x\n1 apps[0].ports.a=1\n1 apps[0].ports=1\n1 apps[0].targets=h:1\n",
	  "1:2 apps[0].ports.a=1 is in a table: a value or a list of values expected above it" },
	{ WEB "1 services.web.balance[0]=p2c\n", "1:3 services.web.balance[0]=p2c is in a list: one value expected" },
	{ WEB "1 services.web.name[0]=a\n1 services.web.name[1]=b\n",
	  "1:3 services.web.name[0]=a is in a list: one value expected; 1:4 services.web.name[1]=b is in a list: one value expected" },
	/* What lacks what. */
	{ "1 services.web.backends=h:1\n", "1:1 services.web has no listener" },
	{ "1 services.web.listener=a:1\n", "1:1 services.web has no backends" },
	{ "1 services.web.listener=\n1 services.web.backends=h:1\n", "1:1 services.web has no listener" },
	{ "1 services[0].listener=a:1\n1 services[0].backends=h:1\n", "1:1 services[0] has no name" },
	{ "1 services[0].name=\n1 services[0].listener=a:1\n1 services[0].backends=h:1\n", "1:1 services[0] has no name" },
	{ "1 apps[0].name=x\n1 apps[0].targets=h:1\n", "1:1 apps[0] has no ports" },
	{ "1 apps[0].name=x\n1 apps[0].ports=1\n", "1:1 apps[0] has no targets" },
	{ FIRST("web") "2 services.wed.backends=h:9\n", "2:4 services.wed has no listener" },
	/* Every one is told; one of which something is wrong lacks nothing more. */
	{ "1 services.a.listener=x\n1 services.b.listener=x\n1 services.c.listener=a:1\n1 services.d.backends=h:1\n",
	  "1:1 services.a.listener=x is not label:port; 1:2 services.b.listener=x is not label:port; 1:3 services.c has no backends; "
	  "1:4 services.d has no listener" },
	{ "1 services.a.listener=x\n1 services.a.backends=y\n",
	  "1:1 services.a.listener=x is not label:port; 1:2 services.a.backends=y is not host:port" },
};

static void wrong_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct outcome outcome = read_lines(wrong[i].lines);

		check(strcmp(outcome.errors.data, wrong[i].errors) == 0, outcome.errors.data, wrong[i].lines);
		outcome_free(&outcome);
	}
}

static void sealed_cases(void)
{
	struct outcome outcome = read_lines(WEB "1 services.web.balance=P2C\n1 services.web.allow=x\n");
	const struct service *service = outcome.list->items[0];

	check(service->options->balance == SERVICE_P2C && service->options->limited && service->wrong, "options", "are read");
	check(strcmp(service->origin, "1:1") == 0, service->origin, "where it was written first");
	outcome_free(&outcome);
	outcome = read_lines("1 services.web.listener=a:1\n1 services.web.backends=h:1,_pg._tcp.x\n1 services.web.ports=80\n");
	service = outcome.list->items[0];
	check(service->wrong && strcmp(service->settings[0].why, "not beside the SRV name _pg._tcp.x, which says its targets' ports") == 0,
	      service->settings[0].why, "ports beside an SRV name");
	outcome_free(&outcome);
}

static void many_cases(void)
{
	struct manifest manifest;
	struct buf errors = { 0 };
	char key[64];

	manifest_open(&manifest, false);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "services.s%d.listener", i);
		check(!manifest_key(&manifest, key, "a:1", "file", 1), "one of a thousand", key);
	}
	for (int i = 999; i >= 0; i--) {
		snprintf(key, sizeof key, "services.s%d.backends", i);
		check(!manifest_key(&manifest, key, "h:1", "file", 1), "one of a thousand", key);
	}
	check(manifest_finish(&manifest, complain, &errors) && manifest.list->count == 1000, "a thousand", "services");
	check(strcmp(manifest.list->items[999]->name, "s999") == 0, "their order", "is the first key's");
	manifest_drop(&manifest);
	buf_free(&errors);
}

static const struct {
	const char *name, *key; /* NULL: none of a service's */
} variables[] = {
	{ "SERVICES_WEB_LISTENER", "services.web.listener" }, { "SERVICES_MY_WEB_BACKENDS", "services.my_web.backends" },
	{ "SERVICES_WEB_LISTENERS", "services.web.listeners" }, { "SERVICES_WEB_BACKEND", "services.web.backend" },
	{ "SERVICES_WEB_NAME", "services.web.name" }, { "SERVICES_WEB_BALANCE", "services.web.balance" },
	{ "SERVICES_WEB_PROXY_PROTOCOL", "services.web.proxy_protocol" }, { "SERVICES_WEB_PROXY", "services.web.proxy" },
	{ "SERVICES_LISTENER_LISTENER", "services.listener.listener" }, { "SERVICES_X1_ALLOW", "services.x1.allow" },
	{ "SERVICES_LISTENER", NULL }, { "SERVICES__LISTENER", NULL }, { "SERVICES_WEB_COLOUR", NULL }, { "SERVICES", NULL },
	{ "SERVICES_WEB", NULL }, { "SERVICE_WEB_LISTENER", NULL }, { "SERVICES_WEBLISTENER", NULL }, { "", NULL },
};

static void variable_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		struct arena memory = { 0 };
		const char *key = manifest_variable(&memory, slice_of(variables[i].name));

		check(key && variables[i].key ? strcmp(key, variables[i].key) == 0 : key == variables[i].key, key ? key : "none",
		      variables[i].name);
		arena_free(&memory);
	}
}

/* Whole documents. */
static const struct {
	const struct format *format;
	const char *text, *want, *why;
} documents[] = {
	{ &format_toml, "[[services]]\nname='web'\nlistener='a:1'\nbackends=['h:1','h:2']\n", "web( a:1 h:1*1 h:2*1)", NULL },
	{ &format_yaml, "services:\n- {name: web, listener: 'a:1', backends: ['h:1']}\n", "web( a:1 h:1*1)", NULL },
	{ &format_json, "{\"services\":{\"web\":{\"listener\":\"a:1\",\"backends\":\"h:1\"}}}", "web( a:1 h:1*1)", NULL },
	{ &format_ini, "[services.web]\nlistener=a:1\nbackends=h:1\n", "web( a:1 h:1*1)", NULL },
	{ &format_env, "DILL_SERVICES_WEB_LISTENER=a:1\nDYNTCP_SERVICES_WEB_BACKENDS=h:1\n", "web( a:1 h:1*1)", NULL },
	{ &format_properties, "services.web.listener=a:1\nservices.web.backends=h:1\n", "web( a:1 h:1*1)", NULL },
	{ &format_json, "{\"services\":[]}", "", NULL }, { &format_toml, "services = []\n", "", NULL },
	{ &format_toml, "", NULL, "doc is empty (services = [] removes all of them)" },
	{ &format_toml, "services = [\n", NULL, "doc:" },
	{ &format_toml, "services = 1\n", NULL, "doc:1: services: \"1\" is not a list of services" },
	{ &format_toml, "\n[log]\nlevel='info'\n", NULL, "doc:3: log.level: \"********\" is neither below services nor below apps" },
	{ &format_env, "SERVICES_WEB_LISTENER=a:1\n", NULL, "doc:1: SERVICES_WEB_LISTENER: \"********\" is neither below" },
	{ &format_ini, "[services.web]\nlistener=a:1\n", NULL, "doc:2: services.web has no backends" },
	{ &format_ini, "[services.web]\nlistener=x\n[services.db]\nlistener=y\n", NULL, "doc:2: services.web.listener: \"x\" is not label:port" },
	{ &format_ini, "[services.web]\nweight=2\nlistener=a:1\nbackends=h:1\n", NULL, "doc:2: services.web.weight: \"********\" is not a key" },
	{ &format_ini, "[services.web]\nlistener=a:1-2\nbackends=\nbackends=,\n", NULL, "doc:4: services.web.backends is given twice" },
	{ &format_yaml, "services:\n- name: web\n  backends:\n  - ''\n  - h:1-3\n  - g:1-2\n  listener: a:1-2\n", NULL,
	  "doc:5: services[0] has a backend with a range of 3 ports, at h, and a listener with 2, a:1-2" },
};

static void document_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		struct buf why = { 0 }, got = { 0 }, newer = { 0 };
		struct manifest_document document = { 0 };
		const char *text = documents[i].text;
		struct service_list *list = manifest_read(documents[i].format, text, strlen(text), "doc", false, &why);
		struct service_list *again = manifest_read_again(&document, documents[i].format, slice_of(text), "doc", false, &newer);

		check(!list == !documents[i].want && !list == (why.len > 0), list ? "accepted" : why.data, text);
		if (list)
			list_put(&got, list);
		check(!list || strcmp(got.data, documents[i].want) == 0, list ? got.data : "", text);
		check(list || strncmp(why.data, documents[i].why, strlen(documents[i].why)) == 0, list ? "" : why.data, text);
		check(!list || (!list->trusted && !list->remembered && !list->checked), "what the list is", text);
		check(list ? again && service_list_equal(list, again) : strcmp(newer.data, why.data) == 0, "as a source reads it", text);
		service_list_unref(list);
		service_list_unref(again);
		manifest_forget(&document);
		buf_free(&newer);
		buf_free(&why);
		buf_free(&got);
	}
}

/* As many parts as there may be, in one text and in a list. */
static void large_cases(void)
{
	static const struct {
		const struct format *format;
		const char *head, *part, *end, *want; /* NULL: it is fine */
		size_t times;
	} large[] = {
		{ &format_json, "{\"apps\":[{\"name\":\"a\",\"targets\":\"c:1\",\"ports\":\"", "1,", "\"}]}", NULL, 999999 },
		{ &format_json, "{\"apps\":[{\"name\":\"a\",\"targets\":\"c:1\",\"ports\":\"", "1,", "\"}]}",
		  "is one too many: more than 1000000 listeners and backends", 1000000 },
		{ &format_yaml, "services:\n- name: a\n  listener: x:1\n  backends: [", "a:1,", "]\n", "doc:4: more than 1000000 values", 1000000 },
		{ &format_toml, "", "[[services]]\n", "", "doc:1: services[0]: \"\" is not a service", 100000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(large); i++) {
		struct buf text = { 0 }, why = { 0 };
		struct service_list *list;

		buf_puts(&text, large[i].head);
		for (size_t n = 0; n < large[i].times; n++)
			buf_puts(&text, large[i].part);
		buf_puts(&text, large[i].end);
		list = manifest_read(large[i].format, text.data, text.len, "doc", false, &why);
		check(!list == (large[i].want != NULL), list ? "accepted" : why.data, large[i].head);
		check(list || strstr(why.data, large[i].want), list ? "" : why.data, large[i].head);
		check(why.len < 1000, "of a long value the beginning is shown", large[i].head);
		service_list_unref(list);
		buf_free(&text);
		buf_free(&why);
	}
}

int main(void)
{
	fine_cases();
	wrong_cases();
	sealed_cases();
	many_cases();
	variable_cases();
	document_cases();
	large_cases();
	return check_sum();
}
