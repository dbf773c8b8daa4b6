"""A celery worker whose broker is a folder."""

import os

import celery
import service

FOLDER = "/tmp/broker"
os.makedirs(FOLDER, exist_ok=True)
app = celery.Celery("tasks", broker="filesystem://")
app.conf.broker_transport_options = {"data_folder_in": FOLDER, "data_folder_out": FOLDER, "control_folder": FOLDER + "-control"}
app.conf.broker_connection_retry_on_startup = True
app.conf.task_ignore_result = True


@app.task
def work():
    service.work()


@app.task
def fill(mebibytes):
    """Takes so much memory at once."""
    return len(b"x" * (mebibytes << 20))
