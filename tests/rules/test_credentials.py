"""Who asks, and what releases an answer to him: a row per clause."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.messages import asked, rows
from tests.scene import Environ
from wsgicache.rules.credentials import releases, releases_to_cookies, shows_certificate
from wsgicache.rules.fields import parse_cache_control


class Socket:
    """A server's, which answers so when it is asked for the certificate of its client. In the other
    form one that was not verified is empty."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def getpeercert(self, binary_form: bool) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer if binary_form else {}


def by(scheme: str, certificate: bytes | None) -> Environ:
    """What a server says that hands its socket on."""
    return {"wsgi.url_scheme": scheme, "gunicorn.socket": Socket(certificate)}


@pytest.mark.parametrize(
    ("changes", "identified"),
    rows(
        ("§3.5 nobody", {}, False),
        ("§3.5 Authorization", {"HTTP_AUTHORIZATION": "Basic YQ=="}, True),
        ("§3.5 an empty one", {"HTTP_AUTHORIZATION": ""}, True),
        ("a field of the policy", {"HTTP_X_API_KEY": "a"}, True),
        ("an empty one of those", {"HTTP_X_API_KEY": ""}, True),
        ("a certificate that a proxy verified", {"HTTP_X_SSL_CLIENT_VERIFY": "SUCCESS"}, True),
        ("a certificate that no proxy saw", {"HTTP_X_SSL_CLIENT_VERIFY": "NONE"}, False),
        ("a proxy that says nothing of it", {"HTTP_X_SSL_CLIENT_VERIFY": ""}, False),
        ("9110 §13.1.2 a condition", {"REMOTE_USER": "", "HTTP_IF_NONE_MATCH": '"a"'}, False),
        ("what is unknown of one", {"SSL_CLIENT_VERIFY": "", "SSL_CLIENT_SHOE_SIZE": "9"}, True),
        ("3333 REMOTE_USER", {"REMOTE_USER": "a"}, True),
        ("3333 an empty REMOTE_USER", {"REMOTE_USER": ""}, False),
        ("3333 AUTH_TYPE", {"AUTH_TYPE": "Basic"}, True),
        ("a client certificate", {"SSL_CLIENT_S_DN": "CN=a"}, True),
        ("a client certificate that was verified", {"SSL_CLIENT_VERIFY": "SUCCESS"}, True),
        ("no client certificate", {"SSL_CLIENT_VERIFY": "NONE"}, False),
        ("nothing said of it", {"SSL_CLIENT_VERIFY": ""}, False),
        ("no client certificate, by another name", {"TLS_CLIENT_VERIFY": "NONE"}, False),
        ("a client certificate at the server's socket", by("https", b"x"), True),
        ("no client certificate there", by("https", None), False),
        ("no TLS there", by("http", b"x"), False),
    ),
)
def test_identified(changes: Environ, identified: bool) -> None:
    request = asked(environ=changes)
    assert (request.identified, request.plain) == (identified, not identified)


SERVERS = """
    REMOTE_USER AUTH_TYPE REMOTE_IDENT LOGON_USER AUTH_USER CERT_SUBJECT CERT_SERIALNUMBER
    HTTPS_CC HTTPS_DN peercert PEER_CERT TLS_CLIENT_CERT TLS_CLIENT_VERIFY tls.client_cert_name

    SSL_CLIENT_M_VERSION SSL_CLIENT_M_SERIAL SSL_CLIENT_V_START SSL_CLIENT_V_END SSL_CLIENT_V_REMAIN
    SSL_CLIENT_A_SIG SSL_CLIENT_A_KEY SSL_CLIENT_CERT SSL_CLIENT_CERT_RFC4523_CEA SSL_CLIENT_VERIFY
    SSL_CLIENT_CERT_CHAIN_0 SSL_CLIENT_CERT_CHAIN_1 SSL_CLIENT_CERT_CHAIN_2 SSL_CLIENT_CERT_CHAIN_3
    SSL_CLIENT_SAN_Email_0 SSL_CLIENT_SAN_Email_1 SSL_CLIENT_SAN_Email_2 SSL_CLIENT_SAN_Email_3
    SSL_CLIENT_SAN_DNS_0 SSL_CLIENT_SAN_DNS_1 SSL_CLIENT_SAN_DNS_2 SSL_CLIENT_SAN_DNS_3
    SSL_CLIENT_SAN_URI_0 SSL_CLIENT_SAN_URI_1 SSL_CLIENT_SAN_URI_2 SSL_CLIENT_SAN_URI_3
    SSL_CLIENT_SAN_OTHER_msUPN_0 SSL_CLIENT_SAN_OTHER_msUPN_1 SSL_CLIENT_SAN_OTHER_msUPN_2
    SSL_CLIENT_SAN_OTHER_msUPN_3

    SSL_CLIENT_SERIAL SSL_CLIENT_FINGERPRINT SSL_CLIENT_RAW_CERT SSL_CLIENT_ESCAPED_CERT
    SSL_CLIENT_SHA1 SSL_CLIENT_CN SSL_CLIENT_DN SSL_CLIENT_SUBJECT SSL_CLIENT_SAN
    SSL_CLIENT_SUBJECT_DN SSL_CLIENT_ISSUER
""".split()
"""What servers call the user and the client certificate: CGI, IIS, uWSGI, cheroot, mod_ssl and what
is written for nginx."""
DNS = ["SSL_CLIENT_S_DN", "SSL_CLIENT_I_DN"]
PARTS = "C ST L O OU CN T I G S D UID Email DC".split()


@pytest.mark.parametrize("name", [*SERVERS, *DNS])
def test_each_says_it_by_itself(name: str) -> None:
    assert asked(environ={name: "a"}).identified


@pytest.mark.parametrize("part", PARTS)
def test_each_part_of_a_distinguished_name_says_it_by_itself(part: str) -> None:
    """Numbered, where there are several."""
    names = [f"{name}_{part}{number}" for name in DNS for number in ("", "_0", "_1")]
    assert [name for name in names if not asked(environ={name: "a"}).identified] == []


@pytest.mark.parametrize(
    ("socket", "shown"),
    rows(
        ("no TLS", object(), False),
        ("none", Socket(None), False),
        ("one", Socket(b"x"), True),
        ("in doubt", Socket(ValueError("handshake not done yet")), True),
    ),
)
def test_shows_certificate(socket: object, shown: bool) -> None:
    assert shows_certificate(socket) is shown


@pytest.mark.parametrize(
    ("directives", "alone", "public", "cookies"),
    rows(
        ("§3.5 nothing of the kind", "max-age=60", False, False, False),
        ("§3.5 s-maxage", "s-maxage=60", True, True, True),
        ("§3.5 s-maxage that is no number", "s-maxage=x", False, False, False),
        ("§3.5 public", "public", False, True, True),
        ("§3.5 public with an argument", "public=1", False, False, False),
        ("§3.5 must-revalidate", "must-revalidate", False, True, False),
        ("§3.5 proxy-revalidate", "proxy-revalidate", False, False, False),
        ("§5.2.3 said of every page", "s-maxage=60, public, inherited", False, False, False),
    ),
)
def test_what_releases(directives: str, alone: bool, public: bool, cookies: bool) -> None:
    """To credentials where public does not release and where it does, and to cookies."""
    said = parse_cache_control(directives)
    assert releases(said, False, False) is alone
    assert releases(said, False, True) is public
    assert releases_to_cookies(said, False) is cookies
    own = "inherited" not in said
    assert releases(said, True, False) is releases_to_cookies(said, True) is own
