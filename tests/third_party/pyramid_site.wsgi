# SPDX-License-Identifier: Apache-2.0
# Pyramid: routes, views, a signed session cookie, JSON.
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.session import SignedCookieSessionFactory


def visits(request):
    request.session['visits'] = request.session.get('visits', 0) + 1
    return {'visits': request.session['visits'], 'url': request.route_url('visits')}


def enter(request):
    raise HTTPSeeOther(request.route_path('visits'), headers=[('X-Name', request.POST['name'])])


with Configurator(session_factory=SignedCookieSessionFactory('a key for tests')) as config:
    config.add_route('visits', '/visits')
    config.add_route('enter', '/enter')
    config.add_view(visits, route_name='visits', renderer='json')
    config.add_view(enter, route_name='enter', request_method='POST')
    application = config.make_wsgi_app()
