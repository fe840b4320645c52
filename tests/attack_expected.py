"""What each attack may achieve: the promise of each sandbox, as one table.

``.`` blocked; ``P`` possible, by design or because the backend cannot do better; ``u``
possible for an ordinary user alone: root's victim has capabilities that the command has
lost. Without a sandbox, and with ``danger-full-access``, everything
is possible that the machine itself allows.
"""

from collections.abc import Mapping
from typing import NamedTuple

_TABLE = """
                                                     bubblewrap     Landlock
                                                     ro  ws  net    ro  ws  net
create outside                                       .   .   .      .   .   .
append outside                                       .   .   .      .   .   .
truncate outside                                     .   .   .      .   .   .
truncate outside while opening to read               .   .   .      .   .   .
unlink outside                                       .   .   .      .   .   .
mkdir outside                                        .   .   .      .   .   .
rmdir outside                                        .   .   .      .   .   .
symlink outside                                      .   .   .      .   .   .
fifo outside                                         .   .   .      .   .   .
unnamed file outside                                 .   .   .      .   .   .
rename outside into workspace                        .   .   .      .   .   .
rename workspace to outside                          .   .   .      .   .   .
exchange with outside                                .   .   .      .   .   .
hardlink outside into workspace and write            .   .   .      .   .   .
write through an older hard link                     .   P   P      .   P   P
write through a symlink                              .   .   .      .   .   .
write through a parent directory                     .   .   .      .   .   .
write through proc root                              .   .   .      .   .   .
write through proc cwd                               .   .   .      .   .   .
reopen a read descriptor for writing                 .   .   .      .   .   .
reopen a path descriptor for writing                 .   .   .      .   .   .
write to an inherited descriptor                     .   .   .      .   .   .
inherit a descriptor                                 .   .   .      .   .   .
write from a program in memory                       .   .   .      .   .   .
rename the workspace                                 .   .   .      .   .   .
create at the root                                   .   .   .      .   .   .
create in the home                                   .   .   .      .   .   .
write into a named pipe of the host                  P   P   P      .   .   .
write to another terminal                            .   .   .      P   P   P
chmod outside                                        .   .   .      .   P   P
chmod outside by descriptor                          .   .   .      .   P   P
chmod outside by the newer call                      .   .   .      .   P   P
chown outside                                        .   .   .      .   P   P
utime outside                                        .   .   .      .   P   P
set attribute outside                                .   .   .      .   .   .
set attribute outside by the newer call              .   .   .      .   .   .
remove attribute outside                             .   .   .      .   .   .
set flags outside                                    .   .   .      .   .   .
make a block device and open it                      .   .   .      .   .   .
open a disk                                          .   .   .      .   .   .
open the kernel log for writing                      .   .   .      .   .   .
open the machines memory                             .   .   .      .   .   .
read a disk                                          .   .   .      .   .   .
write the hosts shared memory                        .   .   .      .   P   P

change the repositorys settings                      .   .   .      .   P   P
create a hook                                        .   .   .      .   P   P
rename the repository                                .   .   .      .   P   P
exchange the repository for another                  .   .   .      .   P   P
put a link in the repositorys place                  .   .   .      .   P   P
delete the repositorys settings                      .   .   .      .   P   P
chmod the repositorys settings                       .   .   .      .   P   P
hardlink the repositorys settings and write          .   .   .      .   P   P
write the settings through dots                      .   .   .      .   P   P
write the settings through proc cwd                  .   .   .      .   P   P
write the settings through a directory descriptor    .   .   .      .   P   P
write the settings in another case                   .   .   .      .   .   .
change other agents instructions                     .   .   .      .   P   P
make the missing settings                            .   .   .      .   P   P
rename onto the missing settings                     .   .   .      .   P   P
link the missing settings                            .   .   .      .   P   P
open up the missing settings place                   .   .   .      .   .   .
remove what holds the missing settings place         .   .   .      .   .   .
write a nested roots settings                        .   .   .      .   P   P
rename the parent of a nested root                   .   .   .      .   P   P
rewrite the file that names the repository           .   .   .      .   P   P
replace the file that names the repository           .   .   .      .   P   P
write the worktrees settings                         .   .   .      .   P   P
create a hook in a repository further down           .   P   P      .   P   P
unmount the protection                               .   .   .      .   .   .
unmount the protection in a user namespace           .   .   .      .   .   .
remount the protection in a user namespace           .   .   .      .   .   .
bind the workspace without its protection            .   .   .      .   .   .
bind the workspace with its protection               .   .   .      .   .   .
remount the disk in a user namespace                 .   .   .      .   .   .
bind the disk elsewhere in a user namespace          .   .   .      .   .   .

read outside                                         P   P   P      P   P   P
read a denied file                                   .   .   .      .   .   .
read in a denied directory                           .   .   .      .   .   .
list a denied directory                              .   .   .      P   P   P
write in a denied directory                          .   .   .      .   .   .
write a denied file                                  .   .   .      .   .   .
read denied through proc root                        .   .   .      .   .   .
read denied through the first process                .   .   .      .   .   .
read denied through dots                             .   .   .      .   .   .
read denied through a symlink                        .   .   .      .   .   .
read denied through a descriptor                     .   .   .      .   .   .
read denied through a handle                         .   .   .      .   .   .
read denied through an older hard link               P   P   P      .   P   P
hardlink denied and read                             .   .   .      .   .   .
rename denied and read                               .   .   .      .   P   P
read denied in the workspace                         .   .   .      .   P   P
rename the parent of denied                          .   .   .      .   P   P
open up the denied directory                         .   .   .      .   .   .
unmount the denial                                   .   .   .      .   .   .
unmount the denial in a user namespace               .   .   .      .   .   .
bind the folder around the denial                    .   .   .      .   .   .
clone the folder around the denial                   .   .   .      .   .   .
lay the folder around the denial under another       .   .   .      .   .   .
read what is typed into another terminal             .   .   .      P   P   P
read the environment of the starting program         .   .   .      .   .   .
read the environment of the first process            .   .   .      .   .   .
read the hosts shared memory                         .   .   .      .   P   P
attach the hosts shared segment                      .   .   .      .   .   .
open the hosts message queue                         .   .   .      .   .   .
read kernel memory addresses                         .   .   .      .   .   .

connect by tcp                                       .   .   P      .   .   P
connect by tcp over ipv6                             .   .   P      .   .   P
connect by multipath tcp                             .   .   P      .   .   P
send with the tcp handshake                          .   .   P      .   .   P
ask by udp                                           .   .   P      .   .   P
open a packet socket                                 .   .   .      .   .   .
open a raw socket                                    .   .   .      .   .   .
open a vsock                                         .   .   .      .   .   .
open a bluetooth socket                              .   .   P      .   .   P
open a crypto socket                                 .   .   P      .   .   P
open a netfilter socket                              .   .   P      .   .   P
connect to a unix socket                             .   .   P      .   .   P
connect to a unix packet socket                      .   .   P      .   .   P
connect to an abstract socket                        .   .   P      .   .   .
send to an abstract socket                           .   .   P      .   .   .
send to a unix socket                                .   .   P      .   .   P
send a message to a unix socket                      .   .   P      .   .   P
send from a pair to a unix socket                    .   .   P      .   .   P
send from a raw pair to a unix socket                .   .   P      .   .   P
connect a pair to a unix socket                      .   .   P      .   .   P
receive a descriptor from the host                   .   .   P      .   .   P
use io uring                                         .   .   .      .   .   .

see the victims command line                         .   .   .      P   P   P
signal the victim                                    .   .   .      .   .   .
signal the victim by descriptor                      .   .   .      .   .   .
trace the victim                                     .   .   .      .   .   .
read the victims memory                              .   .   .      .   .   .
open the victims memory                              .   .   .      .   .   .
read the victims environment                         .   .   .      .   .   .
enter the victims root                               .   .   .      .   .   .
enter the victims folder                             .   .   .      .   .   .
take a descriptor of the victim                      .   .   .      .   .   .
reopen a descriptor of the victim                    .   .   .      .   .   .
join the victims mounts                              .   .   .      .   .   .
limit the victim                                     .   .   .      .   .   .
slow the victim down                                 .   .   .      .   .   .
pin the victim                                       .   .   .      u   u   u
signal a thread of the starting program              .   .   .      .   .   .
read through a thread of the starting program        .   .   .      .   .   .
have the sandboxs first process do more              .   .   .      .   .   .
join the first processs users                        .   .   .      .   .   .
have capabilities                                    .   .   .      .   .   .
become root by a setuid program                      .   .   .      .   .   .
gain privileges by exec                              .   .   .      .   .   .

write kernel settings                                .   .   .      .   .   .
write kernel settings through the first process      .   .   .      .   .   .
write kernel settings of a new proc                  .   .   .      .   .   .
open the magic request key                           .   .   .      .   .   .
write below sys                                      .   .   .      .   .   .
write to a control group                             .   .   .      .   .   .
mount a file system                                  .   .   .      .   .   .
mount by the newer calls                             .   .   .      .   .   .
clone the disks mount                                .   .   .      .   .   .
change a mounts attributes                           .   .   .      .   .   .
load a module                                        .   .   .      .   .   .
load another kernel                                  .   .   .      .   .   .
restart the machine                                  .   .   .      .   .   .
rename the machine                                   .   .   .      .   .   .
add a key                                            .   .   .      .   .   .
find the sessions keyring                            .   .   .      .   .   .
load a program into the kernel                       .   .   .      .   .   .
count events of the machine                          .   .   .      .   .   .
handle page faults                                   .   .   .      .   .   .
enter by the 32 bit door                             .   .   .      .   .   .
connect by the 32 bit door                           .   .   .      .   .   .
enter by the x32 door                                .   .   .      .   .   .
type into the terminal                               .   .   .      .   .   .
type into the terminal with high bits                .   .   .      .   .   .
"""

_COLUMNS = (
    ("bubblewrap", "read-only"),
    ("bubblewrap", "workspace-write"),
    ("bubblewrap", "network"),
    ("landlock", "read-only"),
    ("landlock", "workspace-write"),
    ("landlock", "network"),
)


class Promise(NamedTuple):
    """One row: what is possible in each column."""

    name: str
    marks: Mapping[tuple[str, str], str]

    def allows(self, backend: str, mode: str, uid: int) -> bool:
        """Return whether the attack is expected to succeed if the machine lets it."""
        mark = self.marks[backend, mode]
        return mark == "P" or (mark == "u" and uid != 0)


def promises() -> list[Promise]:
    """Return the table."""
    rows: list[Promise] = []
    for line in _TABLE.splitlines()[3:]:
        words = line.split()
        name, marks = words[: -len(_COLUMNS)], words[-len(_COLUMNS) :]
        if name:
            row = dict(zip(_COLUMNS, marks, strict=True))
            rows.append(Promise(" ".join(name), row))
    return rows


NEVER_HEARD = ("abstract", "datagram", "seqpacket", "stream", "tcp", "udp")
"""The host's listeners that nobody may reach without network."""

ORIGINAL_LETS_THROUGH = {
    "write kernel settings",
    "write kernel settings through the first process",
    "send a message to a unix socket",
    "send from a pair to a unix socket",
    "send from a raw pair to a unix socket",
    "add a key",
    "find the sessions keyring",
    "load a program into the kernel",
    "count events of the machine",
    "handle page faults",
    "rename the parent of a nested root",
    "type into the terminal",
    "type into the terminal with high bits",
}
"""Measured: what succeeds in workspace-write of the Codex CLI 0.169, and not here."""
