"""How gunicorn serves the app in a container; the environment and the command line go before."""

import os

bind = "0.0.0.0:8000"
# Processes share the cores, threads wait for the store and for senders of messages.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = 4
# The model is loaded once and shared. The store connects in each worker, after the fork.
preload_app = True
# Longer than any wait for the store (2 s) or a sender (10 s).
timeout = 30
graceful_timeout = 20
keepalive = 30
# Heartbeats on a disk can stall a worker.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - only gunicorn writes there
accesslog = "-"
