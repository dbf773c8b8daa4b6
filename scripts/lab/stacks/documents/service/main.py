from flask import Flask, Response

app = Flask(__name__)


@app.get("/document")
def document():
    import weasyprint

    return Response(weasyprint.HTML(string="<h1>Hello</h1>").write_pdf(), mimetype="application/pdf")
