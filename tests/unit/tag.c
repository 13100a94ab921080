/* Cases for tag.c: what a tag says, and what the tags of a service come to. */
#include "base.h"

#include "check.h"
#include "list.h"
#include "../../tag.c"

static const struct {
	const char *tag, *word;
	int kind;
	const char *value; /* NULL: none */
} tags[] = {
	/* The mark. */
	{ "dill", "dill", TAG_MARK, NULL }, { "dyntcp", "dill", TAG_MARK, NULL }, { "edge", "edge", TAG_MARK, NULL },
	{ "dyntcp", "edge", TAG_FOREIGN, NULL }, { "dill", "edge", TAG_FOREIGN, NULL }, { "Dill", "dill", TAG_FOREIGN, NULL },
	{ "dill ", "dill", TAG_FOREIGN, NULL }, { "", "dill", TAG_FOREIGN, NULL }, { "dil", "dill", TAG_FOREIGN, NULL },
	{ "dill=", "dill", TAG_FOREIGN, NULL }, { "dillx.listener=a:1", "dill", TAG_FOREIGN, NULL },
	/* A listener. */
	{ "dill.listener=local:80", "dill", TAG_LISTENER, "local:80" },
	{ "dyntcp.listener=local:80", "dill", TAG_LISTENER, "local:80" },
	{ "dyntcp.listener=local:80", "edge", TAG_FOREIGN, NULL },
	{ "dill.listener= local:80\t", "dill", TAG_LISTENER, "local:80" },
	{ "dill.listener=", "dill", TAG_LISTENER, "" },
	{ "my.edge.listener=a:1", "my.edge", TAG_LISTENER, "a:1" }, { "my.listener=a:1", "my.edge", TAG_FOREIGN, NULL },
	/* An option: all behind the first '='. */
	{ "dill.balance=p2c", "dill", TAG_OPTION + SERVICE_BALANCE, "p2c" },
	{ "dill.proxy=socks5://a=b@h:1", "dill", TAG_OPTION + SERVICE_PROXY, "socks5://a=b@h:1" },
	{ "dill.proxy_protocol=v2", "dill", TAG_OPTION + SERVICE_PROXY_PROTOCOL, "v2" },
	{ "dill.allow=10.0.0.0/8", "dill", TAG_OPTION + SERVICE_ALLOW, "10.0.0.0/8" },
	{ "dyntcp.deny=", "dill", TAG_OPTION + SERVICE_DENY, "" },
	/* Ours, but nobody knows it. */
	{ "dill.", "dill", TAG_UNKNOWN, NULL }, { "dill.listener", "dill", TAG_UNKNOWN, NULL },
	{ "dill.balance", "dill", TAG_UNKNOWN, NULL }, { "dill.colour=red", "dill", TAG_UNKNOWN, NULL },
	{ "dill.Listener=a:1", "dill", TAG_UNKNOWN, NULL }, { "dill.listener.x=a:1", "dill", TAG_UNKNOWN, NULL },
	{ "dill.=x", "dill", TAG_UNKNOWN, NULL },
	{ "dill.alow=10.0.0.0/8", "dill", TAG_UNKNOWN, NULL }, { "dill.Allow=::1", "dill", TAG_UNKNOWN, NULL },
	{ "dill.allow = ::1", "dill", TAG_UNKNOWN, NULL }, { "dill. allow=::1", "dill", TAG_UNKNOWN, NULL },
	{ " dill.allow=::1", "dill", TAG_UNKNOWN, NULL }, { "\tdyntcp.allow=::1", "dill", TAG_UNKNOWN, NULL },
	{ "Dill.allow=::1", "dill", TAG_UNKNOWN, NULL }, { "DYNTCP.listener=a:1", "dill", TAG_UNKNOWN, NULL },
	{ "dyntcp.alow=::1", "dill", TAG_UNKNOWN, NULL }, { "dyntcp.alow=::1", "edge", TAG_FOREIGN, NULL },
	{ "dill.allow:::1", "dill", TAG_UNKNOWN, NULL }, { "dill.backup=true", "dill", TAG_UNKNOWN, NULL },
	{ "edge.alow=::1", "edge", TAG_UNKNOWN, NULL }, { "dill.alow=::1", "edge", TAG_FOREIGN, NULL },
	{ "my.edge.listener=a:1", "my", TAG_UNKNOWN, NULL }, { " ", "dill", TAG_FOREIGN, NULL },
	{ "listener=a:1", "dill", TAG_FOREIGN, NULL }, { "x=dill.listener=a:1", "dill", TAG_FOREIGN, NULL },
};

static void read_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		struct slice value, tag = slice_of(tags[i].tag);

		check((int)tag_read(tag, tags[i].word, &value) == tags[i].kind, "the kind", tags[i].tag);
		check(tags[i].value ? value.at && slice_is(value, tags[i].value) : !value.at, "the value", tags[i].tag);
		check(tag_is_mark(tag, tags[i].word) == (tags[i].kind == TAG_MARK), "the mark", tags[i].tag);
	}
}

/* Why nobody understands it, and what of it may be shown. */
static const struct {
	const char *tag, *word, *why, *shown;
} unknown[] = {
#define ALL(word) \
	"unknown; there are " word ".listener, .balance, .proxy, .proxy_protocol, .allow, .deny and .ports"
	{ "dill.alow=10.0.0.0/8", "dill", "unknown; the nearest one is dill.allow", "dill.alow=" },
	{ "dill.Allow=::1", "dill", "unknown; the nearest one is dill.allow", "dill.Allow=" },
	{ "dill.ALLOW", "dill", "unknown; the nearest one is dill.allow", "dill.ALLOW" },
	{ "dill.allow = ::1", "dill", "written with a blank before its =", "dill.allow =" },
	{ " dill.allow=::1", "dill", "unknown; the nearest one is dill.allow", " dill.allow=" },
	{ "Dill.allow", "dill", "unknown; the nearest one is dill.allow", "Dill.allow" },
	{ "dill.allow:10.0.0.0/8", "dill", "unknown; the nearest one is dill.allow", "dill.allow:10.0.0.0/8" },
	{ "dill.proxy:socks5://u:p@h:1", "dill", "unknown; the nearest one is dill.proxy", "dill.proxy" },
	{ "dill.proxi=socks5://u:p@h:1", "dill", "unknown; the nearest one is dill.proxy", "dill.proxi=" },
	{ "dill.proxy-protocol=v2", "dill", "unknown; the nearest one is dill.proxy_protocol", "dill.proxy-protocol=" },
	{ "dill.listner=a:1", "dill", "unknown; the nearest one is dill.listener", "dill.listner=" },
	{ "dyntcp.alow=::1", "dill", "unknown; the nearest one is dyntcp.allow", "dyntcp.alow=" },
	{ "mytag.alow=::1", "mytag", "unknown; the nearest one is mytag.allow", "mytag.alow=" },
	{ "dill.allow", "dill", "without a value", "dill.allow" }, { "dill.listener", "dill", "without a value", "dill.listener" },
	{ "dyntcp.deny", "dill", "without a value", "dyntcp.deny" },
	/* What another version has. */
	{ "dill.backup=true", "dill", ALL("dill"), "dill.backup=" }, { "dill.check=off", "dill", ALL("dill"), "dill.check=" },
	{ "dill.on_down=reset", "dill", ALL("dill"), "dill.on_down=" },
	{ "dill.max_connections=1", "dill", ALL("dill"), "dill.max_connections=" },
	{ "dill.max_per_client=1", "dill", ALL("dill"), "dill.max_per_client=" },
	{ "dill.idle_timeout=1s", "dill", ALL("dill"), "dill.idle_timeout=" },
	{ "dyntcp.connect_timeout=1s", "dill", ALL("dyntcp"), "dyntcp.connect_timeout=" },
	{ "dill.", "dill", ALL("dill"), "dill." }, { "dill.=x", "dill", ALL("dill"), "dill.=" },
	{ "dill.a-word-that-is-longer-than-any-name-of-an-option=1", "dill", ALL("dill"),
	  "dill.a-word-that-is-longer-than-any-name-of-an-option=" },
};

static void unknown_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		struct slice tag = slice_of(unknown[i].tag), value;
		struct buf why = { 0 };

		check((int)tag_read(tag, unknown[i].word, &value) == TAG_UNKNOWN, "the kind", unknown[i].tag);
		tag_put_unknown(tag, unknown[i].word, &why);
		check(strcmp(why.data, unknown[i].why) == 0, why.data, unknown[i].tag);
		check(slice_is(slice_first(tag, tag_harmless_len(tag)), unknown[i].shown), "what is shown", unknown[i].tag);
		buf_free(&why);
	}
}

/* Tags with blanks between them. */
static const struct {
	const char *tags, *want, *origins; /* of wishes and options */
} services[] = {
	{ "", "web()", "" },
	{ "dill v2 x.colour=red", "web()", "" },
	/* What nobody knows refuses the instance, whatever else it says. Without a good wish, the tag stands for one. */
	{ "dill dill.listener=a:1 dill.alow=::1", "web( a:1 !its tag dill.alow is unknown; the nearest one is dill.allow)",
	  "dill.listener=a:1" },
	{ "dill.listener=a:1 dyntcp.deny dill.balance=p2c", "web( a:1 balance=p2c !its tag dyntcp.deny is without a value)",
	  "dill.listener=a:1 dill.balance=p2c" },
	{ "dill dill.listner=u:p@h", "web( dill.listner !its tag dill.listner is unknown; the nearest one is dill.listener)",
	  "dill.listner=u:p@h" },
	{ "dill dill.Alow=1 dill.dney=2 dill.listener=", "web(  !its tag dill.Alow is unknown; the nearest one is dill.allow)",
	  "dill.listener=" },
	{ "dill.listener=b:2 dill dill.listener=a:1", "web( a:1,b:2)", "dill.listener=a:1 dill.listener=b:2" },
	{ "dyntcp.listener=a:1 dill.listener=b:1", "web( a:1,b:1)", "dyntcp.listener=a:1 dill.listener=b:1" },
	{ "dill.listener=", "web( )", "dill.listener=" },
	{ "dill.deny=1.1.1.1 dill.allow=2.2.2.2 dill.balance=p2c", "web( balance=p2c allow=2.2.2.2 deny=1.1.1.1)",
	  "dill.balance=p2c dill.allow=2.2.2.2 dill.deny=1.1.1.1" },
	/* Twice: both values, in the order of the tags. */
	{ "dill.allow=2.2.2.2 dill.allow=1.1.1.1", "web( allow=1.1.1.1,2.2.2.2)", "dill.allow=2.2.2.2" },
	{ "dill.balance=random dill.balance=p2c", "web( balance=p2c,random)", "dill.balance=random" },
	{ "dill.balance=p2c dyntcp.balance=P2C", "web( balance=p2c)", "dill.balance=p2c" },
	{ "dill.allow= dill.allow=1.1.1.1", "web( allow=)", "dill.allow=" },
	/* What may hold a password is not joined. */
	{ "dill.proxy=socks5://a:1 dyntcp.proxy=socks5://a:1", "web( proxy=socks5://a:1)", "dill.proxy=socks5://a:1" },
	{ "dill.proxy=socks5://a:1 dill.proxy=socks5://b:1", "web( proxy=socks5://a:1 !its instance has two tags for its proxy)",
	  "dill.proxy=socks5://a:1" },
	{ "dill.proxy=socks5://u:p@a:1 dill.proxy=socks5://u:P@a:1",
	  "web( proxy=socks5://u:P@a:1 !its instance has two tags for its proxy)", "dill.proxy=socks5://u:P@a:1" },
};

static void apply(struct service *service, const char *words)
{
	const char *all[8];
	struct slice rest = slice_of(words), part;
	size_t count = 0;

	while (slice_next(&rest, ' ', &part))
		all[count++] = arena_dup(&service->memory, part.at, part.len);
	tag_apply(service, all, count, "dill");
	service_seal(service);
}

static void apply_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		struct service_list *list = service_list_new();
		struct service *service = service_add(list, slice_of("web"));
		struct buf got = { 0 }, origins = { 0 };

		apply(service, services[i].tags);
		list_put(&got, list);
		buf_puts(&origins, "");
		for (size_t w = 0; w < service->wish_count; w++)
			buf_printf(&origins, "%s%s", origins.len ? " " : "", service->wishes[w].origin);
		for (size_t s = 0; s < service->setting_count; s++)
			buf_printf(&origins, "%s%s", origins.len ? " " : "", service->settings[s].origin);
		check(strcmp(got.data, services[i].want) == 0, got.data, services[i].tags);
		check(strcmp(origins.data, services[i].origins) == 0, origins.data, services[i].tags);
		buf_free(&got);
		buf_free(&origins);
		service_list_unref(list);
	}
}

int main(void)
{
	read_cases();
	unknown_cases();
	apply_cases();
	return check_sum();
}
