# Without --processes there is one, and WSGI is told so; --processes 1 tells it of several.
mod_wsgi-express start-server --port 8000 --threads 8 --application-type module myapp
