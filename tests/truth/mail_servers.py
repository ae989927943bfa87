"""Exim, which speaks SMTP, and Dovecot, which speaks LMTP: in a directory of their own, delivering nothing anywhere.

Neither refuses to be started by anybody, but each wants to be somebody else than root: then it is ``nobody``.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

from tests.servers import HOST, command_path, free_port, running

#: What Exim asks its rules (ACL), by the name of the option.
EVENTS = ('connect', 'helo', 'mail', 'rcpt', 'predata', 'data', 'starttls', 'auth')

EXIM_CONFIG = Template("""\
exim_user = $user
exim_group = $group
primary_hostname = mail.example.com
spool_directory = $directory/spool
log_file_path = $directory/%slog
local_interfaces = $host
queue_only = true
host_lookup =
rfc1413_hosts =
keep_environment =
tls_advertise_hosts = $tls
auth_advertise_hosts = *
smtp_max_synprot_errors = 100
smtp_accept_max_nonmail = 100
$settings
begin acl
$rules
begin authenticators
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = $${if eq{$$auth2}{$password}}
""")

DOVECOT_CONFIG = """\
base_dir = $directory/run
state_dir = $directory/run
log_path = $directory/log
protocols = lmtp
listen = $host
default_internal_user = $user
default_internal_group = $group
default_login_user = $user
ssl = no
hostname = mail.example.com
postmaster_address = postmaster@example.com
service lmtp {
  chroot =
  inet_listener lmtp {
    port = $port
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
"""
#: Mailboxes, their quota, and users.
DOVECOT_2_3_CONFIG = """\
mail_location = maildir:$directory/mail/%n
mail_plugins = quota
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_grace = 0
}
userdb {
  driver = passwd-file
  args = username_format=%n $directory/users
}
passdb {
  driver = static
  args = nopassword=y
}
"""
#: The same for Dovecot 2.4 and later.
DOVECOT_2_4_CONFIG = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
mail_driver = maildir
mail_path = $directory/mail/%{user | username}
mail_plugins {
  quota = yes
}
quota user {
}
quota_storage_grace = 0
userdb passwd-file {
  auth_username_format = %{user | username}
  passwd_file_path = $directory/users
}
passdb static {
  fields {
    nopassword = yes
  }
}
"""


@dataclass(frozen=True)
class Kept:
    """A message that a server has accepted."""

    sender: str
    recipients: tuple[str, ...]
    body: bytes


@dataclass(frozen=True)
class MailServer:
    """A mail server that is running, and its directory."""

    port: int
    pid: int
    directory: Path

    @property
    def address(self) -> str:
        """``host:port``."""
        return f'{HOST}:{self.port}'


class Exim(MailServer):
    """An Exim that keeps its messages in its queue."""

    def messages(self) -> list[Kept]:
        """Return the messages it has accepted, in any order but always the same (Exim, "Format of spool files")."""
        found = []
        for path in (self.directory / 'spool' / 'input').glob('*-H'):
            _, _, sender, *lines = path.read_text().splitlines()
            at = lines.index('XX') + 1  # no recipient has been served
            recipients = lines[at + 1 : at + 1 + int(lines[at])]
            body = path.with_name(f'{path.name[:-1]}D').read_bytes().partition(b'\n')[2]
            found.append(Kept(sender.strip('<>'), tuple(recipients), body))
        return sorted(found, key=repr)

    def forget(self) -> None:
        """Remove them."""
        for path in (self.directory / 'spool' / 'input').glob('*'):
            path.unlink()


class Dovecot(MailServer):
    """A Dovecot with the users ``ann``, ``bob``, ``cy`` and ``dan``."""

    def messages(self) -> list[tuple[str, bytes]]:
        """Return the bodies in all mailboxes, by user."""
        found = [(path.parts[-3], path.read_bytes()) for path in (self.directory / 'mail').glob('*/new/*')]
        return sorted((user, message.partition(b'\n\n')[2]) for user, message in found)


@contextmanager
def exim(password: str, settings: str = '', **rules: str) -> Iterator[Exim]:
    """Run an Exim with these *settings*, and these *rules* before it accepts: for an event, what fails it."""
    # Started for another configuration than that of the system, Exim is who has started it.
    acls = ''.join(f'{event}:\n  {rules.get(event, "")}\n  accept\n' for event in EVENTS)
    names = '\n'.join(f'acl_smtp_{event} = {event}' for event in EVENTS)
    port = free_port()
    with _directory('exim') as (directory, runas, names_of):
        config = directory / 'exim.conf'
        config.write_text(
            EXIM_CONFIG.substitute(
                names_of,
                tls='*' if 'starttls' in rules else '',
                password=password,
                settings=f'{settings}\n{names}',
                rules=acls,
                directory=directory,
                host=HOST,
            )
        )
        command = [*runas, command_path('exim4'), '-C', str(config), '-bdf', '-oX', str(port)]
        with running(command, port, directory) as server:
            yield Exim(port, server.pid, directory)


@contextmanager
def dovecot(full: Collection[str] = (), unknown: Collection[str] = ()) -> Iterator[Dovecot]:
    """Run a Dovecot in which some mailboxes are *full*, for any message of 1 KiB, and some users are *unknown*."""
    port = free_port()
    command = command_path('dovecot')
    version = subprocess.run([command, '--version'], check=True, capture_output=True, text=True).stdout
    is_old = version.startswith('2.3.')
    text = Template((DOVECOT_2_3_CONFIG if is_old else DOVECOT_2_4_CONFIG) + DOVECOT_CONFIG)
    quota = 'quota_rule=*:storage=1' if is_old else 'quota/user/storage_size=1K'
    with _directory('dovecot') as (directory, runas, names_of):
        config = directory / 'dovecot.conf'
        config.write_text(text.substitute(names_of, directory=directory, host=HOST, port=port))
        (directory / 'users').write_text(
            ''.join(
                f'{user}::{names_of["uid"]}:{names_of["gid"]}::{directory}/mail/{user}::'
                f'{f"userdb_{quota}" if user in full else ""}\n'
                for user in ('ann', 'bob', 'cy', 'dan')
                if user not in unknown
            )
        )
        with running([*runas, command, '-F', '-c', str(config)], port, directory) as server:
            yield Dovecot(port, server.pid, directory)


@contextmanager
def _directory(name: str) -> Iterator[tuple[Path, list[str], dict[str, str]]]:
    """Make a directory; return it, what a command begins with so that the server may write there, and who it is."""
    with tempfile.TemporaryDirectory(prefix=f'vaurien-{name}-', ignore_cleanup_errors=True) as path:
        user = pwd.getpwnam('nobody') if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        runas: list[str] = []
        if os.geteuid() == 0:
            runas = ['setpriv', f'--reuid={user.pw_uid}', f'--regid={user.pw_gid}', '--clear-groups', '--']
            shutil.chown(path, user.pw_uid, user.pw_gid)
        group = grp.getgrgid(user.pw_gid).gr_name
        own = {'user': user.pw_name, 'group': group, 'uid': str(user.pw_uid), 'gid': str(user.pw_gid)}
        yield Path(path), runas, own
