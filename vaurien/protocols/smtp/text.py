"""Texts of SMTP: what a request is called in logs and patterns, and what an error says."""

from __future__ import annotations

import re

from vaurien.framing.head import TEXT_MAX, escape

#: First letters of commands that expect an ordinary reply and that nothing follows on; no other begins with them.
PLAIN = {b'EHLO', b'HELO', b'MAIL', b'RCPT', b'RSET', b'NOOP', b'QUIT', b'VRFY', b'EXPN', b'HELP'}
#: Commands whose arguments may be shown: any other line may be a password that was sent where none was asked for.
_SHOWN = {*PLAIN, b'BDAT', b'DATA', b'ETRN', b'LHLO', b'STARTTLS'}
_MECHANISM = re.compile(
    rb'PLAIN|LOGIN|CRAM-MD5|DIGEST-MD5|SCRAM-SHA-(?:1|256|512)(?:-PLUS)?|EXTERNAL|ANONYMOUS|GSSAPI|NTLM|XOAUTH2|OAUTHBEARER'
)
#: What servers ask for, in turn, before they refuse a login (draft-murchison-sasl-login-00, 2.1; RFC 2195 and 2831).
_CHALLENGES = {
    b'LOGIN': (b'334 VXNlcm5hbWU6\r\n', b'334 UGFzc3dvcmQ6\r\n'),
    b'CRAM-MD5': (b'334 PDE3OTU4NzUwNzVAZXhhbXBsZS5jb20+\r\n',),
    # realm="example.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8
    b'DIGEST-MD5': (
        b'334 cmVhbG09ImV4YW1wbGUuY29tIixub25jZT0iT0E2TUc5dEVRR20yaGgiLHFvcD0iYXV0aCIsYWxnb3JpdGhtPW1kNS1zZXNzLGNoYXJz'
        b'ZXQ9dXRmLTg=\r\n',
    ),
}
#: In the other mechanisms, it is the client that begins.
_EMPTY = (b'334 \r\n',)
#: How the argument that names a mailbox begins, in whatever case.
_PATH = re.compile(rb'^(?:MAIL FROM|RCPT TO):', re.IGNORECASE)
#: The enhanced codes of those that are about one thing (RFC 3463, 3.4; RFC 4954, 6; RFC 5248, 2.4).
_PARTICULAR = {421: '4.3.2', 432: '4.7.12', 454: '4.7.0', 530: '5.7.0', 534: '5.7.9', 535: '5.7.8', 538: '5.7.11'}
#: An enhanced code (RFC 3463, 2); commands, and the greeting, whose replies have none (RFC 2034, 4).
_ENHANCED = re.compile(r'[245]\.\d{1,3}\.\d{1,3} ')
_NOT_ENHANCED = {b'', b'EHLO', b'HELO', b'LHLO'}


def read_verb(request: bytes) -> bytes:
    """Return the first word of a command, in upper case."""
    return b''.join(request.partition(b'\n')[0].split(None, 1)[:1]).upper()


def describe(request: bytes) -> str:
    """Return the command line (``RCPT TO:<a@example.com>``), escaped; of AUTH, the mechanism alone.

    Return an empty text if the line may have a secret in it.
    """
    if not request:
        return 'banner'
    verb, *arguments = request.partition(b'\n')[0].split(None, 1) or [b'']
    verb = verb.upper()
    if verb == b'AUTH':
        mechanism = _MECHANISM.fullmatch(b''.join(arguments).upper().partition(b' ')[0].strip())
        arguments = [mechanism[0]] if mechanism else []
    elif verb not in _SHOWN:
        return ''
    line = _PATH.sub(lambda match: match[0].upper(), b' '.join([verb, *arguments]))
    return escape(line[:TEXT_MAX].rstrip())[:TEXT_MAX]


def make_challenges(request: bytes) -> tuple[bytes, ...]:
    """Return what a server asks for after AUTH. A first answer may come with the command (RFC 4954, 4)."""
    words = request.partition(b'\n')[0].split()
    if len(words) < 2:
        return ()
    challenges = _CHALLENGES.get(words[1].upper(), _EMPTY)
    return challenges[1:] if len(words) > 2 else challenges


def split_replies(data: bytes) -> list[bytes]:
    """Return the replies in *data*, each of one or more lines."""
    replies = [b'']
    for line in data.splitlines(keepends=True):
        replies[-1] += line
        if line[3:4] != b'-':
            replies.append(b'')
    return replies[:-1]


def make_error(request: bytes, code: int, message: str) -> bytes:
    """Return a reply with *code*. An enhanced code goes before *message*, unless that has its own (RFC 3463, 2)."""
    enhanced = f'{_PARTICULAR.get(code, f"{code // 100}.3.0")} '
    if read_verb(request) in _NOT_ENHANCED or _ENHANCED.match(message):
        enhanced = ''
    return f'{code} {enhanced}{message}\r\n'.encode()
