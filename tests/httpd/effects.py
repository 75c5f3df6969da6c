# SPDX-License-Identifier: Apache-2.0
"""For each directive and option, the test that shows its effect: file (without test_ and .py) and function.

test_effects.py fails when one is missing here, when a test does not exist, and when LATER stands at what the page of
directives does not call *Later*, or the other way round. A new directive or option is one line here.
"""

LATER = 'parsed and kept, takes effect with a later release'

# They do nothing but tell what to do instead.
OBSOLETE = 'old_directives.test_a_line_is_accepted_with_a_notice_that_tells_what_to_do'

DIRECTIVES = {
    'WSGIScriptAlias': 'script_alias.test_a_prefix_maps_to_its_script',
    'WSGIScriptAliasMatch': 'script_alias.test_an_expression_maps_to_its_script',
    'WSGIDaemonProcess': 'modes.test_each_group_runs_its_own_python',
    'WSGIProcessGroup': 'groups.test_wsgiprocessgroup_chooses_the_group',
    'WSGIApplicationGroup': 'groups.test_wsgiapplicationgroup_expands_its_forms',
    'WSGICallableObject': 'groups.test_wsgicallableobject_chooses_the_callable',
    'WSGIPassAuthorization': 'environ.test_wsgipassauthorization_shows_authorization_alone',
    'WSGIChunkedRequest': 'input.test_a_chunked_body_is_read_to_its_end_where_allowed',
    'WSGIScriptReloading': 'reload.test_wsgiscriptreloading_off_keeps_the_code',
    'WSGIPython': 'embedded_python.test_wsgipython_chooses_the_version',
    'WSGIPythonHome': 'embedded_python.test_wsgipythonhome_chooses_prefix_and_version',
    'WSGIPythonPath': 'embedded_python.test_wsgipythonpath_is_on_the_path_in_order',
    'WSGIRestrictEmbedded': 'embedded_python.test_wsgirestrictembedded_refuses_what_names_no_process_group',
    'WSGIRestrictProcess': 'request_directives.test_a_process_group_that_is_not_listed_gets_500_and_a_line',
    'WSGITrustedProxyHeaders': 'trusted_proxies.test_a_trusted_proxys_header_sets_what_it_stands_for_or_is_removed',
    'WSGITrustedProxies': 'trusted_proxies.test_a_header_of_somebody_else_is_removed_without_effect',
    'WSGIMapHEADToGET': 'head_mapping.test_the_application_sees',
    'WSGIErrorOverride': 'error_override.test_an_error_gets_httpds_page_with_its_status',
    'WSGIEnableSendfile': 'request_directives.test_a_file_goes_by_sendfile',
    'WSGIPassApacheRequest': 'request_directives.test_the_request_record_is_shown_to_embedded_applications_that_ask',
    'WSGIIgnoreActivity': LATER,
    'WSGIDoctor': 'doctor.test_a_code_is_switched_off',
    'WSGISocketPrefix': OBSOLETE,
    'WSGISocketRotation': OBSOLETE,
    'WSGIAcceptMutex': OBSOLETE,
    'WSGILazyInitialization': OBSOLETE,
    'WSGIVerboseDebugging': OBSOLETE,
    'WSGIPy3kWarningFlag': OBSOLETE,
    'WSGICaseSensitivity': OBSOLETE,
    'WSGINewRelicConfigFile': OBSOLETE,
    'WSGINewRelicEnvironment': OBSOLETE,
    'WSGIReloadMechanism': OBSOLETE,
    'WSGIGroupAuthoritative': 'old_directives.test_a_line_in_a_section_is_accepted_with_a_notice',
}

ALIAS_OPTIONS = {
    'process-group': 'script_alias.test_options_choose_both_groups',
    'application-group': 'script_alias.test_options_choose_both_groups',
    'callable-object': 'script_alias.test_option_callable_object_chooses_the_callable',
    'pass-authorization': 'script_alias.test_option_pass_authorization_decides',
}

GROUP_OPTIONS = {
    'chroot': LATER,
    'connect-timeout': 'queue.test_a_full_queue_answers_503_after_connect_timeout',
    'cpu-priority': LATER,
    'cpu-time-limit': LATER,
    'deadlock-timeout': LATER,
    'display-name': 'daemon_options.test_display_name_is_the_title_of_the_process',
    'eviction-timeout': LATER,
    'graceful-timeout': LATER,
    'group': 'daemon_options.test_group_is_the_daemons_group',
    'header-buffer-size': LATER,
    'home': 'daemon_options.test_home_is_the_working_directory_and_first_on_the_path',
    'inactivity-timeout': LATER,
    'interrupt-timeout': LATER,
    'lang': 'daemon_options.test_lang_is_in_the_environment',
    'listen-backlog': 'queue.test_listen_backlog_is_the_room_in_the_queue',
    'locale': 'daemon_options.test_locale_is_set',
    'maximum-requests': LATER,
    'memory-limit': LATER,
    'processes': 'daemon_options.test_processes_times_threads_requests_run_at_once',
    'python': 'modes.test_each_group_runs_its_own_python',
    'python-eggs': LATER,
    'python-home': 'daemon_options.test_a_python_home_that_is_a_virtual_environment_chooses_prefix_and_version',
    'python-path': 'daemon_options.test_python_path_is_on_the_path_in_order',
    'queue-timeout': 'daemon_options.test_queue_timeout_answers_503_at_its_instant_and_says_when_to_come_back',
    'receive-buffer-size': LATER,
    'request-timeout': LATER,
    'response-buffer-size': LATER,
    'response-flush-delay': LATER,
    'response-socket-timeout': LATER,
    'restart-interval': LATER,
    'script-group': LATER,
    'script-user': LATER,
    'send-buffer-size': LATER,
    'server-metrics': LATER,
    'shutdown-timeout': 'stop.test_a_request_that_never_ends_does_not_hold_up_a_stop',
    'socket-timeout': 'daemon_options.test_socket_timeout_answers_504_when_the_application_is_silent',
    'socket-user': LATER,
    'stack-size': LATER,
    'startup-timeout': LATER,
    'supplementary-groups': 'daemon_options.test_supplementary_groups_are_exactly_those_named',
    'switch-interval': LATER,
    'threads': 'daemon_options.test_processes_times_threads_requests_run_at_once',
    'umask': 'daemon_options.test_umask_is_the_daemons',
    'user': 'daemon_options.test_user_is_the_daemons_real_effective_and_saved_user',
    'virtual-memory-limit': LATER,
}
