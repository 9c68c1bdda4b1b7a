// Starts a real browser for a test: Debian's Chromium, or the one named by CHROMIUM. Nothing is
// asked of any network.
import { chromium } from 'playwright-core';
import { makeFolder, removeFolder } from './harness.mjs';

export const kStartMs = 60_000; // a cold browser on a busy machine

const kFlags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
];

const profiles = new Map();

/** A browser with a profile of its own. */
export async function startChromium() {
  const profile = makeFolder('chromium');
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: false, // the flag above is the one that today's Chromium knows
    args: kFlags,
    chromiumSandbox: false,
    timeout: kStartMs,
  });
  profiles.set(browser, profile);
  return browser;
}

/** For `after` hooks. */
export async function stopChromium(browser) {
  if (!browser) return;
  await browser.close();
  removeFolder(profiles.get(browser));
}
