"""A crowd uses a site through the cache, and an oracle checks each answer.

Each user has cookies of their own and belongs to one thread, so that the oracle knows who asks and
what that user changed last.
"""

from __future__ import annotations

import gzip
import importlib
import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from werkzeug.test import Client, TestResponse

from tests.apps import words
from tests.rig.gates import together
from tests.running import DEADLINE
from tests.scene import FakeClock
from wsgicache import CacheMiddleware

SITES = ("django", "flask")
USERS = 20
THREADS = 8
KINDS = ("leak", "logged out", "form", "own change", "language", "fragment", "origin", "broken")
"""What can go wrong: another's bytes, an account or a form lost, what one did oneself not seen, the
wrong language, a part instead of a page, a script that may not read, and anything else."""


@dataclass
class Finding:
    """An answer that the oracle does not accept, and who was last answered by the app there."""

    kind: str
    number: int
    user: str
    asked: str
    expected: str
    got: str
    told: str
    filled_by: str


@dataclass
class User:
    """Somebody with a browser, and what the oracle knows about them."""

    name: str
    language: str
    client: Client
    logged_in: bool = False
    chosen: str | None = None
    cart: list[str] = field(default_factory=list)
    note: str = ""
    flash: list[str] = field(default_factory=list)

    @property
    def who(self) -> str:
        """As whom the site must greet them."""
        return self.name if self.logged_in else "guest"


class Crowd:
    """Users of a site, what they did, and what was wrong."""

    def __init__(self, site: str, folder: Path, seed: int, bare: bool, threads: int) -> None:
        chance = random.Random(seed)
        names = [f"user{n:02}-{chance.randbytes(6).hex()}" for n in range(USERS)]
        app = importlib.import_module(f"tests.apps.{site}_site").make(folder, names)
        self.keeps_language = site == "django"  # a cookie; the other has it in the session
        self.seed, self.threads = seed, threads
        self.clock = FakeClock()
        self.app = app if bare else CacheMiddleware(app, clock=self.clock)
        self.users = [User(n, chance.choice(words.LANGUAGES), Client(self.app)) for n in names]
        self.stranger = Client(self.app, use_cookies=False)
        self.findings: list[Finding] = []
        self.outcomes: Counter[str] = Counter()
        self.count = 0
        self._filled: dict[str, str] = {}
        self._lock = threading.Lock()

    def play(self, count: int) -> None:
        """So many requests by all threads together."""

        def work(place: int) -> None:
            chance = random.Random(f"{self.seed} {place}")
            mine = self.users[place :: self.threads]
            while self.count < count:
                Visit(self, chance.choice(mine), chance).act()
                if chance.randrange(100) == 0:
                    self.clock.advance(chance.randrange(20))

        together(self.threads, work, max(DEADLINE, count / 10))

    def note(self, user: User, asked: str, path: str, response: TestResponse) -> tuple[int, str]:
        """Count *response* and look for others' names in it; its number and what it told."""
        told = response.headers.get("Cache-Status", "")
        whole = f"{response.status} {response.headers} {content(response)}"
        with self._lock:
            self.count += 1
            number = self.count
            self.outcomes[
                "hit" if "; hit" in told else "stored" if "stored" in told else "asked"
            ] += 1
            if "; hit" not in told:
                self._filled[path] = f"{user.name} by {asked}"
        other = next((u.name for u in self.users if u is not user and u.name in whole), None)
        if other is not None:
            self.found("leak", user, asked, "nothing of others", other, (number, told), path)
        return number, told

    def found(
        self,
        kind: str,
        user: User,
        asked: str,
        expected: object,
        got: object,
        place: tuple[int, str],
        path: str,
    ) -> None:
        """Write down what was wrong."""
        with self._lock:
            filled = self._filled.get(path, "") if "; hit" in place[1] else ""
            texts = (f"{expected}"[:200], f"{got}"[:200])
            self.findings.append(
                Finding(kind, place[0], user.name, asked, *texts, place[1], filled)
            )


def content(response: TestResponse) -> str:
    """The content as text, whatever it was compressed by."""
    data = response.get_data()
    if response.headers.get("Content-Encoding") == "gzip":
        data = gzip.decompress(data)
    return data.decode()


class Visit:
    """One thing that a user does, with one request or a few."""

    def __init__(self, crowd: Crowd, user: User, chance: random.Random) -> None:
        self.crowd, self.user, self.chance = crowd, user, chance

    def act(self) -> None:
        """Something, by chance; more reading than writing."""
        doing = (
            *([self.items, self.news, self.script, self.api, self.language] * 3),
            *([self.greeting, self.profile, self.download, self.cart, self.note] * 2),
            *(self.change_account, self.add_to_cart, self.write_note, self.choose_language),
        )
        self.chance.choice(doing)()

    # ── Asking ─────────────────────────────────────────────────────────────────────────────────

    def ask(self, path: str, known: bool = True, **fields: str) -> TestResponse:
        """GET *path*, with the user's cookies where the browser is *known*."""
        headers = {
            "Accept-Language": self.user.language,
            "Accept-Encoding": self.chance.choice(("gzip", "identity")),
            **{name.replace("_", "-"): value for name, value in fields.items()},
        }
        client = self.user.client if known else self.crowd.stranger
        response = client.get(path, headers=headers)
        self.asked = f"GET {path} {'with' if known else 'without'} cookies {fields or ''}".strip()
        self.path = path
        self.place = self.crowd.note(self.user, self.asked, path, response)
        return response

    def post(self, path: str, **form: str) -> bool:
        """POST *form* with the token of the form's page; whether the site took it."""
        page = self.ask("/form")
        if not self.check("form", 200, page.status_code):
            return False
        token = json.loads(content(page))["token"]
        data = {**form, "csrf_token": token, "csrfmiddlewaretoken": token}
        headers = {"Accept-Language": self.user.language}
        response = self.user.client.post(path, data=data, headers=headers)
        self.asked, self.path = f"POST {path} {form}", path
        self.place = self.crowd.note(self.user, self.asked, path, response)
        return self.check("form", 302, response.status_code)

    def check(self, kind: str, expected: object, got: object) -> bool:
        """Whether they are equal; what is not is written down."""
        if got != expected:
            self.crowd.found(kind, self.user, self.asked, expected, got, self.place, self.path)
        return got == expected

    def personal(self, path: str, **expected: object) -> None:
        """A page that says who asks, and what that user changed last."""
        response = self.ask(path)
        if not self.check("broken", 200, response.status_code):
            return
        got = json.loads(content(response))
        lost = self.user.logged_in and got["who"] == "guest"
        self.check("logged out" if lost else "own change", self.user.who, got["who"])
        for name, value in expected.items():
            self.check("own change", value, got[name])

    # ── Public pages, by the user's browser or by one that has no cookies ──────────────────────

    @property
    def known(self) -> bool:
        return self.chance.randrange(3) > 0

    def items(self) -> None:
        part = self.chance.randrange(2)
        response = self.ask("/items", self.known, **({"HX_Request": "true"} if part else {}))
        self.check("fragment", words.FRAGMENT if part else words.PAGE, content(response))

    def news(self) -> None:
        number = self.chance.randrange(10)
        self.check("broken", words.news(number), content(self.ask(f"/news/{number}", self.known)))

    def script(self) -> None:
        response = self.ask("/static/app.js", self.known)
        self.check("broken", "text/javascript", response.mimetype)
        self.check("broken", words.SCRIPT, content(response))

    def api(self) -> None:
        origin = self.chance.choice((*words.ORIGINS, words.FOREIGN, ""))
        response = self.ask("/api", self.known, **({"Origin": origin} if origin else {}))
        if origin in words.ORIGINS:
            self.check("origin", origin, response.headers.get("Access-Control-Allow-Origin"))
        self.check("broken", {"items": ["apple", "banana"]}, json.loads(content(response)))

    def language(self) -> None:
        known = self.known
        expected = (known and self.user.chosen) or self.user.language
        text = content(self.ask("/language", known))
        self.check("language", f"language={expected}", text.partition(" ")[0])

    # ── Personal pages ─────────────────────────────────────────────────────────────────────────

    def greeting(self) -> None:
        self.personal("/greeting")

    def profile(self) -> None:
        if self.user.logged_in:
            response = self.ask("/profile")
            if self.check("logged out", 200, response.status_code):
                self.check(
                    "own change",
                    {"who": self.user.name, "cart": self.user.cart},
                    json.loads(content(response)),
                )
        else:
            self.check("own change", 401, self.ask("/profile").status_code)

    def download(self) -> None:
        response = self.ask("/download")
        if not self.user.logged_in:
            self.check("own change", 401, response.status_code)
        elif self.check("logged out", 200, response.status_code):
            self.check("own change", f"file of {self.user.name}", content(response))

    def cart(self) -> None:
        self.personal("/cart", cart=self.user.cart)

    def note(self) -> None:
        self.personal("/note", note=self.user.note, flash=self.user.flash, cart=self.user.cart)
        self.user.flash = []

    # ── Changes, each read again at once ───────────────────────────────────────────────────────

    def change_account(self) -> None:
        user = self.user
        if not user.logged_in:
            user.logged_in = self.post("/login", name=user.name)
        elif self.post("/logout"):
            user.logged_in, user.cart, user.note, user.flash = False, [], "", []
            if not self.crowd.keeps_language:
                user.chosen = None
        self.chance.choice((self.greeting, self.profile, self.cart))()

    def add_to_cart(self) -> None:
        page = self.chance.choice((self.cart, self.profile, self.note))
        page()
        item = f"item {self.chance.randrange(1000)} of {self.user.name}"
        if self.post("/cart", item=item):
            self.user.cart = [*self.user.cart, item]
        page()

    def write_note(self) -> None:
        text = f"note {self.chance.randrange(1000)} of {self.user.name}"
        if self.post("/note", text=text):
            self.user.note = text
            self.user.flash = [*self.user.flash, "saved " + text]
        self.note()

    def choose_language(self) -> None:
        code = self.chance.choice(words.LANGUAGES)
        if self.post("/i18n/setlang/", language=code, next="/language"):
            self.user.chosen = code
        self.language()
