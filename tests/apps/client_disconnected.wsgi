# Creates the file "running" in the directory that the query names, waits until the client is gone, and then creates
# "gone". Ends after a minute in any case. With a body, that is read first.
import os
import time


def application(environ, start_response):
    directory = environ['QUERY_STRING']
    is_gone = environ['gatehouse.client_disconnected']
    environ['wsgi.input'].read()
    before = is_gone()
    open(os.path.join(directory, 'running'), 'w').close()
    end = time.monotonic() + 60
    while not is_gone() and time.monotonic() < end:
        if os.path.exists(os.path.join(directory, 'stop')):
            break
        time.sleep(0.01)
    if is_gone():
        open(os.path.join(directory, 'gone'), 'w').close()
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'before %s, now %s\n' % (str(before).encode(), str(is_gone()).encode())]
