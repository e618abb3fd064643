from flask import Flask, request

from wsgicache import Policy, Route, cache_for, easy_setup

policy = Policy(languages=["en", "de"])
routes = [Route("/static/*", languages=[])]

app = Flask(__name__)
easy_setup(app, policy=policy, routes=routes)

GREETINGS = {"en": "Hello", "de": "Hallo"}


@app.get("/")
@cache_for(minutes=1)
def greeting() -> str:
    return GREETINGS[request.headers["Accept-Language"]]
