"""python without_netlink.py COMMAND...: run it with AF_NETLINK refused, as systemd would refuse it.

By a seccomp filter: socket(AF_NETLINK, ...) fails with EAFNOSUPPORT, which is what
RestrictAddressFamilies= of systemd.exec(5) does. Runs as a program of its own.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

# <linux/prctl.h>, <linux/seccomp.h>, <linux/audit.h>, <linux/bpf_common.h>
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 0x7FFF0000, 0x00050000
LOAD_WORD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
OFFSET_NUMBER, OFFSET_FIRST_ARGUMENT = 0, 16  # struct seccomp_data, the low word of args[0]
AF_NETLINK = 16
SOCKET = {"x86_64": 41, "aarch64": 198}

_INSTRUCTION = struct.Struct("=HBBI")


def refuse_netlink() -> None:
    program = b"".join(
        _INSTRUCTION.pack(*instruction)
        for instruction in (
            (LOAD_WORD, 0, 0, OFFSET_NUMBER),
            (JUMP_EQUAL, 0, 3, SOCKET[platform.machine()]),
            (LOAD_WORD, 0, 0, OFFSET_FIRST_ARGUMENT),
            (JUMP_EQUAL, 0, 1, AF_NETLINK),
            (RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.EAFNOSUPPORT),
            (RETURN, 0, 0, SECCOMP_RET_ALLOW),
        )
    )
    code = ctypes.create_string_buffer(program, len(program))
    fprog = struct.pack("@HP", len(program) // _INSTRUCTION.size, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, fprog, 0, 0),
    ):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    refuse_netlink()
    os.execvp(sys.argv[1], sys.argv[1:])
