# dill: cc -O2 -pthread *.c -o dill does the same as `make`.
CC ?= cc
CFLAGS ?= -O2 -g
WARNINGS = -std=c11 -Wall -Wextra -Wpedantic
LDFLAGS ?=
PREFIX ?= /usr/local
SECONDS ?= 60
MINUTES ?= 10

SOURCES = $(wildcard *.c)

dill: $(SOURCES) $(wildcard *.h) Makefile
	$(CC) $(WARNINGS) $(CFLAGS) -pthread $(SOURCES) $(LDFLAGS) -o $@

# One binary without any library, for hosts that have nothing (Debian: musl-tools).
static: dill-static
dill-static: $(SOURCES) $(wildcard *.h) Makefile
	musl-gcc $(WARNINGS) -Os -ffunction-sections -fdata-sections -static -pthread $(SOURCES) -Wl,--gc-sections -s -o $@

run: dill
	@./example.sh

test: dill
	@tests/all.sh

bench: dill
	@bench/run.sh

soak: dill
	@bench/soak.sh $(MINUTES)

install: dill
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 dill $(DESTDIR)$(PREFIX)/bin/dill

clean:
	rm -rf dill dill-static build

.PHONY: static run test bench soak install clean
