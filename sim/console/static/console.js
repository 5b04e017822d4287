// What pages cannot do without a script: speak to a security key, and a field that appears with a check box.
"use strict";

function bytes(text) {
	const raw = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
	return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

function text(buffer) {
	let raw = "";
	for (const b of new Uint8Array(buffer)) raw += String.fromCharCode(b);
	return btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

// What browsers have as parseCreationOptionsFromJSON and toJSON, for those that have not.
function options(o) {
	o.challenge = bytes(o.challenge);
	if (o.user) o.user.id = bytes(o.user.id);
	for (const list of [o.excludeCredentials, o.allowCredentials]) {
		for (const c of list || []) c.id = bytes(c.id);
	}
	return o;
}

function answer(c) {
	const r = { clientDataJSON: text(c.response.clientDataJSON) };
	for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
		if (c.response[name]) r[name] = text(c.response[name]);
	}
	if (c.response.getTransports) r.transports = c.response.getTransports();
	return {
		id: c.id, rawId: text(c.rawId), type: c.type, response: r,
		authenticatorAttachment: c.authenticatorAttachment || undefined,
		clientExtensionResults: c.getClientExtensionResults(),
	};
}

async function send(url, form, body) {
	const trusted = document.querySelector("#U2fKey .trust:checked");
	const r = await fetch(url, {
		method: "POST", body: body ? JSON.stringify(body) : "", credentials: "same-origin",
		headers: { "Content-Type": "application/json", "X-Mfalab-Form": form, "X-Mfalab-Trust": trusted ? "1" : "" },
	});
	const v = await r.json().catch(() => ({ Error: "The lab did not answer as expected." }));
	if (!r.ok) throw new Error(v.Error);
	return v;
}

async function ceremony(state) {
	const kind = state.dataset.webauthn;
	const alert = document.getElementById("main_message");
	alert.hidden = true;
	if (!navigator.credentials || !window.PublicKeyCredential) {
		state.textContent = "";
		alert.textContent = "This browser cannot use security keys here.";
		alert.hidden = false;
		return;
	}
	try {
		state.textContent = "Waiting for the security key…";
		const begun = await send(state.dataset.url + "/begin" + (state.dataset.query || ""), state.dataset.form);
		const c = await navigator.credentials[kind]({ publicKey: options(begun.Options) });
		state.textContent = "Checking…";
		const done = await send(state.dataset.url + "/finish", state.dataset.form, { ID: begun.ID, Response: answer(c) });
		state.textContent = "Done.";
		location.assign(done.Location);
	} catch (e) {
		state.textContent = "";
		alert.textContent = e.name === "Error" ? e.message : "The security key was not used (" + e.name + "). Try again.";
		alert.hidden = false;
	}
}

for (const state of document.querySelectorAll("[data-webauthn]")) {
	document.getElementById("try_key").addEventListener("click", () => ceremony(state));
	if ("start" in state.dataset) ceremony(state);
}

for (const box of document.querySelectorAll("[data-shows]")) {
	const fields = document.getElementById(box.dataset.shows);
	const show = () => { fields.hidden = !box.checked; };
	box.addEventListener("change", show);
	show();
}

// The page of 2017 reacts to input events only: a script that sets the value and fires none finds a button that does nothing.
for (const field of document.querySelectorAll("[data-needs-input]")) {
	const button = document.getElementById(field.dataset.needsInput);
	button.disabled = true;
	field.addEventListener("input", () => { button.disabled = field.value.trim() === ""; });
}
