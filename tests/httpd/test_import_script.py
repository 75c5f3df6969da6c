# SPDX-License-Identifier: Apache-2.0
"""WSGIImportScript, and a WSGIScriptAlias that names both groups: loaded when a process starts."""
import pytest

from processes import wait_until

NOTE = 'import os\nopen({file!r}, "a").write(f"{{os.getpid()}} {{__name__[:10]}}\\n")\n'
WHERE = {'embedded': '%{GLOBAL}', 'daemon': 'one'}


@pytest.fixture
def script(tmp_directory):
    """A script that notes each process it is loaded in; .notes() are the numbers of those."""
    path = tmp_directory / 'warm.py'
    note = tmp_directory / 'notes'
    path.write_text(NOTE.format(file=str(note)))

    class Script:
        def __str__(self):
            return str(path)

        def write(self, text):
            path.write_text(text)

        def notes(self):
            return [int(line.split()[0]) for line in note.read_text().splitlines()] if note.exists() else []
    return Script()


@pytest.mark.parametrize('mode', WHERE)
def test_an_import_script_is_loaded_without_a_request(server, script, mode):
    server('WSGIDaemonProcess one processes=2\n'
           f'WSGIImportScript {script} process-group={WHERE[mode]} application-group=%{{GLOBAL}}\n')
    wait_until(script.notes, what='the script was loaded')


@pytest.mark.parametrize('mode', WHERE)
def test_an_import_script_shares_its_interpreter_with_applications(server, script, mode):
    script.write('import builtins\nbuiltins.warmed = True\n')
    httpd = server('WSGIDaemonProcess one\n'
                   f'WSGIImportScript {script} process-group={WHERE[mode]} application-group=shared\n'
                   f'WSGIScriptAlias / ${{ROOT}}/app.wsgi process-group={WHERE[mode]} application-group=shared\n')
    (httpd.root / 'app.wsgi').write_text('def application(environ, start_response):\n'
                                         '    start_response("200 OK", [])\n    return [str(warmed).encode()]\n')
    assert httpd.get('/').text == 'True'


def test_scripts_are_loaded_in_the_configurations_order_before_any_request(server, tmp_directory, script):
    script.write('import builtins\nbuiltins.order = ["first"]\n')
    second = tmp_directory / 'second.py'
    second.write_text('order.append("second")\n')
    app = tmp_directory / 'app.wsgi'
    app.write_text('order.append("application")\ndef application(environ, start_response):\n'
                   '    start_response("200 OK", [])\n    return [" ".join(order).encode()]\n')
    httpd = server('WSGIDaemonProcess one\n'
                   f'WSGIImportScript {script} process-group=one application-group=%{{GLOBAL}}\n'
                   f'WSGIImportScript {second} process-group=one application-group=%{{GLOBAL}}\n'
                   f'WSGIScriptAlias / {app} process-group=one application-group=%{{GLOBAL}}\n')
    assert httpd.get('/').text == 'first second application'


@pytest.mark.parametrize('mode', WHERE)
def test_an_import_script_that_fails_is_logged_and_holds_nothing_up(server, script, error_log, mode):
    script.write('raise ValueError("not today")\n')
    httpd = server('StartServers 1\nMinSpareThreads 1\nServerLimit 1\nMaxRequestWorkers 16\nWSGIDaemonProcess one\n'
                   f'WSGIImportScript {script} process-group={WHERE[mode]} application-group=%{{GLOBAL}}\n'
                   f'WSGIScriptAlias / ${{APPS}}/hello.wsgi process-group={WHERE[mode]} '
                   'application-group=%{GLOBAL}\n')
    assert httpd.get('/').status == 200
    error_log.expect_traceback('ValueError: not today')


def test_an_import_script_of_a_sub_interpreter_is_loaded_in_each_worker(server, script):
    httpd = server('WSGIDaemonProcess one processes=2\n'
                   f'WSGIImportScript {script} process-group=one application-group=first\n'
                   'WSGIScriptAlias / ${APPS}/hello.wsgi process-group=one application-group=second\n')
    assert httpd.get('/').status == 200
    wait_until(lambda: len(set(script.notes())) == 2, what='both workers have loaded it')


def test_an_import_script_of_a_worker_is_loaded_again_with_each_generation(server, script):
    httpd = server('WSGIDaemonProcess one\n'
                   f'WSGIImportScript {script} process-group=one application-group=%{{GLOBAL}}\n')
    wait_until(lambda: len(script.notes()) == 1, what='the script was loaded')
    httpd.graceful()
    wait_until(lambda: len(script.notes()) == 2, what='the script was loaded again')


def test_an_embedded_alias_with_both_groups_is_loaded_ahead(server, tmp_directory):
    note = tmp_directory / 'note'
    app = tmp_directory / 'app.wsgi'
    app.write_text(NOTE.format(file=str(note)) + 'def application(environ, start_response): pass\n')
    server(f'WSGIScriptAlias / {app} process-group=%{{GLOBAL}} application-group=%{{GLOBAL}}\n')
    wait_until(note.exists, what='the application was loaded')


@pytest.mark.parametrize('options, words', [
    ('', ['process-group']), ('process-group=one', ['application-group']),
    ('application-group=%{GLOBAL}', ['process-group']),
    ('process-group=one application-group=a callable-object=x', ['callable-object']),
    ('process-group=nobody application-group=a', ['nobody', 'one'])])
def test_a_mistake_in_an_import_script_fails_configtest(configtest, options, words):
    status, output = configtest(f'WSGIDaemonProcess one\nWSGIImportScript /srv/warm.py {options}\n')
    assert status != 0
    assert all(word in output for word in ('WSGIImportScript', *words)), output


def test_a_group_of_another_virtual_host_is_refused(configtest):
    status, output = configtest('<VirtualHost *:1>\nServerName a.example\nWSGIDaemonProcess one\n</VirtualHost>\n'
                                '<VirtualHost *:1>\nServerName b.example\n'
                                'WSGIImportScript /srv/warm.py process-group=one application-group=a\n</VirtualHost>\n')
    assert status != 0 and 'ServerName' in output
