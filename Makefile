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
sanitizing = $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
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
MODULE_PURE =
module_pure = $(MODULE_PURE:%.cc=$(BUILD)/obj/%.o)

products = \
  $(if $(wildcard module/mod_wsgi.c),$(BUILD)/mod_wsgi.so) \
  $(if $(wildcard daemon/main.cc),$(BUILD)/gatehoused) \
  $(if $(wildcard cgi/main.cc),$(BUILD)/gatehouse-cgi)
engines = $(if $(wildcard lib/python/*.cc),$(PYTHONS:%=$(BUILD)/engine-cpython-%.so))

.PHONY: all
all: $(products) $(engines) ## build the module, the daemon, the CGI program and one engine per Python

# Objects depend on this file: other compilers or flags rebuild them.
flags_now = $(CC) $(c_flags) $(CXX) $(cxx_flags) $(httpd_flags) $(test_flags)
$(BUILD)/obj/flags: FORCE
	$(shell mkdir -p $(@D))$(file >$@.new,$(flags_now))
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
.PHONY: FORCE
FORCE:

$(BUILD)/obj/module/%.o: room_flags = $(httpd_flags)
$(BUILD)/obj/tests/%.o: room_flags = $(test_flags)

$(BUILD)/obj/%.o: %.cc $(BUILD)/obj/flags
	$(call say,CXX)mkdir -p $(@D); $(CXX) $(cxx_flags) $(room_flags) -c -o $@ $<

$(BUILD)/obj/%.o: %.c $(BUILD)/obj/flags
	$(call say,CC)mkdir -p $(@D); $(CC) $(c_flags) $(httpd_flags) -c -o $@ $<

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
$(BUILD)/obj/cpython-$(1)/%.o: lib/python/%.cc $(BUILD)/obj/flags pythons.mk
	$$(call say,CXX)mkdir -p $$(@D); $$(CXX) $$(cxx_flags) -isystem $(PYTHON_INCLUDE_$(1)) \
	  $$(call stringify,GATEHOUSE_PYTHON_EXECUTABLE,$(PYTHON_$(1))) -c -o $$@ $$<

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
cpputest = -lCppUTestExt -lCppUTest

# unit_needs_ROOM: what the tests of a room are linked with. A host's main() stays out.
unit_needs_base = $(base)
unit_needs_wire = $(wire) $(base)
unit_needs_wsgi = $(wsgi) $(base)
unit_needs_module = $(module_pure) $(wire) $(wsgi) $(base)
unit_needs_daemon = $(filter-out %/daemon/main.o,$(daemon)) $(wire) $(wsgi) $(base)
unit_needs_cgi = $(filter-out %/cgi/main.o,$(cgi)) $(wsgi) $(base)

link_tests = $(call say,LINK)mkdir -p $(@D); $(CXX) -o $@ $(filter %.o,$^) $(ld_flags) $(cpputest) -ldl

$(BUILD)/unit-tests: $(call unit_objects,$(unit_rooms)) \
    $(sort $(foreach room,$(unit_rooms),$(unit_needs_$(room))))
	$(link_tests)

# unit_room_rules(room): the tests of one room alone, for work on it while others do not compile
define unit_room_rules
$(BUILD)/unit/$(1): $(call unit_objects,$(1)) $(unit_needs_$(1))
	$$(link_tests)
unit-$(1): $(BUILD)/unit/$(1) $(fake_engine)
	$(BUILD)/unit/$(1)
.PHONY: unit-$(1)
endef
fake_engine = $(patsubst %,$(BUILD)/tests/engine-cpython-3.99.so,$(wildcard tests/fake_engine.c))
$(foreach room,$(unit_rooms),$(eval $(call unit_room_rules,$(room))))

$(BUILD)/tests/engine-cpython-3.99.so: $(BUILD)/obj/tests/fake_engine.o lib/python/engine.map
	$(call say,LINK)mkdir -p $(@D); $(CC) -shared -o $@ $< $(ld_flags) -Wl,--version-script=lib/python/engine.map

.PHONY: check-unit
check-unit: $(if $(unit_rooms),$(BUILD)/unit-tests) $(fake_engine) $(products) ## run the unit tests (unit-ROOM: those of one room)
	$(if $(unit_rooms),$(BUILD)/unit-tests)

.PHONY: check
check: check-unit ## all checks that need neither Python nor httpd (less than a minute)

# --- Odds and ends -------------------------------------------------------------------------------------

.PHONY: clean distclean help
clean: ## remove what was built
	rm -rf build build-*

distclean: clean ## remove what configure made, too
	rm -rf autom4te.cache configure configure~ config.log config.mk config.status pythons.mk compile_commands.json

help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
