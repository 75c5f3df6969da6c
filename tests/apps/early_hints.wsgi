# Sends two interim responses ahead of the final one, and tries a third when it is too late.
def application(environ, start_response):
    hints = environ['wsgi.early_hints']
    hints([('Link', '</style.css>; rel=preload; as=style'), ('X-Hint', 'one')])
    hints([('Link', '</more.js>; rel=preload; as=script')])
    body = environ['wsgi.input'].read()
    write = start_response('200 OK', [('Content-Type', 'text/plain'), ('X-Final', 'yes')])
    write(b'%d bytes\n' % len(body))
    try:
        hints([('Link', '</late.css>')])
    except RuntimeError as error:
        return [str(error).encode()]
    return [b'too late, and sent']
