import streamlit
import team_charts

streamlit.title(team_charts.label(1234567))
