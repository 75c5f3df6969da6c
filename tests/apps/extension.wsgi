# SPDX-License-Identifier: Apache-2.0
# Works with the extension module of others that the path names; answers with what came of it.
import json


def numpy():
    import numpy
    return int((numpy.arange(9).reshape(3, 3) @ numpy.ones((3, 1))).sum())


def lxml():
    from lxml import etree
    style = etree.XSLT(etree.XML('<x:stylesheet version="1.0" xmlns:x="http://www.w3.org/1999/XSL/Transform">'
                                 '<x:template match="/"><sum><x:value-of select="sum(//n)"/></sum></x:template>'
                                 '</x:stylesheet>'))
    return int(style(etree.fromstring('<a><n>30</n><n>6</n></a>')).getroot().text)


def cryptography():
    from cryptography.fernet import Fernet
    key = Fernet(Fernet.generate_key())
    return int(key.decrypt(key.encrypt(b'36')))


def pydantic():
    import pydantic

    class Model(pydantic.BaseModel):
        number: int
    return Model.model_validate_json('{"number": "36"}').number


def sqlalchemy():
    import sqlalchemy
    with sqlalchemy.create_engine('sqlite://').connect() as connection:
        return connection.execute(sqlalchemy.select(sqlalchemy.literal(18) * 2)).scalar()


def psycopg():
    import psycopg
    from psycopg import sql
    return int(sql.Literal(36).as_string(None))


def pillow():
    import io
    from PIL import Image
    file = io.BytesIO()
    Image.new('RGB', (6, 6), 'red').save(file, 'PNG')
    return Image.open(io.BytesIO(file.getvalue())).getbbox()[2] ** 2


def application(environ, start_response):
    answer = globals()[environ['QUERY_STRING']]()
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(answer).encode()]
