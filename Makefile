# SPDX-License-Identifier: Apache-2.0
#
# Everything that is built lands under $(BUILD). config.mk and pythons.mk are written by ./configure, which
# this file runs by itself. Sources are found by wildcard: a new file needs no entry here.

BUILD ?= build
JOBS ?= $(shell nproc)
MAKEFLAGS += --no-builtin-rules $(if $(filter 0,$(MAKELEVEL)),-j$(JOBS))
SHELL = /bin/bash
.SHELLFLAGS = -o pipefail -ec
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

# --- Configuration -------------------------------------------------------------------------------------

unconfigured_goals = help clean distclean hooks format format-check
ifneq ($(filter-out $(unconfigured_goals),$(or $(MAKECMDGOALS),all)),)
include config.mk
include pythons.mk
endif

configure: configure.ac
	autoconf

# A tree that was configured before is configured again the same way.
config.mk: configure config.mk.in scripts/find-pythons
	if [ -x config.status ]; then ./config.status --recheck && ./config.status; else ./configure $(CONFIGURE_ARGS); fi
	touch $@

pythons.mk: config.mk ;

# --- Flags ---------------------------------------------------------------------------------------------

is_clang := $(findstring clang,$(shell $(CXX) --version 2>&1))

stringify = -D$(1)='"$(2)"'

warnings = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
hardening = $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong
# vptr needs RTTI on both sides of a call, and product code has none.
sanitizing = $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer) \
  $(if $(findstring undefined,$(SANITIZE)),-fno-sanitize=vptr)
common = -I. -Ilib -fPIC -fvisibility=hidden -ffunction-sections -pthread -MMD -MP $(warnings) $(hardening) \
  $(sanitizing) $(call stringify,GATEHOUSE_VERSION,$(VERSION)) \
  $(call stringify,GATEHOUSE_LIBEXECDIR,$(pkglibexecdir)) \
  $(call stringify,GATEHOUSE_DEFAULT_PYTHON,$(DEFAULT_PYTHON))
c_flags = $(CPPFLAGS) $(CFLAGS) -std=gnu11 $(common)
cxx_flags = $(CPPFLAGS) $(CXXFLAGS) -std=c++20 $(common) -Wold-style-cast $(if $(is_clang),-Wthread-safety) \
  -fno-exceptions -fno-rtti
# A failing CHECK of CppUTest throws, so that fixtures are torn down. Its leak check and the sanitizers both
# replace operator new: one of them at a time.
test_flags = -fexceptions -frtti $(if $(SANITIZE),-DCPPUTEST_MEM_LEAK_DETECTION_DISABLED) $(call stringify,GATEHOUSE_BUILD_DIR,$(abspath $(BUILD))) \
  $(call stringify,GATEHOUSE_SOURCE_DIR,$(CURDIR))
httpd_flags = $(HTTPD_CPPFLAGS) $(HTTPD_INCLUDES)
# python_flags(3.X)
python_flags = -isystem $(PYTHON_INCLUDE_$(1)) $(call stringify,GATEHOUSE_PYTHON_EXECUTABLE,$(PYTHON_$(1)))
# flags_for(source): what only its room needs. httpd declares module structures without a visibility.
flags_for = $(if $(filter module/%,$(1)),$(httpd_flags)) $(if $(filter module/%.c,$(1)),-fvisibility=default) \
  $(if $(filter lib/python/%,$(1)),$(call python_flags,$(DEFAULT_PYTHON))) $(if $(filter tests/%.cc,$(1)),$(test_flags))

# libstdc++ and libgcc are linked statically: no C++ type crosses any of our interfaces, every symbol but one
# is hidden, and a process that has no libstdc++ of its own lets a Python extension or another module bring
# the version it was built for (conda's is newer than the system's, and only the first one loaded counts).
static_runtime = $(if $(SANITIZE),,-static-libstdc++ -static-libgcc)
ld_flags = $(LDFLAGS) -pthread -Wl,-z,relro,-z,now -Wl,--gc-sections -Wl,--as-needed $(sanitizing)
no_undefined = $(if $(SANITIZE),,-Wl,--no-undefined)

V ?= 0
say = $(if $(filter 0,$(V)),@printf '  %-5s %s\n' $(1) $(@:$(CURDIR)/%=%);)

# --- Rooms ---------------------------------------------------------------------------------------------

sources = $(wildcard $(addsuffix /*.cc,$(1)))
objects = $(patsubst %.cc,$(BUILD)/obj/%.o,$(call sources,$(1)))

base := $(call objects,lib/base)
wire := $(call objects,lib/wire)
wsgi := $(call objects,lib/wsgi)
module := $(call objects,module) $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard module/*.c))
daemon := $(call objects,daemon)
cgi := $(call objects,cgi)

# Files of module/ that need neither httpd nor Python: unit tests link these.
MODULE_PURE = \
  module/answers.cc \
  module/chroot_path.cc \
  module/doctor_rules.cc \
  module/group_names.cc \
  module/group_queue.cc \
  module/kept_channels.cc \
  module/body_buffers.cc \
  module/option_reader.cc \
  module/process_number.cc \
  module/respawn.cc \
  module/response_reader.cc \
  module/script_owner.cc \
  module/spool.cc \
  module/url_match.cc \
  module/waiting_counts.cc
module_pure = $(MODULE_PURE:%.cc=$(BUILD)/obj/%.o)

products = \
  $(if $(wildcard module/mod_wsgi.c),$(BUILD)/mod_wsgi.so) \
  $(if $(wildcard daemon/main.cc),$(BUILD)/gatehoused) \
  $(if $(wildcard cgi/main.cc),$(BUILD)/gatehouse-cgi)
engines = $(if $(wildcard lib/python/*.cc),$(PYTHONS:%=$(BUILD)/engine-cpython-%.so))

.PHONY: all
all: $(products) $(engines) ## build the module, the daemon, the CGI program and one engine per Python

# Objects depend on this file: other compilers or flags rebuild them. Two makes at once do not trip over it.
own := $(shell echo $$PPID)
write_if_changed = $(shell mkdir -p $(@D))$(file >$@.$(own),$(1))@cmp -s $@.$(own) $@ && rm $@.$(own) || mv $@.$(own) $@
$(BUILD)/obj/flags: FORCE
	$(call write_if_changed,$(CC) $(c_flags) $(CXX) $(cxx_flags) $(httpd_flags) $(test_flags))
.PHONY: FORCE
FORCE:

$(BUILD)/obj/%.o: %.cc $(BUILD)/obj/flags
	$(call say,CXX)mkdir -p $(@D); $(CXX) $(cxx_flags) $(call flags_for,$<) -c -o $@ $<

$(BUILD)/obj/%.o: %.c $(BUILD)/obj/flags
	$(call say,CC)mkdir -p $(@D); $(CC) $(c_flags) $(call flags_for,$<) -c -o $@ $<

# --- Products ------------------------------------------------------------------------------------------

# httpd itself defines what the module calls, so undefined symbols are allowed here only.
# nodelete: httpd unloads modules at a restart, but callbacks it has registered may still arrive.
$(BUILD)/mod_wsgi.so: $(module) $(wire) $(wsgi) $(base) module/mod_wsgi.map
	$(call say,LINK)$(CXX) -shared -o $@ $(filter %.o,$^) $(ld_flags) $(static_runtime) -Wl,-z,nodelete \
	  -Wl,--version-script=module/mod_wsgi.map -ldl

$(BUILD)/gatehoused: $(daemon) $(wire) $(wsgi) $(base)
$(BUILD)/gatehouse-cgi: $(cgi) $(wsgi) $(base)
$(BUILD)/gatehoused $(BUILD)/gatehouse-cgi:
	$(call say,LINK)$(CXX) -o $@ $^ $(ld_flags) $(static_runtime) -ldl

# engine_rules(3.X): the engine of one Python
define engine_rules
$(BUILD)/obj/cpython-$(1)/flags: FORCE
	$$(call write_if_changed,$(call python_flags,$(1)))

$(BUILD)/obj/cpython-$(1)/%.o: lib/python/%.cc $(BUILD)/obj/flags $(BUILD)/obj/cpython-$(1)/flags
	$$(call say,CXX)$$(CXX) $$(cxx_flags) $(call python_flags,$(1)) -c -o $$@ $$<

$(BUILD)/engine-cpython-$(1).so: $(patsubst lib/python/%.cc,$(BUILD)/obj/cpython-$(1)/%.o,$(wildcard lib/python/*.cc)) \
    $(wsgi) $(base) lib/python/engine.map
	$$(call say,LINK)$$(CXX) -shared -o $$@ $$(filter %.o,$$^) $$(ld_flags) $$(static_runtime) $$(no_undefined) \
	  -Wl,--version-script=lib/python/engine.map -Wl,--enable-new-dtags -Wl,-rpath,$(PYTHON_LIBDIR_$(1)) \
	  -L$(PYTHON_LIBDIR_$(1)) -l$(PYTHON_LIBRARY_$(1)) -ldl
endef
$(foreach python,$(PYTHONS),$(eval $(call engine_rules,$(python))))

.PHONY: engine
engine: ## add the engine of one more Python: make engine PYTHON=/path/bin/python3.X
	@test -n "$(PYTHON)" || { echo 'make engine: name the interpreter: PYTHON=/path/bin/python3.X' >&2; exit 2; }
	scripts/find-pythons --make "$(PYTHON)" | grep -v ^DEFAULT_PYTHON > pythons.mk.new
	minor=$$(sed -n 's/^PYTHONS += //p' pythons.mk.new); \
	sed -i -E "/^PYTHONS \+= $$minor\$$/d; /^PYTHON_([A-Z]+_)?$$minor = /d" pythons.mk; \
	grep '^PYTHON' pythons.mk.new >> pythons.mk; rm pythons.mk.new; \
	$(MAKE) $(BUILD)/engine-cpython-$$minor.so

# --- Tests ---------------------------------------------------------------------------------------------

unit_rooms := $(sort $(patsubst tests/unit/%/,%,$(dir $(wildcard tests/unit/*/*.cc))))
unit_objects = $(call objects,tests/unit) $(call objects,$(addprefix tests/unit/,$(1)))

# unit_needs_ROOM: what the tests of a room are linked with. A host's main() stays out.
unit_needs_base = $(base)
unit_needs_wire = $(wire) $(base)
unit_needs_wsgi = $(wsgi) $(base)
unit_needs_module = $(module_pure) $(wire) $(wsgi) $(base)
unit_needs_daemon = $(filter-out %/daemon/main.o,$(daemon)) $(wire) $(wsgi) $(base)
unit_needs_cgi = $(filter-out %/cgi/main.o,$(cgi)) $(wsgi) $(base)

link_tests = $(call say,LINK)mkdir -p $(@D); $(CXX) -o $@ $(filter %.o,$^) $(ld_flags) -lCppUTestExt -lCppUTest -ldl

$(BUILD)/unit-tests: $(call unit_objects,$(unit_rooms)) \
    $(sort $(foreach room,$(unit_rooms),$(unit_needs_$(room))))
	$(link_tests)

# unit_room_rules(room): the tests of one room alone, for work on it while others do not compile
define unit_room_rules
$(BUILD)/unit/$(1): $(call unit_objects,$(1)) $(unit_needs_$(1))
	$$(link_tests)
unit-$(1): $(BUILD)/unit/$(1)
	$(BUILD)/unit/$(1)
.PHONY: unit-$(1)
endef
fake_engine = $(patsubst %,$(BUILD)/tests/engine-cpython-3.99.so,$(wildcard tests/fake_engine.c))
$(foreach room,$(unit_rooms),$(eval $(call unit_room_rules,$(room))))
$(BUILD)/unit-tests $(unit_rooms:%=$(BUILD)/unit/%): | $(fake_engine)
unit-daemon: $(BUILD)/gatehoused

$(BUILD)/tests/engine-cpython-3.99.so: $(BUILD)/obj/tests/fake_engine.o lib/python/engine.map
	$(call say,LINK)mkdir -p $(@D); $(CC) -shared -o $@ $< $(ld_flags) -Wl,--version-script=lib/python/engine.map

.PHONY: check-unit
check-unit: $(BUILD)/unit-tests $(products) ## run the unit tests (unit-ROOM: those of one room)
	$< $(UNIT_ARGS)

# The tests of the engine: main.cc alone knows which engine it opens.
engine_test_objects = $(filter-out %/main.o,$(call objects,tests/engine)) $(wsgi) $(base)
define engine_test_rules
$(BUILD)/obj/cpython-$(1)/engine-tests-main.o: tests/engine/main.cc $(BUILD)/obj/flags
	$$(call say,CXX)mkdir -p $$(@D); $$(CXX) $$(cxx_flags) $$(test_flags) $$(call stringify,GATEHOUSE_PYTHON,$(1)) \
	  $$(call stringify,GATEHOUSE_ENGINE,$(abspath $(BUILD))/engine-cpython-$(1).so) -c -o $$@ $$<
$(BUILD)/engine-tests-$(1): $(BUILD)/obj/cpython-$(1)/engine-tests-main.o $(engine_test_objects)
	$$(link_tests)
check-engine-$(1): $(BUILD)/engine-tests-$(1) $(BUILD)/engine-cpython-$(1).so
	$(BUILD)/engine-tests-$(1)
	$(if $(filter %t,$(1)),GATEHOUSE_FREE_THREADING=1 $(BUILD)/engine-tests-$(1))
.PHONY: check-engine-$(1)
endef
$(foreach python,$(PYTHONS),$(eval $(call engine_test_rules,$(python))))

.PHONY: check-engine
check-engine: $(PYTHONS:%=check-engine-%) ## drive each engine by a fake host (check-engine-3.X: one of them; 3.Xt: twice)

# Instructions of fixed work, with the default Python. The figures are of the compiler's own flags: CXXFLAGS= changes them.
$(BUILD)/obj/tests/speed/speed.o: test_flags += $(call stringify,GATEHOUSE_PYTHON,$(DEFAULT_PYTHON)) \
  $(call stringify,GATEHOUSE_ENGINE,$(abspath $(BUILD))/engine-cpython-$(DEFAULT_PYTHON).so)
$(BUILD)/speed: $(BUILD)/obj/tests/speed/speed.o $(BUILD)/obj/tests/engine/fake_host.o $(wire) $(wsgi) $(base)
	$(call say,LINK)$(CXX) -o $@ $^ $(ld_flags) -ldl
.PHONY: check-speed
check-speed: $(BUILD)/speed $(BUILD)/engine-cpython-$(DEFAULT_PYTHON).so ## count instructions (ARGS=--write records them)
	scripts/check-speed $(ARGS) $(BUILD)/speed '$(CXX)' \
	  $$($(PYTHON_$(DEFAULT_PYTHON)) -c 'import platform; print(platform.python_version())')

.PHONY: check-httpd
check-httpd: all ## run applications under a real httpd (ARGS= goes to pytest)
	@mkdir -p $(BUILD)/log
	GATEHOUSE_MODULE=$(abspath $(BUILD))/mod_wsgi.so APXS=$(APXS) "$$(scripts/venvs --path pytest)/bin/python" -m pytest \
	  tests/httpd --junitxml=$(BUILD)/log/check-httpd.xml $(ARGS)

.PHONY: check-faults
check-faults: all ## inject faults into a real httpd under load (LONG=1: the figures of docs/reliability.md)
	@mkdir -p $(BUILD)/log
	GATEHOUSE_MODULE=$(abspath $(BUILD))/mod_wsgi.so APXS=$(APXS) "$$(scripts/venvs --path pytest)/bin/python" -m pytest \
	  tests/httpd/faults --junitxml=$(BUILD)/log/check-faults.xml $(if $(LONG),--long --timeout=1800) $(ARGS)

# --- Fuzzing -------------------------------------------------------------------------------------------

fuzzers := $(patsubst tests/fuzz/%_fuzz.cc,%,$(wildcard tests/fuzz/*_fuzz.cc))
fuzzed = $(wire) $(wsgi) $(base)
FUZZ_SECONDS ?= 60

$(BUILD)/fuzz/%-corpus: $(BUILD)/obj/tests/fuzz/%_fuzz.o $(BUILD)/obj/tests/fuzz/replay_main.o $(fuzzed)
	$(call say,LINK)mkdir -p $(@D); $(CXX) -o $@ $^ $(ld_flags)

.PHONY: check-corpus
check-corpus: $(fuzzers:%=$(BUILD)/fuzz/%-corpus) ## run every fuzzer on its corpus
	$(foreach fuzzer,$(fuzzers),$(BUILD)/fuzz/$(fuzzer)-corpus tests/fuzz/corpus/$(fuzzer);)

.PHONY: fuzz
fuzz: ## fuzz each decoder for FUZZ_SECONDS=60 with clang's libFuzzer, ASan and UBSan
	$(MAKE) BUILD=$(BUILD)/fuzz CC=clang-14 CXX=clang++-14 SANITIZE=fuzzer-no-link,address,undefined run-fuzzers

# In the build tree that "fuzz" makes:
$(BUILD)/%: $(BUILD)/obj/tests/fuzz/%_fuzz.o $(fuzzed)
	$(call say,LINK)$(CXX) -o $@ $^ $(ld_flags) -fsanitize=fuzzer
.PHONY: run-fuzzers
run-fuzzers: $(fuzzers:%=$(BUILD)/%)
	$(foreach fuzzer,$(fuzzers),mkdir -p $(BUILD)/found/$(fuzzer); $(BUILD)/$(fuzzer) -max_total_time=$(FUZZ_SECONDS) \
	  -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix=$(BUILD)/found/$(fuzzer)- \
	  $(BUILD)/found/$(fuzzer) tests/fuzz/corpus/$(fuzzer);)

# --- Checks --------------------------------------------------------------------------------------------

headers := $(wildcard lib/*/*.h module/*.h daemon/*.h cgi/*.h)
abi_objects := $(call objects,tests/abi)
formatted := $(shell find lib module daemon cgi tests scripts examples -name '*.cc' -o -name '*.h' -o -name '*.c' 2>/dev/null)
quick_checks = check-unit check-corpus check-abi check-layers check-headers check-mirror check-messages check-directives \
  check-exports check-engine-rules format-check

.PHONY: check $(quick_checks) format print-checks
check: $(quick_checks) ## all checks that start neither Python nor httpd (less than a minute)

print-checks:
	@echo $(quick_checks)

check-abi: $(abi_objects) ## the layout of the engine's interface
	@echo "check-abi: $(words $^) passed, 0 failed"

check-layers: ## every #include against scripts/layers.txt
	@scripts/check-layers

check-mirror: ## every source file has its unit test
	@scripts/check-mirror

check-engine-rules: ## no global Python object, no import and no lock on the way of a request
	@scripts/check-engine-rules

check-messages: ## every log message is used and documented
	@scripts/check-messages

$(BUILD)/print-options: $(BUILD)/obj/scripts/print_options.o $(wire) $(base)
	$(call say,LINK)mkdir -p $(@D); $(CXX) -o $@ $^ $(ld_flags)

check-directives: $(BUILD)/print-options ## the page of directives is that of the tables
	@scripts/check-directives

check-exports: all $(fake_engine) ## one symbol a library, libpython in engines only
	@scripts/check-exports $(products) $(engines) $(fake_engine)

$(BUILD)/headers/%.ok: % $(BUILD)/obj/flags
	@mkdir -p $(@D); rm -f $@
	@echo '#include "$<"' | $(CXX) $(cxx_flags) $(call flags_for,$<) -MF $(@:.ok=.d) -MT $@ -fsyntax-only -x c++ - && touch $@
check-headers: ## every header compiles alone
	@$(MAKE) -s --no-print-directory -k $(headers:%=$(BUILD)/headers/%.ok) || true
	@scripts/check-headers $(BUILD)

format: ## lay out all C and C++ sources
	clang-format-14 -i $(formatted)
format-check: ## is every source laid out as .clang-format says?
	@failed=0; for file in $(formatted); do \
	  clang-format-14 --dry-run --Werror $$file 2>/dev/null || { echo "$$file: make format"; failed=$$((failed + 1)); }; done; \
	echo "format-check: $$(($(words $(formatted)) - failed)) passed, $$failed failed"; [ $$failed = 0 ]

product_sources = $(call sources,lib/base lib/wire lib/wsgi lib/python module daemon cgi)
json = $(subst ",\",$(subst \,\\,$(1)))
.PHONY: compile_commands.json tidy
compile_commands.json: ## how each source is compiled, for editors and clang-tidy
	$(file >$@,[)$(foreach source,$(product_sources) $(call sources,tests/unit tests/unit/* tests/engine),$(file \
	  >>$@,{"directory": "$(CURDIR)"$(comma) "file": "$(source)"$(comma) "command": "$(call \
	  json,$(CXX) $(cxx_flags) $(call flags_for,$(source)) -c $(source))"}$(comma)))$(file \
	  >>$@,{"directory": "$(CURDIR)"$(comma) "file": "module/mod_wsgi.c"$(comma) "command": "$(call \
	  json,$(CC) $(c_flags) $(call flags_for,module/mod_wsgi.c) -c module/mod_wsgi.c)"}])@echo '  wrote $@'
comma := ,

tidy: compile_commands.json ## clang-tidy on the product's sources
	printf '%s\n' $(product_sources) | xargs -P $(JOBS) -n 1 clang-tidy-14 --quiet -p .

# --- Sanitizers and coverage ---------------------------------------------------------------------------

# sanitizer(name, flags, CC, CXX, targets): a tree of its own
sanitizer = $(MAKE) BUILD=build-$(1) SANITIZE=$(2) CC=$(3) CXX=$(4) CFLAGS='-O1 -g' CXXFLAGS='-O1 -g' $(5)
.PHONY: asan ubsan tsan coverage
# Freed memory waits in a small quarantine, so that the tests of memory see what is still in use.
asan: ## unit and engine tests under AddressSanitizer and LeakSanitizer
	+ASAN_OPTIONS=quarantine_size_mb=16 LSAN_OPTIONS=suppressions=$(CURDIR)/scripts/lsan.supp $(call sanitizer,asan,address,clang-14,clang++-14,check-unit check-engine)
ubsan: ## the same under UndefinedBehaviorSanitizer
	+UBSAN_OPTIONS=print_stacktrace=1 $(call sanitizer,ubsan,undefined,clang-14,clang++-14,check-unit check-engine)
# g++: clang's ThreadSanitizer and CppUTest both define operator new. A process that forks with ThreadSanitizer's
# own thread running is beyond it, so the tests of running groups stay out. Races inside CPython are not seen, but
# that its GIL orders what we do is: nothing needs a suppression.
tsan: ## the same under ThreadSanitizer
	+UNIT_ARGS='-xg Running' $(call sanitizer,tsan,thread,gcc,g++,check-unit check-engine)
coverage: ## line coverage of unit and engine tests: build-coverage/html
	$(MAKE) BUILD=build-coverage CFLAGS='-O0 -g' CXXFLAGS='-O0 -g --coverage' LDFLAGS=--coverage check-unit check-engine
	lcov --quiet --capture --no-external --directory . --output-file build-coverage/lcov.info
	lcov --quiet --remove build-coverage/lcov.info '$(CURDIR)/tests/*' --output-file build-coverage/lcov.info
	genhtml --quiet --output-directory build-coverage/html build-coverage/lcov.info
	lcov --summary build-coverage/lcov.info

# --- Installation --------------------------------------------------------------------------------------

# Debian keeps one file a module to be enabled by a2enmod; elsewhere httpd.conf includes extra/ files.
confdir = $(HTTPD_SYSCONFDIR)/$(if $(wildcard $(HTTPD_SYSCONFDIR)/mods-available),mods-available,extra)
docdir = $(prefix)/share/doc/gatehouse

.PHONY: install uninstall dist hooks
install: all ## install the module, the programs, the engines and wsgi.load, wsgi.conf (DESTDIR=)
	install -d $(addprefix $(DESTDIR),$(HTTPD_MODULES) $(pkglibexecdir) $(confdir) $(docdir))
	install -m 644 $(BUILD)/mod_wsgi.so $(DESTDIR)$(HTTPD_MODULES)
	install -m 755 $(BUILD)/gatehoused $(BUILD)/gatehouse-cgi $(DESTDIR)$(pkglibexecdir)
	install -m 644 $(engines) $(DESTDIR)$(pkglibexecdir)
	sed 's|@modules@|$(HTTPD_MODULES)|' conf/wsgi.load.in > $(BUILD)/wsgi.load
	install -m 644 $(BUILD)/wsgi.load $(DESTDIR)$(confdir)
	test -e $(DESTDIR)$(confdir)/wsgi.conf || install -m 644 conf/wsgi.conf $(DESTDIR)$(confdir)
	install -d $(DESTDIR)$(docdir)/stubs
	install -m 644 lib/python/stubs/mod_wsgi.pyi lib/python/stubs/apache.pyi $(DESTDIR)$(docdir)/stubs
	install -m 644 LICENSE conf/README.md conf/embedded.conf conf/daemon.conf conf/cgi.conf $(DESTDIR)$(docdir)

uninstall: ## remove what install has put there (an edited wsgi.conf stays)
	rm -f $(addprefix $(DESTDIR),$(HTTPD_MODULES)/mod_wsgi.so $(confdir)/wsgi.load \
	  $(addprefix $(pkglibexecdir)/,gatehoused gatehouse-cgi engine-cpython-*.so))
	if cmp -s conf/wsgi.conf $(DESTDIR)$(confdir)/wsgi.conf; then rm $(DESTDIR)$(confdir)/wsgi.conf; fi
	rm -rf $(DESTDIR)$(docdir)
	rmdir --ignore-fail-on-non-empty $(DESTDIR)$(pkglibexecdir)

dist: configure ## a tarball of the last commit, with configure made
	git archive --prefix=gatehouse-$(VERSION)/ --add-file=configure -o gatehouse-$(VERSION).tar.gz HEAD

hooks: ## check each commit with scripts/pre-commit
	install -m 755 scripts/pre-commit "$$(git rev-parse --git-path hooks)/pre-commit"

.PHONY: clean distclean help
clean: ## remove what was built
	rm -rf build build-*

distclean: clean ## remove what configure made, too
	rm -rf autom4te.cache configure configure~ config.log config.mk config.status pythons.mk compile_commands.json

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z_.-]*:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
