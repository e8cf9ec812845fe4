import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProgram } from '../../../tools/src/mysql-server.ts';
import { makeFolder, type SampanProcess, startSampan } from '../../../tools/src/servers.ts';

const executablePath = findProgram('chromium');
const why = executablePath === null ? ' (skipped: no Chromium on this machine)' : '';

describe.skipIf(why !== '')(`the playground${why}`, () => {
  const undo: (() => Promise<unknown>)[] = [];
  let server: SampanProcess;
  let browser: Browser;

  beforeAll(async () => {
    const folder = await makeFolder('playground');
    undo.push(() => folder.remove());
    server = await startSampan(`${folder.path}/data`);
    undo.push(() => server.stop());
    browser = await chromium.launch({
      executablePath: executablePath as string,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
    });
    undo.push(() => browser.close());
  });
  afterAll(async () => {
    for (const step of undo.reverse()) await step();
  });

  it('is reached from /, loads nothing from elsewhere, and runs an example with a token', async () => {
    const page = await browser.newPage();
    const elsewhere: string[] = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(server.url) && !/^(blob|data):/.test(request.url())) elsewhere.push(request.url());
    });
    await page.goto(server.url);
    await page.getByText('The main job, MySQL to MaxCompute').first().waitFor();
    await page.getByRole('button', { name: 'Headers' }).click();
    const headers = page.locator('.graphiql-editor-tool .monaco-editor').last();
    await headers.click();
    await page.keyboard.press('Control+A');
    // The editor closes the bracket by itself.
    await page.keyboard.insertText(`{ "Authorization": "Bearer ${server.token}"`);
    await page.getByRole('button', { name: /^Execute query/ }).click();
    await page.getByRole('menuitem', { name: 'Connectors' }).click();
    await page.getByText('"maxcompute"').first().waitFor({ timeout: 20_000 });
    expect(elsewhere).toEqual([]);
  }, 90_000);
});
