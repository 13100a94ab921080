/* Cases for the formats: the same configuration in seven spellings, then each format's own rules. */
#include "base.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "format.h"
#include "format_cases.h"

static int passed, failed;

static const struct format *const all[] = {
	&format_toml, &format_ini, &format_yaml, &format_json, &format_hcl, &format_env, &format_properties,
};

static const char *name_of(const struct format *format)
{
	return format ? format->name : "none";
}

static void check(bool ok, const char *what, const char *text, const char *got, const char *want)
{
	ok ? passed++ : failed++;
	if (!ok)
		printf("FAIL %s\n--- text\n%s\n--- got\n%s\n--- want\n%s\n", what, text, got, want);
}

/* What a text comes to: "LINE key=value" lines, or "!LINE error". */
static void show(struct buf *out, const struct format *format, const char *text, size_t len)
{
	char *exact = malloc(len ? len : 1); /* so that a byte too far is seen */
	struct doc doc;

	memcpy(exact, text, len);
	if (!format_read(&doc, format, exact, len))
		buf_printf(out, "!%d %s", doc.error_line, doc.error);
	free(exact); /* the items are copies */
	for (size_t i = 0; i < doc.count; i++) {
		buf_printf(out, "%s%d %s=", i ? "\n" : "", doc.items[i].line, doc.items[i].key);
		buf_visible(out, doc.items[i].value, strlen(doc.items[i].value));
	}
	buf_add(out, "", 0);
	doc_free(&doc);
}

/* `want` as show() has it; of an error, its beginning. */
static void read_case(const struct format *format, const char *text, size_t len, const char *want)
{
	struct buf got = { 0 };

	show(&got, format, text, len);
	check(*want == '!' ? strncmp(got.data, want, strlen(want)) == 0 : strcmp(got.data, want) == 0, name_of(format), text,
	      got.data, want);
	buf_free(&got);
}

/* One configuration, seven spellings. Lists in formats without lists are text, and the keys of env files are names of
 * variables; so the items are compared in the spelling that is common to all: the name, and the list joined. */

static const char config_toml[] =
	"# everything\n"
	"peek.listener = ':2323'\n"
	"[listeners]\n"
	"port_min = 1_024\n"
	"port_max = 0xbfff\n"
	"drain = \"1m30s\"\n"
	"[listeners.allowed]\n"
	"local = \"127.0.0.1\"\n"
	"v6 = \"::1\" # loopback\n"
	"[consul]\n"
	"address = \"http://10.0.0.1:8500\"\n"
	"token = \"a\\\"b\\\\c $d\"\n"
	"[log]\n"
	"access = true\n"
	"[services.web]\n"
	"listener = [\n\t'any:80', # first\n\t'any:8080',\n]\n"
	"backends = ['10.0.0.1:80', '10.0.0.2:80']\n"
	"balance = 'p2c'\n"
	"[services.db]\n"
	"listener = 'local:5432'\n"
	"backends = ['db.internal:5432']\n";

static const char config_ini[] =
	"; everything\n"
	"peek.listener = :2323\n"
	"[listeners]\n"
	"port_min = 1024\n"
	"port_max = 49151\n"
	"drain = 1m30s\n"
	"\n[listeners.allowed]\n"
	"local = 127.0.0.1\n"
	"v6 = ::1 ; loopback\n"
	"[consul]\n"
	"address = http://10.0.0.1:8500\n"
	"token = a\"b\\c $d\n"
	"[log]\n"
	"access = true\n"
	"[services.web]\n"
	"listener = any:80, any:8080\n"
	"backends = 10.0.0.1:80, 10.0.0.2:80\n"
	"balance = \"p2c\"\n"
	"[services.db]\n"
	"listener = local:5432\n"
	"backends = db.internal:5432\n";

static const char config_yaml[] =
	"---\n"
	"# everything\n"
	"peek: {listener: ':2323'}\n"
	"listeners:\n"
	"  port_min: 1024\n"
	"  port_max: 49151\n"
	"  drain: 1m30s\n"
	"  allowed:\n"
	"    local: 127.0.0.1\n"
	"    v6: ::1 # loopback\n"
	"consul:\n"
	"  address: http://10.0.0.1:8500\n"
	"  token: \"a\\\"b\\\\c $d\"\n"
	"log: {access: true}\n"
	"services:\n"
	"  web:\n"
	"    listener: [any:80,\n      any:8080]\n"
	"    backends:\n"
	"    - 10.0.0.1:80\n"
	"    - \"10.0.0.2:80\"\n"
	"    balance: p2c\n"
	"  db:\n"
	"    listener: local:5432\n"
	"    backends:\n"
	"      - db.internal:5432\n";

static const char config_json[] =
	"{\"peek\": {\"listener\": \":2323\"},\n"
	" \"listeners\": {\"port_min\": 1024, \"port_max\": 49151, \"drain\": \"1m30s\",\n"
	"  \"allowed\": {\"local\": \"127.0.0.1\", \"v6\": \"::1\"}},\n"
	" \"consul\": {\"address\": \"http:\\/\\/10.0.0.1:8500\", \"token\": \"a\\\"b\\\\c \\u0024d\"},\n"
	" \"log\": {\"access\": true},\n"
	" \"services\": {\n"
	"  \"web\": {\"listener\": [\"any:80\", \"any:8080\"], \"backends\": [\"10.0.0.1:80\", \"10.0.0.2:80\"],\n"
	"   \"balance\": \"p2c\"},\n"
	"  \"db\": {\"listener\": \"local:5432\", \"backends\": [\"db.internal:5432\"]}}}\n";

static const char config_hcl[] =
	"# everything\n"
	"peek { listener = \":2323\" }\n"
	"listeners {\n"
	"  port_min = 1024 // lowest\n"
	"  port_max = 49151\n"
	"  drain = \"1m30s\"\n"
	"  allowed = { local = \"127.0.0.1\", \"v6\": \"::1\" }\n"
	"}\n"
	"consul {\n"
	"  address = \"http://10.0.0.1:8500\"\n"
	"  token = \"a\\\"b\\\\c $d\"\n"
	"}\n"
	"log { access = true }\n"
	"services \"web\" {\n"
	"  listener = [\n    \"any:80\", /* first */\n    \"any:8080\",\n  ]\n"
	"  backends = [\"10.0.0.1:80\", \"10.0.0.2:80\"]\n"
	"  balance = \"p2c\"\n"
	"}\n"
	"services \"db\" {\n"
	"  listener = \"local:5432\"\n"
	"  backends = [\"db.internal:5432\"]\n"
	"}\n";

static const char config_env[] =
	"# everything\n"
	"DILL_PEEK_LISTENER=:2323\n"
	"export DILL_LISTENERS_PORT_MIN=1024\n"
	"export DILL_LISTENERS_PORT_MAX='49151'\n"
	"DILL_LISTENERS_DRAIN=1m30s\n"
	"\n"
	"DILL_LISTENERS_ALLOWED_LOCAL=127.0.0.1\n"
	"DILL_LISTENERS_ALLOWED_V6=::1   # loopback\n"
	"DILL_CONSUL_ADDRESS=\"http://10.0.0.1:8500\"\n"
	"DILL_CONSUL_TOKEN=\"a\\\"b\\\\c \\$d\"\n"
	"DILL_LOG_ACCESS=true\n"
	"DILL_SERVICES_WEB_LISTENER=any:80,any:8080\n"
	"DILL_SERVICES_WEB_BACKENDS=10.0.0.1:80,10.0.0.2:80\n"
	"DILL_SERVICES_WEB_BALANCE=p2c\n"
	"DILL_SERVICES_DB_LISTENER=local:5432\n"
	"DILL_SERVICES_DB_BACKENDS=db.internal:5432\n";

static const char config_properties[] =
	"! everything\n"
	"peek.listener = :2323\n"
	"listeners.port_min=1024\n"
	"listeners.port_max 49151\n"
	"listeners.drain: 1m30s\n"
	"listeners.allowed.local = 127.0.0.1\n"
	"listeners.allowed.v6 = ::1\n"
	"consul.address = http\\://10.0.0.1\\:8500\n"
	"consul.token = a\\\"b\\\\c \\u0024d\n"
	"log.access = true\n"
	"services.web.listener = any:80,\\\n   any:8080\n"
	"services.web.backends = 10.0.0.1:80, \\\n   10.0.0.2:80\n"
	"services.web.balance = p2c\n"
	"services.db.listener = local:5432\n"
	"services.db.backends = db.internal:5432\n";

static const char config_common[] =
	"DILL_PEEK_LISTENER=:2323\n"
	"DILL_LISTENERS_PORT_MIN=1024\n"
	"DILL_LISTENERS_PORT_MAX=49151\n"
	"DILL_LISTENERS_DRAIN=1m30s\n"
	"DILL_LISTENERS_ALLOWED_LOCAL=127.0.0.1\n"
	"DILL_LISTENERS_ALLOWED_V6=::1\n"
	"DILL_CONSUL_ADDRESS=http://10.0.0.1:8500\n"
	"DILL_CONSUL_TOKEN=a\"b\\c $d\n"
	"DILL_LOG_ACCESS=true\n"
	"DILL_SERVICES_WEB_LISTENER=any:80,any:8080\n"
	"DILL_SERVICES_WEB_BACKENDS=10.0.0.1:80,10.0.0.2:80\n"
	"DILL_SERVICES_WEB_BALANCE=p2c\n"
	"DILL_SERVICES_DB_LISTENER=local:5432\n"
	"DILL_SERVICES_DB_BACKENDS=db.internal:5432\n";

static const struct {
	const struct format *format;
	const char *text;
} configs[] = {
	{ &format_toml, config_toml }, { &format_ini, config_ini }, { &format_yaml, config_yaml },
	{ &format_json, config_json }, { &format_hcl, config_hcl }, { &format_env, config_env },
	{ &format_properties, config_properties },
};

static void add_common(struct buf *out, const struct doc_item *item, const struct format *format)
{
	struct slice rest = slice_of(item->value), part;
	const char *index = strchr(item->key, '[');

	if (index && strcmp(index, "[0]") != 0) {
		out->len--; /* goes on with the list */
		buf_printf(out, ",%s\n", item->value);
		return;
	}
	buf_puts(out, format->variables ? "" : "DILL_");
	for (const char *p = item->key; p != index && *p; p++)
		buf_printf(out, "%c", isalnum((unsigned char)*p) ? toupper((unsigned char)*p) : '_');
	for (bool first = true; slice_next(&rest, ',', &part); first = false)
		buf_printf(out, "%s%.*s", first ? "=" : ",", (int)part.len, part.at);
	buf_puts(out, "\n");
}

static void spellings(const char *line_end, const char *start)
{
	for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
		struct buf text = { 0 }, got = { 0 };
		struct doc doc;

		buf_puts(&text, start);
		for (const char *p = configs[i].text; *p; p++)
			*p == '\n' ? buf_puts(&text, line_end) : buf_add(&text, p, 1);
		if (!format_read(&doc, configs[i].format, text.data, text.len))
			buf_printf(&got, "!%d %s", doc.error_line, doc.error);
		for (size_t j = 0; j < doc.count; j++)
			add_common(&got, &doc.items[j], configs[i].format);
		check(strcmp(got.data, config_common) == 0, name_of(configs[i].format), text.data, got.data, config_common);
		doc_free(&doc);
		buf_free(&text);
		buf_free(&got);
	}
}

/* Services in a list, in all formats that have lists: the same items to the byte. */

static void service_lists(void)
{
	static const char want[] =
		"services[0].name=web\nservices[0].listener=any:80\nservices[0].backends[0]=10.0.0.1:80\n"
		"services[0].backends[1]=b:80\nservices[1].name=db\nservices[1].listener=any:5432\nservices[1].backends=\n"
		"apps[0].name=five\napps[0].ports[0]=5001\napps[0].ports[1]=5200\napps[0].targets[0]=host-a:5001\n";
	static const struct {
		const struct format *format;
		const char *text;
	} texts[] = {
		{ &format_toml, "[[services]]\nname = 'web'\nlistener = 'any:80'\nbackends = ['10.0.0.1:80', 'b:80']\n"
		                "[[services]]\nname = 'db'\nlistener = 'any:5432'\nbackends = []\n"
		                "[[apps]]\nname = 'five'\nports = [5001, 5200]\ntargets = ['host-a:5001']\n" },
		{ &format_toml, "services = [{name = 'web', listener = 'any:80', backends = ['10.0.0.1:80', 'b:80']},\n"
		                "  {name = 'db', listener = 'any:5432', backends = []},\n]\n"
		                "apps = [{name = 'five', ports = [5001, 5200], targets = ['host-a:5001']}]" },
		{ &format_yaml, "services:\n- name: web\n  listener: any:80\n  backends: [10.0.0.1:80, b:80]\n"
		                "- name: db\n  listener: any:5432\n  backends: []\n"
		                "apps:\n  - name: five\n    ports: [5001, 5200]\n    targets:\n    - host-a:5001\n" },
		{ &format_yaml, "services:\n  -\n    name: web\n    listener: 'any:80'\n    backends:\n    - 10.0.0.1:80\n    - b:80\n"
		                "  - {name: db, listener: any:5432, backends: [ ]}\n"
		                "apps: [{name: five, ports: [5001, 5200], targets: [host-a:5001]}]" },
		{ &format_json, "{\"services\": [{\"name\": \"web\", \"listener\": \"any:80\", \"backends\": [\"10.0.0.1:80\", \"b:80\"]},\n"
		                "{\"name\": \"db\", \"listener\": \"any:5432\", \"backends\": []}],\n"
		                "\"apps\": [{\"name\": \"five\", \"ports\": [5001, 5200], \"targets\": [\"host-a:5001\"]}]}" },
		{ &format_hcl, "services {\n name = \"web\"\n listener = \"any:80\"\n backends = [\"10.0.0.1:80\", \"b:80\"]\n}\n"
		               "services {\n name = \"db\"\n listener = \"any:5432\"\n backends = []\n}\n"
		               "apps {\n name = \"five\"\n ports = [5001, 5200]\n targets = [\"host-a:5001\"]\n}\n" },
		{ &format_hcl, "services = [{ name = \"web\", listener = \"any:80\", backends = [\"10.0.0.1:80\", \"b:80\"] },\n"
		               "{\n name = \"db\"\n listener = \"any:5432\"\n backends = [] }]\n"
		               "apps = [{ name: \"five\", ports: [5001, 5200], targets: [\"host-a:5001\"] }]" },
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct buf got = { 0 };
		struct doc doc;

		if (!format_read(&doc, texts[i].format, texts[i].text, strlen(texts[i].text)))
			buf_printf(&got, "!%d %s", doc.error_line, doc.error);
		for (size_t j = 0; j < doc.count; j++)
			buf_printf(&got, "%s=%s\n", doc.items[j].key, doc.items[j].value);
		check(strcmp(got.data, want) == 0, name_of(texts[i].format), texts[i].text, got.data, want);
		doc_free(&doc);
		buf_free(&got);
	}
}

/* For every format: with CRLF and a byte order mark it reads the same, and bad bytes are refused. */
static void run_cases(const struct format *format, const struct format_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct buf text = { 0 };

		read_case(format, cases[i].text, strlen(cases[i].text), cases[i].want);
		buf_puts(&text, "\357\273\277");
		for (const char *p = cases[i].text; *p; p++)
			buf_puts(&text, *p == '\n' ? "\r\n" : (char[2]){ *p, '\0' });
		read_case(format, text.data, text.len, cases[i].want);
		buf_free(&text);
	}
}

static void bad_bytes(const struct format *format)
{
	read_case(format, "\n\0", 2, "!2 NUL byte");
	read_case(format, "\n#\0#", 4, "!2 NUL byte");
	read_case(format, "\n\377", 2, "!2 byte 0xff: not UTF-8");
	read_case(format, "\300\200", 2, "!1 byte 0xc0: not UTF-8");
	read_case(format, "\355\240\200", 3, "!1 byte 0xed: not UTF-8");
	read_case(format, "\364\220\200\200", 4, "!1 byte 0xf4: not UTF-8");
	read_case(format, "\360\237\230", 3, "!1 byte 0xf0: not UTF-8");
	read_case(format, "\033[0m", 4, "!1 control byte 0x1b");
	read_case(format, "\177", 1, "!1 control byte 0x7f");
	read_case(format, "\n\rx", 3, "!2 carriage return");
	read_case(format, "\377\376a\0", 4, "!1 byte 0xff: not UTF-8");
}

/* head, then `middle` as often as it takes, then tail. */
static void depth_case(const struct format *format, int levels, const char *head, const char *middle, const char *core,
                       const char *close, const char *tail, const char *want)
{
	struct buf text = { 0 };

	buf_puts(&text, head);
	for (int i = 0; i < levels; i++)
		buf_puts(&text, middle);
	buf_puts(&text, core);
	for (int i = 0; i < levels; i++)
		buf_puts(&text, close);
	buf_puts(&text, tail);
	read_case(format, text.data, text.len, want);
	buf_free(&text);
}

static void limits(void)
{
	struct buf want = { 0 };

	depth_case(&format_toml, 100000, "a = ", "[", "", "]", "", "!1 nested too deeply");
	depth_case(&format_toml, 100000, "a = ", "{a=", "1", "}", "", "!1 nested too deeply");
	depth_case(&format_yaml, 100000, "a: ", "[", "", "]", "", "!1 nested too deeply");
	depth_case(&format_yaml, 100000, "a: ", "{a: ", "1", "}", "", "!1 nested too deeply");
	depth_case(&format_yaml, 100000, "a:\n", "- ", "1", "", "", "!2 nested too deeply");
	depth_case(&format_json, 100000, "{\"a\":", "[", "", "]", "}", "!1 nested too deeply");
	depth_case(&format_hcl, 100000, "a = ", "[", "", "]", "", "!1 nested too deeply");
	depth_case(&format_hcl, 100000, "", "a{", "", "}", "", "!1 nested too deeply");
	depth_case(&format_toml, 100000, "", "a.", "b = 1", "", "", "!1 key longer than 256 bytes");
	depth_case(&format_ini, 257, "", "a", " = 1", "", "", "!1 key longer than 256 bytes");
	buf_puts(&want, "1 a");
	for (int i = 0; i < 50; i++)
		buf_puts(&want, "[0]");
	buf_puts(&want, "=");
	depth_case(&format_toml, 50, "a = ", "[", "[]", "]", "", want.data);
	depth_case(&format_yaml, 50, "a: ", "[", "[]", "]", "", want.data);
	depth_case(&format_json, 50, "{\"a\":", "[", "[]", "]", "}", want.data);
	depth_case(&format_hcl, 50, "a = ", "[", "[]", "]", "", want.data);
	buf_free(&want);
}

static void file_names(void)
{
	static const struct {
		const char *path;
		const struct format *format;
	} cases[] = {
		{ "a.toml", &format_toml }, { "/etc/dill/a.b.ini", &format_ini }, { "dill.conf", &format_ini },
		{ "a.yaml", &format_yaml }, { "A.YML", &format_yaml }, { "a.json", &format_json }, { "a.hcl", &format_hcl },
		{ ".env", &format_env }, { "x/.env", &format_env }, { "prod.env", &format_env },
		{ "a.properties", &format_properties }, { "a", NULL }, { "", NULL }, { "a.txt", NULL },
		{ "a.toml/b", NULL }, { "toml", NULL }, { "a.toml~", NULL }, { "a.", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(format_of(cases[i].path) == cases[i].format, "format_of", cases[i].path,
		      name_of(format_of(cases[i].path)), name_of(cases[i].format));
}

/* Each byte at each place of a comment: bytes are looked at eight at once. */
static void bytes_anywhere(void)
{
	for (int byte = 0; byte < 256; byte++)
		for (size_t at = 0; at < 20; at++) {
			char text[] = "\n# abcdefghijklmnopqrst\n", shown[8];
			bool good = (byte >= ' ' && byte < 0x7f) || byte == '\t' || (byte == '\r' && at == 19);
			struct doc doc;

			text[3 + at] = (char)byte;
			snprintf(shown, sizeof shown, "%02x %zu", byte, at);
			if (byte == '\n')
				continue;
			check(format_read(&doc, &format_toml, text, sizeof text - 1) == good && (good || doc.error_line == 2), "a byte", shown,
			      doc.error, good ? "no error" : "an error on line 2");
			doc_free(&doc);
		}
}

int main(void)
{
	struct doc empty;

	bytes_anywhere();

	spellings("\n", "");
	spellings("\r\n", "\357\273\277");
	service_lists();
	run_cases(&format_toml, toml_cases, ARRAY_LEN(toml_cases));
	run_cases(&format_ini, ini_cases, ARRAY_LEN(ini_cases));
	run_cases(&format_json, json_cases, ARRAY_LEN(json_cases));
	run_cases(&format_yaml, yaml_cases, ARRAY_LEN(yaml_cases));
	run_cases(&format_hcl, hcl_cases, ARRAY_LEN(hcl_cases));
	run_cases(&format_env, env_cases, ARRAY_LEN(env_cases));
	run_cases(&format_properties, properties_cases, ARRAY_LEN(properties_cases));
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		bad_bytes(all[i]);
	read_case(NULL, "a = 1", 5, "!1 unknown format");
	check(format_read(&empty, &format_yaml, NULL, 0) && !empty.count, "NULL", "", "", "");
	doc_free(&empty);
	limits();
	file_names();
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
