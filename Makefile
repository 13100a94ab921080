# dill: cc -O2 -pthread *.c -o dill does the same as `make`.
CC ?= cc
CFLAGS ?= -O2 -g
WARNINGS = -std=c11 -Wall -Wextra -Wpedantic
LDFLAGS ?=
PREFIX ?= /usr/local
SECONDS ?= 60
MINUTES ?= 10

MUSL_CC ?= musl-gcc
SMALL ?= -Oz -flto -flto-partition=one -fno-pie -fno-asynchronous-unwind-tables -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,--build-id=none -Wl,--gc-sections

SOURCES = $(wildcard *.c)

dill: $(SOURCES) $(wildcard *.h) Makefile
	$(CC) $(WARNINGS) $(CFLAGS) -pthread $(SOURCES) $(LDFLAGS) -o $@

# One binary without any library, for hosts that have nothing (Debian: musl-tools).
static: dill-static
dill-static: $(SOURCES) $(wildcard *.h) Makefile
	$(MUSL_CC) $(WARNINGS) $(SMALL) -static -no-pie -pthread $(SOURCES) -s -o $@

# Needs nothing else: the example's backend is dill's own Peek.
run: dill
	@echo 'dill serves its own routing table, directly on 2323 and through itself on 4000. In another terminal, try:'
	@echo '    nc 127.0.0.1 2323'
	@echo '    nc 127.0.0.1 4000'
	@echo 'Then change example.toml, and start again. Ctrl-C stops.'
	@./dill -c example.toml

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

.PHONY: static run test fuzz bench soak install clean
