"""Gives a container of the lab something to do for some seconds: work.py SECONDS [web|task|fill MEBIBYTES]."""

import http.client
import sys
import threading
import time

seconds, kind = float(sys.argv[1]), sys.argv[2]
end = time.monotonic() + seconds


def web():
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=30)
        connection.request("GET", "/")
        connection.getresponse().read()
        connection.close()


if kind == "web":
    threads = [threading.Thread(target=web) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
else:
    import celery

    # Sends by name: the service is not loaded a second time.
    app = celery.Celery("tasks", broker="filesystem://")
    folder = "/tmp/broker"
    app.conf.broker_transport_options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder + "-control"}
    app.conf.task_ignore_result = True
    if kind == "fill":
        app.send_task("tasks.fill", [int(sys.argv[3])])
    else:
        while time.monotonic() < end:
            app.send_task("tasks.work")
            time.sleep(0.1)
