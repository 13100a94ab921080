#include "base.h"
#include "page_frame.h"

/* The page without its figures. It is served as it is: no file, no library, and no policy that lets one in. Symbols
 * for states are in the style sheet, beside the words, to keep rows short. */

/* The hashes are of what stands between <style> and </style>, <script> and </script>: case_page_policy tells them. */
const char page_frame_policy[] =
	"default-src 'none'; style-src 'sha256-ViivF/dAEB7lznhHlLeskK8Moh7ZdoEblJPeqC0juLs='; "
	"script-src 'sha256-WB8Xu2y5VVxSctK7NieBiYB08+vbPWVEXkiTo0ggytA='; connect-src 'self'; img-src data:; "
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	"<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta name=\"color-scheme\" content=\"light dark\">\n"
	"<title>dill</title>\n"
	"<link rel=\"icon\" href=\"data:,\">\n"
	"<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\n";

static const char style[] =
	"<style>\n"
	":root{--back:#fff;--text:#1b2025;--soft:#59636e;--line:#dfe3e8;--tint:#f4f6f8;\n"
	  "--ok:#1a6b37;--bad:#b3261e;--warn:#855300;--link:#0b57a4}\n"
	"@media (prefers-color-scheme:dark){:root{--back:#15181c;--text:#e3e7eb;--soft:#9ba5b0;\n"
	  "--line:#2d343b;--tint:#1d2227;--ok:#63cc8c;--bad:#ff8d84;--warn:#ecb75c;--link:#7fb8f5}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0 auto;max-width:78rem;padding:1rem 1.25rem 2rem;background:var(--back);\n"
	  "color:var(--text);font:14px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;\n"
	  "font-variant-numeric:tabular-nums;overflow-wrap:anywhere}\n"
	"h1,h2,p,ul,pre{margin:0}\n"
	"h1{display:inline;margin-right:.3em;font-size:1.35rem}\n"
	"h2{margin:1.6rem 0 .4rem;font-size:.95rem}\n"
	".soft,small,thead th{color:var(--soft);font-weight:400}small{font-size:.86em}a{color:var(--link)}\n"
	"code,pre,tbody th,.routes b,.mono{font:.93em ui-monospace,Menlo,Consolas,monospace}\n"
	"b,bdi,small,code{unicode-bidi:isolate}\n"
	"ul{padding:0;list-style:none;display:flex;flex-wrap:wrap;gap:.15rem 1.4rem}\n"
	"pre{margin-top:.3rem;padding:.6rem .8rem;background:var(--tint);white-space:pre-wrap}\n"
	".ok{color:var(--ok)}.bad{color:var(--bad)}.warn{color:var(--warn)}\n"
	".ok::before{content:'✓ '}.bad::before{content:'✕ '}.warn::before{content:'▲ '}\n"
	".verdict{margin-top:.3rem}.verdict li:first-child{font-weight:600}.sources{display:block}\n"
	"#gone{position:sticky;top:0;z-index:1;margin:0 0 .8rem;padding:.45rem .8rem;font-weight:600;\n"
	  "background:var(--bad);color:var(--back)}#gone:empty{display:none}\n"
	"footer{margin-top:1.8rem;padding-top:.6rem;border-top:1px solid var(--line);color:var(--soft)}\n"
	"footer a{margin-right:1rem}\n";

static const char style_tables[] =
	"table{width:100%;border-collapse:collapse;table-layout:fixed}\n"
	"th,td{padding:.2rem .5rem;text-align:right;vertical-align:baseline;font-weight:400}\n"
	"th:first-child,td.w,th.w{text-align:left}\n"
	"thead th{border-bottom:1px solid var(--line);font-size:.86em}\n"
	".routes th{width:9%}.routes th:first-child{width:36%}\n"
	".routes th:nth-child(2){width:15%}.routes th:nth-child(7){width:13%}.refused :nth-child(3){width:50%}\n"
	".routes tbody{border-bottom:1px solid var(--line)}\n"
	".routes small{display:block}.routes td{white-space:nowrap}.routes td.w{white-space:normal}\n"
	".routes td:last-child small{white-space:normal;overflow-wrap:normal}\n"
	".routes tbody tr:first-child{background:var(--tint)}\n"
	".routes tbody tr:first-child th{font:inherit}.routes b{margin-right:.7em;font-weight:700}\n"
	".routes tr+tr th{padding-left:1.6rem;position:relative}\n"
	".routes tr+tr th::before{content:'├';position:absolute;left:.6rem;color:var(--soft)}\n"
	".routes tr+tr:last-child th::before{content:'└'}\n"
	".routes tr+tr th small{display:inline;margin-left:.7em;white-space:nowrap}.z{color:var(--soft)}\n"
	".refused th,.refused td{border-bottom:1px solid var(--line);text-align:left}\n"
	"@media (max-width:60rem){\n"
	  "body{padding:.8rem .8rem 1.5rem}\n"
	  "thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}\n"
	  "table,tbody{display:block}\n"
	  "tr{display:flex;flex-wrap:wrap;gap:0 1rem;padding:.3rem .5rem}\n"
	  "th,td,.routes tr+tr th{padding:0;text-align:left}\n"
	  "tbody th,td.w,.routes th:first-child{flex:1 0 100%;width:auto;position:static}\n"
	  ".routes tbody th:first-child{flex:1 0 calc(100% - 6.5rem)}.routes td.ok{flex:none;width:5.5rem}\n"
	  ".routes tbody{margin-bottom:.5rem;border:1px solid var(--line);border-radius:4px}\n"
	  ".routes tr+tr{margin-left:1.1rem;border-top:1px solid var(--line);padding-left:0}\n"
	  ".routes tr+tr th::before{left:auto;margin-left:-.9rem}\n"
	  ".routes td small{display:inline;margin-left:.4em}\n"
	  ".routes td:nth-child(n+3)::before{color:var(--soft);font-size:.86em}\n"
	  ".routes td:nth-child(3)::before{content:'live '}.routes td:nth-child(4)::before{content:'total '}\n"
	  ".routes td:nth-child(5)::before{content:'in '}.routes td:nth-child(6)::before{content:'out '}\n"
	  ".routes td:nth-child(7)::before{content:'failed '}.routes td.z{display:none}\n"
	  ".refused tr{border-bottom:1px solid var(--line)}.refused th,.refused td{border:0}\n"
	"}\n</style>\n";

/* What has not changed is left alone, or thousands of rows would be laid out anew each time. */
static const char script[] =
	"<script>\n"
	"let timer, busy, good = new Date();\n"
	"const gone = document.getElementById('gone');\n"
	"function merge(old, next) {\n"
	  "const from = [...old.childNodes], to = [...next.childNodes];\n"
	  "if (old.isEqualNode(next)) return;\n"
	  "if (!to.length || from.length !== to.length || !old.cloneNode().isEqualNode(next.cloneNode()))\n"
	    "old.replaceWith(next);\n"
	  "else from.forEach((node, i) => merge(node, to[i]));\n"
	"}\n"
	"function say(text) {\n"
	  "if (gone.textContent !== text) gone.textContent = text;\n"
	"}\n"
	"async function refresh() {\n"
	  "const start = Date.now();\n"
	  "clearTimeout(timer);\n"
	  "if (busy || document.hidden) return;\n"
	  "busy = true;\n"
	  "try {\n"
	    "const answer = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(10000) });\n"
	    "const next = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('main');\n"
	    "if (!next) throw answer;\n"
	    "if (getSelection().isCollapsed) merge(document.querySelector('main'), next);\n"
	    "good = new Date();\n"
	    "say('');\n"
	  "} catch {\n"
	    "say('dill does not answer since ' + good.toLocaleTimeString() + '. This page shows the state at that time.');\n"
	  "}\n"
	  "busy = false;\n"
	  "timer = setTimeout(refresh, Math.max(2000, 3 * (Date.now() - start)));\n"
	"}\n"
	"document.addEventListener('visibilitychange', refresh);\n"
	"timer = setTimeout(refresh, 2000);\n"
	"</script>\n";

static const char footer[] =
	"</main>\n<footer>\n"
	"<a href=\"status\">/status</a> <a href=\"routes\">/routes</a> <a href=\"connections\">/connections</a> "
	"<a href=\"metrics\">/metrics</a>\n"
	"<small>The page refreshes itself, but not while text is selected or the tab is hidden.</small>\n</footer>\n";

void page_frame_open(struct buf *out)
{
	buf_puts(out, head);
	buf_puts(out, style);
	buf_puts(out, style_tables);
	buf_puts(out, "</head>\n<body>\n<p id=\"gone\" role=\"status\"></p>\n<main>\n");
}

void page_frame_close(struct buf *out)
{
	buf_puts(out, footer);
	buf_puts(out, script);
	buf_puts(out, "</body>\n</html>\n");
}
