"""Reads registrations, a JSON array, from standard input, has libfido2 judge the attestation of each, as fido2-cred -V has it, and
prints its verdicts, a JSON array: "" where it is content, else what it says.

fido2-cred -V itself takes a signature and one certificate, so that it can be told nothing of a TPM. The library is the same."""
import base64
import ctypes
import json
import sys

fido = ctypes.CDLL("libfido2.so.1")
fido.fido_init(0)
fido.fido_cred_new.restype = ctypes.c_void_p
fido.fido_strerr.restype = ctypes.c_char_p
ES256, RS256 = -7, -257


def judge(c):
    cred = ctypes.c_void_p(fido.fido_cred_new())
    try:
        data = {name: base64.b64decode(c[name]) for name in ("clientDataHash", "authData", "statement")}
        for step, result in (
                ("type", lambda: fido.fido_cred_set_type(cred, c["algorithm"])),
                ("clientDataHash", lambda: fido.fido_cred_set_clientdata_hash(cred, data["clientDataHash"], ctypes.c_size_t(len(data["clientDataHash"])))),
                ("rpId", lambda: fido.fido_cred_set_rp(cred, c["rpId"].encode(), None)),
                ("fmt", lambda: fido.fido_cred_set_fmt(cred, c["format"].encode())),
                ("authData", lambda: fido.fido_cred_set_authdata_raw(cred, data["authData"], ctypes.c_size_t(len(data["authData"])))),
                ("attStmt", lambda: fido.fido_cred_set_attstmt(cred, data["statement"], ctypes.c_size_t(len(data["statement"])))),
                ("verify", lambda: fido.fido_cred_verify_self(cred) if c["self"] else fido.fido_cred_verify(cred))):
            r = result()
            if r != 0:
                return "%s: %s" % (step, fido.fido_strerr(r).decode())
        return ""
    finally:
        fido.fido_cred_free(ctypes.byref(cred))


json.dump([judge(c) for c in json.load(sys.stdin)], sys.stdout)
