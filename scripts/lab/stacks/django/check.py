import os
import shutil

import psycopg2.extensions
from django.test import Client

os.chdir("/code")
os.environ["DJANGO_SETTINGS_MODULE"] = "site_.settings"
import site_.wsgi  # noqa: E402, F401

assert psycopg2.extensions.libpq_version() > 0
assert Client().get("/admin/login/").status_code == 200
assert os.path.exists("/code/staticfiles/admin/css/base.css")
assert shutil.which("nc"), "the entry point calls it"
