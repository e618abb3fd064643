from flask import Flask, request

from wsgicache import cached, easy_setup, vary

app = Flask(__name__)
easy_setup(app)

GREETINGS = {"en": "Hello", "de": "Hallo"}


@app.get("/")
@cached(client=60, server=60)
@vary("Accept-Language")
def greeting() -> str:
    return GREETINGS[request.accept_languages.best_match(GREETINGS, "en")]
