// Drives Chromium by puppeteer-core and ghost-cursor: one JSON order a line in, one answer a line out.
"use strict";
const { createRequire } = require("node:module");
const readline = require("node:readline");

const [packages, executablePath, width, height, ...args] = process.argv.slice(2);
const load = createRequire(`${packages}/`);
const puppeteer = load("puppeteer-core");
const { createCursor } = load("ghost-cursor");

const orders = (page, cursor) => ({
  goto: (url) => page.goto(url).then(() => null),
  evaluate: (expression) => page.evaluate(expression),
  move: ([x, y]) => cursor.moveTo({ x, y }),
  press: () => cursor.click(),
  click: (selector) => cursor.click(selector),
  type: ([text, delay]) => page.keyboard.type(text, { delay }),
  enter: ([selector, text]) => page.type(selector, text),
  submit: (selector) => page.focus(selector).then(() => page.keyboard.press("Enter")),
});

async function main() {
  const browser = await puppeteer.launch({
    executablePath, args, headless: true, defaultViewport: { width: +width, height: +height },
  });
  try {
    const [page] = await browser.pages();
    const known = orders(page, createCursor(page));
    for await (const line of readline.createInterface({ input: process.stdin })) {
      const { name, value } = JSON.parse(line);
      let answer;
      try {
        answer = { value: (await known[name](value)) ?? null };
      } catch (error) {
        answer = { error: String(error) };
      }
      process.stdout.write(`${JSON.stringify(answer)}\n`);
    }
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
