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

/* Tags with blanks between them. */
static const struct {
	const char *tags, *want, *origins; /* of wishes and options */
} services[] = {
	{ "", "web()", "" },
	{ "dill v2 dill.colour=red", "web()", "" },
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
	apply_cases();
	return check_sum();
}
