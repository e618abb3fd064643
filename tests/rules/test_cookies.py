"""Which cookies does the app not see, by their names alone?"""

from __future__ import annotations

import pytest

from tests.rules.messages import asked, rows
from wsgicache import ANALYTICS_COOKIES, Policy
from wsgicache.rules.cookies import DJANGO_COOKIES, FLASK_COOKIES, hiding, shown

SET_BY_SCRIPTS = """
    _ga _ga_1AB2CD3EF4 _gid _gat _gat_UA-12345-1 _dc_gtm_UA-12345-1 __utma __utmb __utmc __utmt
    __utmv __utmx __utmz __utmt_b _gcl_au _gac_UA-12345-1 __gads __gpi __gpi_optout __eoi
    _fbp _fbc _uetsid _uetvid _uetmsclkid _clck _clsk _ttp ttcsid ttcsid_C1 _tt_enable_cookie
    _pin_unauth _pinterest_ct_ua _scid _scid_r _sctr li_fat_id _twpid _twclid _rdt_uuid __qca
    _pk_id.1.1fff _pk_ses.1.1fff _pk_ref.1.1fff _pk_cvar.1.1fff _pk_hsr.1.1fff _ym_uid
    AMCV_1%40AdobeOrg AMCVS_1%40AdobeOrg s_cc s_sq s_vi s_fid s_ecid
    __hstc __hssc __hssrc hubspotutk _mkto_trk
    ajs_anonymous_id ajs_user_id ajs_group_id mp_0a1b_mixpanel AMP_0a1b amplitude_idexample.org
    _hp2_id.1 _hp5_id.1 _sp_id.1fff _sp_ses.1fff
    _hjSessionUser_123 fs_uid fs_lua _ce.s _CEFT mf_user _lo_uid _lo_v __lotl
    _cb _cb_svref _chartbeat2 _parsely_visitor __kla_id cto_bundle cto_bidid
    __adroll __adroll_fpc __ar_v4
    intercom-id-x intercom-session-x intercom-device-id-x __zlcmid crisp-client/session twk_uuid
    TawkConnectionTime
""".split()
"""As browsers send them, for what their scripts document."""


@pytest.mark.parametrize("name", SET_BY_SCRIPTS)
def test_what_scripts_of_others_set_is_not_seen(name: str) -> None:
    assert "HTTP_COOKIE" not in asked(cookie=f"{name}=1").environ
    assert asked(cookie=f"{name}=1", policy=Policy.rfc()).environ["HTTP_COOKIE"] == f"{name}=1"


@pytest.mark.parametrize(
    "name",
    [
        # sessions, logins and forms of frameworks
        *(*DJANGO_COOKIES, *FLASK_COOKIES, "PHPSESSID", "JSESSIONID", "ASP.NET_SessionId"),
        *(
            "beaker.session.id",
            "session_id",
            "sid",
            "_session_id",
            "auth_tkt",
            "access_token_cookie",
        ),
        *(
            "connect.sid",
            "XSRF-TOKEN",
            "CSRF-TOKEN",
            "__Host-session",
            "__Secure-sid",
            "remember_me",
        ),
        *("laravel_session", "wordpress_logged_in_1", "trac_auth", "jwt", "token", "id"),
        # what an app may well read
        *("CookieConsent", "OptanonConsent", "cookieyes-consent", "theme", "lang", "currency"),
        *("optimizelyEndUserId", "_vwo_uuid", "ph_key_posthog", "mbox", "ab_test", "_g", "ga"),
    ],
)
def test_what_may_say_who_asks_or_for_what_is_seen(name: str) -> None:
    assert asked(cookie=f"{name}=1").environ["HTTP_COOKIE"] == f"{name}=1"


@pytest.mark.parametrize(
    ("ignored", "only", "cookie", "left"),
    rows(
        (
            "of those, nothing else",
            (),
            ("sid", "csrf*"),
            "a=1; sid=2;csrf_x=3; SID=4",
            "sid=2;csrf_x=3",
        ),
        ("of none, nothing", (), (), "sid=2", ""),
        ("of those, what is not ignored", ("csrf*",), ("sid", "csrf*"), "sid=2; csrf=3", "sid=2"),
        ("white space round a name", (), ("sid",), "\tsid =2; a=1", "sid =2"),
        ("the page's own", (), (), "sid=1; wsgicache-dashboard=2", "wsgicache-dashboard=2"),
        ("a pair without =", (), ("sid",), "sid; a", "sid"),
        ("a name is the whole of it", ("a",), None, "ab=1; ba=2; a=3", "ab=1; ba=2"),
        ("empty pairs at the ends", ("a",), None, "; sid=2; a=1;", "sid=2"),
        ("quotes mean nothing in a Cookie", (), ("sid",), 'a="; sid=2; b="', "sid=2"),
    ),
)
def test_what_is_shown(
    ignored: tuple[str, ...], only: tuple[str, ...] | None, cookie: str, left: str
) -> None:
    hides = hiding(ignored, only)
    assert hides is not None
    assert shown(cookie, hides) == left


def test_the_cookies_of_frameworks_are_called_as_they_call_them() -> None:
    import flask
    import flask_login
    from django.conf import global_settings as django
    from django.contrib.messages.storage.cookie import CookieStorage

    assert set(DJANGO_COOKIES) == {
        django.SESSION_COOKIE_NAME,
        django.CSRF_COOKIE_NAME,
        django.LANGUAGE_COOKIE_NAME,
        CookieStorage.cookie_name,
    }
    session = flask.Flask.default_config["SESSION_COOKIE_NAME"]
    assert set(FLASK_COOKIES) == {session, flask_login.COOKIE_NAME}


def test_what_has_nothing_to_hide_stays_the_very_same() -> None:
    assert hiding((), None) is None
    hides = hiding(ANALYTICS_COOKIES, None)
    assert hides is not None
    cookie = "sid=1; theme=dark"
    assert shown(cookie, hides) is cookie
