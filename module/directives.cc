// SPDX-License-Identifier: Apache-2.0
#include "module/directives.h"

#include <strings.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string>

#include "module/config.h"
#include "module/directive_line.h"
#include "module/group_names.h"
#include "module/launch.h"
#include "module/option_reader.h"
#include "module/python_directives.h"
#include "module/telemetry_directives.h"
#include "wire/group_spec.h"
#include "wsgi/engine_loader.h"
#include "wsgi/module_target.h"
#include "wsgi/trusted_proxy.h"

namespace httpd {
namespace {

using base::Message;

template <typename T>
void append(apr_array_header_t** list, apr_pool_t* pool, const T& item) {
  if (*list == nullptr) *list = apr_array_make(pool, 4, sizeof(T));
  *static_cast<T*>(apr_array_push(*list)) = item;
}

// --- Directives whose argument goes into one member.

template <const char* DirectoryConfig::*member>
const char* on_directory_text(cmd_parms* cmd, void* config, const char* value) noexcept {
  if (value[0] == '\0') return refuse(cmd, Message::kDirectiveValue, "needs a name; its argument is empty");
  static_cast<DirectoryConfig*>(config)->*member = value;
  return nullptr;
}

template <Switch DirectoryConfig::*member>
const char* on_directory_switch(cmd_parms* cmd, void* config, const char* value) noexcept {
  if (parse_switch(value, &(static_cast<DirectoryConfig*>(config)->*member))) return nullptr;
  return refuse_switch(cmd, value);
}

template <const char* ServerConfig::*member>
const char* on_global_text(cmd_parms* cmd, void* /*config*/, const char* value) noexcept {
  if (const char* misplaced = ap_check_cmd_context(cmd, GLOBAL_ONLY)) return misplaced;
  if (value[0] == '\0') return refuse(cmd, Message::kDirectiveValue, "needs a value; its argument is empty");
  server_config(cmd->server).*member = value;
  return nullptr;
}

template <Switch ServerConfig::*member>
const char* on_global_switch(cmd_parms* cmd, void* /*config*/, const char* value) noexcept {
  if (const char* misplaced = ap_check_cmd_context(cmd, GLOBAL_ONLY)) return misplaced;
  if (parse_switch(value, &(server_config(cmd->server).*member))) return nullptr;
  return refuse_switch(cmd, value);
}

const char* on_python(cmd_parms* cmd, void* config, const char* version) noexcept {
  if (const char* refused = on_global_text<&ServerConfig::python>(cmd, config, version)) return refused;
  const base::Result<std::string> engine = wsgi::find_engine(version, wsgi::engine_directories());
  return engine ? nullptr : refuse(cmd, version, engine.error());
}

const char* on_doctor(cmd_parms* cmd, void* /*config*/, const char* argument) noexcept {
  if (const char* misplaced = ap_check_cmd_context(cmd, GLOBAL_ONLY)) return misplaced;
  const base::Status set = set_doctor(&configuration()->doctor, argument);
  return set ? nullptr : refusal(cmd, set.error().message, set.error().what);
}

// --- Directives with nothing left to do; their rows tell what to do instead.

const char* on_obsolete(cmd_parms* cmd, void* /*config*/, const char* /*value*/) noexcept {
  if (is_htaccess(cmd)) return nullptr;
  std::vector<const command_rec*>& seen = configuration()->obsolete;
  if (std::find(seen.begin(), seen.end(), cmd->cmd) == seen.end()) seen.push_back(cmd->cmd);
  return nullptr;
}

const char* on_obsolete_global(cmd_parms* cmd, void* config, const char* value) noexcept {
  const char* misplaced = ap_check_cmd_context(cmd, GLOBAL_ONLY);
  return misplaced != nullptr ? misplaced : on_obsolete(cmd, config, value);
}

// --- What a request looks like to the application

const char* on_map_head(cmd_parms* cmd, void* config, const char* value) noexcept {
  MapHead& map_head = static_cast<DirectoryConfig*>(config)->map_head;
  Switch either = Switch::kUnset;
  if (strcasecmp(value, "auto") == 0) {
    map_head = MapHead::kAuto;
  } else if (parse_switch(value, &either)) {
    map_head = either == Switch::kOn ? MapHead::kOn : MapHead::kOff;
  } else {
    return refuse(cmd, Message::kDirectiveValue, "must be one of: Off | On | Auto, not \"%s\"", value);
  }
  return nullptr;
}

const char* on_queue_priority(cmd_parms* cmd, void* config, const char* value) noexcept {
  QueuePriority& priority = static_cast<DirectoryConfig*>(config)->queue_priority;
  if (strcasecmp(value, "high") == 0) {
    priority = QueuePriority::kHigh;
    configuration()->has_priority_lane = true;
  } else if (strcasecmp(value, "normal") == 0) {
    priority = QueuePriority::kNormal;
  } else {
    return refuse(cmd, Message::kDirectiveValue, "must be one of: high | normal, not \"%s\"", value);
  }
  return nullptr;
}

const char* on_trusted_header(cmd_parms* cmd, void* config, const char* name) noexcept {
  DirectoryConfig& directory = *static_cast<DirectoryConfig*>(config);
  // A name that is unknown here may be of a later release: the list counts as given, without it.
  if (directory.trusted_headers == nullptr)
    directory.trusted_headers = apr_array_make(cmd->pool, 4, sizeof(const wsgi::TrustedHeader*));
  const wsgi::TrustedHeader* header = wsgi::find_trusted_header(name);
  if (header != nullptr) append(&directory.trusted_headers, cmd->pool, header);
  if (is_htaccess(cmd)) return nullptr;
  if (header == nullptr) configuration()->unknown_headers.push_back(name + (" at " + place_of(cmd)));
  configuration()->trusted_headers.push_back({cmd->server, place_of(cmd)});
  return nullptr;
}

const char* on_trusted_proxy(cmd_parms* cmd, void* config, const char* text) noexcept {
  const std::optional<wsgi::Subnet> subnet = wsgi::parse_subnet(text);
  if (!subnet)
    return refuse(cmd, Message::kDirectiveValue,
                  "unable to parse trusted proxy IP address/subnet \"%s\"; write 10.0.0.1, 10.0.0.0/8, ::1 or "
                  "2001:db8::/32",
                  text);
  append(&static_cast<DirectoryConfig*>(config)->trusted_proxies, cmd->pool, *subnet);
  if (!is_htaccess(cmd)) configuration()->trusted_proxies.push_back({cmd->server, place_of(cmd)});
  return nullptr;
}

const char* on_restrict_process(cmd_parms* cmd, void* config, int count, char* const names[]) noexcept {
  if (count == 0) return refuse(cmd, Message::kDirectiveValue, "needs at least one process group, or %%{GLOBAL}");
  DirectoryConfig& directory = *static_cast<DirectoryConfig*>(config);
  directory.restrict_process = nullptr;
  for (int i = 0; i < count; ++i) append<const char*>(&directory.restrict_process, cmd->pool, names[i]);
  return nullptr;
}

// --- Groups in sections are noted: whether a process group hosts one application only depends on them.

const char* on_process_group(cmd_parms* cmd, void* config, const char* value) noexcept {
  if (cmd->path != nullptr) configuration()->section_process_groups.push_back(value);
  return on_directory_text<&DirectoryConfig::process_group>(cmd, config, value);
}

const char* on_application_group(cmd_parms* cmd, void* config, const char* value) noexcept {
  if (cmd->path != nullptr) configuration()->sections_set_application_group = true;
  return on_directory_text<&DirectoryConfig::application_group>(cmd, config, value);
}

// --- Options of directives that name a script

template <typename Script>
struct ScriptOption {
  std::string_view name;
  const char* Script::*text;  // either this
  Switch Script::*on_off;     // or this
};

template <typename Script>
const char* set_script_option(cmd_parms* cmd, const char* subject, std::span<const ScriptOption<Script>> options,
                              const OptionReader::Option& option, Script* script) {
  std::string names;
  for (const ScriptOption<Script>& known : options) {
    names.append(names.empty() ? "" : ", ").append(known.name);
    if (known.name != option.name) continue;
    if (known.text != nullptr) {
      script->*known.text = pool_copy(cmd->pool, option.value);
      return nullptr;
    }
    if (parse_switch(option.value.c_str(), &(script->*known.on_off))) return nullptr;
    return refuse(cmd, Message::kDirectiveValue, "%s: %s must be one of: Off | On, not \"%s\"", subject,
                  option.name.c_str(), option.value.c_str());
  }
  return refuse(cmd, Message::kDirectiveOption, "%s: there is no option \"%s\"; there are: %s", subject,
                option.name.c_str(), names.c_str());
}

template <typename Script>
const char* read_script_options(cmd_parms* cmd, OptionReader* reader, const char* subject,
                                std::span<const ScriptOption<Script>> options, Script* script) {
  OptionReader::Option option;
  for (;;) {
    const OptionReader::Found found = reader->option(&option);
    if (found == OptionReader::Found::kEnd) return nullptr;
    if (found == OptionReader::Found::kMalformed)
      return refuse(cmd, Message::kDirectiveOption, "%s: \"%s\" is no option of the form name=value", subject,
                    option.name.c_str());
    if (const char* refused = set_script_option(cmd, subject, options, option, script)) return refused;
  }
}

// --- WSGIScriptAlias, WSGIScriptAliasMatch

char is_match;  // its address is the cmd_data of WSGIScriptAliasMatch

constexpr ScriptOption<ScriptAlias> kAliasOptions[] = {
#define GH_ALIAS_OPTION(name, text, on_off, value, default_value, meaning, example) {name, text, on_off},
#include "module/script_options.def"
#undef GH_ALIAS_OPTION
};

// A target that is a module, with or without its callable. It is fixed: a URL does not choose what is imported.
const char* read_module_target(cmd_parms* cmd, ScriptAlias* alias) {
  if (!wsgi::names_module(alias->target)) return nullptr;
  const std::optional<wsgi::ModuleTarget> target = wsgi::parse_module_target(alias->target);
  if (!target)
    return refuse(cmd, Message::kDirectiveValue, "%s: \"%s\" names no module; write module:package.name:callable",
                  alias->path, alias->target);
  alias->target = pool_copy(cmd->pool, target->script);
  if (!target->callable.empty()) alias->callable_object = pool_copy(cmd->pool, target->callable);
  return nullptr;
}

const char* on_script_alias(cmd_parms* cmd, void* /*config*/, const char* arguments) noexcept {
  OptionReader reader(arguments);
  ScriptAlias alias;
  alias.path = pool_copy(cmd->pool, reader.word());
  alias.target = pool_copy(cmd->pool, reader.word());
  if (alias.path[0] == '\0' || alias.target[0] == '\0')
    return refuse(cmd, Message::kDirectiveValue, "requires at least two arguments: URL path and script");
  if (cmd->cmd->cmd_data == &is_match) {
    alias.regex = ap_pregcomp(cmd->pool, alias.path, AP_REG_EXTENDED);
    if (alias.regex == nullptr)
      return refuse(cmd, Message::kDirectiveValue, "\"%s\" is no regular expression", alias.path);
  }
  if (const char* refused = read_module_target(cmd, &alias)) return refused;
  if (const char* refused = read_script_options<ScriptAlias>(cmd, &reader, alias.path, kAliasOptions, &alias))
    return refused;
  *static_cast<ScriptAlias*>(apr_array_push(server_config(cmd->server).aliases)) = alias;
  return nullptr;
}

// --- WSGIImportScript

const char* on_import_script(cmd_parms* cmd, void* /*config*/, const char* arguments) noexcept {
  OptionReader reader(arguments);
  ImportScript script;
  script.path = reader.word();
  script.server = cmd->server;
  script.place = place_of(cmd);
  if (script.path.empty()) return refuse(cmd, Message::kDirectiveValue, "needs the path of a script first");
  OptionReader::Option option;
  for (;;) {
    const OptionReader::Found found = reader.option(&option);
    if (found == OptionReader::Found::kEnd) break;
    if (found == OptionReader::Found::kMalformed)
      return refuse(cmd, Message::kDirectiveOption, "%s: \"%s\" is no option of the form name=value",
                    script.path.c_str(), option.name.c_str());
    if (option.name != "process-group" && option.name != "application-group")
      return refuse(cmd, Message::kDirectiveOption,
                    "%s: there is no option \"%s\"; there are process-group and application-group", script.path.c_str(),
                    option.name.c_str());
    (option.name == "process-group" ? script.process_group : script.application_group) = option.value;
  }
  if (script.process_group.empty() || script.application_group.empty())
    return refuse(cmd, Message::kDirectiveOption, "%s: %s-group= is required; %%{GLOBAL} is %s", script.path.c_str(),
                  script.process_group.empty() ? "process" : "application",
                  script.process_group.empty() ? "embedded mode" : "the main interpreter");
  configuration()->import_scripts.push_back(std::move(script));
  return nullptr;
}

// --- WSGIDispatchScript, WSGIAccessScript, WSGIAuthUserScript, WSGIAuthGroupScript

constexpr ScriptOption<HookScript> kHookOptions[] = {
    {"process-group", &HookScript::process_group, nullptr},
    {"application-group", &HookScript::application_group, nullptr},
};

void note_script(cmd_parms* cmd, const char* path, const char* process_group, const char* application_group,
                 bool is_handler) {
  configuration()->script_uses.push_back(
      {{cmd->server, place_of(cmd)}, cmd->cmd->name, path, process_group, application_group, is_handler});
}

// Scripts run before a request has its process group, so theirs is a name.
const char* check_process_group(cmd_parms* cmd, HookScript* script) {
  const char* name = script->process_group;
  if (name == nullptr) return nullptr;
  if (name == kGlobal) {
    script->process_group = nullptr;
    return nullptr;
  }
  if (!is_literal_group(name))
    return refuse(cmd, Message::kDirectiveValue, "%s: process-group must be a name or %%{GLOBAL}, not \"%s\"",
                  script->path, name);
  const DaemonGroup* group = configuration()->find_group(name);
  if (group == nullptr)
    return refuse(cmd, Message::kDirectiveValue,
                  "%s: process group \"%s\" is not defined above this line; there are: %s; define it with "
                  "WSGIDaemonProcess",
                  script->path, name, configuration()->group_names().c_str());
  if (is_visible_from(*group, cmd->server)) return nullptr;
  return refuse(
      cmd, Message::kDirectiveValue,
      "%s: process group \"%s\" belongs to the virtual host at %s, whose ServerName is not this one's; define "
      "it in the main server to share it",
      script->path, name, group->place.c_str());
}

template <const HookScript* DirectoryConfig::*member>
const char* on_hook_script(cmd_parms* cmd, void* config, const char* arguments) noexcept {
  OptionReader reader(arguments);
  HookScript script;
  script.directive = cmd->cmd->name;
  script.path = pool_copy(cmd->pool, reader.word());
  script.in_htaccess = is_htaccess(cmd);
  if (script.path[0] == '\0') return refuse(cmd, Message::kDirectiveValue, "needs the path of a script");
  if (const char* refused = read_script_options<HookScript>(cmd, &reader, script.path, kHookOptions, &script))
    return refused;
  if (const char* refused = check_process_group(cmd, &script)) return refused;
  if (!script.in_htaccess) note_script(cmd, script.path, script.process_group, script.application_group, false);
  static_cast<DirectoryConfig*>(config)->*member = pool_new<HookScript>(cmd->pool, script);
  return nullptr;
}

// --- WSGIHandlerScript

constexpr ScriptOption<HandlerScript> kHandlerOptions[] = {
    {"process-group", &HandlerScript::process_group, nullptr},
    {"application-group", &HandlerScript::application_group, nullptr},
    {"pass-authorization", nullptr, &HandlerScript::pass_authorization},
};

const char* on_handler_script(cmd_parms* cmd, void* config, const char* arguments) noexcept {
  OptionReader reader(arguments);
  HandlerScript script;
  script.name = pool_copy(cmd->pool, reader.word());
  script.path = pool_copy(cmd->pool, reader.word());
  if (script.name[0] == '\0' || script.path[0] == '\0')
    return refuse(cmd, Message::kDirectiveValue, "requires at least two arguments: name of the handler and script");
  if (const char* refused = read_script_options<HandlerScript>(cmd, &reader, script.name, kHandlerOptions, &script))
    return refused;
  note_script(cmd, script.path, script.process_group, script.application_group, true);
  apr_array_header_t*& handlers = static_cast<DirectoryConfig*>(config)->handlers;
  if (handlers == nullptr) handlers = apr_array_make(cmd->pool, 4, sizeof(HandlerScript));
  for (int i = 0; i < handlers->nelts; ++i) {
    HandlerScript& known = APR_ARRAY_IDX(handlers, i, HandlerScript);
    if (std::strcmp(known.name, script.name) == 0) {
      known = script;  // the last line of one place counts
      return nullptr;
    }
  }
  *static_cast<HandlerScript*>(apr_array_push(handlers)) = script;
  return nullptr;
}

// --- WSGIDaemonProcess

const wire::GroupOption* group_option(std::string_view name) {
  for (const wire::GroupOption& option : wire::group_options())
    if (option.name == name) return &option;
  return nullptr;
}

// An option that does nothing, or not yet: httpd says so when it starts.
void note_option(const wire::GroupSpec& spec, const wire::GroupOption& option) {
  const std::string subject = "WSGIDaemonProcess " + spec.name + " " + std::string(option.name);
  if (option.effect == wire::OptionEffect::kLater) configuration()->without_effect.push_back(subject);
  if (option.effect == wire::OptionEffect::kNever)
    configuration()->obsolete_options.push_back(subject + " (" + std::string(option.meaning) + ")");
}

const char* read_group_options(cmd_parms* cmd, OptionReader* reader, wire::GroupSpec* spec) {
  OptionReader::Option option;
  for (;;) {
    const OptionReader::Found found = reader->option(&option);
    if (found == OptionReader::Found::kEnd) break;
    if (found == OptionReader::Found::kMalformed)
      return refuse(cmd, Message::kDirectiveOption, "%s: \"%s\" is no option of the form name=value",
                    spec->name.c_str(), option.name.c_str());
    if (const base::Status set = wire::set_option(spec, option.name, option.value); !set)
      return refuse(cmd, spec->name, set.error());
    note_option(*spec, *group_option(option.name));
  }
  const base::Status valid = wire::validate(*spec);
  return valid ? nullptr : refuse(cmd, spec->name, valid.error());
}

// What depends on this machine: users, groups, engines.
const char* check_group(cmd_parms* cmd, const wire::GroupSpec& spec) {
  if (const base::Result<Account> account = account_of(spec); !account) return refuse(cmd, spec.name, account.error());
  if (const base::Status chroot = check_chroot(spec); !chroot) return refuse(cmd, spec.name, chroot.error());
  const base::Status python = check_python(spec);
  return python ? nullptr : refuse(cmd, spec.name, python.error());
}

const char* on_daemon_process(cmd_parms* cmd, void* /*config*/, const char* arguments) noexcept {
  OptionReader reader(arguments);
  wire::GroupSpec spec;
  spec.name = reader.word();
  if (spec.name.empty()) return refuse(cmd, Message::kDirectiveValue, "needs the name of the process group first");
  if (const char* refused = read_group_options(cmd, &reader, &spec)) return refused;
  if (const char* refused = check_group(cmd, spec)) return refused;
  const base::Result<ScriptOwner> script_owner = script_owner_of(spec);
  if (!script_owner) return refuse(cmd, spec.name, script_owner.error());

  if (DaemonGroup* other = configuration()->find_group(spec.name)) {
    // A virtual host that was copied for its second port brings its groups along: one definition twice.
    if (!wire::same_options(other->spec, spec))
      return refuse(cmd, Message::kGroupDuplicate,
                    "%s: this process group is defined differently at %s; give one of them another name, or both the "
                    "same options (this one: %s)",
                    spec.name.c_str(), other->place.c_str(), place_of(cmd).c_str());
    other->servers.push_back(cmd->server);
    other->again.push_back(place_of(cmd));
    return nullptr;
  }
  auto* group = pool_new<DaemonGroup>(configuration()->pool);
  group->spec = std::move(spec);
  group->script_owner = script_owner.value();
  group->servers.push_back(cmd->server);
  group->place = place_of(cmd);
  configuration()->groups.push_back(group);
  return nullptr;
}

// --- The rows

constexpr int kMainServer = RSRC_CONF;
constexpr int kServer = RSRC_CONF;
constexpr int kServerOrSection = RSRC_CONF | ACCESS_CONF;
constexpr int kAnywhere = OR_FILEINFO;
constexpr int kAuthentication = OR_AUTHCFG;

}  // namespace

extern "C" const command_rec gatehouse_directives[] = {
#define GH_DIRECTIVE(name, arguments, handler, data, where, argument, default_value, meaning, example) \
  AP_INIT_##arguments(#name, handler, data, where, meaning),
#define GH_OBSOLETE(name, handler, where, instead) AP_INIT_TAKE1(#name, handler, nullptr, where, instead),
#include "module/directives.def"
#undef GH_DIRECTIVE
#undef GH_OBSOLETE
    {nullptr, {nullptr}, nullptr, 0, RAW_ARGS, nullptr},
};

}  // namespace httpd
