"""A naive cache to compare with: a list of what was said, and RFC 9111 read to it clause by clause.

It stores everything it may and evicts nothing, so whatever the real cache reuses, the model must
allow. What a request asks and an app answers comes in parts (directives as pairs), never as text:
the model has no parser that could be wrong in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tests.games.strategies import OFFERS, chosen

Directives = tuple[tuple[str, str | None], ...]

MAX = 2**31
HEURISTIC = {200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501}  # RFC 9110 §15.1
UNDERSTOOD = {200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 500, 501, 503}
UNSAFE = {"POST", "PUT", "DELETE", "PATCH"}


@dataclass(frozen=True)
class Rules:
    """What the two policies differ in."""

    private_cookies: bool = True
    public_releases: bool = False
    store_set_cookie: bool = False
    error_lifetime: int | None = 10
    about_one_request: tuple[int, ...] = (*range(406, 409), *range(411, 418), 401, 422, 425, 431)
    heuristic_fraction: float = 0.0
    heuristic_limit: int = 86400
    stale_if_raised: int = 10
    share_codings: bool = True
    reload_seconds: int = 1


SAFE = Rules()
RFC = Rules(
    private_cookies=False,
    public_releases=True,
    store_set_cookie=True,
    error_lifetime=None,
    about_one_request=(),
    heuristic_fraction=0.1,
    share_codings=False,
    reload_seconds=0,
)


@dataclass(frozen=True)
class Ask:
    """A request."""

    method: str
    target: str
    fields: dict[str, str] = field(default_factory=dict)  # by lower-case name
    directives: Directives = ()
    remote_user: str | None = None

    @property
    def identified(self) -> bool:
        return "authorization" in self.fields or bool(self.remote_user)


@dataclass(frozen=True)
class Answer:
    """A response of the app."""

    serial: int
    status: int
    directives: Directives = ()
    targeted: Directives | None = None  # our own targeted field, RFC 9213
    vary: tuple[str, ...] = ()
    etag: str | None = None
    last_modified: float | None = None
    expires: float | None = None
    date: float | None = None
    age: int = 0
    set_cookie: bool = False
    content: bytes = b""
    requested_at: float = 0.0
    received_at: float = 0.0
    date_is_old: bool = False  # a 304 without Date leaves the stored one
    made: tuple[str, ...] = ()  # the codings that the app knows

    def updated_by(self, newer: Answer) -> Answer:
        """§3.2: each field that *newer* has replaces ours; Age is never kept."""
        return replace(
            self,
            serial=newer.serial,
            directives=newer.directives or self.directives,
            targeted=self.targeted if newer.targeted is None else newer.targeted,
            vary=newer.vary or self.vary,
            etag=newer.etag or self.etag,
            last_modified=(
                self.last_modified if newer.last_modified is None else newer.last_modified
            ),
            expires=self.expires if newer.expires is None else newer.expires,
            date=self.date if newer.date is None else newer.date,
            age=newer.age,
            requested_at=newer.requested_at,
            received_at=newer.received_at,
            date_is_old=newer.date is None,
        )

    @property
    def nominated(self) -> tuple[str, ...]:
        """The fields that select: not Cookie where the author says so to this cache alone."""
        if self.targeted is None or ("everybody", None) not in self.targeted:
            return self.vary
        return tuple(name for name in self.vary if name != "cookie")

    @property
    def from_now(self) -> int | None:
        """The seconds of max-age that count from when a client gets it, if they do."""
        if self.targeted is None or ("anew", None) not in self.targeted:
            return None
        ages = [argument for name, argument in self.directives if name == "max-age"]
        return int(ages[0] or 0) if len(ages) == 1 else None

    @property
    def ruling(self) -> Directives:
        """The directives that count: RFC 9213 §2.2."""
        return self.directives if self.targeted is None else self.targeted

    def says(self, *names: str) -> bool:
        return any(name in names for name, _ in self.ruling)

    def smallest(self, name: str) -> int | None:
        """The smallest argument of directive *name*; one that is no number counts as 0."""
        found = [
            min(int(argument), MAX) if argument and argument.isdigit() else 0
            for member, argument in self.ruling
            if member == name
        ]
        return min(found) if found else None


@dataclass
class Record:
    """An answer in the list. 304s may have renewed its fields: the newest *said* counts."""

    ask: Ask
    answer: Answer
    said: dict[int, Answer]  # by the serial of the answer that gave the fields
    asks: list[Ask]  # the request that caused it, and those that validated it
    told_stored: bool = False
    certain: bool = False  # nothing has happened to its URI since
    generated: str | None = None  # an entity tag that only the cache gave
    made: list[tuple[str, ...]] = field(default_factory=list)  # what the app knew, now and earlier


def released(answer: Answer, rules: Rules) -> bool:
    """§3.5, and what the safe policy takes for it: s-maxage, or a word to this cache alone."""
    if answer.says("s-maxage"):
        return True
    if rules.public_releases:
        return answer.says("public", "must-revalidate")
    return answer.targeted is not None


def for_cookies(answer: Answer, rules: Rules) -> bool:
    """Whether it may be shared with requests that have cookies."""
    if not rules.private_cookies or answer.targeted is not None:
        return True
    return answer.says("public", "s-maxage") or "cookie" in answer.vary


# ── §3: may it be stored? ────────────────────────────────────────────────────────────────────────


def may_store(ask: Ask, answer: Answer, rules: Rules) -> bool:
    """RFC 9111 §3 for a shared cache, and what the safe policy forbids besides."""
    # * the request method is understood by the cache;
    if ask.method != "GET":
        return False
    # * the response status code is final;
    if answer.status < 200:
        return False
    # * if the response status code is 206 or 304, or the must-understand cache directive is
    #   present: the cache understands the response status code;
    if answer.status in (206, 304):
        return False
    understands = answer.says("must-understand") and answer.status in UNDERSTOOD
    if answer.says("must-understand") and answer.status not in UNDERSTOOD:
        return False
    if answer.status in rules.about_one_request:
        return False
    # * the no-store cache directive is not present in the response;
    if answer.says("no-store") and not understands:
        return False
    # (§5.2.1.5: nor in the request)
    if any(name == "no-store" for name, _ in ask.directives):
        return False
    # * if the cache is shared: the private response directive is either not present or allows …;
    if answer.says("private"):
        return False
    # * if the cache is shared: the Authorization header field is not present in the request or a
    #   response directive is present that explicitly allows shared caching (§3.5);
    if ask.identified and not released(answer, rules):
        return False
    # * the response contains at least one of …
    if not (
        answer.says("public", "max-age", "s-maxage")
        or (answer.expires is not None and answer.targeted is None)
        or answer.status in HEURISTIC
    ):
        return False
    # Nor is what gives no lifetime itself shared by a heuristic one, where somebody has asked.
    given = answer.says("max-age", "s-maxage") or (
        answer.expires is not None and answer.targeted is None
    )
    somebody = ask.identified or ("cookie" in ask.fields and "cookie" not in answer.vary)
    if somebody and not given and not answer.says("public"):
        return False
    # What the safe policy adds: nothing with a cookie in it, in either direction.
    if answer.set_cookie and not rules.store_set_cookie:
        return False
    if rules.private_cookies:
        if "cookie" in ask.fields and not for_cookies(answer, rules):
            return False
        if "range" in ask.fields:
            return False
    return True


# ── §4.2: freshness ──────────────────────────────────────────────────────────────────────────────


def freshness_lifetime(answer: Answer, rules: Rules) -> float:
    """§4.2.1, the first match; §4.2.2."""
    lifetime: float
    if (s_maxage := answer.smallest("s-maxage")) is not None:
        lifetime = s_maxage
    elif (max_age := answer.smallest("max-age")) is not None:
        lifetime = max_age
    elif answer.expires is not None and answer.targeted is None:
        lifetime = max(0.0, answer.expires - date_value(answer))
    elif answer.last_modified is not None and (answer.status in HEURISTIC or answer.says("public")):
        since = date_value(answer) - answer.last_modified
        lifetime = min(rules.heuristic_fraction * max(0.0, since), rules.heuristic_limit)
    else:
        lifetime = 0
    clipped = answer.status >= 400 and answer.status not in (404, 410)
    if clipped and rules.error_lifetime is not None:
        lifetime = min(lifetime, rules.error_lifetime)
    return lifetime


def date_value(answer: Answer) -> float:
    """Date, or the time of receipt where the last message had none (RFC 9110 §6.6.1)."""
    if answer.date is None or answer.date_is_old:
        return answer.received_at
    return answer.date


def current_age(answer: Answer, now: float) -> float:
    """§4.2.3, in its own names."""
    apparent_age = max(0.0, answer.received_at - date_value(answer))
    response_delay = answer.received_at - answer.requested_at
    corrected_age_value = answer.age + response_delay
    corrected_initial_age = max(apparent_age, corrected_age_value)
    resident_time = now - answer.received_at
    return corrected_initial_age + resident_time


# ── §4: may it be reused? ────────────────────────────────────────────────────────────────────────


def matches(record: Record, said: Answer, ask: Ask, rules: Rules) -> bool:
    """§4.1; X-Forwarded-Host counts as if every response named it.

    A coding is that of all for whom the app would choose it, or would have within a day.
    """
    if "*" in said.vary:
        return False
    nominated = {*said.nominated, "x-forwarded-host"}
    return any(
        all(
            ask.fields.get(name) == original.fields.get(name)
            or (name == "accept-encoding" and same_coding(record, original, ask, rules))
            for name in nominated
        )
        for original in record.asks
    )


def same_coding(record: Record, original: Ask, ask: Ask, rules: Rules) -> bool:
    """Whether the app, asked again, would choose the coding that it chose; in the rfc profile,
    whether the same is accepted, however it is written."""
    before, now = (OFFERS.get(one.fields.get("accept-encoding", ""), {}) for one in (original, ask))
    if not rules.share_codings:
        both = ("accept-encoding" in one.fields for one in (original, ask))
        return all(both) and before == now
    return any(chosen(made, now) == chosen(record.answer.made, before) for made in record.made)


def selectable(record: Record, said: Answer, ask: Ask, rules: Rules) -> bool:
    """All of §4 but the last requirement: to be fresh, allowed stale, or validated."""
    # * the presented target URI and that of the stored response match, and
    if ask.target != record.ask.target:
        return False
    # * the request method associated with the stored response allows it, and
    if ask.method not in ("GET", "HEAD"):
        return False
    # * request header fields nominated by the stored response match those presented
    if not matches(record, said, ask, rules):
        return False
    # §3.5, and for requests of the identified as well as for responses to them: unless the app has
    # confirmed it to somebody whom it does not know.
    if "cookie" in ask.fields and not for_cookies(said, rules):
        return False
    return released(said, rules) or not (
        ask.identified or all(one.identified for one in record.asks)
    )


def may_be_stale(
    said: Answer, ask: Ask, rules: Rules, staleness: float, status: int | None, raised: bool
) -> bool:
    """§4.2.4, and RFC 5861. *status* is the error that the app answered, if it did."""
    if said.says("no-cache", "must-revalidate", "proxy-revalidate", "s-maxage"):
        return False
    window = -1.0
    for name, argument in ask.directives:
        if name == "max-stale":
            window = max(window, float(argument) if argument else float(MAX))
    error = status is not None and status >= 500
    clipped = said.status >= 400 and said.status not in (404, 410)
    if not (clipped and rules.error_lifetime is not None):
        window = max(window, said.smallest("stale-while-revalidate") or -1)
        if error or raised:
            window = max(window, said.smallest("stale-if-error") or -1)
    if raised:
        window = max(window, rules.stale_if_raised)
    return staleness <= window


def may_reuse(
    record: Record,
    said: Answer,
    ask: Ask,
    now: float,
    rules: Rules,
    *,
    validated: bool = False,
    status: int | None = None,
    raised: bool = False,
) -> bool:
    """Whether *record* with the fields of *said* may answer *ask* (§4)."""
    if not may_store(record.ask, record.answer, rules) or not selectable(record, said, ask, rules):
        return False
    if validated:
        return True
    if not may_store(Ask("GET", record.ask.target), said, rules):
        return False
    # * the stored response does not contain the no-cache directive, unless validated, and
    if said.says("no-cache"):
        return False
    age = current_age(said, now)
    lifetime = freshness_lifetime(said, rules)
    failed = raised or (status is not None and status >= 500)
    # §5.2.1: what the client asked for, unless the origin is out of reach.
    just_now = age < rules.reload_seconds
    for name, argument in () if failed else ask.directives:
        if name in ("no-cache", "max-age") and just_now:
            continue
        if name == "no-cache":
            return False
        # (§5.2.1.1: "unless the max-stale request directive is also present")
        more = max([int(n or 0) for wish, n in ask.directives if wish == "max-stale"], default=0)
        if name == "max-age" and age > int(argument or 0) + more:
            return False
        if name == "min-fresh" and lifetime - age < int(argument or 0):
            return False
    # * fresh, or allowed to be served stale
    if lifetime > age:
        return True
    return may_be_stale(said, ask, rules, age - lifetime, status, raised)


# ── the list ─────────────────────────────────────────────────────────────────────────────────────


class Model:
    """All that was ever said."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.records: list[Record] = []
        self.nominated: dict[str, set[str]] = {}  # by target: whatever any response ever named
        self.made: dict[str, list[tuple[str, ...]]] = {}  # by target: the codings it ever made

    def of(self, target: str) -> list[Record]:
        return [record for record in self.records if record.ask.target == target]

    def touched(self, target: str, answer: Answer | None = None) -> None:
        """The app was asked about *target*: nothing is certain any more but what is told."""
        for record in self.of(target):
            record.certain = False
        if answer is not None:
            self.nominated.setdefault(target, set()).update(answer.nominated)

    def same_key(self, one: Ask, other: Ask) -> bool:
        """Whether two requests agree in all that was ever nominated: a cache may put more into its
        key than a response asks for (§2)."""
        nominated = self.nominated.get(one.target, ())
        return all(one.fields.get(name) == other.fields.get(name) for name in nominated)

    def received(self, ask: Ask, answer: Answer, told_stored: bool) -> None:
        """A full response to GET came from the app."""
        self.touched(ask.target, answer)
        made = self.made.setdefault(ask.target, [])
        made.append(answer.made)
        record = Record(ask, answer, {answer.serial: answer}, [ask], told_stored, told_stored)
        record.made = made
        self.records.append(record)

    def identified_by(self, ask: Ask, answer: Answer) -> list[Record]:
        """§4.3.4: the stored responses that a 304 may be about.

        Of several with the same weak validator only the most recent is; which one that is depends
        on what the cache chose to store, so the model names them all.
        """
        initial = [
            record
            for record in self.of(ask.target)
            if record.answer.status == 200  # as the answer would be now (RFC 9110 §15.4.5)
            and may_store(record.ask, record.answer, self.rules)
            and any(selectable(record, said, ask, self.rules) for said in record.said.values())
        ]
        if answer.etag is not None and not answer.etag.startswith("W/"):
            return [r for r in initial if r.answer.etag == answer.etag]
        if answer.etag is not None:
            return [r for r in initial if weak(r.answer.etag) == weak(answer.etag)]
        if answer.last_modified is not None:
            return [r for r in initial if r.answer.last_modified == answer.last_modified]
        return [r for r in initial if r.answer.etag is None and r.answer.last_modified is None]

    def validated(self, ask: Ask, answer: Answer) -> None:
        """A 304 came: its fields replace those of the responses that it is about (§3.2)."""
        self.touched(ask.target, answer)
        about = self.identified_by(ask, answer)
        strong = answer.etag is not None and not answer.etag.startswith("W/")
        get = replace(ask, method="GET")
        for record in about:
            forms = renewed_forms(record, answer)
            renewed = forms[answer.serial]
            if not any(self.same_key(one, ask) for one in record.asks):
                record.said |= forms  # for a cache with a finer key, another's
                # §4.1 compares with the request that caused the response to be stored: where this
                # 304 is the first to nominate a field, the request that it answers does as well.
                if may_store(get, renewed, self.rules):
                    record.asks.append(get)
                continue
            if not may_store(Ask("GET", ask.target), renewed, self.rules):
                record.said = forms
                continue
            kept = may_store(get, replace(renewed, set_cookie=answer.set_cookie), self.rules)
            alone = all(self.same_key(one, ask) for one in record.asks)
            if kept:
                record.asks.append(get)
            if kept and alone and (strong or len(about) == 1):
                record.said = forms
            else:
                # It is the request that forbids to keep it, or another response that was meant, or
                # one under a finer key: both forms may be met with. What is not kept is not what
                # the next 304 renews, either.
                record.said = record.said | forms if kept else forms | record.said

    def headed(self, ask: Ask, answer: Answer) -> None:
        """A 200 to HEAD came (§4.3.5): it may have renewed what it fits, of the same status."""
        self.touched(ask.target, answer)
        if answer.status != 200:
            return
        for record in self.of(ask.target):
            if record.answer.status != 200 or len(record.answer.content) != len(answer.content):
                continue
            if answer.etag not in (None, record.answer.etag):
                continue
            if answer.last_modified not in (None, record.answer.last_modified):
                continue
            if not any(selectable(record, said, ask, self.rules) for said in record.said.values()):
                continue  # it could not have been chosen
            newest = list(record.said.values())[-1]
            if answer.etag is None and not set(answer.vary) <= set(newest.vary):
                continue  # no word of which of several this is
            record.said[answer.serial] = newest.updated_by(answer)
            get = replace(ask, method="GET")
            if may_store(get, record.said[answer.serial], self.rules):
                record.asks.append(get)

    def invalidated(self, target: str) -> None:
        """§4.4."""
        self.records = [record for record in self.records if record.ask.target != target]

    def superseded(self, record: Record, ask: Ask) -> bool:
        """§4: of several suitable responses the most recent must be used.

        Among responses with the same Vary, that is: §4.1 prefers those that have one.
        """
        newer = self.records[self.records.index(record) + 1 :]
        return any(
            other.told_stored
            and other.ask.target == record.ask.target
            and other.certain
            and other.answer.vary == record.answer.vary
            and self.same_key(other.ask, ask)
            and any(selectable(other, said, ask, self.rules) for said in other.said.values())
            for other in newer
        )

    def must_hit(self, ask: Ask, now: float) -> Record | None:
        """The response that a cache worth its memory reuses for *ask*, if there is one."""
        if ask.method not in ("GET", "HEAD") or ask.identified:
            return None
        # (a reload, too, of what is as new as the safe policy wants)
        if not {name for name, _ in ask.directives} <= {"no-cache", "max-age"}:
            return None
        of = self.of(ask.target)
        if len({said.nominated for record in of for said in record.said.values()}) > 1:
            return None  # the choice among them is not ours to make
        for record in reversed(of):
            if not record.certain or not self.same_key(record.ask, ask):
                continue
            said = record.answer
            if not may_reuse(record, said, ask, now, self.rules):
                return None
            fresh = freshness_lifetime(said, self.rules) > current_age(said, now)
            return record if fresh else None
        return None


def renewed_forms(record: Record, answer: Answer) -> dict[int, Answer]:
    """Each form in which *record* may be met, renewed by *answer*; under its serial the last one,
    and others that came of it under numbers of their own."""
    last, *others = (said.updated_by(answer) for said in reversed(record.said.values()))
    differing = [form for n, form in enumerate(others) if form not in (last, *others[:n])]
    numbered = {-1000 * answer.serial - n: form for n, form in enumerate(differing)}
    return {**numbered, answer.serial: last}


def weak(tag: str | None) -> str | None:
    return None if tag is None else tag.removeprefix("W/")
