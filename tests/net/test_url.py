"""URLs and proxies, as data."""

import pytest

from codex_oss.errors import ConfigError
from codex_oss.net import proxy
from codex_oss.net.proxy import Proxy
from codex_oss.net.url import Url, is_loopback, is_private, join, parse


@pytest.mark.parametrize(
    ("text", "url", "authority"),
    [
        ("http://h", Url("http", "h", 80, "/"), "h"),
        (" https://H:443/v1 ", Url("https", "h", 443, "/v1"), "h"),
        ("http://h:8080/a/?b=c#d", Url("http", "h", 8080, "/a/?b=c"), "h:8080"),
        ("http://[::1]:1/x", Url("http", "::1", 1, "/x"), "[::1]:1"),
        ("http://bücher.de/ä b", Url("http", "xn--bcher-kva.de", 80, "/%C3%A4%20b"),
         "xn--bcher-kva.de"),
        ("http://h/a%20b", Url("http", "h", 80, "/a%20b"), "h"),
    ],
)  # fmt: skip
def test_a_url_is_taken_apart(text: str, url: Url, authority: str) -> None:
    assert (parse(text), parse(text).authority) == (url, authority)
    assert parse(str(url)) == url


@pytest.mark.parametrize(
    "text", ["", "h:80/v1", "ftp://h", "http://", "http://h:x", "http://h:99999", "/v1"]
)
def test_what_is_no_url_of_a_server_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a URL"):
        parse(text)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b", "http://h:1/b"),
        ("c?d=1", "http://h:1/a/c?d=1"),
        ("//other/x", "http://other/x"),
        ("https://other/x", "https://other/x"),
    ],
)
def test_a_location_is_read_from_where_it_was_said(location: str, url: str) -> None:
    assert join(parse("http://h:1/a/b"), location) == parse(url)


@pytest.mark.parametrize(
    ("host", "loopback", "private"),
    [
        ("localhost", True, True),
        ("dev.localhost", True, True),
        ("127.0.0.1", True, True),
        ("127.9.9.9", True, True),
        ("::1", True, True),
        ("127.evil.com", False, False),
        ("192.168.1.9", False, True),
        ("10.0.0.1", False, True),
        ("172.16.0.1", False, True),
        ("fd00::1", False, True),
        ("gpu-box", False, True),
        ("gpu.local", False, True),
        ("8.8.8.8", False, False),
        ("2606:4700::1", False, False),
        ("api.openai.com", False, False),
    ],
)
def test_hosts_of_this_machine_and_network_are_known(
    host: str,
    loopback: bool,  # noqa: FBT001
    private: bool,  # noqa: FBT001
) -> None:
    assert (is_loopback(host), is_private(host)) == (loopback, private)


P = Proxy("p", 3128)


@pytest.mark.parametrize(
    ("env", "url", "found"),
    [
        ({}, "http://h/", None),
        ({"http_proxy": "http://p:3128"}, "http://h/", P),
        ({"HTTP_PROXY": "http://p:3128"}, "http://h/", P),
        ({"HTTP_PROXY": "p:3128"}, "http://h/", P),
        ({"HTTP_PROXY": "http://p:3128"}, "https://h/", None),
        ({"HTTPS_PROXY": "http://p:3128"}, "https://h/", P),
        ({"ALL_PROXY": "http://p:3128"}, "https://h/", P),
        ({"http_proxy": "", "ALL_PROXY": "http://p:3128"}, "http://h/", P),
        ({"http_proxy": "http://p:3128", "HTTP_PROXY": "http://q"}, "http://h/", P),
        ({"ALL_PROXY": "http://p"}, "http://h/", Proxy("p", 80)),
        (
            {"ALL_PROXY": "http://u%40x:s%3A@p:3128"},
            "http://h/",
            Proxy("p", 3128, "Basic dUB4OnM6"),
        ),
        ({"ALL_PROXY": "http://p:3128"}, "http://127.0.0.1/", None),
        ({"ALL_PROXY": "http://p:3128"}, "http://localhost:11434/", None),
    ],
)
def test_the_proxy_is_what_the_environment_says(
    env: dict[str, str], url: str, found: Proxy | None
) -> None:
    assert proxy.from_env(env).find(parse(url)) == found


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("*", "http://h/", True),
        ("h", "http://h/", True),
        ("h", "http://sub.h/", True),
        (".h", "http://sub.h/", True),
        ("*.h", "http://sub.h/", True),
        ("h", "http://xh/", False),
        ("a, h ,b", "http://h/", True),
        ("H", "http://h/", True),
        ("h:8080", "http://h:8080/", True),
        ("h:8080", "http://h/", False),
        ("10.0.0.0/8", "http://10.1.2.3/", True),
        ("10.0.0.0/8", "http://11.1.2.3/", False),
        ("10.0.0.0/8", "http://h/", False),
        ("fd00::1", "http://[fd00::1]/", True),
    ],
)
def test_no_proxy_names_what_is_asked_directly(
    no_proxy: str,
    url: str,
    direct: bool,  # noqa: FBT001
) -> None:
    proxies = proxy.from_env({"http_proxy": "http://p:3128", "NO_PROXY": no_proxy})
    assert (proxies.find(parse(url)) is None) == direct


@pytest.mark.parametrize("value", ["socks5://p:1080", "https://p", "http://[p"])
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(value: str) -> None:
    proxies = proxy.from_env({"ALL_PROXY": value})
    with pytest.raises(ConfigError, match="ALL_PROXY"):
        proxies.find(parse("http://h/"))
