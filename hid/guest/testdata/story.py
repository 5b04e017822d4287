# What a program of one's own sees through python3-fido2.
from fido2.attestation import Attestation
from fido2.ctap2 import Ctap2
from fido2.hid import CtapHidDevice

device = next(CtapHidDevice.list_devices())
print("device", device.descriptor.path)
for size in 0, 57, 58, 1024:
    assert device.ping(bytes(size)) == bytes(size), size
ctap, challenge = Ctap2(device), bytes(32)
rp, user = {"id": "example.org", "name": "Example"}, {"id": b"1", "name": "alice"}
made = ctap.make_credential(challenge, rp, user, [{"type": "public-key", "alg": -7}])
Attestation.for_type(made.fmt)().verify(made.att_statement, made.auth_data, challenge)
signed = ctap.get_assertion("example.org", challenge, [{"type": "public-key", "id": made.auth_data.credential_data.credential_id}])
signed.verify(challenge, made.auth_data.credential_data.public_key)
