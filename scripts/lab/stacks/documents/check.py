import subprocess
import tempfile

import cairo
import ldap
import magic
import matplotlib
import MySQLdb
import pdf2image
import pymssql
import weasyprint

matplotlib.use("Agg")
import matplotlib.pyplot  # noqa: E402

document = weasyprint.HTML(string="<h1>Hello, reader</h1>").write_pdf()
assert magic.from_buffer(document, mime=True) == "application/pdf"
assert pdf2image.convert_from_bytes(document, dpi=50)[0].width > 100
assert MySQLdb.get_client_info() and pymssql.__version__ and ldap.VENDOR_VERSION
cairo.Context(cairo.ImageSurface(cairo.FORMAT_ARGB32, 8, 8)).paint()
with tempfile.NamedTemporaryFile(suffix=".png") as file:
    matplotlib.pyplot.plot([1, 2])
    matplotlib.pyplot.savefig(file.name)
    assert magic.from_file(file.name, mime=True) == "image/png"
assert "Usage" in subprocess.run(["tesseract", "--help"], capture_output=True, text=True, check=True).stdout
