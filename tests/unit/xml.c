/* Cases for xml.c: events of whole documents, what is refused, and every document that is cut. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "../../xml.c"

/* All events as one text: <NAME DEPTH, a text in quotes, >DEPTH, and at last a dot or what is wrong. */
static void walk(const char *text, size_t len, struct buf *said)
{
	char *copy = malloc(len ? len : 1); /* a byte too far is seen */
	enum xml_event event;
	struct xml xml;

	memcpy(copy, text, len);
	xml_open(&xml, copy, len);
	said->len = 0;
	do {
		event = xml_next(&xml);
		if (event == XML_OPEN)
			buf_printf(said, "<%.*s%u ", (int)xml.name.len, xml.name.at, xml.depth);
		else if (event == XML_TEXT)
			buf_printf(said, "%.*s%u'%s' ", (int)xml.name.len, xml.name.at, xml.depth, xml.text.data);
		else if (event == XML_CLOSE)
			buf_printf(said, "%.*s%u> ", (int)xml.name.len, xml.name.at, xml.depth);
	} while (event < XML_END);
	buf_puts(said, event == XML_END ? "." : xml.why);
	check(xml_next(&xml) == event, "the end stays", text);
	xml_close(&xml);
	free(copy);
}

static const struct {
	const char *text, *want;
} docs[] = {
	{ "<a/>", "<a1 a1> ." }, { "<a></a>", "<a1 a1> ." }, { "<a>x</a>", "<a1 a1'x' a1> ." },
	{ "<?xml version=\"1.0\"?>\n<a> <b>x y</b>\n<b/> </a>\n", "<a1 <b2 b2'x y' b2> <b2 b2> a1> ." },
	{ "\357\273\277<a/>", "<a1 a1> ." }, { "<!-- <b> --><a/><!-- c --> <?x ?>", "<a1 a1> ." },
	{ "<n:a xmlns:n='u' b = \"1>2\" c='&lt;'><n:b/></n:a >", "<a1 <b2 b2> a1> ." },
	{ "<a>&lt;&gt;&amp;&apos;&quot;&#65;&#x42;&#x20ac;</a>", "<a1 a1'<>&'\"AB\342\202\254' a1> ." },
	{ "<a>x<!-- c -->y<?p q?>z</a>", "<a1 a1'xyz' a1> ." }, { "<a>x<b/>y</a>", "<a1 a1'x' <b2 b2> a1'y' a1> ." },
	{ "<a>\xc3\xa9</a>", "<a1 a1'\xc3\xa9' a1> ." }, { "<\xc3\xa9/>", "<\xc3\xa9" "1 \xc3\xa9" "1> ." },
	{ "<a>&#32;</a>", "<a1 a1> ." }, { "<a-.1/>", "<a-.11 a-.11> ." },
	{ "", "ends early" }, { " ", "ends early" }, { "x", "has text outside its root" }, { "<a/>x", "<a1 a1> has text outside its root" },
	{ "x<a/>", "has text outside its root" }, { "<a/><b/>", "<a1 a1> has a second root" }, { "<a><b></a></b>", "<a1 <b2 has an end tag that does not match" },
	{ "</a>", "has an end tag that does not match" }, { "<a/></a>", "<a1 a1> has an end tag that does not match" },
	{ "<n:a></m:a>", "<a1 has an end tag that does not match" }, { "<n:a></a>", "<a1 has an end tag that does not match" },
	{ "<a></ab>", "<a1 has an end tag that does not match" }, { "<ab></a>", "<ab1 has an end tag that does not match" },
	{ "<!DOCTYPE a><a/>", "has a DOCTYPE or CDATA section, which is not read" },
	{ "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "has a DOCTYPE or CDATA section, which is not read" },
	{ "<a><![CDATA[x]]></a>", "<a1 has a DOCTYPE or CDATA section, which is not read" },
	{ "<a>&e;</a>", "<a1 has an entity that is not read" }, { "<a>& b;</a>", "<a1 has an entity that is not read" },
	{ "<a>&lt</a>", "<a1 has an entity that is not read" }, { "<a>&#0;</a>", "<a1 has an entity that is not read" },
	{ "<a>&#;</a>", "<a1 has an entity that is not read" }, { "<a>&#x;</a>", "<a1 has an entity that is not read" },
	{ "<a>&#xD800;</a>", "<a1 has an entity that is not read" }, { "<a>&#x110000;</a>", "<a1 has an entity that is not read" },
	{ "<a>&#4294967361;</a>", "<a1 has an entity that is not read" }, { "<a>&#6a;</a>", "<a1 has an entity that is not read" },
	{ "<a>\x01</a>", "<a1 has a byte that is no text" }, { "<a>\xff</a>", "<a1 has a byte that is no text" },
	{ "<a>\xc3</a>", "<a1 has a byte that is no text" },
	{ "< a/>", "has no name behind <" }, { "<1/>", "has no name behind <" }, { "<>", "has no name behind <" },
	{ "<n:/>", "has no name behind <" }, { "<a b:=''/>", "has a broken tag" },
	{ "<a b/>", "has a broken tag" }, { "<a b=c/>", "has a broken tag" }, { "<a b='<'/>", "has a broken tag" },
	{ "<a b='c\"/>", "has a broken tag" }, { "<a b='c'd='e'/>", "has a broken tag" }, { "<a / >", "has a broken tag" },
	{ "<a=/>", "has a broken tag" }, { "<a></a b='c'>", "<a1 has a broken end tag" }, { "<a></ a>", "<a1 has a broken end tag" },
	{ "<a", "has a broken tag" }, { "<a>", "<a1 ends early" }, { "<a>x", "<a1 ends early" }, { "<a/><!-- ", "<a1 a1> ends early" },
	{ "<a/><?x", "<a1 a1> ends early" }, { "<a><!--></a>", "<a1 ends early" },
};

static void doc_cases(void)
{
	struct buf said = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(docs); i++) {
		walk(docs[i].text, strlen(docs[i].text), &said);
		check(strcmp(said.data, docs[i].want) == 0, docs[i].text, said.data);
	}
	walk("<a>x\0y</a>", 10, &said);
	check(strcmp(said.data, "<a1 has a byte that is no text") == 0, "a zero", said.data);
	buf_free(&said);
}

static void depth_cases(void)
{
	struct buf text = { 0 }, said = { 0 };

	for (unsigned depth = XML_DEPTH; depth <= XML_DEPTH + 1; depth++) {
		text.len = 0;
		for (unsigned i = 0; i < depth; i++)
			buf_puts(&text, "<a>");
		for (unsigned i = 0; i < depth; i++)
			buf_puts(&text, "</a>");
		walk(text.data, text.len, &said);
		check(!strstr(said.data, "too deep") == (depth == XML_DEPTH), "depth", said.data);
	}
	buf_free(&text);
	buf_free(&said);
}

/* What AWS answers: the answer of DescribeCacheClusters and an error, as they are documented. */
static const char sample[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	"<DescribeCacheClustersResponse xmlns=\"http://elasticache.amazonaws.com/doc/2015-02-02/\">\n"
	" <DescribeCacheClustersResult><CacheClusters><CacheCluster>\n"
	"  <CacheClusterId>docker-registry</CacheClusterId><CacheClusterStatus>available</CacheClusterStatus>\n"
	"  <CacheNodes><CacheNode><CacheNodeId>0001</CacheNodeId><CacheNodeStatus>available</CacheNodeStatus>\n"
	"   <Endpoint><Port>6379</Port><Address>x.0001.use1.cache.amazonaws.com</Address></Endpoint></CacheNode></CacheNodes>\n"
	"  <!-- a comment --><Tags/>\n"
	" </CacheCluster></CacheClusters></DescribeCacheClustersResult>\n"
	" <ResponseMetadata><RequestId>a&amp;b</RequestId></ResponseMetadata>\n"
	"</DescribeCacheClustersResponse>";

static void sample_cases(void)
{
	struct buf said = { 0 };

	walk(sample, sizeof sample - 1, &said);
	check(said.data[said.len - 1] == '.', "the sample", said.data);
	check(strstr(said.data, "<Endpoint7 <Port8 Port8'6379' Port8> <Address8 "), "an endpoint", said.data);
	check(strstr(said.data, "RequestId3'a&b' "), "an entity", said.data);
	for (size_t len = 0; len < sizeof sample - 1; len++) {
		walk(sample, len, &said);
		check(said.data[said.len - 1] != '.', "cut", said.data);
	}
	buf_free(&said);
}

int main(void)
{
	doc_cases();
	depth_cases();
	sample_cases();
	return check_sum();
}
