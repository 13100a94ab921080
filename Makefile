# dill: cc -O2 -pthread *.c -o dill does the same as `make`, which compiles each file on its own, and again only when
# it, a header of it or the flags have changed. CC, CPPFLAGS, CFLAGS, LDFLAGS and LDLIBS are honoured.
# TLS=openssl: sources may be at https://; links libssl (Debian: libssl-dev).
CFLAGS ?= -O2 -g
# AWS=no: without the sources dynamodb and elasticache, and in the static binary without what only they use.
AWS ?=
TLS ?=
WARNINGS = -std=c11 -Wall -Wextra -Wpedantic
PREFIX ?= /usr/local
SECONDS ?= 60
MINUTES ?= 10

MUSL_CC ?= musl-gcc
# Passes that -Oz leaves on, and that make this program larger: without each of them it is smaller.
LARGER = -fno-inline-functions-called-once -fno-caller-saves -fno-move-loop-invariants -fno-thread-jumps \
	-fno-tree-dominator-opts -fno-ipa-sra -fno-jump-tables -fno-tree-tail-merge \
	-fno-code-hoisting -fno-shrink-wrap -fno-tree-pre -fno-optimize-sibling-calls -fno-guess-branch-probability \
	-fno-forward-propagate -fno-ipa-pure-const -fno-tree-sra
# Tables at 16 bytes where they would be at 32, of x86 alone.
PACKED = $(if $(filter x86_64-%,$(shell $(MUSL_CC) -dumpmachine)),-malign-data=abi)
SMALL ?= -Oz $(LARGER) $(PACKED) -flto -flto-partition=one -fno-pie -fno-asynchronous-unwind-tables \
	-Wl,-z,noseparate-code -Wl,-z,common-page-size=16 -Wl,-z,norelro -Wl,--build-id=none -Wl,--gc-sections

# Another build beside the first, as tests/all.sh makes them: OBJ its directory, PROGRAM what it links.
OBJ ?= build/obj
PROGRAM ?= dill

ifeq ($(AWS),no)
AWS_FLAGS = -DDILL_NO_AWS
else ifneq ($(AWS),)
$(error AWS=$(AWS) is not known: no is)
endif
ifeq ($(TLS),openssl)
TLS_FLAGS = -DTLS_OPENSSL
TLS_LIBS = -lssl -lcrypto
else ifneq ($(TLS),)
$(error TLS=$(TLS) is not known: openssl is)
endif

SOURCES = $(sort $(wildcard *.c))
OBJECTS = $(SOURCES:%.c=$(OBJ)/%.o)
COMPILE = $(CC) $(WARNINGS) -I. $(AWS_FLAGS) $(TLS_FLAGS) $(CPPFLAGS) $(CFLAGS) -pthread
LINK = $(CC) $(CFLAGS) -pthread $(LDFLAGS)
FLAGS = '$(subst ','\'',$(COMPILE) $(LDFLAGS) $(LDLIBS) $(TLS_LIBS))'

$(PROGRAM): $(OBJECTS)
	$(LINK) $(OBJECTS) $(LDLIBS) $(TLS_LIBS) -o $@

$(OBJ)/%.o: %.c $(OBJ)/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c $< -o $@

# Changes only when the flags are not those of the last time.
$(OBJ)/flags: FORCE
	@mkdir -p $(@D)
	@[ "$$(cat $@ 2>/dev/null)" = $(FLAGS) ] || printf '%s\n' $(FLAGS) >$@

# A unit test or a fuzzer includes the .c files whose insides it needs; it is linked with the objects of all others but
# dill.c, which has main.
$(OBJ)/tests/%: $(OBJ)/tests/%.o $(OBJECTS)
	$(LINK) $< $(filter-out $(OBJ)/dill.o $(shell sed -n 's|^#include "../../\(.*\)\.c"|$(OBJ)/\1.o|p' tests/$*.c),$(OBJECTS)) $(LDLIBS) $(TLS_LIBS) -o $@

# One binary without any library, for hosts that have nothing (Debian: musl-tools).
static: dill-static
dill-static: $(SOURCES) $(wildcard *.h) Makefile $(OBJ)/flags
	@[ -z '$(TLS)' ] || { echo 'the static binary has no TLS: make it without TLS=$(TLS)' >&2; exit 1; }
	$(MUSL_CC) $(WARNINGS) $(AWS_FLAGS) $(SMALL) -static -no-pie -pthread $(SOURCES) -s -o $@

# Needs nothing else: the example's backend is dill's own Peek.
run: dill
	@echo 'dill serves its own routing table, directly on 2323 and through itself on 4000. In another terminal, try:'
	@echo '    nc 127.0.0.1 2323'
	@echo '    nc 127.0.0.1 4000'
	@echo 'Then change example.toml, and start again. Ctrl-C stops.'
	@./dill -c example.toml

# What takes seconds, with the tools that are installed: those that are not are named, and their checks left out.
check:
	@tests/all.sh --installed lint unit

test: dill
	@tests/all.sh

# Every parser that sees bytes from outside, each for so many seconds; what is found stays in build/fuzz.
fuzz:
	@FUZZ_SECONDS=$(SECONDS) tests/all.sh fuzz

bench: dill
	@bench/run.sh

soak: dill
	@bench/soak.sh $(MINUTES)

install: dill
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 dill $(DESTDIR)$(PREFIX)/bin/dill

clean:
	rm -rf dill dill-static build

-include $(OBJECTS:.o=.d) $(wildcard $(OBJ)/tests/*/*.d)

.SECONDARY:
.PHONY: static run check test fuzz bench soak install clean FORCE
