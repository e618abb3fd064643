"""Who asks, and what releases an answer to them (RFC 9111 §3.5)?

A request is identified by what servers say of its user, by a client certificate, by Authorization,
and by the fields of `Policy.credentials`. Cookies that count (`Policy.private_cookies`) identify it
less surely, so more directives release an answer to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsgicache.rules.fields import Directives, delta_seconds, says

__all__ = [
    "ANEW", "CREDENTIAL_FIELDS", "EVERYBODY", "INHERITED", "WSGI_CREDENTIALS", "identifies",
    "releases", "releases_to_cookies", "shows_certificate",
]  # fmt: skip

CREDENTIAL_FIELDS = (
    # keys and tokens of APIs
    *("X-API-Key", "Api-Key", "ApiKey", "X-ApiKey", "X-API-Token", "Api-Token", "X-App-Key"),
    *("X-App-Token", "X-Client-Id", "X-Client-Secret", "X-Api-Secret", "X-Secret-Key"),
    *("X-Auth-Token", "X-Auth-Key", "X-Auth", "X-Auth-Email", "Auth-Token", "X-Authorization"),
    *("X-Access-Token", "Access-Token", "X-Token", "Token", "X-User-Token", "X-Session-Token"),
    *("X-Session-Id", "X-Session", "X-JWT", "X-JWT-Assertion", "X-JWT-Token", "X-Id-Token"),
    *("X-Refresh-Token", "X-Bearer-Token", "X-Subject-Token", "X-Service-Token", "X-Master-Key"),
    *("X-Admin-Key", "X-Admin-Token", "X-Private-Key", "X-Public-Key", "X-Signature"),
    *("X-Vault-Token", "X-Consul-Token", "X-Gitlab-Token", "Private-Token", "Job-Token"),
    *("X-Shopify-Access-Token", "X-Figma-Token", "X-Functions-Key", "X-Amz-Security-Token"),
    *("Ocp-Apim-Subscription-Key", "X-RapidAPI-Key", "X-RapidAPI-User", "X-RapidAPI-Proxy-Secret"),
    *("X-Parse-Session-Token", "X-Parse-REST-API-Key", "X-Redmine-API-Key", "X-Plex-Token"),
    *("X-Emby-Token", "X-Firebase-AppCheck", "X-Hasura-Admin-Secret", "X-Hasura-User-Id"),
    *("X-Hasura-Role", "X-Algolia-API-Key", "X-Goog-Api-Key", "X-WP-Nonce", "DPoP"),
    *("X-Api-User", "X-Api-Username", "Api-Username", "User-Api-Key", "X-App-Id"),
    *("X-Application-Key", "X-Access-Key", "X-Secret-Token", "Id-Token", "JWT", "X-JWT-Payload"),
    *("X-JWT-Claim-Sub", "Session-Id", "Session-Token", "Mcp-Session-Id", "X-Auth-Client"),
    *("X-Auth-Signature", "X-Client-Token", "X-Device-Id", "X-Device-Token", "X-Subject", "Uid"),
    *("Client", "X-Forwarded-Authorization", "X-Original-Authorization"),
    *("X-Amzn-Remapped-Authorization", "X-HTTP-Authorization", "X-Tyk-Authorization"),
    *("X-Emby-Authorization", "X-Wsse", "Signature", "Signature-Input", "Sec-Token-Binding"),
    *("Deploy-Token", "X-Github-Token", "X-Nomad-Token", "X-Shopify-Storefront-Access-Token"),
    *("X-Mashape-Key", "X-Mashape-User", "X-Parse-Master-Key", "X-Redmine-Switch-User"),
    *("X-MediaBrowser-Token", "X-Transmission-Session-Id", "X-Hasura-Org-Id", "X-Appwrite-Key"),
    *("X-Appwrite-JWT", "X-Appwrite-Session", "X-Meili-API-Key", "X-TYPESENSE-API-KEY"),
    *("X-Cisco-Meraki-API-Key", "DD-API-KEY", "DD-APPLICATION-KEY", "X-Honeycomb-Team"),
    *("X-SF-Token", "X-Insert-Key", "X-Query-Key", "X-Postmark-Server-Token", "X-TrackerToken"),
    *("X-Sentry-Auth", "X-Sentry-Token", "X-ClickHouse-User", "X-ClickHouse-Key", "X-Trino-User"),
    *("X-Presto-User", "X-Auth-CouchDB-UserName", "X-Auth-CouchDB-Token", "Stripe-Account"),
    *("Coder-Session-Token", "Fastly-Key", "X-Clerk-Auth-Token", "X-IP-Token"),
    # tokens of forms and scripts against forged requests, which belong to a session
    *("X-CSRF-Token", "X-CSRFToken", "X-XSRF-Token", "X-CSRF", "CSRF-Token", "XSRF-Token"),
    *("X-CSRF-Protection", "X-Joomla-Token", "RequestVerificationToken", "RequestToken"),
    *("Jenkins-Crumb", "X-Atlassian-Token"),
    # the user, as an authenticating proxy names it
    *("Remote-User", "Remote-Name", "Remote-Email", "Remote-Groups", "X-Remote-User"),
    *("X-Remote-Name", "X-Remote-Email", "X-Remote-Group", "X-Remote-Groups", "X-Forwarded-User"),
    *("X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username"),
    *("X-Forwarded-Access-Token", "X-Forwarded-Id-Token", "X-Forwarded-Roles"),
    *("X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups"),
    *("X-Auth-Request-Preferred-Username", "X-Auth-Request-Access-Token"),
    *("X-Auth-User", "X-Auth-Username", "X-Auth-Name", "X-Auth-Groups", "X-Auth-Roles"),
    *("X-Authenticated-User", "X-Authenticated-Userid", "X-Authenticated-Groups"),
    *("X-Authenticated-Scope", "X-Authentik-Username", "X-Authentik-Groups", "X-Authentik-Email"),
    *("X-Authentik-Name", "X-Authentik-Uid", "X-Authentik-Jwt", "X-Authentik-Entitlements"),
    *("X-Vouch-User", "X-Vouch-IdP-AccessToken", "X-Vouch-IdP-IdToken", "X-Vouch-IdP-Claims-Email"),
    *("X-Pomerium-Jwt-Assertion", "X-Pomerium-Claim-Email", "X-Pomerium-Claim-User"),
    *("X-WEBAUTH-USER", "X-WEBAUTH-EMAIL", "X-WEBAUTH-NAME", "X-WEBAUTH-GROUPS", "X-WEBAUTH-ROLE"),
    *("X-Token-Subject", "X-Token-User-Name", "X-Token-User-Email", "X-Userinfo", "X-User-Info"),
    *("X-Consumer-Id", "X-Consumer-Username", "X-Consumer-Custom-Id", "X-Credential-Identifier"),
    *("X-Anonymous-Consumer", "X-Tenant-ID", "X-Tenant", "X-Tenant-Name", "X-Organization-Id"),
    *(
        "X-Org-Id",
        "X-Scope-OrgID",
        "X-Account-Id",
        "X-Customer-Id",
        "X-Project-Id",
        "X-Workspace-Id",
    ),
    *("X-User-Id", "X-User", "X-Username", "X-User-Name", "X-User-Email", "X-User-Groups"),
    *("X-User-Roles", "X-User-Role", "X-User-Permissions", "X-Userid", "X-Email", "X-Roles"),
    *("X-Role", "X-Impersonate-User", "Impersonate-User", "X-Grafana-Org-Id", "X-Grafana-User"),
    *("OIDC-Claim-Sub", "OIDC-Claim-Email", "OIDC-Claim-Preferred-Username", "OIDC-Access-Token"),
    *("OIDC-Id-Token", "MELLON-NAME-ID", "X-Shib-User", "Eppn", "Shib-Session-Id"),
    *("SM-User", "SM-UserDN", "SM-ServerSessionID", "OAM-Remote-User", "IV-User", "IV-Groups"),
    *("IV-Creds", "X-Kerberos-Principal", "X-SPNEGO-User", "X-NTLM-User", "X-Proxy-User"),
    *("Tailscale-User-Login", "Tailscale-User-Name", "X-ExeDev-UserID", "X-ExeDev-Email"),
    *("Tailscale-User-Profile-Pic", "Tailscale-User", "Tailscale-Login", "X-Remote-User-Id"),
    *("X-Remote-User-Name", "X-Remote-User-Display-Name", "X-Remote-Extra-Scopes"),
    *("Impersonate-Group", "Impersonate-Uid", "X-Auth-Userid", "X-Auth-Subject", "Auth-User"),
    *("Auth-Mail", "Auth-Groups", "X-Vouch-Token", "X-Pomerium-Claim-Groups"),
    *("X-Pomerium-Claim-Sub", "X-WEBAUTH-LOGIN", "X-Token-User-Roles", "X-Consumer-Groups"),
    *("X-Credential-Username", "Ngrok-Auth-User-Email", "Ngrok-Auth-User-Id"),
    *("Ngrok-Auth-User-Name", "Teleport-Jwt-Assertion", "X-Sandstorm-User-Id"),
    *("X-Sandstorm-Username", "X-Sandstorm-Permissions", "X-Hass-User-ID", "X-Ldap-User"),
    *("Cas-User", "Ynh-User", "X-Proxy-Roles", "X-Opensearch-User", "ES-Security-Runas-User"),
    *("SecurityTenant", "SGTenant", "RStudio-Connect-Credentials"),
    *("Posit-Connect-User-Session-Token", "Shiny-Server-Credentials", "Sf-Context-Current-User"),
    *("Domino-Username", "Osso-User-Dn", "Osso-User-Guid", "OIDC-Claim-Name", "OIDC-Claim-Groups"),
    *("Persistent-Id", "Targeted-Id", "X-Login", "X-Account", "X-Member-Id"),
    # … or a cloud
    *("X-Amzn-Oidc-Data", "X-Amzn-Oidc-Identity", "X-Amzn-Oidc-Accesstoken"),
    *("X-Amzn-Mtls-Clientcert", "X-Amzn-Mtls-Clientcert-Leaf", "X-Amzn-Mtls-Clientcert-Subject"),
    *("X-Amzn-Mtls-Clientcert-Serial-Number", "X-Amzn-Mtls-Clientcert-Issuer"),
    *("X-Goog-Authenticated-User-Email", "X-Goog-Authenticated-User-Id"),
    *("X-Goog-Iap-Jwt-Assertion", "X-Appengine-User-Email", "X-Appengine-User-Id"),
    *("X-Serverless-Authorization", "X-Apigateway-Api-Userinfo", "X-Endpoint-API-UserInfo"),
    *("Cf-Access-Jwt-Assertion", "Cf-Access-Authenticated-User-Email", "Cf-Access-Client-Id"),
    *("Cf-Access-Client-Secret", "Cf-Access-Token", "X-MS-CLIENT-PRINCIPAL"),
    *("X-MS-CLIENT-PRINCIPAL-ID", "X-MS-CLIENT-PRINCIPAL-NAME", "X-MS-CLIENT-PRINCIPAL-IDP"),
    *("X-MS-TOKEN-AAD-ID-TOKEN", "X-MS-TOKEN-AAD-ACCESS-TOKEN", "X-MS-TOKEN-GOOGLE-ID-TOKEN"),
    *("X-ZUMO-AUTH", "X-Replit-User-Id", "X-Replit-User-Name", "X-Nf-Sign"),
    *("X-Replit-User-Roles", "X-MS-TOKEN-AAD-REFRESH-TOKEN", "X-MS-TOKEN-GOOGLE-ACCESS-TOKEN"),
    *("X-MS-TOKEN-FACEBOOK-ACCESS-TOKEN", "X-Appengine-User-Nickname", "X-Appengine-User-Is-Admin"),
    # client certificates that a proxy passes on
    *("X-Forwarded-Client-Cert", "X-Forwarded-Tls-Client-Cert", "X-Client-Cert", "Client-Cert"),
    *("X-Forwarded-Tls-Client-Cert-Info", "Client-Cert-Chain", "X-ARR-ClientCert"),
    *("X-SSL-Cert", "X-SSL-Client-Cert", "X-SSL-Client-CN", "X-SSL-Client-DN", "X-SSL-Client-S-DN"),
    *("X-SSL-Client-S-DN-CN", "X-SSL-Client-I-DN", "X-SSL-Client-Subject", "X-SSL-Client-Serial"),
    *(
        "X-SSL-Client-Verify",
        "X-SSL-Client-SHA1",
        "X-SSL-Client-Fingerprint",
        "X-SSL-Client-Issuer",
    ),
    *("SSL-Client-Cert", "SSL-Client-Verify", "SSL-Client-Subject-DN", "SSL-Client-S-DN"),
    *("SSL-Client-S-DN-CN", "SSL-Client-Issuer-DN", "SSL-Client-I-DN", "SSL-Client-Serial"),
    *("SSL-Client-M-Serial", "SSL-Client-DN", "X-Client-DN", "X-Client-Verify", "X-Client-Subject"),
    *("X-Client-CN", "X-Client-Cert-Subject", "X-TLS-Client-Cert", "X-Certificate-DN"),
    *("X-SSL-Issuer", "X-Client-Cert-Hash", "X-Client-Cert-Leaf", "X-Client-Cert-SPIFFE"),
    *("X-Client-Cert-Serial-Number", "X-Client-Cert-Subject-DN", "X-Client-Cert-Issuer-DN"),
    *("X-Client-Cert-URI-SANs", "X-Client-Cert-DNSName-SANs", "Cf-Client-Cert-Der-Base64"),
    *("Cf-Client-Cert-Sha256", "WL-Proxy-Client-Cert", "SSLClientCertSubject", "SSLClientCertb64"),
    "Proxy-Authorization",
)
"""Request fields that carry an identity, as proxies, clouds and frameworks use them."""

_NAME_PARTS = (*("C", "ST", "L", "O", "OU", "CN", "T", "I", "G", "S", "D"), *("UID", "Email", "DC"))
_SUBJECTS = ("SSL_CLIENT_S_DN", "SSL_CLIENT_I_DN")
_PREFIX = "SSL_CLIENT_"
WSGI_CREDENTIALS = frozenset(
    {
        *("HTTP_AUTHORIZATION", "REMOTE_USER", "AUTH_TYPE", "REMOTE_IDENT", "LOGON_USER"),
        *("AUTH_USER", "HTTPS_DN", "HTTPS_CC", "CERT_SUBJECT", "CERT_SERIALNUMBER", "peercert"),
        *("PEER_CERT", "TLS_CLIENT_CERT", "TLS_CLIENT_VERIFY", "tls.client_cert_name"),
        *_SUBJECTS,
        *(f"{subject}_{part}" for subject in _SUBJECTS for part in _NAME_PARTS),
        *(f"{subject}_{part}_{n}" for subject in _SUBJECTS for part in _NAME_PARTS for n in (0, 1)),
        *(f"{_PREFIX}SAN_{kind}_{n}" for kind in ("Email", "DNS", "URI") for n in range(4)),
        *(f"{_PREFIX}SAN_OTHER_msUPN_{n}" for n in range(4)),
        *(f"{_PREFIX}CERT_CHAIN_{n}" for n in range(4)),
        *(
            _PREFIX + name
            for name in (
                *("CERT", "VERIFY", "M_VERSION", "M_SERIAL", "V_START", "V_END", "V_REMAIN"),
                *("A_SIG", "A_KEY", "CERT_RFC4523_CEA", "SERIAL", "FINGERPRINT", "RAW_CERT"),
                *("ESCAPED_CERT", "SHA1", "CN", "DN", "SUBJECT", "SAN", "SUBJECT_DN", "ISSUER"),
            )
        ),
    }
)
"""Environ keys by which servers say who asks; Authorization is the only field among them."""


def identifies(environ: Mapping[str, Any], present: frozenset[str], fields: frozenset[str]) -> bool:
    """Return whether the keys *present* in *environ* say who asks.

    *fields* are the credential fields of the policy, as environ keys.
    """
    for key in present:
        if key in fields or key == "HTTP_AUTHORIZATION":
            if not key.endswith("_VERIFY") or environ[key] not in _NO_CERTIFICATE:
                return True
        elif key in WSGI_CREDENTIALS and environ[key] and environ[key] != _NOT_VERIFIED.get(key):
            return True
    return any(
        key.startswith(_PREFIX) and value and value != _NOT_VERIFIED.get(key)
        for key, value in environ.items()
    )


_NO_CERTIFICATE = ("", "NONE")
_NOT_VERIFIED = {"SSL_CLIENT_VERIFY": "NONE", "TLS_CLIENT_VERIFY": "NONE"}
"""What servers say when the client showed no certificate."""


def shows_certificate(socket: object) -> bool:
    """Return whether the client at the server's *socket* showed a certificate; yes if in doubt."""
    ask = getattr(socket, "getpeercert", None)
    if ask is None:
        return False
    try:
        return bool(ask(True))
    except Exception:  # the server's socket may be closed, or of another class
        return True


def releases(directives: Directives, own: bool, public: bool) -> bool:
    """Return whether an answer to a request with credentials may go to others (§3.5).

    s-maxage among its *directives* releases it. Where *public* is true, so do public and
    must-revalidate. Deviation: in `Policy()` they do not, since frameworks add public by themselves
    and authors write must-revalidate for other reasons. There, the directives must be this cache's
    *own*: in a field that addresses it alone.
    """
    # A lifetime given to all pages releases none of them.
    if INHERITED in directives:
        return False
    if delta_seconds(directives.get("s-maxage")) is not None:
        return True
    return says(directives, "public") or says(directives, "must-revalidate") if public else own


def releases_to_cookies(directives: Directives, own: bool) -> bool:
    """Return whether an answer to a request with cookies may go to others."""
    return releases(directives, own, False) or (
        INHERITED not in directives and says(directives, "public")
    )


INHERITED = "inherited"
"""An extension directive (§5.2.3) in this cache's own targeted field. It says that nobody spoke of
this response in particular, so no directive releases it."""

EVERYBODY = "everybody"
"""An extension directive (§5.2.3) in this cache's own targeted field: the response is the same
whatever cookies were sent, though Vary names Cookie."""

ANEW = "anew"
"""An extension directive in the same field: the max-age of Cache-Control counts from when a client
gets the response, however old it is."""
