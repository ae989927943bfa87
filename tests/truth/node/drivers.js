// Does on a connection of a driver what each line of the input says, and prints the outcome as a line: node drivers.js
//
// {"open": "pg", "port": 5432}    connects; what was open before is closed
// {"execute": STEP}               executes a statement, or, of ioredis, a command as a list of words, or a list of
//                                 commands as a transaction; with "prepared": true the statement is prepared
//
// The outcome of an error has its class and what programs look at, but no text that a person wrote.

const { createRequire } = require('node:module');
const path = require('node:path');
const readline = require('node:readline');

const find = createRequire(path.join(process.cwd(), 'package.json'));
const HOST = '127.0.0.1';
const ACCOUNT = { host: HOST, user: 'tester', password: 'secret' };

// A driver also emits an event when a connection is lost; what is executed next says so, too.
function ignore() {}

function happens(emitter, event) {
  return new Promise((resolve) => emitter.once(event, resolve));
}

// The errors of MariaDB behind which it closes the connection: ER_CONNECTION_KILLED.
const CLOSING = [1927];

const drivers = {
  pg: {
    async open(port) {
      const { Client } = find('pg');
      const client = new Client({ ...ACCOUNT, port, database: 'postgres' });
      client.on('error', ignore);
      client.once('end', () => (client.hasEnded = true));
      await client.connect();
      return client;
    },
    async execute(client, text, prepared) {
      const named = prepared ? { name: text.slice(0, 60) } : {};
      // An error is reported before the server is ready again, or has closed the connection.
      const settled = client.hasEnded || Promise.race([happens(client, 'drain'), happens(client, 'end')]);
      try {
        const results = [await client.query({ ...named, text, rowMode: 'array' })].flat();
        return results.map(({ command, rowCount, rows }) => ({ command, rowCount, rows }));
      } finally {
        await settled;
      }
    },
    state: (client) => client.getTransactionStatus(),
    close: (client) => client.end(),
    explain: ({ code, severity, message }) => (code ? { code, severity } : { message }),
  },

  mysql2: {
    async open(port) {
      const mysql = find('mysql2/promise');
      const connection = await mysql.createConnection({ ...ACCOUNT, port, database: 'test', rowsAsArray: true });
      connection.on('error', ignore);
      return connection;
    },
    async execute(connection, text, prepared) {
      const closed = happens(connection.connection.stream, 'close');
      const [result] = await connection[prepared ? 'execute' : 'query'](text).catch(async (error) => {
        if (CLOSING.includes(error.errno)) await closed;
        throw error;
      });
      if (Array.isArray(result)) return result;
      const { affectedRows, warningStatus, serverStatus } = result;
      return { affectedRows, warningStatus, serverStatus };
    },
    state: () => null,
    close: (connection) => connection.destroy(),
    explain: ({ code, errno, sqlState, fatal, message }) =>
      errno ? { code, errno, sqlState, fatal } : { code, message },
  },

  ioredis: {
    async open(port) {
      const Redis = find('ioredis');
      const alone = { lazyConnect: true, enableReadyCheck: false, retryStrategy: () => null };
      const redis = new Redis({ host: HOST, port, ...alone });
      redis.on('error', ignore);
      await redis.connect();
      return redis;
    },
    async execute(redis, step) {
      if (!Array.isArray(step[0])) return redis.call(...step);
      const results = await redis.multi(step).exec();
      return results && results.map(([error, reply]) => (error ? explain(drivers.ioredis, error) : reply));
    },
    state: (redis) => redis.status,
    close: (redis) => redis.disconnect(),
    // The text of an error begins with its kind, by which programs know it.
    explain: ({ message, command, previousErrors = [] }) => ({
      kind: message.split(' ')[0],
      command: command && command.name,
      before: previousErrors.map((error) => explain(drivers.ioredis, error)),
    }),
  },
};

function explain(driver, error) {
  return { error: error.constructor.name, ...driver.explain(error) };
}

let driver;
let connection;

async function close() {
  if (connection) await driver.close(connection);
  connection = undefined;
}

async function answer({ open, port, execute, prepared }) {
  try {
    if (open) {
      await close();
      driver = drivers[open];
      connection = await driver.open(port);
      return [null, driver.state(connection)];
    }
    if (execute) {
      return [await driver.execute(connection, execute, prepared), driver.state(connection)];
    }
    return [await close(), null];
  } catch (error) {
    return [explain(driver, error), connection ? driver.state(connection) : null];
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await answer(JSON.parse(line))));
  }
  await close();
}

main();
