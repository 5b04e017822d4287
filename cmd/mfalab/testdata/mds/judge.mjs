// Takes a lab through steps and has verifiers read its metadata after each. Input: {url, root, aaguid, steps: [{path, body}...][]}. Output:
// for each step the verdicts of SimpleWebAuthn and of fido2-lib, "" where they are content. fido2-lib looks at no status.
import {webcrypto} from "node:crypto";
import {readFileSync} from "node:fs";
import {MetadataService, SettingsService} from "@simplewebauthn/server";
import {Fido2Lib} from "fido2-lib";

globalThis.crypto ??= webcrypto;
const {url, root, aaguid, steps} = JSON.parse(readFileSync(0, "utf8"));
SettingsService.setRootCertificates({identifier: "mds", certificates: [root]});

const why = e => e.cause ? `${e.message}: ${why(e.cause)}` : e.message;

async function simpleWebAuthn() {
  let trouble = "";
  const logger = {debug() {}, info() {}, warn() {}, error(_, e) { trouble = why(e); }};
  await MetadataService.initialize({mdsServers: [`${url}/mds/`], verificationMode: "strict", logger});
  if (trouble) return trouble;
  return MetadataService.getStatement(aaguid).then(() => "", why);
}

async function fido2Lib() {
  const [blob, ...lists] = await Promise.all(["", "root.crl.pem", "metadata.crl.pem"].map(async name => (await fetch(`${url}/mds/${name}`)).text()));
  return Fido2Lib.createMdsCollection("lab").addToc(blob, root, lists).then(() => "", why);
}

const verdicts = [];
for (const step of steps) {
  for (const {path, body} of step) {
    const answer = await fetch(url + path, {method: "POST", body: JSON.stringify(body)});
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  }
  const status = step.some(({path}) => path.endsWith("/status"));
  verdicts.push([await simpleWebAuthn(), status ? "" : await fido2Lib()]);
}
process.stdout.write(JSON.stringify(verdicts), () => process.exit(0));
