// Reads ceremonies, a JSON array, from standard input, has SimpleWebAuthn judge each, and prints its verdicts, a JSON array:
// "" where it is content, else what it says.
import {webcrypto} from "node:crypto";
import {readFileSync} from "node:fs";
import {SettingsService, verifyAuthenticationResponse, verifyRegistrationResponse} from "@simplewebauthn/server";

globalThis.crypto ??= webcrypto;

async function judge(c) {
  const options = {response: c.response, expectedChallenge: c.challenge, expectedOrigin: c.origin, expectedRPID: c.rpId,
    requireUserVerification: true};
  if (c.root) {
    SettingsService.setRootCertificates({identifier: "packed", certificates: [c.root]});
    const {verified} = await verifyRegistrationResponse({...options, supportedAlgorithmIDs: c.algorithms});
    return verified ? "" : "not verified";
  }
  const credential = {id: c.id, publicKey: Buffer.from(c.publicKey, "base64"), counter: c.counter};
  const {verified} = await verifyAuthenticationResponse({...options, credential});
  return verified ? "" : "not verified";
}

const verdicts = [];
for (const c of JSON.parse(readFileSync(0, "utf8"))) {
  verdicts.push(await judge(c).catch(e => e.message));
}
console.log(JSON.stringify(verdicts));
