granian --interface wsgi --host 127.0.0.1 --port 8000 --workers 1 --blocking-threads 4 myapp:application
