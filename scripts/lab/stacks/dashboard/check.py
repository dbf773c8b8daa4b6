import duckdb
import pyarrow
import spacy
import team_charts
from gensim.corpora import Dictionary
from streamlit.testing.v1 import AppTest

assert team_charts.label(1234567) == "1,234,567"
assert len(spacy.blank("en")("Two words")) == 2
assert duckdb.sql("select 40 + 2").fetchall() == [(42,)]
assert pyarrow.array([1, 2]).sum().as_py() == 3
assert len(Dictionary([["a", "b"]])) == 2
assert AppTest.from_file("/app/board.py").run(timeout=60).title[0].value == "1,234,567"
