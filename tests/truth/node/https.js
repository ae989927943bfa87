// Makes a request of HTTPS for each line of the input, and prints what came of it as a line: node https.js CA
//
// {"port": 8443, "timeout": 300}    GET /until-close, for so many milliseconds; CA is whom it trusts (PEM)
//
// What it prints is empty if there was no error.

const fs = require('node:fs');
const https = require('node:https');
const readline = require('node:readline');

const ca = fs.readFileSync(process.argv[2]);

function get({ port, timeout }) {
  return new Promise((resolve) => {
    const wanted = { host: 'localhost', family: 4, port, path: '/until-close', ca, timeout, agent: false };
    const request = https.get(wanted, (response) => {
      response.resume();
      response.on('end', () => resolve(''));
      response.on('error', (error) => resolve(explain(error)));
    });
    request.on('error', (error) => resolve(explain(error)));
    request.on('timeout', () => resolve('event: timeout') || request.destroy());
  });
}

function explain({ name, code, message }) {
  return code ? `${code}: ${message}` : `${name}: ${message}`;
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await get(JSON.parse(line))));
  }
}

main();
