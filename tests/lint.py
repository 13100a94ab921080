#!/usr/bin/env python3
"""Holds the top-level files to ARCHITECTURE.md. Prints each fault as FILE:LINE: WHAT; the exit status says whether any.

    tests/lint.py [DIRECTORY]

Each table row "| `name` |" below "## Files, in order" is one file: name.c, name.h, or both. What must hold: every file
has a row, and every row a file; a file includes its own header and those of rows above, and no circle; whoever uses a
name that a header declares includes that header, or its own header does; no function is defined in two files; base.h
is the first include; no function is longer than 40 lines. Text is compared, not compiled: a name that a file also
declares itself (a local variable, a member) counts only where it is called.
"""
import collections
import pathlib
import re
import sys

ORDER = "ARCHITECTURE.md"
LONGEST = 40
NOISE = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.M)
TOKEN = re.compile(r"->|\w+|[^\s\w]")
TYPES = {"struct", "union", "enum"}
NOT_TYPES = {"return", "case", "goto", "else", "do", "sizeof", "typedef"} | TYPES
faults = []


def fault(file, line, what):
    faults.append(f"{file}:{line}: {what}")


def blank(match):
    """Comments and strings go, their lines stay; an include keeps its name (it is read before)."""
    return '""' * (match[0][0] == '"') + "0" * (match[0][0] == "'") + "\n" * match[0].count("\n")


class Source:
    def __init__(self, path):
        self.file, self.name = path.name, path.stem
        raw = NOISE.sub(lambda m: m[0] if m[0][0] == '"' else blank(m), path.read_text())
        includes = [(raw.count("\n", 0, m.start()) + 1, m[1]) for m in
                    re.finditer(r'^[ \t]*#[ \t]*include[ \t]*(["<][^">\n]*)', raw, re.M)]
        self.first = includes[0] if includes else (1, "")
        self.includes = [(line, name[1:]) for line, name in includes if name[0] == '"']
        text = NOISE.sub(blank, path.read_text())
        self.macros = set(re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", text, re.M))
        self.all = self.tokens(text)        # with what directives say
        self.functions, self.names = [], set()      # names: enum constants, functions, extern variables, types
        self.tags, self.mentioned = set(), set()    # struct tags: with their members, and `struct tag;` alone
        self.declarations(self.tokens(DIRECTIVE.sub(lambda m: "\n" * m[0].count("\n"), text)))

    @staticmethod
    def tokens(text):
        line, at, found = 1, 0, []
        for m in TOKEN.finditer(text):
            line, at = line + text.count("\n", at, m.start()), m.start()
            found.append((m[0], line))
        return found

    def declarations(self, tokens):
        """Splits the file into its outermost declarations: each ends with ; or with the } of a function."""
        depth, opened, words = 0, None, []
        for i, (token, line) in enumerate(tokens):
            depth += (token in "({[") - (token in ")}]")
            if token == "{" and depth == 1 and not opened:
                before = [word for word, _ in words]
                opened = (len(words), line, bool(before) and before[-1] == ")" and "=" not in before)
            words.append((token, line))
            if depth == 0 and (token == ";" or (token == "}" and opened and opened[2])):
                self.declaration(words, opened)
                opened, words = None, []
        if depth:
            fault(self.file, 1, "its braces do not match: not understood")

    def declaration(self, words, opened):
        text = [word for word, _ in words]
        for i, word in enumerate(text[:-2]):
            if word in TYPES and text[i + 2] == "{":
                self.tags.add(text[i + 1])
            if word == "enum" and "{" in text[i + 1:i + 3]:
                body = text[text.index("{", i):text.index("}", i)]
                self.names |= {word for before, word in zip(body, body[1:]) if before in "{," and word.isidentifier()}
        if len(text) == 3 and text[0] in TYPES:
            self.mentioned.add(text[1])
        head = " ".join(text[:opened[0]] if opened else text)
        name = re.search(r"\w+(?= \((?! \*))", head.split("=")[0])
        if opened and opened[2]:
            self.functions.append((name[0], words[0][1], words[-1][1] - opened[1] - 1))
        elif text[0] in ("extern", "typedef"):
            name = re.search(r"\w+(?=(?: \[[^]]*\])* ;)", head) or name
        elif opened:
            name = None     # a type or a variable with its contents
        self.names |= {name[0]} if name else set()

    def uses(self, names, tags):
        """Yields (name, line) of every use of a name or a `struct tag`, by the name."""
        words = [("", 0)] + self.all + [("", 0)]
        seen, own = {}, set()
        for (before, _), (word, line), (after, _) in zip(words, words[1:], words[2:]):
            if before in TYPES:
                if word in tags and after != ";" and word not in self.mentioned:
                    seen.setdefault((word, "tag"), line)
            elif word in names and before not in (".", "->"):
                if before == "*" or (re.match(r"[A-Za-z_]\w*$", before) and before not in NOT_TYPES):
                    if after in (";", ",", ")", "=", "[", ":") and not word.isupper():
                        own.add(word)
                seen.setdefault((word, "(" if after == "(" else ""), line)
        for (word, kind), line in seen.items():
            if kind or word not in own:
                yield word, line, kind == "tag"


def read_order(top):
    rows, inside = {}, False
    text = (top / ORDER).read_text() if (top / ORDER).exists() else ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## "):
            inside = line.strip() == "## Files, in order"
        row = re.match(r"\| *`(\w+)` *\|", line)
        if inside and row:
            if row[1] in rows:
                fault(ORDER, number, f"{row[1]} has a second row")
            rows.setdefault(row[1], (len(rows), number))
    return rows


def check_includes(sources, rows):
    graph = collections.defaultdict(dict)
    for s in sources.values():
        if s.file.endswith(".c") and s.first[1] != '"base.h':
            fault(s.file, s.first[0], "base.h is not its first include")
        for line, included in s.includes:
            stem = included.rsplit(".", 1)[0]
            if stem != s.name:
                graph[s.name].setdefault(stem, (s.file, line))
            if included not in sources:
                fault(s.file, line, f"includes {included}, which is no file here")
            elif stem != s.name and s.name in rows and stem in rows and rows[stem] >= rows[s.name]:
                fault(s.file, line, f"includes {included}, whose row is not above its own")
    done, path = set(), []

    def walk(name):
        path.append(name)
        for other, (file, line) in graph[name].items():
            if other in path:
                fault(file, line, "circle: " + " -> ".join(path[path.index(other):] + [other]))
            elif other not in done:
                walk(other)
        done.add(path.pop())

    for name in list(graph):
        if name not in done:
            walk(name)


def check_names(sources):
    names, tags = collections.defaultdict(set), collections.defaultdict(set)     # each with the headers that declare it
    for s in sources.values():
        if s.file.endswith(".h"):
            own = sources.get(s.name + ".c")
            for name in (s.names | s.macros) - {s.name.upper() + "_H"}:
                names[name].add(s.file)
            for tag in s.tags | (s.mentioned & (own.tags if own else set())):
                tags[tag].add(s.file)
    for s in sources.values():
        header = sources.get(s.name + ".h")
        known = {name for _, name in s.includes + (header.includes if header else [])} | {s.name + ".h"}
        mine = s.names | s.macros | s.tags | (header.mentioned if header else set())
        lacks = collections.defaultdict(list)
        for word, line, is_tag in s.uses(names, tags):
            owners = tags[word] if is_tag else names[word]
            if word not in mine and not owners & known:
                lacks[" or ".join(sorted(owners))].append((line, word))
        for owner, uses in lacks.items():
            more = f" and {len(uses) - 3} more" if len(uses) > 3 else ""
            fault(s.file, uses[0][0], f"does not include {owner}, but uses {', '.join(w for _, w in uses[:3])}{more}")


def check_functions(sources):
    where = collections.defaultdict(dict)
    for s in sources.values():
        for name, line, length in s.functions:
            if length > LONGEST:
                fault(s.file, line, f"{name} has {length} lines, more than {LONGEST}")
            if s.file.endswith(".c"):
                where[name].setdefault(s.name, (s.file, line))
    for name, places in where.items():
        if len(places) > 1:
            for stem, (file, line) in places.items():
                fault(file, line, f"{name} is defined in {' and '.join(sorted(p + '.c' for p in places if p != stem))}, too")


def check_formats(top):
    """print.c knows few conversions, and compilers, which know all of them, do not tell."""
    words = {word for path in top.glob("*.h") for said in re.split(r";|\n\n", path.read_text())
             if re.search(r"PRINTF_LIKE|#define log_", said) for word in re.findall(r"(\w+)\(", said)}
    call = re.compile(r"\b(?:%s)\((?:[^;\"]|\"(?:\\\\.|[^\"\\\\])*\")*;" % "|".join(sorted(words)))
    for path in sorted(top.glob("*.c")):
        text = path.read_text()
        for m in call.finditer(text):
            literals = "".join(re.findall(r'"((?:\\.|[^"\\])*)"', m[0])).replace("%%", "")
            for conversion in re.findall(r"%[^a-zA-Z]*[a-zA-Z]+", literals):
                if not re.match(r"%(?:c|(?:\.(?:\*|\d+))?s|(?:0\d+)?(?:l|ll|z)?[duxX])", conversion):
                    fault(path.name, text.count("\n", 0, m.start()) + 1, f"{conversion} is not known to print.c")


def main():
    top = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    sources = {path.name: Source(path) for path in sorted(top.glob("*.[ch]"))}
    rows = read_order(top)
    stems = {s.name for s in sources.values()}
    for s in sources.values():
        if s.name not in rows:
            fault(s.file, 1, f"has no row in {ORDER}")
    for name, (_, number) in rows.items():
        if name not in stems:
            fault(ORDER, number, f"there is no {name}.c or {name}.h")
    check_includes(sources, rows)
    check_names(sources)
    check_functions(sources)
    check_formats(top)
    print("\n".join(faults) or f"{len(sources)} files, {len(rows)} rows")
    return bool(faults)


sys.exit(main())
