// A script for the real sign-in page, as there are many: it knows addresses, names of elements, passwords and codes. Before that
// it names the account and enrols a fob, by the console's own pages.
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const { executablePath, proxy, account, alias, user, password, serial, codes } = JSON.parse(readFileSync(0, "utf8"));
const timeout = 180000; // of a step that hangs
const browser = await chromium.launch({ executablePath, timeout, args: ["--no-sandbox", "--disable-quic"], proxy: { server: proxy } });
try {
	const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
	page.setDefaultTimeout(timeout);
	const signOut = async () => {
		await page.click("a#aws-console-logout");
		await page.waitForURL("**/console/signin?done=out");
	};
	const signIn = async () => {
		await page.fill("#username", user);
		await page.fill("#password", password);
		await page.click("#signin_button");
	};
	await page.goto(`https://${account}.signin.aws.amazon.com/console`);
	await signIn();
	await page.click('a[href="/console/iam/settings"]');
	await page.fill("#alias", alias);
	await page.click("#save_alias");
	await page.waitForURL("**/console/iam/settings?done=alias");
	await page.click('a[href="/console/iam/me"]');
	await page.click("#assign_mfa");
	await page.check("#type_hardware");
	await page.click("#next_button");
	await page.fill("#serial", serial);
	await page.fill("#code1", codes[0]);
	await page.fill("#code2", codes[1]);
	await page.click("#add_mfa");
	await page.waitForURL("**/console/iam/users/*?done=assigned");
	await signOut();

	await page.goto(`https://${alias}.signin.aws.amazon.com/console`);
	if (await page.inputValue("#account") !== alias) throw new Error("the account is not filled in");
	await signIn();
	await page.fill("#mfaCode", codes[2]);
	await page.press("#mfaCode", "Enter");
	await page.waitForURL("**/console/home"); // all of it
	const who = await page.textContent("#nav-usernameMenu");
	const at = page.url();
	const mfa = (await page.textContent("main")).includes(serial);
	await signOut();
	console.log(JSON.stringify({ who, at, mfa }));
} finally {
	await browser.close();
}
