from flask import Flask, request

from wsgicache import CacheMiddleware, cached, vary

app = Flask(__name__)
app.wsgi_app = CacheMiddleware(app.wsgi_app)

GREETINGS = {"en": "Hello", "de": "Hallo"}


@app.get("/")
@cached(client=60, server=60)
@vary("Accept-Language")
def greeting():
    return GREETINGS[request.accept_languages.best_match(GREETINGS, "en")]
