/* Cases for consul_catalog.c, consul_bell.c and consul_instance.c: answers go in, lists of services come out, and the clock is ours. Answers are
 * written with ' for ". */
#include "base.h"

#include <stdio.h>

#include "answers.h"
#include "check.h"
#include "list.h"
#include "../../consul_bell.c"
#include "../../consul_catalog.c"
#include "../../consul_compose.c"
#include "../../consul_instance.c"
#include "../../json.c"
#include "../../net.c"
#include "../../service.c"
#include "../../sys.c"
#include "../../text.c"

/* An answer, in *text. */
static struct slice read_answer(struct buf *text, const char *quoted)
{
	buf_puts(text, quoted);
	for (size_t i = 0; i < text->len; i++)
		if (text->data[i] == '\'')
			text->data[i] = '"';
	return (struct slice){ text->data, text->len };
}

/* Instances. */

#define NODE "'Node':{'Node':'n1','Address':'10.0.0.1'}"
#define SERVICE(tags, rest) "'Service':{'ID':'w','Tags':[" tags "],'Address':'1.1.1.1','Port':80" rest "}"
#define PASSING "'Checks':[{'Status':'passing'},{'CheckID':'serfHealth','Status':'passing'}]"
#define CHECKED(checks) "[{" NODE "," SERVICE("'dill','dill.listener=any:1'", "") checks "}]"
#define PLAIN "web(n1/w any:1 1.1.1.1:80*1)"
#define TAGGED(tags) "[{" NODE "," SERVICE(tags, "") "}]"
#define ADDRESSED(service) "[{" NODE ",'Service':{'ID':'w','Tags':['dill','dill.listener=any:1']," service "}}]"
#define KIND(kind) "[{" NODE "," SERVICE("'dill','dill.listener=any:1'", ",'Kind':'" kind "'") "}]"
#define NAMED(name, id) \
	"{" NODE ",'Service':{'ID':'" id "','Service':'" name "','Tags':['dill','dill.listener=any:1'],'Address':'1.1.1.1','Port':80}}"
#define ONE(node, id) \
	"{'Node':{'Node':'" node "'},'Service':{'ID':'" id "','Tags':['dill','dill.listener=any:1'],'Address':'1.1.1.1','Port':80}}"

static const struct {
	const char *answer, *want, *tag; /* tag NULL: dill */
} instances[] = {
	{ "[]", "", NULL },
	/* health: the worst of all checks */
	{ CHECKED("," PASSING), PLAIN, NULL }, { CHECKED(""), PLAIN, NULL }, { CHECKED(",'Checks':[]"), PLAIN, NULL },
	{ CHECKED(",'Checks':null"), PLAIN, NULL },
	{ CHECKED(",'Checks':[{'Status':'warning'}]"), "web(n1/w 1.1.1.1:80*1 ?one of its checks is warning)", NULL }, { CHECKED(",'Checks':[{'Status':'critical'}]"), "web(n1/w 1.1.1.1:80*1 ?one of its checks is critical)", NULL },
	{ CHECKED(",'Checks':[{'Status':'passing'},{'Status':'warning'},{'Status':'passing'}]"), "web(n1/w 1.1.1.1:80*1 ?one of its checks is warning)", NULL },
	{ CHECKED(",'Checks':[{'Status':'maintenance'}]"), "web(n1/w 1.1.1.1:80*1 ?one of its checks is maintenance)", NULL }, { CHECKED(",'Checks':[{'Status':'Passing'}]"), "web(n1/w 1.1.1.1:80*1 ?one of its checks is Passing)", NULL },
	{ CHECKED(",'Checks':[{'Status':'passing'},{'CheckID':'_node_maintenance','Status':'critical'}]"), "web(n1/w 1.1.1.1:80*1 ?its check _node_maintenance is critical)", NULL },
	{ CHECKED(",'Checks':[{'CheckID':'_service_maintenance:w','Status':'critical'},{'Status':'passing'}]"), "web(n1/w 1.1.1.1:80*1 ?its check _service_maintenance:w is critical)", NULL },
	{ CHECKED(",'Checks':[{'Status':'passing'},{'CheckID':'serfHealth','Status':'critical'}]"), "web(n1/w 1.1.1.1:80*1 ?its check serfHealth is critical)", NULL },
	{ CHECKED(",'Checks':[{'Status':''}]"), "web(n1/w 1.1.1.1:80*1 ?one of its checks is without a status)", NULL },
	{ CHECKED(",'Checks':[{'Status':'pass\\u0069ng'}]"), PLAIN, NULL },
	/* tags */
	{ TAGGED(""), "web(n1/w ?it has no tag dill)", NULL }, { TAGGED("'dill.listener=any:1'"), "web(n1/w ?it has no tag dill)", NULL }, { TAGGED("'Dill','dil','dill.'"), "web(n1/w ?it has no tag dill)", NULL },
	{ TAGGED("'dill'"), "web(n1/w 1.1.1.1:80*1)", NULL },
	{ TAGGED("'x','','dill','dill.listener=any:1'"), PLAIN, NULL },
	{ TAGGED("'dill.listener=b:2','dill','dill.listener=a:1'"), "web(n1/w a:1,b:2 1.1.1.1:80*1)", NULL },
	{ TAGGED("'dill','dill.listener= any:1 ','other=x','listener=any:2'"), PLAIN, NULL },
	{ TAGGED("'dill','dill.listener=any:1\\n'"), PLAIN, NULL },
	{ TAGGED("'dill','dill.listener=any:1','dill.alow=::1'"),
	  "web(n1/w any:1 1.1.1.1:80*1 !its tag dill.alow is unknown; the nearest one is dill.allow)", NULL },
	{ TAGGED("'dill','dill.listener=any:1','dill.d\\u001bny=::1'"),
	  "web(n1/w any:1 1.1.1.1:80*1 !its tag dill.d\\x1bny is unknown; the nearest one is dill.deny)", NULL },
	{ TAGGED("'edge','edge.listener=any:1','dill.alow=::1'"), PLAIN, "edge" },
	{ TAGGED("'dill.alow=::1'"), "web(n1/w ?it has no tag dill)", NULL },
	{ TAGGED("'dill','dill.balance=p2c','dill.allow=a=b','dill.deny='"), "web(n1/w 1.1.1.1:80*1 balance=p2c allow=a=b deny=)", NULL },
	{ TAGGED("'dill','dill.proxy=http://h/?a.b=c'"), "web(n1/w 1.1.1.1:80*1 proxy=http://h/?a.b=c)", NULL },
	{ TAGGED("'dyntcp','dyntcp.listener=any:1'"), PLAIN, NULL }, { TAGGED("'dyntcp','dill.listener=any:1'"), PLAIN, NULL },
	{ TAGGED("'dill','dyntcp.listener=any:1'"), PLAIN, NULL }, { TAGGED("'dyntcp','dyntcp.listener=any:1'"), "web(n1/w ?it has no tag edge)", "edge" },
	{ TAGGED("'edge','edge.listener=any:1','dill.listener=any:2'"), PLAIN, "edge" },
	{ TAGGED("'my.edge','my.edge.listener=any:1'"), PLAIN, "my.edge" },
	{ "[{" NODE ",'Service':{'ID':'w','Tags':null,'Port':80}}]", "web(n1/w ?it has no tag dill)", NULL },
	/* address, port, weight */
	{ ADDRESSED("'Address':'','Port':80"), "web(n1/w any:1 10.0.0.1:80*1)", NULL },
	{ ADDRESSED("'Port':80"), "web(n1/w any:1 10.0.0.1:80*1)", NULL },
	{ ADDRESSED("'Address':'db.example','Port':80"), "web(n1/w any:1 db.example:80*1)", NULL },
	{ ADDRESSED("'Address':'a\\u001b[31mb','Port':80"), "web(n1/w any:1 !its instance has an address that is none)", NULL },
	{ ADDRESSED("'Address':'010.0.0.1','Port':80"), "web(n1/w any:1 !its instance has an address that is none)", NULL },
	{ ADDRESSED("'Address':'a\\u00a0','Port':80"), "web(n1/w any:1 !its instance has an address that is none)", NULL },
	{ ADDRESSED("'Address':'a b','Port':80"), "web(n1/w any:1 !its instance has an address that is none)", NULL },
	{ ADDRESSED("'Address':'::1','Port':65535"), "web(n1/w any:1 ::1:65535*1)", NULL },
	{ ADDRESSED("'Address':'1.1.1.1','Port':0"), "web(n1/w any:1 !its instance has no port)", NULL },
	{ ADDRESSED("'Address':'1.1.1.1','Port':65536"), "web(n1/w any:1 !its instance has no port)", NULL },
	{ ADDRESSED("'Address':'1.1.1.1','Port':4294967376"), "web(n1/w any:1 !its instance has no port)", NULL },
	{ ADDRESSED("'Address':'1.1.1.1','Port':-1"), "web(n1/w any:1 !its instance has no port)", NULL },
	{ "[{'Node':{'Node':'n1','Address':''},'Service':{'ID':'w','Tags':['dill'],'Port':80}}]", "web(n1/w !its instance has no address)", NULL },
	{ "[{" NODE "," SERVICE("'dill'", ",'Weights':{'Passing':7,'Warning':1}") "}]", "web(n1/w 1.1.1.1:80*7)", NULL },
	{ "[{" NODE "," SERVICE("'dill'", ",'Weights':{'Passing':0}") "}]", "web(n1/w 1.1.1.1:80*1)", NULL },
	{ "[{" NODE "," SERVICE("'dill'", ",'Weights':{'Passing':65536}") "}]", "web(n1/w 1.1.1.1:80*1)", NULL },
	{ "[{" NODE "," SERVICE("'dill'", ",'Weights':{'Passing':-3}") "}]", "web(n1/w 1.1.1.1:80*1)", NULL },
	{ "[{" NODE "," SERVICE("'dill'", ",'Weights':{'Passing':99999999999999999999}") "}]", "web(n1/w 1.1.1.1:80*1)", NULL },
	{ "[{" NODE "," SERVICE("'dill'", ",'Weights':{'Passing':65535}") "}]", "web(n1/w 1.1.1.1:80*65535)", NULL },
	{ "[{" NODE "," SERVICE("'dill'", ",'Weights':null") "}]", "web(n1/w 1.1.1.1:80*1)", NULL },
	/* kinds: what speaks only the mesh's TLS is no backend */
	{ KIND("connect-proxy"), "web(n1/w any:1 !its instance is a connect-proxy, which takes only mutual TLS)", NULL },
	{ KIND("mesh-gateway"), "web(n1/w any:1 !its instance is a mesh-gateway, which takes only mutual TLS)", NULL },
	{ KIND("terminating-gateway"), "web(n1/w any:1 !its instance is a terminating-gateway, which takes only mutual TLS)", NULL },
	{ KIND("ingress-gateway"), PLAIN, NULL }, { KIND(""), PLAIN, NULL }, { KIND("typical"), PLAIN, NULL },
	/* names: those that differ in letter case are others' */
	{ "[" NAMED("Web", "a") "," NAMED("web", "b") "," NAMED("WEB", "c") "]", "web(n1/b any:1 1.1.1.1:80*1)", NULL },
	{ "[" NAMED("Web", "a") "]", "", NULL },
	/* many: sorted, each with what is its own */
	{ "[" ONE("n2", "a") "," ONE("n1", "b") "," ONE("n1", "a") "]",
	  "web(n1/a any:1 1.1.1.1:80*1) web(n1/b any:1 1.1.1.1:80*1) web(n2/a any:1 1.1.1.1:80*1)", NULL },
	{ "[" ONE("n1", "a") ",{'Node':{'Node':'n1'},'Service':{'ID':'b','Tags':[],'Port':80}},"
	  "{'Node':{'Node':'n1','Address':'2.2.2.2'},'Service':{'ID':'c','Tags':['dill','dill.listener=lan:2'],'Port':81}}]",
	  "web(n1/a any:1 1.1.1.1:80*1) web(n1/b ?it has no tag dill) web(n1/c lan:2 2.2.2.2:81*1)", NULL },
	/* no answer */
	{ "{}", NULL, NULL }, { "null", NULL, NULL }, { "'x'", NULL, NULL }, { "[null]", NULL, NULL }, { "[{}]", NULL, NULL },
	{ "[" ONE("n1", "a") ",{'Node':{}}]", NULL, NULL }, { "[{'Service':{}}]", NULL, NULL },
	/* a member of another shape than Consul's */
	{ ADDRESSED("'Address':'1.1.1.1','Port':'80'"), NULL, NULL }, { ADDRESSED("'Address':'1.1.1.1','Port':null"), NULL, NULL },
	{ ADDRESSED("'Address':'1.1.1.1','Port':80.5"), NULL, NULL }, { ADDRESSED("'Address':'1.1.1.1','Port':8e1"), NULL, NULL },
	{ ADDRESSED("'Address':'1.1.1.1','Port':[80]"), NULL, NULL }, { ADDRESSED("'Address':'1.1.1.1'"), NULL, NULL },
	{ ADDRESSED("'Address':1,'Port':80"), NULL, NULL }, { ADDRESSED("'Address':null,'Port':80"), NULL, NULL },
	{ ADDRESSED("'Kind':{},'Port':80"), NULL, NULL }, { ADDRESSED("'Service':['web'],'Port':80"), NULL, NULL },
	{ ADDRESSED("'Weights':7,'Port':80"), NULL, NULL }, { ADDRESSED("'Weights':{'Passing':'7'},'Port':80"), NULL, NULL },
	{ "[{'Node':[],'Service':{'Port':80}}]", NULL, NULL }, { "[{'Node':{},'Service':7}]", NULL, NULL },
	{ "[{'Node':{'Node':1},'Service':{'Port':80}}]", NULL, NULL }, { "[{'Node':{'Address':1},'Service':{'Port':80}}]", NULL, NULL },
	{ "[{" NODE ",'Service':{'ID':1,'Port':80}}]", NULL, NULL }, { "[{" NODE ",'Service':{'Tags':'dill','Port':80}}]", NULL, NULL },
	{ "[{" NODE ",'Service':{'Tags':{'dill':1},'Port':80}}]", NULL, NULL },
	{ TAGGED("'dill',null"), NULL, NULL }, { TAGGED("'dill',1"), NULL, NULL }, { TAGGED("'dill',['x']"), NULL, NULL },
	{ CHECKED(",'Checks':{}"), NULL, NULL }, { CHECKED(",'Checks':'passing'"), NULL, NULL }, { CHECKED(",'Checks':[{}]"), NULL, NULL },
	{ CHECKED(",'Checks':[null]"), NULL, NULL }, { CHECKED(",'Checks':[{'Status':1}]"), NULL, NULL },
	{ CHECKED(",'Checks':[{'Status':null}]"), NULL, NULL }, { CHECKED(",'Checks':[{'Status':'passing','CheckID':1}]"), NULL, NULL },
	{ CHECKED(",'Checks':[{'Status':'passing'},'passing']"), NULL, NULL },
	/* and in one that has not the tag */
	{ "[{" NODE ",'Service':{'ID':'w','Tags':[],'Port':'80'}}]", NULL, NULL },
};

static void instance_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(instances); i++) {
		struct service_list *list = service_list_new();
		struct buf text = { 0 }, got = { 0 };
		struct slice answer = read_answer(&text, instances[i].answer);
		const char *why;

		service_add(list, slice_of("before"));
		why = answer_instances(list, "web", answer, instances[i].tag ? instances[i].tag : "dill");
		check(!why == !(!instances[i].want), why ? why : "accepted", instances[i].answer);
		list_put(&got, list);
		check(strncmp(got.data, "before()", 8) == 0, "what was there before", got.data);
		check(strcmp(got.data + 8 + (got.len > 8), instances[i].want ? instances[i].want : "") == 0, got.data, instances[i].answer);
		service_list_unref(list);
		buf_free(&text);
		buf_free(&got);
	}
}

/* The catalog. */

static unsigned ask(struct catalog *c, enum consul_bell_kind kind, const char *answer, bool fine)
{
	struct buf text = { 0 };
	unsigned news;
	const char *why = answer_bell(c, kind, read_answer(&text, answer), &news);

	check(!why == fine, why ? why : "accepted", answer);
	buf_free(&text);
	return news;
}

#define SAME 0
#define OTHERS CONSUL_NEWS_OTHERS
#define POINTED CONSUL_NEWS_POINTED

static unsigned names(struct catalog *c, const char *answer) { return ask(c, CONSUL_BELL_NAMES, answer, true); }
static unsigned checks(struct catalog *c, const char *answer) { return ask(c, CONSUL_BELL_CHECKS, answer, true); }

/* What is wanted, in one line; all of it is wanted no more. */
static void wanted(struct catalog *c, const char *want, const char *when)
{
	struct buf got = { 0 };

	buf_puts(&got, "");
	for (size_t i = 0; i < c->count; i++) {
		if (c->names[i].wanted)
			buf_printf(&got, "%s%s", got.len ? " " : "", c->names[i].name);
		c->names[i].wanted = false;
	}
	check(strcmp(got.data, want) == 0, when, got.data);
	buf_free(&got);
}

static void reading(struct catalog *c, const char *name, const char *answer, int64_t began)
{
	struct catalog_name *n = catalog_find(c, name);
	struct buf text = { 0 };

	check(n && !answer_reading(c, n, read_answer(&text, answer), began), "reading", answer);
	buf_free(&text);
}

/* want NULL: nothing new; `known` says what is known then. */
static void compose(struct catalog *c, int64_t now, const char *want, const char *known, const char *when)
{
	struct service_list *list = catalog_compose(c, now);
	struct buf got = { 0 };

	check(!list == !want, list ? "new" : "nothing new", when);
	check(!list || list == c->list, "the list", when);
	list_put(&got, c->list);
	check(strcmp(got.data, want ? want : known) == 0, when, got.data);
	service_list_unref(list);
	buf_free(&got);
}

#define AT(id, wish) \
	"{'Node':{'Node':'n1'},'Service':{'ID':'" id "','Tags':['dill','dill.listener=" wish "'],'Address':'1.1.1.1','Port':80}}"
#define SAID(name, id, wish) name "(n1/" id " " wish " 1.1.1.1:80*1)"
#define HELD(name, id, wish) name "(n1/" id " " wish " 1.1.1.1:80*1 ~)"

static void names_cases(void)
{
	struct catalog c;

	catalog_open(&c, "dill");
	check(names(&c, "{'b':['dill'],'a':['x','dill'],'x':[],'y':['other'],'n':null,'o':['dyntcp'],'':['dill']}") == POINTED, "news", "the first answer");
	check(c.count == 3 && strcmp(c.names[0].name, "a") == 0 && strcmp(c.names[2].name, "o") == 0, "names", "sorted");
	wanted(&c, "a b o", "the first answer");
	check(names(&c, "{'o':['dyntcp'],'a':['dill','x'],'b':['dill'],'z':[]}") == OTHERS, "news", "another order");
	wanted(&c, "", "another order");
	check(names(&c, "{'o':['dyntcp'],'a':['dill','x','v2'],'b':['dill']}") == (POINTED | OTHERS), "news", "a tag more");
	wanted(&c, "a", "a tag more");
	check(names(&c, "{'o':['dyntcp'],'a':['x','v2'],'b':['dill']}") == (POINTED | OTHERS), "news", "without the mark");
	wanted(&c, "a", "without the mark");
	check(!c.names[0].listed && c.names[1].listed, "listed", "without the mark");
	check(names(&c, "{'o':['dyntcp'],'b':['dill']}") == OTHERS, "news", "gone twice");
	wanted(&c, "", "gone twice");
	check(names(&c, "{'b':['dill'],'o':['dyntcp']}") == SAME, "news", "the same in another order");
	check(names(&c, "{'o':['dyntcp'],'b':['dill'],'x':[]}") == OTHERS, "news", "a stranger");
	check(names(&c, "{'o':['dyntcp'],'b':['dill'],'x':['v2','v1']}") == OTHERS, "news", "a stranger's tags");
	check(names(&c, "{'x':['v1','v2'],'o':['dyntcp'],'b':['\\u0064ill']}") == POINTED, "news", "the same mark, escaped");
	wanted(&c, "b", "the same mark, escaped");
	check(names(&c, "{'x':['v1','v2'],'o':['dyntcp'],'\\u0062':['dill']}") == POINTED, "news", "the same name, escaped");
	wanted(&c, "b", "the same name, escaped");
	check(names(&c, "{'x':['v1','v2'],'o':['dyntcp'],'b':['dill'],'b\\u0000x':['dill','v']}") == SAME, "news", "a zero byte");
	wanted(&c, "", "what stands before a zero byte is another name");
	check(names(&c, "{'x':['v1','v2'],'o':['dyntcp'],'b\\u0000x':['dill']}") == POINTED, "news", "a zero byte alone");
	wanted(&c, "b", "which hides nothing");
	names(&c, "{'x':['v1','v2'],'o':['dyntcp'],'b':['dill']}");
	wanted(&c, "b", "back before that");
	check(names(&c, "{'o':['dyntcp'],'b':['dill']}") == OTHERS, "news", "without the stranger");
	check(!ask(&c, CONSUL_BELL_NAMES, "{'b':['dill'],'new':['dill']", false), "news", "cut short");
	check(names(&c, "{'o':['dyntcp'],'b':['dill']}") == SAME && c.count == 3, "news", "nothing of it was taken");
	check(names(&c, "{'o':['dyntcp'],'b':['dill'],'a':['dill']}") == POINTED, "news", "back");
	wanted(&c, "a", "back");
	check(names(&c, "{}") == POINTED, "news", "nothing");
	wanted(&c, "a b o", "nothing");
	check(names(&c, "{'a':['dill']}") == POINTED, "news", "again");
	wanted(&c, "a", "again");
	check(!ask(&c, CONSUL_BELL_NAMES, "[]", false) && !ask(&c, CONSUL_BELL_NAMES, "null", false), "news", "no object");
	check(!ask(&c, CONSUL_BELL_NAMES, "{'a':['dill'],'b':'dill'}", false), "news", "tags that are no list");
	check(!ask(&c, CONSUL_BELL_NAMES, "{'a':['dill'],'b':['dill',7]}", false), "news", "a tag that is no text");
	check(c.names[0].listed, "listed", "what is wrong changes nothing");
	wanted(&c, "", "what is wrong changes nothing");
	catalog_close(&c);
	catalog_open(&c, "edge");
	names(&c, "{'a':['dill'],'b':['edge'],'c':['dyntcp']}");
	wanted(&c, "b", "another tag");
	catalog_close(&c);
}

static unsigned members_read; /* those that were not taken as they had come before */

static const char *count_member(void *arg, struct slice name, struct slice value)
{
	members_read++;
	return bell_piece(arg, name, value);
}

static void members_want(struct catalog *c, const char *answer, unsigned want)
{
	struct consul_bell bell;
	struct buf text = { 0 };
	const char *why;

	consul_bell_open(&bell, CONSUL_BELL_NAMES, c);
	bell.walk.take = count_member;
	members_read = 0;
	why = answer_walk(&bell.walk, read_answer(&text, answer));
	check(!why && !consul_bell_judge(&bell), "fine", answer);
	consul_bell_take(&bell);
	check(members_read == want, "so many are read", answer);
	check(bell.consul == !!strstr(answer, "'consul'"), "Consul itself is seen", answer);
	consul_bell_close(&bell);
	buf_free(&text);
}

/* A member that comes again as it was is not read; nor is what it means taken from an answer that was refused. */
static void members_cases(void)
{
	struct catalog c;

	catalog_open(&c, "dill");
	members_want(&c, "{'a':['dill'],'b':['dill'],'consul':['dill'],'d':['x'],'e':['dill','x']}", 5);
	members_want(&c, "{'a':['dill'],'b':['dill'],'consul':['dill'],'d':['x'],'e':['dill','x']}", 5);
	members_want(&c, "{'a':['dill'],'b':['dill'],'consul':['dill'],'d':['x'],'e':['dill','x']}", 2);
	members_want(&c, "{'a':['dill'],'b':['dill','v2'],'consul':['dill'],'d':['x'],'e':['dill','x']}", 3);
	members_want(&c, "{'a':['dill'],'b':['v2','dill'],'consul':['dill'],'e':['dill','x']}", 2);
	members_want(&c, "{'a':['dill'],'b':['dill','v2'],'consul':['dill'],'e':['dill','x']}", 1);
	members_want(&c, "{'a':['dill'], 'b' : ['dill','v2'],'consul':['dill'],'e':['dill','x']}", 2);
	members_want(&c, "{'a':['dill'], 'b' : ['dill','v2'],'consul':['dill'],'e':['dill','x']}", 2);
	members_want(&c, "{'a':['dill'], 'b' : ['dill','v2'],'consul':['dill'],'e':['dill','x']}", 1);
	names(&c, "{'a':['dill'],'b':['dill','v2'],'e':['dill','x']}");
	wanted(&c, "a b consul e", "all, so far");
	check(!ask(&c, CONSUL_BELL_NAMES, "{'a':['dill','v3'],'b':['dill'],'e':7}", false), "news", "refused");
	check(names(&c, "{'a':['dill'], 'b' : ['dill','v2'],'e':['dill','x']}") == SAME, "news", "as before that");
	check(!ask(&c, CONSUL_BELL_NAMES, "{'a':['dill','v3']", false), "news", "cut short");
	check(names(&c, "{'a':['dill','v3'],'b':['dill','v2'],'e':['dill','x']}") == POINTED, "news", "the same, whole");
	wanted(&c, "a", "its tags are others since then");
	check(!ask(&c, CONSUL_BELL_NAMES, "{'a':['dill','v3']'b':['dill','v2']}", false), "news", "no comma behind it");
	check(names(&c, "{'b':['dill','v2'],'e':['dill','x']}") == POINTED, "news", "gone");
	wanted(&c, "a", "gone");
	catalog_close(&c);
}

#define CHECK(name, id, status, index) \
	"{'Node':'n1','CheckID':'" id "','ServiceID':'" name "','ServiceName':'" name "','Status':'" status "','ModifyIndex':" index "}"

static const char *const wrong_checks[] = {
	"[" CHECK("b", "1", "critical", "9") ",{}]", "[" CHECK("b", "1", "critical", "9") ",null]", "[[]]", "[7]",
	"[{'Status':7}]", "[{'Status':'passing','ServiceName':7}]", "[{'Status':'passing','ServiceID':[]}]",
	"[{'Status':'passing','Node':null}]", "[{'Status':'passing','CheckID':{}}]", "[{'Status':'passing','ModifyIndex':'7'}]",
	"[{'Status':'passing','ModifyIndex':7.5}]",
};

#define NODE_CHECK(node, status, index) \
	"{'Node':'" node "','CheckID':'serfHealth','ServiceID':'','ServiceName':'','Status':'" status "','ModifyIndex':" index "}"

static void checks_cases(void)
{
	struct catalog c;

	catalog_open(&c, "dill");
	names(&c, "{'a':['dill'],'b':['dill']}");
	wanted(&c, "a b", "names");
	check(checks(&c, "[" CHECK("a", "1", "passing", "5") "," NODE_CHECK("n1", "passing", "5") "]") == SAME, "news", "what passes");
	wanted(&c, "", "what passes");
	check(checks(&c, "[" CHECK("a", "1", "critical", "5") "," CHECK("a", "2", "warning", "6") "]") == (POINTED | OTHERS), "news", "checks of a");
	wanted(&c, "a", "checks of a");
	check(checks(&c, "[" CHECK("a", "2", "warning", "6") "," CHECK("a", "1", "critical", "5") "]") == SAME, "news", "another order");
	check(checks(&c, "[" CHECK("a", "2", "warning", "6") "," CHECK("x", "1", "critical", "5") "," CHECK("a", "1", "critical", "5") "]") == OTHERS,
	      "news", "a stranger");
	wanted(&c, "", "a stranger");
	check(checks(&c, "[" CHECK("a", "1", "warning", "5") "," CHECK("a", "2", "warning", "6") "]") == (POINTED | OTHERS), "news", "a status");
	wanted(&c, "a", "a status");
	check(checks(&c, "[" CHECK("a", "1", "warning", "7") "," CHECK("a", "2", "warning", "6") "]") == (POINTED | OTHERS), "news", "an index");
	wanted(&c, "a", "an index");
	check(checks(&c, "[" CHECK("b", "1", "critical", "5") "]") == (POINTED | OTHERS), "news", "gone here, new there");
	wanted(&c, "a b", "gone here, new there");
	check(checks(&c, "[" CHECK("b", "1", "critical", "5") ",{'Status':'passing'},{'Status':'passing','ServiceName':''}]") == SAME, "news", "of no service");
	wanted(&c, "", "of no service");
	check(!ask(&c, CONSUL_BELL_CHECKS, "{'a':1}", false) && !ask(&c, CONSUL_BELL_CHECKS, "7", false), "news", "no list");
	for (size_t i = 0; i < ARRAY_LEN(wrong_checks); i++)
		check(!ask(&c, CONSUL_BELL_CHECKS, wrong_checks[i], false), "news", wrong_checks[i]);
	check(!ask(&c, CONSUL_BELL_CHECKS, "[" CHECK("a", "1", "critical", "5"), false), "news", "cut short");
	wanted(&c, "", "no list");
	check(checks(&c, "[" CHECK("b", "1", "critical", "5") "]") == SAME, "news", "as before");
	catalog_close(&c);
}

#define ON(node) "[{'Node':{'Node':'" node "'},'Service':{'ID':'w','Tags':['dill','dill.listener=any:1'],'Address':'1.1.1.1','Port':80}}]"

/* A node's check counts for all who are there. */
static void node_checks_cases(void)
{
	struct catalog c;

	catalog_open(&c, "dill");
	names(&c, "{'a':['dill'],'b':['dill'],'c':['dill']}");
	reading(&c, "a", ON("n1"), 1000);
	reading(&c, "b", ON("n2"), 1000);
	service_list_unref(catalog_compose(&c, 1000));
	reading(&c, "c", ON("n1"), 1000); /* not yet joined with the others */
	wanted(&c, "a b c", "names");
	check(checks(&c, "[" NODE_CHECK("n1", "critical", "5") "]") == (POINTED | OTHERS), "news", "a node fails");
	wanted(&c, "a c", "a node fails");
	check(checks(&c, "[" NODE_CHECK("n1", "critical", "5") "," NODE_CHECK("n3", "critical", "5") "]") == OTHERS, "news", "one that nobody is on");
	wanted(&c, "", "one that nobody is on");
	check(checks(&c, "[" NODE_CHECK("n2", "critical", "5") "]") == (POINTED | OTHERS), "news", "one recovers, another fails");
	wanted(&c, "a b c", "one recovers, another fails");
	catalog_close(&c);
}

#define WITH_CHECKS(checks) "[{" NODE "," SERVICE("'dill','dill.listener=any:1'", "") ",'Checks':[" checks "]}]"

/* A check that fails for a moment, in which its service is read, and between two answers about all checks: the next one says
 * nothing new, and yet the service must be read again. So it is the other way round. */
static void unsure_cases(void)
{
	struct catalog c;

	catalog_open(&c, "dill");
	names(&c, "{'a':['dill'],'b':['dill']}");
	checks(&c, "[" CHECK("b", "1", "critical", "5") "," NODE_CHECK("n1", "critical", "3") "]");
	wanted(&c, "a b", "names");
	reading(&c, "a", WITH_CHECKS(CHECK("a", "1", "passing", "5") "," NODE_CHECK("n1", "critical", "3")), 1000);
	reading(&c, "b", WITH_CHECKS(CHECK("b", "1", "critical", "5") "," CHECK("b", "2", "passing", "9") "," NODE_CHECK("n1", "critical", "3")), 1000);
	check(checks(&c, "[" CHECK("b", "1", "critical", "5") "," NODE_CHECK("n1", "critical", "3") "]") == SAME, "news", "readings that say the same");
	reading(&c, "a", WITH_CHECKS(CHECK("a", "1", "critical", "6") "," NODE_CHECK("n1", "critical", "3")), 1000);
	check(checks(&c, "[" CHECK("b", "1", "critical", "5") "," NODE_CHECK("n1", "critical", "3") "]") == POINTED, "news", "it had failed");
	wanted(&c, "a", "it had failed");
	check(checks(&c, "[" CHECK("b", "1", "critical", "5") "," NODE_CHECK("n1", "critical", "3") "]") == SAME, "news", "once");
	reading(&c, "b", WITH_CHECKS(CHECK("b", "1", "passing", "6") "," NODE_CHECK("n1", "critical", "3")), 1000);
	check(checks(&c, "[" CHECK("b", "1", "critical", "5") "," NODE_CHECK("n1", "critical", "3") "]") == POINTED, "news", "it had passed");
	wanted(&c, "b", "it had passed");
	reading(&c, "b", WITH_CHECKS(CHECK("b", "1", "critical", "5") "," NODE_CHECK("n1", "passing", "4")), 1000);
	check(checks(&c, "[" CHECK("b", "1", "critical", "5") "," NODE_CHECK("n1", "critical", "3") "]") == POINTED, "news", "its node had passed");
	wanted(&c, "b", "its node had passed");
	catalog_close(&c);
}

static unsigned nodes(struct catalog *c, const char *answer, bool fine)
{
	return ask(c, CONSUL_BELL_NODES, answer, fine);
}

#define AT_ADDRESS(name, address) "{'Node':'" name "','Address':'" address "','Meta':null,'ModifyIndex':7}"

static void nodes_cases(void)
{
	struct catalog c;

	catalog_open(&c, "dill");
	names(&c, "{'x':['dill'],'y':['dill']}");
	reading(&c, "x", ON("a"), 1000);
	reading(&c, "y", ON("b"), 1000);
	wanted(&c, "x y", "names");
	check(nodes(&c, "[" AT_ADDRESS("a", "1.1.1.1") "," AT_ADDRESS("b", "1.1.1.2") "]", true) == SAME, "news", "the first answer");
	check(nodes(&c, "[" AT_ADDRESS("b", "1.1.1.2") "," AT_ADDRESS("a", "1.1.1.1") "]", true) == SAME, "news", "another order");
	check(nodes(&c, "[{'Node':'a','Address':'1.1.1.1','Meta':{'x':'y'}}," AT_ADDRESS("b", "1.1.1.2") "]", true) == SAME, "news", "meta");
	check(nodes(&c, "[" AT_ADDRESS("a", "1.1.1.3") "," AT_ADDRESS("b", "1.1.1.2") "]", true) == (POINTED | OTHERS), "news", "an address");
	wanted(&c, "x", "an address");
	check(nodes(&c, "[" AT_ADDRESS("a", "1.1.1.2") "," AT_ADDRESS("b", "1.1.1.3") "]", true) == (POINTED | OTHERS), "news", "two in turn");
	wanted(&c, "x y", "two in turn");
	check(nodes(&c, "[" AT_ADDRESS("a", "1.1.1.2") "]", true) == (POINTED | OTHERS), "news", "one less");
	wanted(&c, "y", "one less");
	check(nodes(&c, "[" AT_ADDRESS("a", "1.1.1.2") "," AT_ADDRESS("c", "1.1.1.4") "]", true) == OTHERS, "news", "a new one");
	wanted(&c, "", "a new one");
	check(!nodes(&c, "{}", false) && !nodes(&c, "[7]", false) && !nodes(&c, "[{'Node':7}]", false) &&
	      !nodes(&c, "[" AT_ADDRESS("a", "1.1.1.9") ",{'Address':{}}]", false), "news", "wrong shapes");
	check(nodes(&c, "[" AT_ADDRESS("a", "1.1.1.2") "," AT_ADDRESS("c", "1.1.1.4") "]", true) == SAME, "news", "as before");
	catalog_close(&c);
}

static void compose_cases(void)
{
	struct catalog c;

	catalog_open(&c, "dill");
	compose(&c, 1000, NULL, "", "nothing yet");
	names(&c, "{'web':['dill'],'db':['dill']}");
	wanted(&c, "db web", "names");
	reading(&c, "web", "[" AT("2", "any:80") "," AT("1", "any:80") "]", 1000);
	compose(&c, 1010, SAID("web", "1", "any:80") " " SAID("web", "2", "any:80"), "", "one of two goes live at once");
	reading(&c, "db", "[" AT("d", "any:5432") "]", 1010);
	compose(&c, 1020, SAID("db", "d", "any:5432") " " SAID("web", "1", "any:80") " " SAID("web", "2", "any:80"), "", "the other");
	reading(&c, "web", "[" AT("1", "any:80") "," AT("2", "any:80") "]", 2000);
	reading(&c, "db", "[" AT("d", "any:5432") "]", 2000);
	compose(&c, 2010, NULL, SAID("db", "d", "any:5432") " " SAID("web", "1", "any:80") " " SAID("web", "2", "any:80"), "equal answers");
	compose(&c, 2020, NULL, SAID("db", "d", "any:5432") " " SAID("web", "1", "any:80") " " SAID("web", "2", "any:80"), "no answers");
	check(!c.hold.confirm_at, "nothing to confirm", "");
	reading(&c, "web", "[" AT("2", "any:80") "]", 3000);
	compose(&c, 3010, SAID("db", "d", "any:5432") " " SAID("web", "2", "any:80"), "", "one of two instances goes at once");
	check(!c.hold.confirm_at, "nothing to confirm", "");
	reading(&c, "web", "[]", 4000);
	reading(&c, "web", "[" AT("2", "any:81") "," AT("3", "any:80") "]", 4001);
	compose(&c, 4010, SAID("db", "d", "any:5432") " " SAID("web", "2", "any:81") " " SAID("web", "3", "any:80"), "", "the later reading counts");
	/* The wish moves to another service: nothing is held. */
	reading(&c, "web", "[" AT("2", "any:81") "]", 5000);
	reading(&c, "db", "[" AT("d", "any:5432") "," AT("e", "any:80") "]", 5000);
	compose(&c, 5010, SAID("db", "d", "any:5432") " " SAID("db", "e", "any:80") " " SAID("web", "2", "any:81"), "", "a wish moves");
	check(!c.hold.confirm_at && !c.hold.count, "nothing to confirm", "a wish moves");
	catalog_close(&c);
}

static void hold_cases(void)
{
	struct catalog c;

	catalog_open(&c, "dill");
	names(&c, "{'web':['dill']}");
	reading(&c, "web", "[" AT("1", "any:80") "]", 1000);
	compose(&c, 1000, SAID("web", "1", "any:80"), "", "live");
	wanted(&c, "web", "live");
	/* Gone once, and back. */
	reading(&c, "web", "[]", 9990);
	compose(&c, 10000, NULL, HELD("web", "1", "any:80"), "held");
	check(c.hold.confirm_at == 11000, "confirm_at", "held");
	catalog_confirm(&c, 10999);
	wanted(&c, "", "too early to confirm");
	reading(&c, "web", "[]", 10500);
	compose(&c, 10500, NULL, HELD("web", "1", "any:80"), "a second reading too soon");
	catalog_confirm(&c, 11000);
	wanted(&c, "web", "time to confirm");
	check(c.hold.confirm_at == 12000, "confirm_at", "moves on, should the reading fail");
	compose(&c, 11010, NULL, HELD("web", "1", "any:80"), "the reading failed");
	reading(&c, "web", "[" AT("1", "any:80") "]", 11500);
	compose(&c, 11510, NULL, SAID("web", "1", "any:80"), "back, as if nothing had been");
	check(!c.hold.confirm_at && !c.hold.count, "nothing to confirm", "back");
	/* Gone, confirmed: the wait starts anew. */
	reading(&c, "web", "[]", 20000);
	compose(&c, 20000, NULL, HELD("web", "1", "any:80"), "held again");
	reading(&c, "web", "[]", 20999);
	compose(&c, 22000, NULL, HELD("web", "1", "any:80"), "it counts when a reading began");
	reading(&c, "web", "[]", 21000);
	compose(&c, 22010, "", "", "confirmed");
	check(!c.hold.confirm_at && !c.hold.count, "nothing to confirm", "confirmed");
	check(c.count == 1, "the name stays", "it is listed");
	reading(&c, "web", "[" AT("1", "any:80") "]", 23000);
	compose(&c, 23000, SAID("web", "1", "any:80"), "", "opening is fast");
	/* The name leaves the list: then it may be read at once, although its last reading has failed. */
	c.names[0].again_at = 99000;
	names(&c, "{'web':['dill']}");
	check(c.names[0].again_at == 99000, "again_at", "still listed");
	names(&c, "{}");
	check(!c.names[0].again_at, "again_at", "unlisted");
	wanted(&c, "web", "unlisted");
	reading(&c, "web", "[]", 24000);
	compose(&c, 24000, NULL, HELD("web", "1", "any:80"), "unlisted, held");
	catalog_confirm(&c, 25000);
	wanted(&c, "web", "unlisted, to confirm");
	reading(&c, "web", "[]", 25000);
	compose(&c, 25000, "", "", "unlisted, confirmed");
	check(c.count == 0, "the name is forgotten", "");
	catalog_close(&c);
}

/* What is absent is told, and forgotten with the tag that pointed at it. */
static void absent_cases(void)
{
	struct catalog c;

	catalog_open(&c, "dill");
	names(&c, "{'web':['dill']}");
	reading(&c, "web", CHECKED(",'Checks':[{'CheckID':'x','Status':'critical'}]"), 1000);
	compose(&c, 1000, "web(n1/w 1.1.1.1:80*1 ?its check x is critical)", "web(n1/w 1.1.1.1:80*1 ?its check x is critical)", "absent");
	check(!c.hold.count, "nothing is held", "absent");
	compose(&c, 1010, NULL, "web(n1/w 1.1.1.1:80*1 ?its check x is critical)", "carried");
	reading(&c, "web", CHECKED(""), 2000);
	compose(&c, 2000, PLAIN, PLAIN, "healthy");
	reading(&c, "web", CHECKED(",'Checks':[{'CheckID':'x','Status':'warning'}]"), 3000);
	compose(&c, 3000, "web(n1/w 1.1.1.1:80*1 ?its check x is warning) web(n1/w any:1 1.1.1.1:80*1 ~)",
	        "web(n1/w 1.1.1.1:80*1 ?its check x is warning) web(n1/w any:1 1.1.1.1:80*1 ~)", "absent, and held");
	names(&c, "{'web':['else']}");
	wanted(&c, "web", "untagged");
	reading(&c, "web", TAGGED("'else'"), 4000);
	compose(&c, 4000, "", "", "the tag has gone");
	check(c.count == 0, "the name is forgotten", "absent");
	catalog_close(&c);
}

/* What was known before the first answer is no more than that. */
#define BORN(id, created) "{'Node':{'Node':'n'},'Service':{'Service':'a','ID':'" id "','Tags':['dill'],'Address':'1.1.1.1','Port':1," \
	"'CreateIndex':" created "}}"

/* That of all instances; "" when they differ. */
static const char *since(const struct catalog *catalog)
{
	static char text[32];

	*text = '\0';
	for (size_t i = 0; i < catalog->list->count; i++) {
		if (i && catalog->list->items[i]->since != catalog->list->items[0]->since)
			return "";
		snprintf(text, sizeof text, "%d", (int)catalog->list->items[i]->since);
	}
	return text;
}

static void same_since(struct catalog *catalog, const char *answer, const char *want, const char *what)
{
	reading(catalog, "a", answer, 1000);
	service_list_unref(catalog_compose(catalog, 1000));
	check(strcmp(since(catalog), want) == 0, what, since(catalog));
}

/* A name is as old as its oldest instance was: in a rolling update all are replaced. */
static void age_cases(void)
{
	struct service_list *list;
	struct catalog c;

	catalog_open(&c, "dill");
	names(&c, "{'a':['dill']}");
	same_since(&c, "[" BORN("1", "20") "]", "20", "one");
	same_since(&c, "[" BORN("1", "20") "," BORN("2", "30") "]", "20", "a younger one");
	same_since(&c, "[" BORN("2", "30") "]", "20", "the older one has left");
	same_since(&c, "[" BORN("2", "30") "," BORN("3", "10") "]", "10", "an older one");
	list = service_list_ref(c.list);
	catalog_close(&c);
	catalog_open(&c, "dill");
	catalog_recall(&c, list);
	same_since(&c, "[" BORN("4", "40") "]", "10", "known from before");
	catalog_close(&c);
}

static void recall_cases(void)
{
	struct catalog c;
	struct service_list *list;

	catalog_open(&c, "dill");
	names(&c, "{'a':['dill'],'b':['dill']}");
	reading(&c, "a", CHECKED(",'Checks':[{'CheckID':'x','Status':'critical'}]"), 1000);
	reading(&c, "b", "[" AT("1", "any:1") "]", 1000);
	list = catalog_compose(&c, 1000);
	catalog_close(&c);
	catalog_open(&c, "edge");
	catalog_recall(&c, list);
	names(&c, "{'b':['edge']}");
	compose(&c, 2000, SAID("b", "1", "any:1"), "", "absent, and not listed");
	check(c.list->checked && strcmp(c.list->word, "edge") == 0, "the list", "is a new one");
	check(c.count == 2, "what is wanted", "stays");
	wanted(&c, "a b", "until they are read");
	compose(&c, 2010, NULL, SAID("b", "1", "any:1"), "no answers");
	names(&c, "{}");
	wanted(&c, "b", "not listed");
	reading(&c, "b", "[]", 3000);
	compose(&c, 3000, NULL, HELD("b", "1", "any:1"), "held");
	check(c.count == 1 && c.names[0].held, "what is held", "stays");
	reading(&c, "b", "[]", 4000);
	compose(&c, 4000, "", "", "confirmed");
	check(!c.count, "all", "is forgotten");
	catalog_close(&c);
}

/* Several wishes, each with its own clock. */
static void partial_cases(void)
{
	struct catalog c;

	catalog_open(&c, "dill");
	names(&c, "{'a':['dill'],'b':['dill']}");
	reading(&c, "a", "[" AT("1", "any:1") "," AT("2", "any:2") "]", 1000);
	reading(&c, "b", "[" AT("3", "any:2") "," AT("4", "any:3") "]", 1000);
	compose(&c, 1000, SAID("a", "1", "any:1") " " SAID("a", "2", "any:2") " " SAID("b", "3", "any:2") " " SAID("b", "4", "any:3"), "", "live");
	wanted(&c, "a b", "live");
	reading(&c, "a", "[" AT("2", "any:2") "]", 5000);
	compose(&c, 5000, SAID("a", "2", "any:2") " " SAID("b", "3", "any:2") " " SAID("b", "4", "any:3") " " HELD("a", "1", "any:1"), "", "one wish held");
	reading(&c, "b", "[]", 5900);
	compose(&c, 5900, SAID("a", "2", "any:2") " " HELD("a", "1", "any:1") " " HELD("b", "4", "any:3"), "",
	        "another one; the backend of a wish that others have goes at once");
	catalog_confirm(&c, 6000);
	wanted(&c, "a b", "whose wishes are held");
	reading(&c, "a", "[" AT("2", "any:2") "]", 6000);
	reading(&c, "b", "[]", 6000);
	compose(&c, 6000, SAID("a", "2", "any:2") " " HELD("b", "4", "any:3"), "", "the first is confirmed, the second is not yet");
	catalog_confirm(&c, 7000);
	wanted(&c, "b", "only what is held is asked again");
	reading(&c, "b", "[]", 7000);
	compose(&c, 7000, SAID("a", "2", "any:2"), "", "the second is confirmed");
	/* Both had the wish: both must say so twice. */
	reading(&c, "b", "[" AT("3", "any:2") "]", 8000);
	compose(&c, 8000, SAID("a", "2", "any:2") " " SAID("b", "3", "any:2"), "", "two have one wish");
	reading(&c, "a", "[]", 9000);
	reading(&c, "b", "[]", 9000);
	compose(&c, 9000, NULL, HELD("a", "2", "any:2") " " HELD("b", "3", "any:2"), "both are held");
	reading(&c, "a", "[]", 10000);
	compose(&c, 10000, NULL, HELD("a", "2", "any:2") " " HELD("b", "3", "any:2"), "one of two has confirmed");
	reading(&c, "b", "[]", 10000);
	compose(&c, 10001, "", "", "both have");
	catalog_close(&c);
}

static void failed_cases(void)
{
	struct catalog c;
	struct catalog_name *n;
	static const char *const wrong[] = { "[" AT("2", "any:80") ",{}]", "[" AT("2", "any:80"), "{'a':1}", "" };

	catalog_open(&c, "dill");
	names(&c, "{'web':['dill']}");
	reading(&c, "web", "[" AT("1", "any:80") "]", 1000);
	compose(&c, 1000, SAID("web", "1", "any:80"), "", "live");
	n = &c.names[0];
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct buf text = { 0 };

		check(answer_reading(&c, n, read_answer(&text, wrong[i]), 2000) && n->read_at == 1000 && !n->fresh, "is no reading", wrong[i]);
		compose(&c, 2000, NULL, SAID("web", "1", "any:80"), "the last good instances stay");
		buf_free(&text);
	}
	catalog_close(&c);
}

/* One list of an answer has so many elements at most: more say nothing, and least of all that something is gone. */
static void large_cases(void)
{
	for (int more = 0; more < 2; more++) {
		struct service_list *list = service_list_new();
		struct buf text = { 0 };
		const char *why;

		buf_puts(&text, "[{\"Node\":{},\"Service\":{\"Port\":1,\"Tags\":[\"\"");
		for (int i = 1; i < 1000000 + more; i++)
			buf_puts(&text, ",\"\"");
		buf_puts(&text, "]}}]");
		why = answer_instances(list, "web", (struct slice){ text.data, text.len }, "dill");
		check(more ? why && strcmp(why, "it has a list of more than 1000000 elements") == 0 : !why, why ? why : "taken", "a million");
		check(list->count == (more ? 0 : 1), "how many are taken", "a million");
		service_list_unref(list);
		buf_free(&text);
	}
}

int main(void)
{
	instance_cases();
	names_cases();
	answer_part = SIZE_MAX; /* members that have come before are then not read again, but mean the same */
	names_cases();
	members_cases();
	answer_part = 7;
	checks_cases();
	node_checks_cases();
	unsure_cases();
	nodes_cases();
	compose_cases();
	hold_cases();
	absent_cases();
	age_cases();
	recall_cases();
	partial_cases();
	failed_cases();
	large_cases();
	return check_sum();
}
