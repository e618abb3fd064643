# One process, so one memory store, which all its threads share.
gunicorn --bind 127.0.0.1:8000 --workers 1 --worker-class gthread --threads 8 myapp:application
