// Reads registrations, a JSON array, from standard input, has SimpleWebAuthn and fido2-lib judge each, and prints their
// verdicts, a JSON array of pairs: "" where it is content, else what it says.
import {webcrypto} from "node:crypto";
import {readFileSync} from "node:fs";
import {SettingsService, verifyRegistrationResponse} from "@simplewebauthn/server";
import {CertManager, Fido2Lib} from "fido2-lib";

globalThis.crypto ??= webcrypto;
console.error = () => {}; // fido2-lib says there what it returns too

// The ceremony was at a time of its own, and so is the judgement.
const Clock = Date;
let now = 0;
globalThis.Date = class extends Clock {
  constructor(...at) { super(...(at.length > 0 ? at : [now])); }
  static now() { return now; }
};

const buffer = s => Uint8Array.from(Buffer.from(s, "base64url")).buffer;

async function simpleWebAuthn(c) {
  for (const identifier of ["packed", "fido-u2f", "tpm", "android-key", "android-safetynet", "apple"]) {
    SettingsService.setRootCertificates({identifier, certificates: [c.root]});
  }
  const {verified} = await verifyRegistrationResponse({response: c.response, expectedChallenge: c.challenge, expectedOrigin: c.origin,
    expectedRPID: c.rpId, requireUserVerification: true, supportedAlgorithmIDs: c.algorithms});
  return verified ? "" : "not verified";
}

async function fido2Lib(c) {
  CertManager.removeAll();
  CertManager.addCert(c.root);
  const lib = new Fido2Lib({rpId: c.rpId, attestation: "direct", cryptoParams: c.algorithms});
  const {id, response} = c.response;
  await lib.attestationResult({id: buffer(id), rawId: buffer(id), response},
    {challenge: c.challenge, origin: c.origin, rpId: c.rpId, factor: "first"});
  return "";
}

const verdicts = [];
for (const c of JSON.parse(readFileSync(0, "utf8"))) {
  now = c.now;
  verdicts.push([await simpleWebAuthn(c).catch(e => e.message || "not verified"), await fido2Lib(c).catch(e => e.message || "not verified")]);
}
console.log(JSON.stringify(verdicts));
