"""What an address is: public, so that a stranger's URL may lead us there (CIMD-3), or anything but."""

import ipaddress
import re

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")
_REFUSED_6 = tuple(
    ipaddress.ip_network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)
_REFUSED_4 = tuple(ipaddress.ip_network(network) for network in ("192.0.0.0/24", "192.88.99.0/24"))
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
_CLOSED_SUFFIXES = (".internal", ".lan", ".local", ".localhost", ".test")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ISATAP = (0x00005EFE, 0x02005EFE)


def is_public(address: str) -> bool:
    """Whether *address* is global unicast. An IPv6 address that carries an IPv4 one is judged by that, or refused.

    >>> is_public("93.184.215.14"), is_public("169.254.169.254"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return _is_public_4(ip)
    if ip.scope_id is not None:
        return False
    if ip.ipv4_mapped:
        return _is_public_4(ip.ipv4_mapped)
    if ip in _NAT64:
        return _is_public_4(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    carries_isatap = (int(ip) >> 32) & 0xFFFFFFFF in _ISATAP
    return ip in _UNICAST and ip.is_global and not carries_isatap and not any(ip in net for net in _REFUSED_6)


def is_loopback(host: str) -> bool:
    """Whether *host* (no port, no brackets) is this machine: ``127.0.0.0/8``, ``::1`` or ``localhost`` (REDIR-2)."""
    if host in ("localhost", "::1"):
        return True
    octets = host.split(".")
    return (
        len(octets) == 4
        and octets[0] == "127"
        and all(re.fullmatch(r"0|[1-9]\d{0,2}", octet) is not None and int(octet) < 256 for octet in octets)
    )


def is_of_closed_network(host: str) -> bool:
    """Whether *host* (no port, no brackets) leads nowhere but into a closed network, whoever answers for its name.

    That is a private address (RFC 1918, RFC 4193), one of this machine, a name under a suffix that nobody can buy, or a
    single label. A single number is an address to most programs, so it is none of these.

    >>> is_of_closed_network("10.2.3.4"), is_of_closed_network("sentry"), is_of_closed_network("10.evil.example")
    (True, True, False)
    """
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        is_label = "." not in host and ":" not in host and not _NUMBER.fullmatch(host)
        return is_label or host.endswith(_CLOSED_SUFFIXES)
    return any(ip in network for network in _PRIVATE)


def _is_public_4(ip: ipaddress.IPv4Address) -> bool:
    is_special = ip.is_multicast or ip.is_reserved or any(ip in network for network in _REFUSED_4)
    return ip.is_global and not is_special
