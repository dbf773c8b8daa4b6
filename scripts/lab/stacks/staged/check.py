import psycopg2
from psycopg2.extensions import libpq_version, make_dsn

from shop.main import app

assert app.test_client().get("/health").json["driver"] == psycopg2.__version__
assert libpq_version() > 150000 and "host=db" in make_dsn(host="db")
try:
    psycopg2.connect("host=127.0.0.1 port=1 connect_timeout=1")
except psycopg2.OperationalError as error:
    assert "refused" in str(error), error
