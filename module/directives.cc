// SPDX-License-Identifier: Apache-2.0
#include "module/directives.h"

#include <strings.h>

#include <algorithm>
#include <cstdarg>
#include <string>

#include "module/config.h"
#include "module/launch.h"
#include "module/option_reader.h"
#include "wire/group_spec.h"
#include "wsgi/engine_loader.h"
#include "wsgi/trusted_proxy.h"

namespace httpd {
namespace {

using base::Message;

// The text of an error for httpd to show: "GHnnnn: DIRECTIVE text".
const char* refusal(cmd_parms* cmd, Message message, const std::string& text) {
  const std::string line = std::string(base::entry_of(message).code) + ": " + cmd->cmd->name + " " + text;
  return pool_copy(cmd->pool, line);
}

[[gnu::format(printf, 3, 4)]] const char* refuse(cmd_parms* cmd, Message message, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char* text = apr_pvsprintf(cmd->pool, format, arguments);
  va_end(arguments);
  return refusal(cmd, message, text);
}

const char* refuse(cmd_parms* cmd, const std::string& subject, const base::Error& error) {
  return refusal(cmd, error.message, subject + ": " + error.what);
}

bool parse_switch(const char* text, Switch* out) {
  if (strcasecmp(text, "on") == 0) {
    *out = Switch::kOn;
  } else if (strcasecmp(text, "off") == 0) {
    *out = Switch::kOff;
  } else {
    return false;
  }
  return true;
}

std::string place_of(const cmd_parms* cmd) {
  return std::string(cmd->directive->filename) + ":" + std::to_string(cmd->directive->line_num);
}

// A .htaccess file is read for a request, by its thread: what is kept for all of the configuration is closed to it.
bool is_htaccess(const cmd_parms* cmd) { return cmd->pool == cmd->temp_pool; }

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
  return refuse(cmd, Message::kDirectiveValue, "must be one of: Off | On, not \"%s\"", value);
}

template <const char* ServerConfig::*member>
const char* on_global_text(cmd_parms* cmd, void* /*config*/, const char* value) noexcept {
  if (const char* misplaced = ap_check_cmd_context(cmd, GLOBAL_ONLY)) return misplaced;
  if (value[0] == '\0') return refuse(cmd, Message::kDirectiveValue, "needs a value; its argument is empty");
  server_config(cmd->server).*member = value;
  return nullptr;
}

const char* on_restrict_embedded(cmd_parms* cmd, void* /*config*/, const char* value) noexcept {
  if (const char* misplaced = ap_check_cmd_context(cmd, GLOBAL_ONLY)) return misplaced;
  if (parse_switch(value, &server_config(cmd->server).restrict_embedded)) return nullptr;
  return refuse(cmd, Message::kDirectiveValue, "must be one of: Off | On, not \"%s\"", value);
}

const char* on_python(cmd_parms* cmd, void* config, const char* version) noexcept {
  if (const char* refused = on_global_text<&ServerConfig::python>(cmd, config, version)) return refused;
  const base::Result<std::string> engine = wsgi::find_engine(version, wsgi::engine_directories());
  return engine ? nullptr : refuse(cmd, version, engine.error());
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

const char* on_ignore_activity(cmd_parms* cmd, void* /*config*/, const char* value) noexcept {
  Switch ignored = Switch::kUnset;
  if (!parse_switch(value, &ignored))
    return refuse(cmd, Message::kDirectiveValue, "must be one of: Off | On, not \"%s\"", value);
  if (ignored == Switch::kOn && !is_htaccess(cmd))
    configuration()->without_effect.push_back(std::string(cmd->cmd->name) + " at " + place_of(cmd));
  return nullptr;
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

// --- WSGIScriptAlias, WSGIScriptAliasMatch

char is_match;  // its address is the cmd_data of WSGIScriptAliasMatch

struct AliasOption {
  std::string_view name;
  const char* ScriptAlias::*text;  // NULL: pass-authorization
};
constexpr AliasOption kAliasOptions[] = {
    {"process-group", &ScriptAlias::process_group},
    {"application-group", &ScriptAlias::application_group},
    {"callable-object", &ScriptAlias::callable_object},
    {"pass-authorization", nullptr},
};

const char* set_alias_option(cmd_parms* cmd, ScriptAlias* alias, const OptionReader::Option& option) {
  for (const AliasOption& known : kAliasOptions) {
    if (known.name != option.name) continue;
    if (known.text != nullptr) {
      alias->*known.text = pool_copy(cmd->pool, option.value);
      return nullptr;
    }
    if (parse_switch(option.value.c_str(), &alias->pass_authorization)) return nullptr;
    return refuse(cmd, Message::kDirectiveValue, "%s: pass-authorization must be one of: Off | On, not \"%s\"",
                  alias->path, option.value.c_str());
  }
  return refuse(cmd, Message::kDirectiveOption,
                "%s: there is no option \"%s\"; there are process-group, application-group, callable-object and "
                "pass-authorization",
                alias->path, option.name.c_str());
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
  OptionReader::Option option;
  for (;;) {
    const OptionReader::Found found = reader.option(&option);
    if (found == OptionReader::Found::kEnd) break;
    if (found == OptionReader::Found::kMalformed)
      return refuse(cmd, Message::kDirectiveOption, "%s: \"%s\" is no option of the form name=value", alias.path,
                    option.name.c_str());
    if (const char* refused = set_alias_option(cmd, &alias, option)) return refused;
  }
  *static_cast<ScriptAlias*>(apr_array_push(server_config(cmd->server).aliases)) = alias;
  return nullptr;
}

// --- WSGIDaemonProcess

const wire::GroupOption* group_option(std::string_view name) {
  for (const wire::GroupOption& option : wire::group_options())
    if (option.name == name) return &option;
  return nullptr;
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
    if (const wire::GroupOption* known = group_option(option.name); known != nullptr && !known->in_effect)
      configuration()->without_effect.push_back("WSGIDaemonProcess " + spec->name + " " + option.name);
  }
  const base::Status valid = wire::validate(*spec);
  return valid ? nullptr : refuse(cmd, spec->name, valid.error());
}

// What depends on this machine: users, groups, engines.
const char* check_group(cmd_parms* cmd, const wire::GroupSpec& spec) {
  if (const base::Result<Account> account = account_of(spec); !account) return refuse(cmd, spec.name, account.error());
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

  if (DaemonGroup* other = configuration()->find_group(spec.name)) {
    // A virtual host that was copied for its second port brings its groups along: one definition twice.
    if (!wire::same_options(other->spec, spec))
      return refuse(cmd, Message::kGroupDuplicate,
                    "%s: this process group is defined differently at %s; give one of them another name, or both the "
                    "same options (this one: %s)",
                    spec.name.c_str(), other->place.c_str(), place_of(cmd).c_str());
    other->servers.push_back(cmd->server);
    return nullptr;
  }
  auto* group = pool_new<DaemonGroup>(configuration()->pool);
  group->spec = std::move(spec);
  group->servers.push_back(cmd->server);
  group->place = place_of(cmd);
  configuration()->groups.push_back(group);
  return nullptr;
}

// --- The rows

constexpr int kServer = RSRC_CONF;
constexpr int kServerOrSection = RSRC_CONF | ACCESS_CONF;
constexpr int kAnywhere = OR_FILEINFO;

}  // namespace
}  // namespace httpd

const command_rec gatehouse_directives[] = {
    AP_INIT_RAW_ARGS("WSGIScriptAlias", httpd::on_script_alias, nullptr, httpd::kServer,
                     "URL path, script or directory of scripts, options name=value"),
    AP_INIT_RAW_ARGS("WSGIScriptAliasMatch", httpd::on_script_alias, &httpd::is_match, httpd::kServer,
                     "regular expression, script with $1, options name=value"),
    AP_INIT_RAW_ARGS("WSGIDaemonProcess", httpd::on_daemon_process, nullptr, httpd::kServer,
                     "name of a process group, options name=value"),
    AP_INIT_TAKE1("WSGIProcessGroup", httpd::on_process_group, nullptr, httpd::kServerOrSection,
                  "name of the process group that runs the application"),
    AP_INIT_TAKE1("WSGIApplicationGroup", httpd::on_application_group, nullptr, httpd::kServerOrSection,
                  "name of the application group (interpreter)"),
    AP_INIT_TAKE1("WSGICallableObject", httpd::on_directory_text<&httpd::DirectoryConfig::callable_object>, nullptr,
                  httpd::kAnywhere, "name of the callable in the script"),
    AP_INIT_TAKE1("WSGIPassAuthorization", httpd::on_directory_switch<&httpd::DirectoryConfig::pass_authorization>,
                  nullptr, httpd::kAnywhere, "On: applications see the Authorization header"),
    AP_INIT_TAKE1("WSGIChunkedRequest", httpd::on_directory_switch<&httpd::DirectoryConfig::chunked_request>, nullptr,
                  httpd::kAnywhere, "On: request bodies without Content-Length are accepted"),
    AP_INIT_TAKE1("WSGIScriptReloading", httpd::on_directory_switch<&httpd::DirectoryConfig::script_reloading>, nullptr,
                  httpd::kAnywhere, "On: a changed script is loaded again"),
    AP_INIT_TAKE1("WSGIPython", httpd::on_python, nullptr, httpd::kServer, "version of embedded mode's Python: 3.12"),
    AP_INIT_TAKE1("WSGIPythonHome", httpd::on_global_text<&httpd::ServerConfig::python_home>, nullptr, httpd::kServer,
                  "directory of the virtual environment or of Python"),
    AP_INIT_TAKE1("WSGIPythonPath", httpd::on_global_text<&httpd::ServerConfig::python_path>, nullptr, httpd::kServer,
                  "directories separated by ':' for embedded mode's sys.path"),
    AP_INIT_TAKE1("WSGIRestrictEmbedded", httpd::on_restrict_embedded, nullptr, httpd::kServer,
                  "On: applications run in daemon processes only"),
    AP_INIT_TAKE_ARGV("WSGIRestrictProcess", httpd::on_restrict_process, nullptr, httpd::kServerOrSection,
                      "process groups that may be used; %{GLOBAL} is embedded mode"),
    AP_INIT_ITERATE("WSGITrustedProxyHeaders", httpd::on_trusted_header, nullptr, httpd::kAnywhere,
                    "headers of proxies that are believed"),
    AP_INIT_ITERATE("WSGITrustedProxies", httpd::on_trusted_proxy, nullptr, httpd::kAnywhere,
                    "IP addresses and subnets of proxies whose headers are believed"),
    AP_INIT_TAKE1("WSGIMapHEADToGET", httpd::on_map_head, nullptr, httpd::kAnywhere,
                  "On: applications see HEAD as GET; Auto: when an output filter works on content"),
    AP_INIT_TAKE1("WSGIErrorOverride", httpd::on_directory_switch<&httpd::DirectoryConfig::error_override>, nullptr,
                  httpd::kAnywhere, "On: httpd's error pages replace 4xx and 5xx of applications"),
    AP_INIT_TAKE1("WSGIEnableSendfile", httpd::on_directory_switch<&httpd::DirectoryConfig::enable_sendfile>, nullptr,
                  httpd::kAnywhere, "On: files are sent by sendfile(2)"),
    AP_INIT_TAKE1("WSGIPassApacheRequest", httpd::on_directory_switch<&httpd::DirectoryConfig::pass_apache_request>,
                  nullptr, httpd::kServerOrSection, "On: embedded applications see apache.request_rec"),
    AP_INIT_TAKE1("WSGIIgnoreActivity", httpd::on_ignore_activity, nullptr, httpd::kAnywhere,
                  "On: requests do not count as activity for inactivity-timeout"),
    AP_INIT_TAKE1("WSGISocketPrefix", httpd::on_obsolete_global, nullptr, httpd::kServer,
                  "there are no socket files; remove it"),
    AP_INIT_TAKE1("WSGISocketRotation", httpd::on_obsolete_global, nullptr, httpd::kServer,
                  "there are no socket files; remove it"),
    AP_INIT_TAKE1("WSGIAcceptMutex", httpd::on_obsolete_global, nullptr, httpd::kServer,
                  "there is no accept lock; remove it"),
    AP_INIT_TAKE1("WSGILazyInitialization", httpd::on_obsolete_global, nullptr, httpd::kServer,
                  "Python starts where an application needs it; remove it"),
    AP_INIT_TAKE1("WSGIVerboseDebugging", httpd::on_obsolete_global, nullptr, httpd::kServer,
                  "use LogLevel wsgi:debug"),
    AP_INIT_TAKE1("WSGIPy3kWarningFlag", httpd::on_obsolete_global, nullptr, httpd::kServer,
                  "it was for Python 2; remove it"),
    AP_INIT_TAKE1("WSGICaseSensitivity", httpd::on_obsolete_global, nullptr, httpd::kServer,
                  "names of files are compared as the file system has them; remove it"),
    AP_INIT_TAKE1("WSGINewRelicConfigFile", httpd::on_obsolete_global, nullptr, httpd::kServer,
                  "call newrelic.agent.initialize(FILE) at the top of the script"),
    AP_INIT_TAKE1("WSGINewRelicEnvironment", httpd::on_obsolete_global, nullptr, httpd::kServer,
                  "call newrelic.agent.initialize(FILE, ENVIRONMENT) at the top of the script"),
    AP_INIT_TAKE1("WSGIReloadMechanism", httpd::on_obsolete, nullptr, httpd::kAnywhere,
                  "daemons always load changed code in new processes; use WSGIScriptReloading to switch it off"),
    AP_INIT_TAKE1("WSGIGroupAuthoritative", httpd::on_obsolete, nullptr, OR_AUTHCFG,
                  "httpd decides between providers by <RequireAll> and <RequireAny>; remove it"),
    {nullptr, {nullptr}, nullptr, 0, RAW_ARGS, nullptr},
};
