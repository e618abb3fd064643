"""Request fields that carry an identity or a public URL, and applications that say what they were
given: no value of one client reaches another.

The table is written from what proxies, clouds, frameworks and services document, apart from the
lists of the package, so that it can find something missing there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import bottle
import flask
import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.scene import environ_for, exchange
from tests.servers.in_process import django_site
from wsgicache import CacheMiddleware, Route, cache_for

App = Callable[..., Iterable[bytes]]

IDENTITIES = """
    Authorization Proxy-Authorization X-Authorization X-Forwarded-Authorization
    X-Original-Authorization X-Amzn-Remapped-Authorization X-Serverless-Authorization X-Wsse DPoP
    X-HTTP-Authorization Signature Signature-Input Sec-Token-Binding

    X-API-Key Api-Key Apikey X-Api-Token X-Api-Secret X-Api-User X-Api-Username Api-Username
    User-Api-Key X-App-Id X-App-Key X-App-Token X-Application-Key X-Client-Id X-Client-Secret
    X-Client-Token X-Device-Id X-Device-Token X-Access-Token X-Access-Key X-Secret-Token X-Token
    Token Access-Token Id-Token X-Id-Token X-Auth X-Auth-Token X-Auth-Key X-Auth-Email X-Auth-Client
    X-Auth-Signature X-JWT JWT X-JWT-Token X-JWT-Assertion X-JWT-Payload X-JWT-Claim-Sub
    X-Session X-Session-Id X-Session-Token Session-Id Session-Token Mcp-Session-Id X-User-Token
    X-Refresh-Token X-Service-Token X-Subject-Token X-Subject Uid Client X-ApiKey Api-Token
    X-Secret-Key Auth-Token X-Bearer-Token X-Master-Key X-Admin-Key X-Admin-Token X-Private-Key
    X-Public-Key X-Signature

    Private-Token Job-Token Deploy-Token X-Gitlab-Token X-Github-Token X-Vault-Token X-Consul-Token
    X-Nomad-Token X-Shopify-Access-Token X-Shopify-Storefront-Access-Token X-Figma-Token
    X-Functions-Key Ocp-Apim-Subscription-Key X-RapidAPI-Key X-Mashape-Key X-Mashape-User
    X-Parse-Session-Token X-Parse-Master-Key X-Parse-REST-API-Key X-Algolia-API-Key X-Goog-Api-Key
    X-Redmine-API-Key X-Redmine-Switch-User X-Plex-Token X-Emby-Token X-Emby-Authorization
    X-MediaBrowser-Token X-Transmission-Session-Id X-Hasura-Admin-Secret X-Hasura-User-Id
    X-Hasura-Role X-Hasura-Org-Id X-Appwrite-Key X-Appwrite-JWT X-Appwrite-Session X-Meili-API-Key
    X-TYPESENSE-API-KEY X-Cisco-Meraki-API-Key DD-API-KEY DD-APPLICATION-KEY X-Honeycomb-Team
    X-SF-Token X-Insert-Key X-Query-Key X-Postmark-Server-Token X-TrackerToken X-Sentry-Auth
    X-Sentry-Token X-ClickHouse-User X-ClickHouse-Key X-Trino-User X-Presto-User
    X-Auth-CouchDB-UserName X-Auth-CouchDB-Token X-Firebase-AppCheck Stripe-Account
    Coder-Session-Token Fastly-Key X-Clerk-Auth-Token X-RapidAPI-User X-RapidAPI-Proxy-Secret

    X-CSRFToken X-CSRF-Token X-XSRF-Token CSRF-Token XSRF-Token RequestVerificationToken
    X-CSRF-Protection X-WP-Nonce X-Joomla-Token RequestToken Jenkins-Crumb X-Atlassian-Token X-CSRF

    Remote-User Remote-Name Remote-Email Remote-Groups X-Remote-User X-Remote-Group X-Remote-User-Id
    X-Remote-User-Name X-Remote-User-Display-Name X-Remote-Extra-Scopes Impersonate-User
    Impersonate-Group Impersonate-Uid X-Forwarded-User X-Forwarded-Email X-Forwarded-Groups
    X-Forwarded-Preferred-Username X-Forwarded-Access-Token X-Forwarded-Roles
    X-Auth-Request-User X-Auth-Request-Email X-Auth-Request-Groups X-Auth-Request-Access-Token
    X-Auth-Request-Preferred-Username X-Auth-User X-Auth-Username X-Auth-Userid X-Auth-Subject
    X-Auth-Groups X-Auth-Roles X-Auth-Name Auth-User Auth-Mail Auth-Groups X-Authentik-Username
    X-Authentik-Groups X-Authentik-Email X-Authentik-Uid X-Authentik-Jwt X-Vouch-User X-Vouch-Token
    X-Vouch-IdP-Claims-Email X-Pomerium-Jwt-Assertion X-Pomerium-Claim-Email X-Pomerium-Claim-Groups
    X-Pomerium-Claim-Sub X-WEBAUTH-USER X-WEBAUTH-EMAIL X-WEBAUTH-GROUPS X-WEBAUTH-LOGIN
    X-Token-Subject X-Token-User-Name X-Token-User-Email X-Token-User-Roles Tailscale-User-Login
    Tailscale-User-Name Tailscale-User-Profile-Pic Tailscale-User Tailscale-Login
    X-Consumer-ID X-Consumer-Username X-Consumer-Custom-ID X-Consumer-Groups X-Credential-Identifier
    X-Credential-Username X-Authenticated-Userid X-Authenticated-Scope X-Authenticated-User
    X-Userinfo X-Tyk-Authorization Ngrok-Auth-User-Email Ngrok-Auth-User-Id Ngrok-Auth-User-Name
    Teleport-Jwt-Assertion X-Sandstorm-User-Id X-Sandstorm-Username X-Sandstorm-Permissions
    X-Hass-User-ID X-Ldap-User Cas-User Ynh-User X-Proxy-User X-Proxy-Roles X-Opensearch-User
    ES-Security-Runas-User SecurityTenant SGTenant RStudio-Connect-Credentials
    Posit-Connect-User-Session-Token Shiny-Server-Credentials Sf-Context-Current-User
    Domino-Username X-IP-Token SM-User SM-UserDN SM-ServerSessionID IV-User IV-Groups IV-Creds
    OAM-Remote-User Osso-User-Dn Osso-User-Guid OIDC-Claim-Sub OIDC-Claim-Email OIDC-Claim-Name
    OIDC-Claim-Groups OIDC-Access-Token Mellon-Name-Id Shib-Session-Id Eppn Persistent-Id
    Targeted-Id X-Grafana-User X-Grafana-Org-Id X-Scope-OrgID X-Tenant-ID X-Org-Id
    X-Organization-Id X-Account-Id X-Workspace-Id X-User X-User-Id X-User-Name X-User-Email
    X-User-Roles X-User-Groups X-Username X-Email X-Login X-Account X-Member-Id X-Customer-Id
    X-Remote-Name X-Remote-Email X-Remote-Groups X-Forwarded-Id-Token X-Authenticated-Groups
    X-Authentik-Name X-Authentik-Entitlements X-Vouch-IdP-AccessToken X-Vouch-IdP-IdToken
    X-Pomerium-Claim-User X-WEBAUTH-NAME X-WEBAUTH-ROLE X-User-Info X-Anonymous-Consumer X-Tenant
    X-Tenant-Name X-Project-Id X-User-Role X-User-Permissions X-Userid X-Role X-Roles
    X-Impersonate-User OIDC-Claim-Preferred-Username OIDC-Id-Token X-Shib-User X-Kerberos-Principal
    X-SPNEGO-User X-NTLM-User

    X-Amzn-Oidc-Data X-Amzn-Oidc-Identity X-Amzn-Oidc-Accesstoken X-Amz-Security-Token
    X-Amzn-Mtls-Clientcert X-Amzn-Mtls-Clientcert-Leaf X-Amzn-Mtls-Clientcert-Subject
    X-Goog-Authenticated-User-Email X-Goog-Authenticated-User-ID X-Goog-IAP-JWT-Assertion
    X-Apigateway-Api-Userinfo X-Endpoint-API-UserInfo X-Appengine-User-Email X-Appengine-User-Id
    X-Appengine-User-Nickname X-Appengine-User-Is-Admin Cf-Access-Jwt-Assertion
    Cf-Access-Authenticated-User-Email Cf-Access-Client-Id Cf-Access-Token X-MS-CLIENT-PRINCIPAL
    X-MS-CLIENT-PRINCIPAL-ID X-MS-CLIENT-PRINCIPAL-NAME X-MS-TOKEN-AAD-ID-TOKEN
    X-MS-TOKEN-AAD-ACCESS-TOKEN X-MS-TOKEN-AAD-REFRESH-TOKEN X-MS-TOKEN-GOOGLE-ID-TOKEN
    X-MS-TOKEN-GOOGLE-ACCESS-TOKEN X-MS-TOKEN-FACEBOOK-ACCESS-TOKEN X-ZUMO-AUTH X-Replit-User-Id
    X-Replit-User-Name X-Replit-User-Roles X-Nf-Sign X-ExeDev-UserID
    X-ExeDev-Email X-Amzn-Mtls-Clientcert-Serial-Number X-Amzn-Mtls-Clientcert-Issuer
    Cf-Access-Client-Secret X-MS-CLIENT-PRINCIPAL-IDP

    Client-Cert Client-Cert-Chain X-Client-Cert X-Forwarded-Client-Cert X-Forwarded-Tls-Client-Cert
    X-Forwarded-Tls-Client-Cert-Info X-ARR-ClientCert X-SSL-Cert X-SSL-Client-Cert X-SSL-Client-CN
    X-SSL-Client-DN X-SSL-Client-S-DN X-SSL-Client-Serial X-SSL-Client-SHA1 X-SSL-Client-Verify
    X-SSL-Issuer SSL-Client-Cert SSL-Client-Verify SSL-Client-Subject-DN SSL-Client-Issuer-DN
    X-Client-Cert-Hash X-Client-Cert-Leaf X-Client-Cert-SPIFFE X-Client-Cert-Serial-Number
    X-Client-Cert-Subject-DN X-Client-Cert-Issuer-DN X-Client-Cert-URI-SANs
    X-Client-Cert-DNSName-SANs Cf-Client-Cert-Der-Base64 Cf-Client-Cert-Sha256 WL-Proxy-Client-Cert
    SSLClientCertSubject SSLClientCertb64 X-TLS-Client-Cert X-Client-DN X-SSL-Client-S-DN-CN
    X-SSL-Client-I-DN X-SSL-Client-Subject X-SSL-Client-Fingerprint X-SSL-Client-Issuer
    SSL-Client-S-DN SSL-Client-S-DN-CN SSL-Client-I-DN SSL-Client-Serial SSL-Client-M-Serial
    SSL-Client-DN X-Client-Verify X-Client-Subject X-Client-CN X-Client-Cert-Subject
    X-Certificate-DN
""".split()

PUBLIC_URLS = """
    Forwarded X-Forwarded-Host X-Forwarded-Proto X-Forwarded-Scheme X-Forwarded-Port
    X-Forwarded-Prefix X-Forwarded-Server X-Forwarded-Protocol X-Forwarded-Ssl X-Forwarded-Https
    X-Forwarded-Path X-Forwarded-Uri X-Forwarded-Url X-Forwarded-Base-Path X-Forwarded-BasePath
    X-Forwarded-Context X-Forwarded-Script-Name X-Forwarded-Request-Uri X-Forwarded-Vhost
    X-Forwarded-Authority X-Original-Host X-Original-URI X-Original-URL X-Original-Path
    X-Original-Proto X-Original-Scheme X-Original-Forwarded-Host X-Original-Forwarded-Proto
    X-Rewrite-URL X-Host X-Http-Host X-Real-Host X-Proxy-Host X-Proxy-Url X-Proxy-Prefix
    X-External-Host X-External-Url X-Base-Url X-Base-Path X-Scheme X-Url-Scheme X-Script-Name
    X-Proto X-SSL X-HTTPS Https Front-End-Https CloudFront-Forwarded-Proto Cf-Visitor X-ARR-SSL
    X-AppService-Proto X-WAWS-Unencoded-URL Disguised-Host WAS-Default-Hostname X-Appengine-Https
    X-AppEngine-Default-Version-Hostname Fastly-SSL Fastly-Orig-Host X-Ingress-Path
    X-Envoy-Original-Path X-Envoy-Original-Host X-Replaced-Path X-RStudio-Request
    X-RStudio-Root-Path RStudio-Connect-App-Base-URL X-ProxyScheme X-ProxyHost X-ProxyPort
    X-ProxyContextPath X-Vhm-Host X-Vhm-Root WL-Proxy-SSL Proxy-SSL X-Prefix X-Root-Path
    X-Odoo-Dbfilter X-Sandstorm-Base-Path X-Request-Uri X-Forwarded-Base X-Forwarded-Root
    X-Forwarded-PathBase X-Forwarded-Original-Host X-Forwarded-Server-Name X-Original-Port
    X-Original-Prefix X-Protocol X-Port X-Path-Prefix X-Request-Url X-MS-Original-Url
    X-Custom-Domain X-Host-Override X-HTTP-Host-Override Host-Override X-Backend-Host X-Script-Path
    X-SCRIPT-URL X-CherryPy-Base X-Trac-Base X-Vhost
""".split()

SAYS = {
    "max-age": "max-age=60",
    "cache-for": None,  # the route says it
    "public": "public, max-age=60",
    "s-maxage": "s-maxage=60",
}


def flask_site() -> contextlib.AbstractContextManager[App]:
    app = flask.Flask(__name__)

    @app.get("/<how>/<name>")
    def echo(how: str, name: str) -> Any:
        said = SAYS[how]
        fields = {} if said is None else {"Cache-Control": said}
        return flask.request.headers.get(name, "nobody"), fields

    return contextlib.nullcontext(app.wsgi_app)


def django_echo(request: HttpRequest, how: str, name: str) -> HttpResponse:
    said = SAYS[how]
    fields = {} if said is None else {"Cache-Control": said}
    return HttpResponse(request.headers.get(name, "nobody"), headers=fields)


def bottle_site() -> contextlib.AbstractContextManager[App]:
    app = bottle.Bottle()

    @app.get("/<how>/<name>")
    def echo(how: str, name: str) -> str:
        if (said := SAYS[how]) is not None:
            bottle.response.set_header("Cache-Control", said)
        value: str = bottle.request.get_header(name, "nobody")
        return value

    return contextlib.nullcontext(app)


SITES: dict[str, Callable[[], contextlib.AbstractContextManager[App]]] = {
    "flask": flask_site,
    "django": lambda: django_site([path("<how>/<name>", django_echo)], []),
    "bottle": bottle_site,
}


@pytest.fixture(scope="module", params=SITES)
def site(request: pytest.FixtureRequest) -> Iterator[App]:
    with SITES[request.param]() as app:
        yield app


def reached(site: App, how: str, names: Iterable[str]) -> list[str]:
    """The fields of whose values one client got another's, whoever asks first."""
    cache = CacheMiddleware(site, routes=[Route("/cache-for/*", cache_for(minutes=1))])
    found = []
    for name in names:
        for number, order in enumerate((("alice", "bob", None), (None, "alice"))):
            for value in order:
                headers = [] if value is None else [(name, value)]
                target = f"/{how}/{name}?{number}"
                got = exchange(cache, environ_for(target=target, headers=headers))
                assert got.code == 200, got
                if got.text != (value or "nobody"):
                    found.append(name)
    return list(dict.fromkeys(found))


def test_the_table_is_long_and_has_no_field_twice() -> None:
    names = [name.lower() for name in (*IDENTITIES, *PUBLIC_URLS)]
    assert len(names) == len(set(names)) > 350


@pytest.mark.parametrize("how", ["max-age", "cache-for", "public"])
def test_no_value_of_one_client_reaches_another(site: App, how: str) -> None:
    """What the response itself calls public is no exception: frameworks say so by themselves."""
    assert reached(site, how, [*IDENTITIES, *PUBLIC_URLS]) == []


def test_what_an_author_releases_goes_to_all(site: App) -> None:
    """By s-maxage, and none but the public URLs select then: so the net has no hole."""
    assert reached(site, "s-maxage", IDENTITIES) == IDENTITIES
    assert reached(site, "s-maxage", PUBLIC_URLS) == []
