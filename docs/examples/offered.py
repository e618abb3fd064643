from flask import Flask, request

from wsgicache import CacheMiddleware, Policy, Route, cache_for

policy = Policy(languages=["en", "de"])
routes = [Route("/static/*", languages=[])]

app = Flask(__name__)
app.wsgi_app = CacheMiddleware(app.wsgi_app, policy=policy, routes=routes)

GREETINGS = {"en": "Hello", "de": "Hallo"}


@app.get("/")
@cache_for(minutes=1)
def greeting():
    return GREETINGS[request.headers["Accept-Language"]]
