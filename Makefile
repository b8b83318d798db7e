# espnic: build, tests, installation. `make help` explains the targets.
#
# Sources are found by folder (see sim/README.md for the map); a new .c file needs no line here.
# Everything that is made goes below $(BUILD); nothing is written beside the sources.

VERSION := 0.1.0
SOVERSION := 0

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
# Where the shared recordings, captures and vectors lie; tests that need them skip by name without.
ESPNIC_DATA ?= ../shared/data
# A substring picks tests: make test T=replay
T ?=
# V=1 shows the commands, WERROR=1 makes warnings errors, LTO=1 optimises at link time,
# DEPS=0 never calls the package manager.
V ?= 0
WERROR ?= 0
LTO ?= 0
DEPS ?= 1

ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O3 -g
LDFLAGS ?=
# Versions of clang-format disagree with each other: the one the style was written for, if it is there.
pick = $(firstword $(foreach c,$(1)-14 $(1),$(if $(shell command -v $(c)),$(c))) $(1))
CLANG ?= $(call pick,clang)
CLANG_TIDY ?= $(call pick,clang-tidy)
CLANG_FORMAT ?= $(call pick,clang-format)
CPPCHECK ?= cppcheck
VERILATOR ?= verilator

export ESPNIC_DATA

# ---- Debian packages: the only place where they are named ---------------------------------------
# NEED cannot be done without; WANT turns a feature or a few tests off when it cannot be had.

MACHINE := $(shell uname -m)
HAVE_SV := $(firstword $(wildcard rtl_models/*.sv))
RTL_PKG := $(sort $(wildcard rtl_models/*_pkg.sv))
CORE_NEED := gcc libc6-dev pkg-config libpcap-dev libyaml-dev libjansson-dev libssl-dev
CORE_WANT := $(if $(filter x86_64,$(MACHINE)),libipsec-mb-dev)
TEST_NEED := check
TEST_WANT := tshark python3 gnuplot-nox $(if $(HAVE_SV),verilator g++ iverilog yosys)
RTL_WANT := verilator g++ yosys
FUZZ_WANT = $(if $(HAVE_LIBFUZZER),,clang-14 libclang-rt-14-dev)
LINT_NEED := clang-14 clang-tidy-14 clang-format-14 cppcheck $(if $(HAVE_SV),verilator)

# ---- libraries ----------------------------------------------------------------------------------
# On a bare machine none of this is there yet: the values come out empty, and the targets that
# install packages start make again afterwards.

CORE_PC := libpcap yaml-0.1 jansson libcrypto
HAVE_CORE := $(shell command -v $(firstword $(CC)) >/dev/null 2>&1 && \
	pkg-config --exists $(CORE_PC) 2>/dev/null && echo yes)
CORE_CFLAGS := $(shell pkg-config --cflags $(CORE_PC) 2>/dev/null)
LIBS := $(shell pkg-config --libs $(CORE_PC) 2>/dev/null) -lm -ldl
ifeq ($(origin IPSEC_MB),undefined)
IPSEC_MB := $(shell echo '\#include <intel-ipsec-mb.h>' | $(CC) -E - >/dev/null 2>&1 && echo 1 || echo 0)
endif
ifeq ($(IPSEC_MB),1)
CORE_CFLAGS += -DESPNIC_HAVE_IPSEC_MB=1
LIBS += -lIPSec_MB
endif
CHECK_CFLAGS = $(shell pkg-config --cflags check 2>/dev/null)
CHECK_LIBS = $(shell pkg-config --libs check 2>/dev/null)

# ---- flags --------------------------------------------------------------------------------------
# No -march=native and no contraction of floating point: results must not depend on the machine.

WARNINGS := -Wall -Wextra -Wconversion -Wshadow $(if $(filter 1,$(WERROR)),-Werror)
BASE_CPPFLAGS := -D_GNU_SOURCE -DESPNIC_VERSION=\"$(VERSION)\" -Isim -I. -Isim/include $(CORE_CFLAGS)
BASE_CFLAGS := -std=c17 -fPIC -fno-semantic-interposition -ffp-contract=off $(WARNINGS)
ALL_CFLAGS = $(BASE_CPPFLAGS) $(CPPFLAGS) $(BASE_CFLAGS) $(if $(filter 1,$(LTO)),-flto=auto) $(CFLAGS)
ALL_LDFLAGS = $(if $(filter 1,$(LTO)),-flto=auto $(CFLAGS)) $(LDFLAGS)

# ---- sources ------------------------------------------------------------------------------------

LIB_SRC := $(sort $(wildcard sim/engine/*.c sim/esp/*.c sim/nic/*.c sim/host/*.c sim/report/*.c \
	pcie_model/*.c sa_table/*.c traces/*.c))
CLI_SRC := $(sort $(filter-out sim/cli/main.c,$(wildcard sim/cli/*.c)))
MAIN_SRC := $(wildcard sim/cli/main.c)
CHECK_DIRS := unit timing validation fault lockstep
TEST_SRC := $(sort $(wildcard $(CHECK_DIRS:%=tests/%/test_*.c)))
HELPER_SRC := $(sort $(filter-out $(TEST_SRC),$(wildcard $(CHECK_DIRS:%=tests/%/*.c))))
SHELL_TESTS := $(sort $(wildcard tests/test_*.sh tests/*/test_*.sh))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
BENCH_SRC := $(sort $(wildcard tests/bench/bench_*.c))
BENCH_HELPER_SRC := $(sort $(filter-out $(BENCH_SRC),$(wildcard tests/bench/*.c)))
BENCH_SH := $(sort $(wildcard tests/bench/bench_*.sh))
SOAK_SH := $(sort $(wildcard tests/*/soak_*.sh))
SAMPLE_SRC := traces/samples/make_sample.c
ALL_SRC := $(LIB_SRC) $(CLI_SRC) $(MAIN_SRC) $(SAMPLE_SRC) $(TEST_SRC) $(HELPER_SRC) $(sort $(wildcard tests/fuzz/*.c)) \
	$(BENCH_SRC) $(BENCH_HELPER_SRC)
ALL_HEADERS := $(sort $(wildcard sim/*/*.h pcie_model/*.h sa_table/*.h traces/*.h tests/*/*.h))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
ESPNIC := $(BUILD)/espnic
LIB_A := $(BUILD)/libespnic.a
LIB_SO := $(BUILD)/libespnic.so.$(SOVERSION)
MAKE_SAMPLE := $(BUILD)/make-sample
CLI_A := $(BUILD)/libespnic-cli.a
TEST_BIN := $(TEST_SRC:tests/%.c=$(BUILD)/tests/%)
REPLAY_BIN := $(FUZZ_SRC:tests/%.c=$(BUILD)/tests/%)
BENCH_BIN := $(BENCH_SRC:tests/%.c=$(BUILD)/tests/%)

NPROC := $(shell nproc 2>/dev/null || echo 1)
# Make again, after packages were installed; as many jobs as there are processors unless -j was given.
REMAKE = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(NPROC))

ifeq ($(V),1)
Q :=
say := @:
else
Q := @
say := @printf '  %-7s %s\n'
endif

# ---- build --------------------------------------------------------------------------------------

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
.PHONY: all test-programs test run-tests demo bench soak sample lint format format-check asan fuzz fuzz-search fuzz-replay clean \
	install uninstall deps deps-test deps-rtl deps-fuzz deps-lint help core-present FORCE

all: core-present $(LIB_A) $(CLI_A) $(if $(LIB_SRC),$(LIB_SO)) $(if $(MAIN_SRC),$(ESPNIC))

core-present:
ifneq ($(HAVE_CORE),yes)
	@echo 'The compiler or a core library is missing. Type: make deps' >&2
	@echo 'or install what these Debian packages hold: $(CORE_NEED)' >&2
	@false
endif

# Rewritten only when the flags change; every object depends on it.
$(BUILD)/flags: FORCE | core-present
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(LIBS))' | cmp -s - $@ || \
		printf '%s\n' '$(subst ','\'',$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(LIBS))' > $@

$(BUILD)/obj/tests/%.o: tests/%.c $(BUILD)/flags
	$(say) CC tests/$*.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(CHECK_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# A list of objects that changes when a source comes or goes, so that an archive holds no dead ones.
$(BUILD)/lib.list: WANT = $(LIB_SRC)
$(BUILD)/cli.list: WANT = $(CLI_SRC)
$(BUILD)/lib.list $(BUILD)/cli.list: FORCE | core-present
	@mkdir -p $(@D)
	@printf '%s\n' '$(WANT)' | cmp -s - $@ || printf '%s\n' '$(WANT)' > $@

$(LIB_A): $(call obj,$(LIB_SRC)) $(BUILD)/lib.list
$(CLI_A): $(call obj,$(CLI_SRC)) $(BUILD)/cli.list
$(LIB_A) $(CLI_A):
	$(say) AR $@
	@rm -f $@
	$(Q)$(if $(filter 1,$(LTO)),gcc-ar,ar) rcsD $@ $(filter %.o,$^)

# Only the public names leave the shared library.
$(LIB_SO): $(call obj,$(LIB_SRC)) $(BUILD)/lib.list
	$(say) LD $@
	@echo '{ global: espnic_*; local: *; };' > $(BUILD)/espnic.map
	$(Q)$(CC) -shared -Wl,-soname,$(@F) -Wl,--version-script=$(BUILD)/espnic.map $(ALL_LDFLAGS) \
		-o $@ $(filter %.o,$^) $(LIBS)

$(ESPNIC): $(call obj,$(MAIN_SRC)) $(CLI_A) $(LIB_A)
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(CLI_A) $(LIB_A) $(LIBS)

# ---- test, fuzz and bench programs --------------------------------------------------------------
# Files of a folder that are not themselves a test, a fuzz target or a benchmark help all that are.

link_with_helpers = $(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(CLI_A) $(LIB_A) $(1) $(LIBS)

define test_folder
$(BUILD)/tests/$(1)/test_%: $(BUILD)/obj/tests/$(1)/test_%.o \
		$(call obj,$(filter tests/$(1)/%,$(HELPER_SRC))) $(CLI_A) $(LIB_A)
	$$(say) LD $$@
	@mkdir -p $$(@D)
	$$(call link_with_helpers,$$(CHECK_LIBS))
endef
$(foreach d,$(CHECK_DIRS),$(eval $(call test_folder,$(d))))

$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o \
		$(if $(FUZZ_MAIN),,$(BUILD)/obj/tests/fuzz/replay.o) $(CLI_A) $(LIB_A)
	$(say) LD $@
	@mkdir -p $(@D)
	$(call link_with_helpers,$(FUZZ_MAIN))

$(BUILD)/tests/bench/bench_%: $(BUILD)/obj/tests/bench/bench_%.o $(call obj,$(BENCH_HELPER_SRC)) $(CLI_A) $(LIB_A)
	$(say) LD $@
	@mkdir -p $(@D)
	$(call link_with_helpers)

# What tests see. The program finds its presets beside a build folder of this tree; tell it of others.
RUN_ENV = ESPNIC=$(ESPNIC) BUILD=$(BUILD) ESPNIC_PRESETS=sim/presets ESPNIC_RTL_CACHE=$(abspath $(BUILD))/rtl OPT=-O1

test-programs: all $(MAKE_SAMPLE) $(TEST_BIN) $(if $(FUZZ_MAIN),,$(REPLAY_BIN))

test: deps-test
	+$(Q)$(REMAKE) run-tests

run-tests: test-programs
	$(Q)$(RUN_ENV) V=$(V) bash tests/run.sh \
		$(foreach t,$(TEST_BIN) $(REPLAY_BIN) $(SHELL_TESTS),$(if $(or $(if $(T),,all),$(findstring $(T),$(t))),$(t)))

# ---- demonstration, benchmarks, long runs -------------------------------------------------------

DEMO := traces/samples/vpn-gateway.yaml
demo: deps
	+$(Q)$(REMAKE) all
	@test -x $(ESPNIC) || { echo 'make demo: $(ESPNIC) was not built' >&2; exit 1; }
	@test -f $(DEMO) || { echo 'make demo: the scenario $(DEMO) is missing' >&2; exit 1; }
	@echo '$$ $(ESPNIC) run $(DEMO)'
	$(Q)$(RUN_ENV) $(ESPNIC) run $(DEMO)
	@printf '%s\n' '' 'Try: $(ESPNIC) run $(DEMO) --set card.crypto.width=2B     a smaller card' \
		'     $(ESPNIC) run --help      $(ESPNIC) preset list      README.md'

# The files of the sample, written anew; a test says if the ones in the repository differ.
sample: deps
	+$(Q)$(REMAKE) $(MAKE_SAMPLE)
	$(Q)$(MAKE_SAMPLE) traces/samples

$(MAKE_SAMPLE): $(call obj,$(SAMPLE_SRC)) $(LIB_A)
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(LIB_A) $(LIBS)

bench: deps
	+$(Q)$(REMAKE) all $(BENCH_BIN)
	$(if $(BENCH_BIN)$(BENCH_SH),,@echo 'make bench: no tests/bench/bench_*.c or .sh' >&2; exit 1)
	$(Q)set -e; for b in $(BENCH_BIN); do echo "== $$b"; $(RUN_ENV) $$b; done; \
	for b in $(BENCH_SH); do echo "== $$b"; $(RUN_ENV) bash $$b; done

# SECONDS_EACH per fuzz target, and every tests/*/soak_*.sh.
soak: SECONDS_EACH = 600
soak: deps fuzz
	+$(Q)$(REMAKE) all
	$(Q)set -e; for s in $(SOAK_SH); do echo "== $$s"; $(RUN_ENV) bash $$s; done

# What the lockstep runs reach in the RTL; how large its blocks are (rtl_models/AREA.md).
.PHONY: coverage area
coverage: deps-rtl
	+$(Q)$(REMAKE) all
	$(Q)$(RUN_ENV) bash tests/lockstep/coverage.sh

area: deps-rtl
	$(Q)bash rtl_models/area.sh

# ---- sanitizers and fuzzing ---------------------------------------------------------------------

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
asan: deps-test
	+$(Q)CK_TIMEOUT_MULTIPLIER=5 $(REMAKE) run-tests BUILD=build-asan CFLAGS='-O1 -g $(SANITIZE)' \
		LDFLAGS='$(SANITIZE)'

SECONDS_EACH ?= 20
HAVE_LIBFUZZER = $(shell printf 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n){return !d && n;}' | \
	$(CLANG) -fsanitize=fuzzer,address -x c -o /dev/null - 2>/dev/null && echo yes)
fuzz: deps-fuzz
	$(if $(FUZZ_SRC),,@echo 'make fuzz: no tests/fuzz/fuzz_*.c' >&2; exit 1)
	+$(Q)$(REMAKE) $(if $(HAVE_LIBFUZZER),fuzz-search,fuzz-replay) SECONDS_EACH=$(SECONDS_EACH)

fuzz-search:
	+$(Q)$(REMAKE) $(FUZZ_SRC:tests/%.c=build-fuzz/tests/%) BUILD=build-fuzz CC=$(CLANG) FUZZ_MAIN=-fsanitize=fuzzer \
		CFLAGS='-O1 -g -fsanitize=fuzzer-no-link $(SANITIZE)' LDFLAGS='$(SANITIZE)'
	$(Q)SECONDS_EACH=$(SECONDS_EACH) bash tests/fuzz/run.sh $(FUZZ_SRC:tests/%.c=build-fuzz/tests/%)

fuzz-replay: $(REPLAY_BIN)
	@echo 'SKIP fuzz: $(CLANG) has no libFuzzer; the seeds are replayed only'
	$(Q)set -e; for f in $(REPLAY_BIN); do $$f; done

# ---- style --------------------------------------------------------------------------------------

FORMATTED := $(ALL_SRC) $(ALL_HEADERS)
format: deps-lint
	$(Q)$(if $(FORMATTED),$(CLANG_FORMAT) -i $(FORMATTED))

format-check:
	$(say) FORMAT '$(words $(FORMATTED)) files'
	$(Q)bad=; for f in $(FORMATTED); do $(CLANG_FORMAT) $$f | cmp -s $$f - || { bad=1; \
		echo "$$f: not in the project's style (make format)" >&2; }; done; test -z "$$bad"

lint: deps-lint deps-test
	+$(Q)$(REMAKE) format-check $(ALL_SRC:%=$(BUILD)/lint/%.tidy) $(BUILD)/lint/cppcheck.ok $(if $(HAVE_SV),lint-rtl)
	@echo 'lint: clean'

# ANALYZE=0: without clang's static analyser, which takes nine tenths of the time.
ANALYZE ?= 1
$(BUILD)/lint/%.c.tidy: %.c $(ALL_HEADERS) .clang-tidy tests/.clang-tidy
	$(say) TIDY $<
	@mkdir -p $(@D)
	$(Q)$(CLANG_TIDY) --quiet --warnings-as-errors='*' $(if $(filter 0,$(ANALYZE)),--checks=-clang-analyzer-*) $< -- -std=c17 $(BASE_CPPFLAGS) $(CPPFLAGS) \
		$(CHECK_CFLAGS) -Wall -Wextra -Wconversion -Wshadow >$@.log 2>&1 || \
		{ grep -v ' warnings generated' $@.log; exit 1; }
	@mv $@.log $@

CPPCHECK_FLAGS := --quiet --std=c11 --language=c --platform=unix64 --inline-suppr \
	--enable=warning,performance,portability --suppressions-list=.cppcheck --error-exitcode=1
$(BUILD)/lint/cppcheck.ok: $(ALL_SRC) $(ALL_HEADERS) .cppcheck
	$(say) CPPCHECK '$(words $(ALL_SRC)) files'
	@mkdir -p $(@D)/cppcheck
	$(Q)$(CPPCHECK) -j $(NPROC) $(CPPCHECK_FLAGS) --cppcheck-build-dir=$(@D)/cppcheck \
		$(filter -D% -I%,$(BASE_CPPFLAGS)) $(ALL_SRC)
	@touch $@

.PHONY: lint-rtl
lint-rtl:
	$(say) VERILATE '--lint-only rtl_models'
	$(Q)set -e; for f in $(filter-out $(RTL_PKG),$(wildcard rtl_models/*.sv)); do \
		$(VERILATOR) --lint-only -Wall -Irtl_models $(RTL_PKG) $$f; done

# ---- installation -------------------------------------------------------------------------------

BINDIR := $(DESTDIR)$(PREFIX)/bin
LIBDIR := $(DESTDIR)$(PREFIX)/lib
INCDIR := $(DESTDIR)$(PREFIX)/include
MANDIR := $(DESTDIR)$(PREFIX)/share/man/man1
COMPDIR := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
SHAREDIR := $(DESTDIR)$(PREFIX)/share/espnic

define PC_FILE
prefix=$(PREFIX)
libdir=$${prefix}/lib
includedir=$${prefix}/include

Name: espnic
Description: cycle-level simulator of a network card that offloads IPsec
Version: $(VERSION)
Libs: -L$${libdir} -lespnic
Libs.private: $(LIBS)
Cflags: -I$${includedir}
endef
export PC_FILE

# As `espnic cosim` looks for it: RTL, pins and block.h below one folder.
RTLDIR := $(SHAREDIR)/rtl_models
define install_rtl
$(Q)install -d $(RTLDIR)/lockstep $(RTLDIR)/pins $(RTLDIR)/include/engine
$(Q)install -m 644 $(wildcard rtl_models/*.sv rtl_models/README.md) $(RTLDIR)/
$(Q)install -m 644 $(wildcard rtl_models/lockstep/*) $(RTLDIR)/lockstep/
$(Q)install -m 755 rtl_models/verilate.sh rtl_models/pins.sh $(RTLDIR)/
$(Q)install -m 644 $(wildcard sim/nic/pins_*.def) $(RTLDIR)/pins/
$(Q)install -m 644 sim/engine/block.h $(RTLDIR)/include/engine/block.h
endef

install: all
	$(Q)install -d $(BINDIR) $(LIBDIR)/pkgconfig $(INCDIR) $(MANDIR) $(COMPDIR) $(SHAREDIR)/presets $(SHAREDIR)/samples
	$(Q)install -m 755 $(ESPNIC) $(BINDIR)/espnic
	$(Q)install -m 644 $(LIB_A) $(LIBDIR)/libespnic.a
	$(Q)install -m 755 $(LIB_SO) $(LIBDIR)/libespnic.so.$(SOVERSION)
	$(Q)ln -sf libespnic.so.$(SOVERSION) $(LIBDIR)/libespnic.so
	$(Q)install -m 644 sim/include/espnic.h $(INCDIR)/espnic.h
	$(Q)printf '%s\n' "$$PC_FILE" > $(LIBDIR)/pkgconfig/espnic.pc
	$(Q)install -m 644 sim/cli/espnic.1 $(MANDIR)/espnic.1
	$(Q)install -m 644 sim/cli/espnic.bash $(COMPDIR)/espnic
	$(Q)for f in $(wildcard sim/presets/*.yaml); do install -m 644 $$f $(SHAREDIR)/presets/ || exit 1; done
	$(Q)for f in $(filter-out %.md %.c,$(wildcard traces/samples/*)); do \
		install -m 644 $$f $(SHAREDIR)/samples/ || exit 1; done
	$(if $(HAVE_SV),$(call install_rtl))
	@echo 'espnic $(VERSION) is installed below $(DESTDIR)$(PREFIX)'

uninstall:
	$(Q)rm -f $(BINDIR)/espnic $(LIBDIR)/libespnic.a $(LIBDIR)/libespnic.so $(LIBDIR)/libespnic.so.$(SOVERSION) \
		$(INCDIR)/espnic.h $(LIBDIR)/pkgconfig/espnic.pc $(MANDIR)/espnic.1 $(COMPDIR)/espnic
	$(Q)rm -rf $(SHAREDIR)

clean:
	$(Q)rm -rf $(BUILD) build-asan build-fuzz

# ---- packages -----------------------------------------------------------------------------------
# $(call packages,NEED,WANT): install what is missing; fail only if something of NEED stays missing.
# Silent and quick when everything is there.

define packages
@set -u; need='$(strip $(1))'; want='$(strip $(2))'; \
test '$(DEPS)' != 0 || exit 0; \
if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then \
	test '$(HAVE_CORE)' = yes || { \
		echo 'This system has no apt-get. Install what these Debian packages hold:' $$need $$want; }; \
	exit 0; \
fi; \
missing() { \
	have=" $$(dpkg-query -W -f='$${db:Status-Status}:$${Package} ' "$$@" 2>/dev/null)"; \
	for p in "$$@"; do case "$$have" in *" installed:$$p "*) ;; *) printf '%s ' "$$p" ;; esac; done; \
}; \
todo=$$(missing $$need $$want); test -n "$$todo" || exit 0; \
echo "Installing Debian packages: $$todo"; \
as_root=; \
if [ "$$(id -u)" != 0 ]; then \
	if command -v sudo >/dev/null 2>&1; then as_root=sudo; [ -t 0 ] || as_root='sudo -n'; else as_root=false; fi; \
fi; \
apt() { $$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$$@" </dev/null >>$(APT_LOG) 2>&1; }; \
get() { apt install -y --no-install-recommends "$$@"; }; \
mkdir -p $(BUILD); : >$(APT_LOG); \
ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || apt update; \
get $$todo || { apt update; get $$todo; } || for p in $$todo; do get $$p; done; \
left=$$(missing $$need $$want); test -n "$$left" || exit 0; \
tail -n 5 $(APT_LOG) >&2; \
echo "Could not install: $$left" >&2; \
if [ "$$(id -u)" = 0 ]; then p=; elif [ "$$as_root" = false ]; then p='(as root) '; else p='sudo '; fi; \
echo "Type this, then try again:  $${p}apt-get update && $${p#(as root) }apt-get install $$left" >&2; \
left=$$(missing $$need); test -z "$$left" || exit 1; \
echo 'Going on without: what needs them is off or is skipped by name.' >&2
endef
APT_LOG = $(BUILD)/apt.log

deps:
	$(call packages,$(CORE_NEED),$(CORE_WANT))

deps-test:
	$(call packages,$(CORE_NEED) $(TEST_NEED),$(CORE_WANT) $(TEST_WANT))

deps-rtl:
	$(call packages,$(CORE_NEED),$(CORE_WANT) $(RTL_WANT))

deps-fuzz:
	$(call packages,$(CORE_NEED),$(CORE_WANT) $(FUZZ_WANT))

deps-lint:
	$(call packages,$(LINT_NEED),)

# ---- help ---------------------------------------------------------------------------------------

define HELP
espnic: a cycle-level simulator of a network card that offloads IPsec.

First time?
  make demo          install what is missing (Debian, Ubuntu), build, simulate a VPN gateway
  build/espnic help  what the program can do

Build
  make               the program build/espnic and the libraries build/libespnic.{a,so.$(SOVERSION)}
  make deps          install the compiler and core libraries, nothing else
  make install       program, library, header, man page, presets, samples, RTL below PREFIX=$(PREFIX)
                     (DESTDIR= for packagers); make uninstall takes them away
  make clean         remove what was built

Check
  make test          build and run all tests; the last line counts passed, failed, skipped
  make test T=replay only the tests whose path contains "replay"
  make asan          all tests under AddressSanitizer and UBSan, in build-asan
  make fuzz          every tests/fuzz/fuzz_*.c for SECONDS_EACH=$(SECONDS_EACH) with libFuzzer
  make lint          format, clang-tidy, cppcheck, Verilator's lint; a warning is an error
                     (ANALYZE=0: without the static analyser, as CI does)
  make format        rewrite the sources in the project's style
  make bench         how fast is the simulator
  make sample        write traces/samples/vpn-gateway* anew (the same bytes)
  make coverage      how much of the RTL the lockstep runs reach, and which lines not
  make area          synthesis of the RTL's blocks, into rtl_models/AREA.md
  make soak          the long runs: fuzzing for ten minutes a target, and tests/*/soak_*.sh

Variables (now)
  BUILD=$(BUILD)  CC=$(CC)  CFLAGS='$(CFLAGS)'
  IPSEC_MB=$(IPSEC_MB)       1: multi-buffer cryptography by libipsec-mb; 0: OpenSSL alone
  ESPNIC_DATA=$(ESPNIC_DATA)
                   where the public captures and vectors lie; without them some tests are skipped
  V=1 show commands   WERROR=1 warnings are errors   LTO=1 link-time optimisation
  DEPS=0 never install packages
endef
export HELP
help:
	@printf '%s\n' "$$HELP"

-include $(patsubst %.c,$(BUILD)/obj/%.d,$(ALL_SRC))
