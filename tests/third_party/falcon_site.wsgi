# SPDX-License-Identifier: Apache-2.0
# Falcon: media in and out, a streamed response, an error as its own response.
import falcon


class Sum:
    def on_post(self, request, response):
        response.media = {'sum': sum(request.get_media())}


class Stream:
    def on_get(self, request, response):
        response.content_type = falcon.MEDIA_TEXT
        response.stream = (b'%d\n' % number for number in range(1000))


class Closed:
    def on_get(self, request, response):
        raise falcon.HTTPUnavailableForLegalReasons(title='closed')


application = falcon.App()
application.add_route('/sum', Sum())
application.add_route('/stream', Stream())
application.add_route('/closed', Closed())
