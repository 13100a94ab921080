#!/usr/bin/python3
"""Compares the formats with other people's parsers.

    format_oracle.py [COUNT [SEED]]     COUNT random documents for each format (default 1000)
    format_oracle.py --files FILE...    documents out of files

Documents inside the supported part must be read, and to the same list. Of every one a damaged copy is read as well,
and of that, as of files, what dill accepts has to mean the same to the other parser: dill may refuse more, but must
not misread. The parsers: Python's tomllib, json and configparser, and where Debian's packages of them are installed:
python3-yaml, python3-javaproperties, python3-dotenv, and for HCL (format_oracle.go) golang-go with
golang-github-hashicorp-hcl-v2-dev.
"""
import configparser
import glob
import importlib
import io
import json
import logging
import os
import random
import re
import subprocess
import sys
import tempfile
import tomllib
import unicodedata

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
FORMATS = ["toml", "ini", "yaml", "json", "hcl", "env", "properties"]

DRIVER = r"""
#include "base.h"
#include "format.h"
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
	char name[32];
	size_t len;
	while (scanf("%31s %zu", name, &len) == 2 && getchar() == '\n') {
		char *text = malloc(len + 1);
		struct doc doc;
		bool ok;
		if (!text || fread(text, 1, len, stdin) != len)
			return 1;
		ok = format_read(&doc, format_of(name), text, len);
		printf("%d %zu %d %s", ok, doc.count, doc.error_line, doc.error);
		putchar(0);
		for (size_t i = 0; i < doc.count; i++)
			printf("%s%c%s%c", doc.items[i].key, 0, doc.items[i].value, 0);
		doc_free(&doc);
		free(text);
	}
	return 0;
}
"""


def optional(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


logging.disable()  # dotenv's complaints
yaml, javaproperties, dotenv = map(optional, ["yaml", "javaproperties", "dotenv"])

def build_hcl(directory):
    """The other HCL parser, None without it."""
    source, program = os.path.join(HERE, "format_oracle.go"), os.path.join(directory, "hcl")
    env = dict(os.environ, GO111MODULE="off", GOPATH="/usr/share/gocode", GOCACHE=os.path.join(directory, "cache"))
    try:
        build = subprocess.run(["go", "build", "-o", program, source], env=env, stderr=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        return None
    return program if build.returncode == 0 else None


def read_hcl(program, texts):
    stream = b"".join(b"%d\n%s" % (len(text.encode()), text.encode()) for text in texts)
    run = subprocess.run([program], input=stream, stdout=subprocess.PIPE, check=True)
    fields = iter(run.stdout.split(b"\0"))
    for _ in texts:
        ok, count, error = next(fields).decode().split(" ", 2)
        items = [[next(fields).decode() for _ in range(3)] for _ in range(int(count))]
        yield [(k, Number(v) if kind == "n" else v) for k, v, kind in items] if ok == "1" else error


def build(directory):
    source, program = os.path.join(directory, "driver.c"), os.path.join(directory, "driver")
    with open(source, "w") as f:
        f.write(DRIVER)
    files = glob.glob(os.path.join(TOP, "format*.c"))
    files += [os.path.join(TOP, name) for name in ["doc.c", "json.c", "text.c", "sys.c"]]
    subprocess.run(["cc", "-std=c11", "-g", "-O1", "-fsanitize=address,undefined", "-I", TOP, "-o", program, source]
                   + files, check=True)
    return program


def read_all(program, documents):
    """What dill makes of (format, bytes): a list of (key, value), or an error as a string."""
    stream = b"".join(b"x.%s %d\n%s" % (fmt.encode(), len(text), text) for fmt, text in documents)
    run = subprocess.run([program], input=stream, stdout=subprocess.PIPE, check=True)
    fields = iter(run.stdout.split(b"\0"))
    for _ in documents:
        ok, count, line, error = next(fields).decode().split(" ", 3)
        items = [(next(fields).decode(), next(fields).decode()) for _ in range(int(count))]
        yield items if ok == "1" else f"{line}: {error}"


# What the other parsers make of a text, as the same list. They raise what they like.

def flatten(value, key="", leaf=str):
    if value is None:
        return []
    if isinstance(value, dict):
        parts = [flatten(v, f"{key}.{k}" if key else k, leaf) for k, v in value.items()]
    elif isinstance(value, list):
        parts = [flatten(v, f"{key}[{i}]", leaf) for i, v in enumerate(value)]
    elif isinstance(value, bool):
        return [(key, "true" if value else "false")]
    else:
        return [(key, leaf(value))]
    return sum(parts, []) or ([(key, "")] if key else [])


class Number(str):
    """A number as it is written: equal to another spelling of the same."""


def read_toml(text):
    return flatten(tomllib.loads(text, parse_float=Number), leaf=lambda v: v if isinstance(v, str) else Number(v))


def read_json(text):
    def unique(pairs):
        if len({k for k, _ in pairs}) < len(pairs):
            raise ValueError("duplicate key")
        return dict(pairs)

    def refuse(word):
        raise ValueError(word)

    tree = json.loads(text, object_pairs_hook=unique, parse_int=Number, parse_float=Number, parse_constant=refuse)
    if not isinstance(tree, dict):
        raise ValueError("not an object")
    lone = lambda text: type(text)(re.sub("[\ud800-\udfff]", "\ufffd", text))  # surrogates without their half
    return [(lone(key), lone(value)) for key, value in flatten(tree)]


def read_yaml(text):
    def tree(node):
        if isinstance(node, yaml.ScalarNode):
            null = node.style is None and node.value in ("", "~", "null", "Null", "NULL")
            return None if null else node.value
        if isinstance(node, yaml.SequenceNode):
            return [tree(n) for n in node.value]
        pairs = [(k.value, tree(v)) for k, v in node.value]
        if len({k for k, _ in pairs}) < len(pairs) or not all(isinstance(k, str) and k for k, _ in pairs):
            raise ValueError("odd key")
        return dict(pairs)

    root = yaml.compose(text, yaml.SafeLoader)
    if root is None or (isinstance(root, yaml.ScalarNode) and tree(root) is None):
        return []
    if not isinstance(root, yaml.MappingNode):
        raise ValueError("not a map")
    return flatten(tree(root))


def read_ini(text):
    parser = configparser.RawConfigParser(
        delimiters=("=",), comment_prefixes=(";", "#"), inline_comment_prefixes=(";", "#"), strict=False,
        empty_lines_in_values=False, default_section="no such section")
    parser.optionxform = str
    parser.read_string("[top]\n" + text)
    tree = {}
    for section in parser.sections():
        pairs = {}
        for key, value in parser.items(section):
            if "\n" in value:
                raise ValueError("value of several lines")
            pairs[key] = value[1:-1] if value[:1] in "'\"" and value else value
        if section == "top":
            tree.update(pairs)
        else:
            tree[section.strip()] = pairs
    return flatten(tree)


def read_env(text):
    values = dotenv.dotenv_values(stream=io.StringIO(text), interpolate=False)
    if None in values.values():
        raise ValueError("name without a value")
    return flatten(dict(values))


def read_properties(text):
    pairs = javaproperties.load(io.StringIO(text), object_pairs_hook=list)
    if len({k for k, _ in pairs}) < len(pairs) or "" in dict(pairs):
        raise ValueError("odd key")
    return flatten(dict(pairs))


def same(fmt, ours, theirs):
    if fmt == "properties":  # Java keeps blanks at the end of a line, dill does not
        ours, theirs = ([(k, v.rstrip(" \t")) for k, v in items] for items in (ours, theirs))
    if fmt == "hcl":  # HCL composes letters and accents
        ours = [(k, unicodedata.normalize("NFC", v)) for k, v in ours]
    if fmt not in ("json", "yaml"):  # the others do not tell the order
        ours, theirs = sorted(ours), sorted(theirs)
    if len(ours) != len(theirs):
        return False
    for (key, value), (their_key, their_value) in zip(ours, theirs):
        if key != their_key:
            return False
        if value != their_value and not (isinstance(their_value, Number) and float(value) == float(their_value)):
            return False
    return True


# Random documents. A tree is made first, and then written in one of the many ways of its format.

WORDS = ["web", "db", "listener", "backends", "port_min", "allowed", "internal", "x-1", "A", "_b", "k9"]
TEXTS = ["any:8080", "10.0.0.1:80", "::1", "[::1]:80", "http://a.b/c?d=e&f", "", " ", " a ", "a b", "a # b", "a #", "#a",
         "a: b", "a:", "- a", "-", "-a", "it's", 'say "x"', "back\\slash", "tab\there", "line\nfeed", "é", "\U0001f600",
         "a,b", "{a}", "[a]", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "?", "? a", "null", "~", "true", "yes", "1",
         "0x10", "1e3", "1.50", "$x", "a=b", "; a", "a ;b", "a//b", "/*", "<<", "---", "...", "\\n", "\\u0041"]


class Writer:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def maybe(self, p=0.3):
        return self.r.random() < p

    def pick(self, *options):
        return self.r.choice(options)

    def blanks(self):
        return self.pick("", "", " ", "  ", "\t")

    def text(self):
        if self.maybe(0.4):
            return self.pick(*TEXTS)
        return "".join(self.pick(*"abcXYZ019._-/:") for _ in range(self.r.randint(1, 12)))

    def key(self, plain=False):
        if plain or self.maybe(0.9):
            return self.pick(*WORDS) + self.pick("", "", "1", "2", "-x")
        return self.pick("a b", "é", "a:b", "a#b", "q\"q", "s's", "b\\c", "null", "1", "-", "true")

    def scalar(self):
        return self.pick(self.text(), self.text(), self.text(), self.r.randint(-9, 70000), True, False,
                         self.r.randint(-999, 999) / 8)

    def tree(self, depth=0, plain=False):
        out = {}
        for _ in range(self.r.randint(0 if depth else 1, 5)):
            out[self.key(plain)] = self.node(depth + 1, plain)
        return out

    def node(self, depth, plain=False):
        kind = self.r.random() if depth < 4 else 0
        if kind < 0.55:
            return self.scalar()
        if kind < 0.8:
            return self.tree(depth, plain)
        if kind < 0.9:
            return [self.tree(depth, plain) for _ in range(self.r.randint(0, 3))]
        return [self.node(depth + 1, plain) for _ in range(self.r.randint(0, 4))]

    def escaped(self, text, names, special=""):
        """The inside of a double-quoted string."""
        out = ""
        for c in text:
            if c in names:
                out += "\\" + names[c]
            elif c in special or ord(c) < 32 or self.maybe(0.03):
                out += "\\u%04x" % ord(c) if ord(c) < 0x10000 else "\\U%08x" % ord(c)
            else:
                out += c
        return out

    def number(self, value):
        return json.dumps(value)

    def document(self, fmt):
        text = getattr(self, fmt)()
        if self.maybe(0.1):
            text = "\ufeff" + text
        if self.maybe(0.15):
            text = text.replace("\n", "\r\n")
        return text

    # TOML

    def toml_string(self, text):
        if "'" not in text and not re.search(r"[\x00-\x08\x0a-\x1f]", text) and self.maybe():
            return f"'{text}'"
        return '"%s"' % self.escaped(text, {'"': '"', "\\": "\\", "\n": "n", "\t": "t"})

    def toml_key(self, key):
        return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) and self.maybe(0.9) else self.toml_string(key)

    def toml_scalar(self, value):
        if isinstance(value, str):
            return self.toml_string(value)
        if isinstance(value, bool) or isinstance(value, float) or value < 0 or self.maybe(0.7):
            return self.number(value)
        return self.pick(hex(value), oct(value), bin(value), f"{value:_}", f"+{value}")

    def toml_inline(self, value):
        gap = self.blanks
        if isinstance(value, dict):
            return "{" + ",".join(f"{gap()}{self.toml_key(k)}{gap()}={gap()}{self.toml_inline(v)}{gap()}"
                                  for k, v in value.items()) + "}"
        if isinstance(value, list):
            line = lambda: self.pick("", " ", "\n", " # x]\n  ", "\n\n")
            return "[" + ",".join(line() + self.toml_inline(v) + line() for v in value) + \
                (line() + "," if value and self.maybe() else "") + line() + "]"
        return self.toml_scalar(value)

    def toml_tail(self):
        return self.blanks() + self.pick("", "", "# c", "#") + "\n" + self.pick("", "", "\n", "# x = 1\n", "  \t\n")

    def toml_table(self, table, path):
        out, tables = "", []
        for k, v in table.items():
            key = self.toml_key(k)
            if v and isinstance(v, dict) and self.maybe(0.2):
                for k2, v2 in v.items():
                    out += f"{key}{self.blanks()}.{self.blanks()}{self.toml_key(k2)} = {self.toml_inline(v2)}" + \
                        self.toml_tail()
            elif isinstance(v, dict) and self.maybe(0.7):
                tables.append((path + [key], [v], "[%s]"))
            elif v and isinstance(v, list) and all(isinstance(e, dict) for e in v) and self.maybe(0.7):
                tables.append((path + [key], v, "[[%s]]"))
            else:
                out += f"{self.blanks()}{key}{self.blanks()}={self.blanks()}{self.toml_inline(v)}" + self.toml_tail()
        for place, values, head in tables:
            for v in values:
                out += self.blanks() + head % self.pick(".", " . ").join(place) + self.toml_tail() + \
                    self.toml_table(v, place)
        return out

    def toml(self):
        return self.toml_table(self.tree(), [])

    # JSON

    def json_value(self, value):
        gap = lambda: self.pick("", "", " ", "\n", "\t", "\n  ")
        if isinstance(value, dict):
            return "{" + ",".join(gap() + self.json_value(k) + gap() + ":" + gap() + self.json_value(v) + gap()
                                  for k, v in value.items()) + gap() + "}"
        if isinstance(value, list):
            return "[" + ",".join(gap() + self.json_value(v) + gap() for v in value) + gap() + "]"
        if value == "~":
            return "null"
        return json.dumps(value, ensure_ascii=self.maybe(0.5))

    def json(self):
        return self.json_value(self.tree())

    # YAML

    def yaml_scalar(self, value, flow):
        if not isinstance(value, str):
            return self.number(value)
        plain = re.fullmatch(r"[A-Za-z0-9.][A-Za-z0-9._:/ #-]*", value) and not re.search(r": | #|[: ]$", value)
        if plain and value not in ("...", "---") and not (flow and ":" in value) and self.maybe(0.7):
            return value
        if not re.search(r"[\x00-\x08\x0a-\x1f]", value) and self.maybe():
            return "'%s'" % value.replace("'", "''")
        return '"%s"' % self.escaped(value, {'"': '"', "\\": "\\", "\n": "n", "\t": "t"})

    def yaml_flow(self, value):
        gap = lambda: self.pick("", " ", " ", "\n      ", " # x]\n      ")
        if isinstance(value, dict):
            return "{" + ",".join(gap() + self.yaml_scalar(k, True) + self.pick("", " ") + ": " + gap() +
                                  self.yaml_flow(v) + gap() for k, v in value.items()) + gap() + "}"
        if isinstance(value, list):
            return "[" + ",".join(gap() + self.yaml_flow(v) + gap() for v in value) + \
                ("," if value and self.maybe(0.2) else "") + gap() + "]"
        return self.yaml_scalar(value, True)

    def yaml_tail(self):
        return self.pick("", "", " ", " # c") + "\n" + self.pick("", "", "\n", "# c\n", "       # c\n", "   \n")

    def yaml_inline(self, value):
        return not value or not isinstance(value, (dict, list)) or self.maybe(0.2)

    def yaml_block(self, value, indent, fresh=True):
        """Lines of a map or list; the first one starts behind what is there already when not fresh."""
        out = ""
        for k in value if isinstance(value, dict) else range(len(value)):
            v = value[k]
            out += (" " * indent if fresh else "")
            fresh = True
            if isinstance(value, list):
                if self.yaml_inline(v):
                    out += "- " + self.blanks().replace("\t", "") + self.yaml_flow(v) + self.yaml_tail()
                elif self.maybe(0.8):
                    more = self.r.randint(1, 3)
                    out += "-" + " " * more + self.yaml_block(v, indent + 1 + more, False)
                else:
                    out += "-" + self.yaml_tail() + self.yaml_block(v, indent + self.r.randint(1, 4))
                continue
            out += self.yaml_scalar(k, False) + self.pick("", "", " ") + ":"
            if v == "~" and self.maybe():
                out += self.pick("", " ~", " null") + self.yaml_tail()
            elif self.yaml_inline(v):
                below = not isinstance(v, (dict, list)) and self.maybe(0.1)
                out += (self.yaml_tail() + " " * (indent + 1) if below else " ") + self.yaml_flow(v) + self.yaml_tail()
            else:
                least = 0 if isinstance(v, list) else 1
                out += self.yaml_tail() + self.yaml_block(v, indent + self.r.randint(least, 4))
        return out

    def yaml(self):
        start = self.pick("", "", "---\n", "# c\n--- # c\n", "\n\n")
        return start + self.yaml_block(self.tree(), self.pick(0, 0, 0, 2)) + self.pick("", "", "...\n", "...\n# c\n")

    # Formats of lines

    def flat(self):
        return [(k, v) for k, v in flatten(self.tree(plain=True)) if not re.search(r"[\n]", v)]

    def ini(self):
        out, sections = "", {"": self.flat()}
        for _ in range(self.r.randint(0, 4)):
            sections[self.pick("services.", "S") + self.key(True)] = self.flat()
        for name, pairs in sections.items():
            out += f"[{self.blanks()}{name}]{self.pick('', ' ; c')}\n" if name else ""
            for k, v in pairs:
                bare = v == v.strip() and not re.search(r"(^|\s)[;#]|^[\"']", v)
                if not bare and (re.search("[;#\"]", v)):
                    continue
                v = v if bare and self.maybe(0.8) else f'"{v}"' if '"' not in v else None
                if v is not None:
                    out += f"{k}{self.blanks()}={self.blanks()}{v}{self.pick('', '', ' ', ' ; c', '  # d=e')}\n"
                out += self.pick("", "", "\n", "; x = 1\n", "# y\n")
        return out

    def env(self):
        out, seen = "", set()
        for k, v in self.flat():
            name = re.sub(r"[^A-Z0-9_]", "_", "DILL_" + k.upper())
            if name in seen:
                continue
            seen.add(name)
            if re.fullmatch(r"[A-Za-z0-9._:/,=;-]+", v) and self.maybe(0.7):
                text = v
            elif "'" not in v and "\\" not in v and self.maybe():
                text = f"'{v}'"
            else:
                text = '"%s"' % v.replace("\\", "\\\\").replace('"', '\\"')
                if re.search("[$`]", v):
                    continue
            out += self.pick("", "export ") + name + "=" + text + self.pick("", "", " # c") + "\n" + \
                self.pick("", "", "\n", "# X=1\n")
        return out

    def properties_text(self, text, key):
        out = ""
        for i, c in enumerate(text):
            if c == "\\" or (key and c in " \t=:") or (i == 0 and c in " \t#!"):
                out += "\\" + c if c != "\t" else "\\t"
            elif c in "\t\n":
                out += {"\t": "\\t", "\n": "\\n"}[c]
            elif ord(c) > 126 and self.maybe(0.5):
                out += "".join("\\u%04x" % int.from_bytes(c.encode("utf-16-be")[i:i + 2], "big")
                               for i in range(0, len(c.encode("utf-16-be")), 2))
            else:
                out += c
            if c not in " \t" and self.maybe(0.03) and text[i + 1:i + 2] not in (" ", "\t"):
                out += "\\\n" + self.blanks()
        if not key and out.endswith(" "):
            out = out[:-1] + "\\u0020"
        return out

    def properties(self):
        out = ""
        for k, v in {**dict(flatten(self.tree())), **dict(self.flat())}.items():
            out += self.blanks() + self.properties_text(k, True) + self.pick("=", " = ", ": ", " : ", " ") + \
                self.properties_text(v, False) + "\n" + self.pick("", "", "\n", "# c\n", "  ! c\n")
        return out

    # HCL

    def hcl_string(self, text):
        return '"%s"' % self.escaped(text, {'"': '"', "\\": "\\", "\n": "n", "\t": "t"})

    def hcl_key(self, key):
        return key if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", key) and self.maybe(0.6) else self.hcl_string(key)

    def hcl_gap(self):
        return self.pick("", " ", "  ", "\t", " /* = */ ")

    def hcl_value(self, value):
        line = lambda: self.pick("", " ", "\n", " # x]\n  ", " // x}\n", "\n\n", "/*\n}*/")
        if isinstance(value, dict):
            out = "{" + line()
            for k, v in value.items():
                out += f"{self.hcl_key(k)}{self.hcl_gap()}{self.pick('=', ':')}{self.hcl_gap()}{self.hcl_value(v)}"
                out += self.pick(",", "\n", ",\n", " # x\n", ", // x\n")
            return out + line() + "}"
        if isinstance(value, list):
            return "[" + ",".join(line() + self.hcl_value(v) + line() for v in value) + \
                ("," + line() if value and self.maybe(0.2) else "") + line() + "]"
        if value == "~":
            return "null"
        return self.hcl_string(value) if isinstance(value, str) else self.number(value)

    def hcl_tail(self):
        return self.pick("", "", " # c", " // c", " /* c */") + "\n" + self.pick("", "", "\n", "# c\n", "/* c\n} */\n")

    def hcl_body(self, table):
        out = ""
        for k, v in table.items():
            if isinstance(v, dict) and self.maybe(0.7):
                label = f' "{self.key(True)}"{self.pick("", " ")}' if self.maybe(0.2) else " "
                out += f"{self.blanks()}{k}{label}{{" + self.pick("\n", self.hcl_tail()) + self.hcl_body(v) + "}"
            elif isinstance(v, dict) and len(v) == 1 and self.maybe():
                out += f"{k} {{ {self.hcl_body(v).strip()} }}" if "\n" not in self.hcl_body(v).strip() else "#"
            else:
                out += f"{self.blanks()}{k}{self.hcl_gap()}={self.hcl_gap()}{self.hcl_value(v)}"
            out += self.hcl_tail()
        return out

    def hcl(self):
        out = self.hcl_body(self.tree(plain=True))
        for _ in range(self.r.randint(0, 3)):
            out += self.pick("services {", "services{ ", "apps {") + "\n" + self.hcl_body(self.tree(1, True)) + "}\n"
        return out

    def damaged(self, text):
        for _ in range(self.r.randint(1, 3)):
            i = self.r.randint(0, len(text))
            c = self.pick(*"\"'\\[]{}:=,.#-\n\n \t_0a$&*!|<;/`", text[i:i + 1], "\r\n")
            text = text[:i] + c + text[i + self.pick(0, 1, 1, 3):]
        return text


READERS = {"toml": read_toml, "json": read_json, "ini": read_ini}
if yaml:
    READERS["yaml"] = read_yaml
if dotenv:
    READERS["env"] = read_env
if javaproperties:
    READERS["properties"] = read_properties


def theirs_of(fmt, text):
    try:
        return READERS[fmt](text.removeprefix("\ufeff"))
    except Exception as e:  # every parser has its own kinds
        return f"{type(e).__name__}: {e}"


def all_theirs(fmt, texts, hcl_program):
    if fmt == "hcl":
        return read_hcl(hcl_program, texts)
    return (theirs_of(fmt, text) for text in texts)


KNOWN = [
    "found character '\\t' that cannot start any token",  # PyYAML takes tabs for no separation
    "expected the node content, but found ':'",  # nor a value for one that starts with a colon within [] or {}
    "expected ',' or '}', but got '?'",  # and ends a value at a question mark
    "expected the node content, but found '<document end>'",  # and "..." alone for no empty document
    "Invalid single-argument block definition",  # HCL 2 has rules for line ends around '}', HCL 1 has none
    "Missing newline after argument",
    "Missing newline after block definition",
    "A single-line block definition can contain only a single argument",
]


class Report:
    def __init__(self):
        self.compared = self.accepted = self.differences = 0

    def compare(self, fmt, text, ours, theirs, must_accept):
        self.compared += 1
        self.accepted += isinstance(ours, list)
        if isinstance(ours, str):
            wrong = must_accept and isinstance(theirs, list)
        else:
            wrong = not same(fmt, ours, theirs) if isinstance(theirs, list) else not any(k in theirs for k in KNOWN)
        if not wrong:
            return
        self.differences += 1
        if self.differences <= 10:
            if isinstance(ours, list) and isinstance(theirs, list):
                ours, theirs = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
            print(f"--- {fmt}\n{text}\n--- dill:   {ours}\n--- theirs: {theirs}\n")


def run(driver, hcl_program, count, seed):
    total = Report()
    for fmt in FORMATS:
        if fmt not in READERS and not (fmt == "hcl" and hcl_program):
            print(f"{fmt}: no other parser installed, skipped")
            continue
        report, texts = Report(), []
        for i in range(count):
            writer = Writer(f"{seed} {fmt} {i}")
            text = writer.document(fmt)
            texts += [text, writer.damaged(text)]
        ours = read_all(driver, [(fmt, text.encode()) for text in texts])
        for i, both in enumerate(zip(ours, all_theirs(fmt, texts, hcl_program))):
            report.compare(fmt, texts[i], *both, i % 2 == 0)
        print(f"{fmt}: {report.compared} documents compared, {report.accepted} accepted, "
              f"{report.differences} differences")
        total.compared += report.compared
        total.differences += report.differences
    print(f"{total.compared} documents compared, {total.differences} differences")
    return total.differences


def run_files(driver, hcl_program, paths):
    report = Report()
    for path in paths:
        fmt = path.rsplit(".", 1)[-1].replace("yml", "yaml").replace("conf", "ini")
        if fmt not in READERS and not (fmt == "hcl" and hcl_program):
            continue
        with open(path, "rb") as f:
            data = f.read()
        ours = next(read_all(driver, [(fmt, data)]))
        try:
            theirs = next(iter(all_theirs(fmt, [data.decode()], hcl_program)))
        except UnicodeDecodeError:
            theirs = "not UTF-8"
        report.compare(fmt, f"{path}\n{data!r}", ours, theirs, False)
    print(f"{report.compared} files compared, {report.accepted} accepted, {report.differences} differences")
    return report.differences


def main():
    with tempfile.TemporaryDirectory() as directory:
        driver, hcl_program = build(directory), build_hcl(directory)
        if sys.argv[1:2] == ["--files"]:
            return run_files(driver, hcl_program, sys.argv[2:])
        count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
        return run(driver, hcl_program, count, sys.argv[2] if len(sys.argv) > 2 else "1")


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
