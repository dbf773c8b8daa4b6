import io

import numpy
from matplotlib import pyplot
from plots.main import app

assert app.test_client().get("/health").json["numpy"] == numpy.__version__
figure, axes = pyplot.subplots()
axes.plot(numpy.arange(4))
out = io.BytesIO()
figure.savefig(out, format="png")
assert out.getvalue().startswith(b"\x89PNG")
