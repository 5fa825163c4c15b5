// Emmett on PostgreSQL, through its own API: node bench.mjs WORKLOAD URL SECONDS prints one rate.
import { CommandHandler } from '@event-driven-io/emmett';
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';
import { randomUUID } from 'node:crypto';

const [workload, url, secondsText] = process.argv.slice(2);
const seconds = Number(secondsText);
const WARM_UP = 300;
const store = getPostgreSQLEventStore(url);

const line = (number) => ({
  type: 'order_line_added',
  data: {
    order_id: 'order-4711', line: number, product: 'SKU-0815-BLUE-XL',
    description: 'Merino wool sweater, blue, extra large', quantity: 2, unit_price: '129.90', currency: 'EUR',
    warehouse: 'AMS-3', placed_at: '2026-05-27T14:30:00Z',
  },
  metadata: { correlation_id: '0192f1c4-7b1e-7c3a-9d52-3f6a1b2c4d5e' },
});
const lines = (count) => Array.from({ length: count }, (_, n) => line(n));
const initialState = () => ({ lines: 0, amount: 0 });
const evolve = (state, { data }) => ({
  lines: state.lines + 1, amount: state.amount + data.quantity * Number(data.unit_price),
});
const append = (stream, events) => store.appendToStream(stream, events, { expectedStreamVersion: 'STREAM_DOES_NOT_EXIST' });
const handle = CommandHandler({ evolve, initialState });

async function rate(call, callers) {
  const start = performance.now() + WARM_UP;
  const end = start + seconds * 1000;
  const work = async () => {
    while (performance.now() < start) await call();
    let done = 0;
    for (; performance.now() < end; done += 1) await call();
    return done;
  };
  const counts = await Promise.all(Array.from({ length: callers }, work));
  return counts.reduce((sum, one) => sum + one, 0) / ((performance.now() - start) / 1000);
}

async function ten(number) {
  const names = Array.from({ length: number }, () => `ten-${randomUUID()}`);
  for (const name of names) await append(name, lines(10));
  let next = 0;
  return () => names[next++ % names.length];
}

const appends = (size, callers) => async () =>
  size * (await rate(() => append(`order-${randomUUID()}`, lines(size)), callers));
const commands = (callers) => async () => {
  const name = await ten(400);
  return rate(() => handle(store, name(), (state) => line(state.lines + 1)), callers);
};
const workloads = {
  prepare: async () => { await append('load-100', lines(100)); return 0; },
  append_1: appends(1, 1),
  append_16: appends(1, 16),
  append_128: appends(1, 128),
  batch_10: appends(10, 1),
  batch_1000: appends(1000, 1),
  load_100: () => rate(() => store.aggregateStream('load-100', { evolve, initialState }), 1),
  command_1: commands(1),
  command_16: commands(16),
};

console.log(JSON.stringify(await workloads[workload]()));
await store.close();
process.exit(0);
