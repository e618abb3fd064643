# gunicorn patches the standard library before it loads the application, as it must be.
gunicorn --bind 127.0.0.1:8000 --workers 1 --worker-class gevent myapp:application
