// Times d3-hierarchy for benchmarks/packing.py: one JSON request a line on stdin, one JSON answer a line on stdout.
//   {"siblings": [radius, ...], "seconds": s}   packSiblings
//   {"sizes": [leaves, ...], "seconds": s}      clusters of so many leaves of radius 1: hierarchy, sum, sort, pack;
//                                               with "only_pack": true, only the last is timed;
//                                               with "by_value": true, pack finds the leaves' radii itself
//   {"nested": node, "padding": p}              the same of any tree; a node is {"r"} or {"children"}
// The answer: seconds for one packing (the median, once the compiler has seen it), and the root's radius.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { hierarchy, pack, packEnclose, packSiblings } = await import(pathToFileURL(process.argv[2]).href);
const WARM_UP = 0.25; // of the time

function sibling({ siblings }) {
  const circles = siblings.map((r) => ({ r }));
  return { once: () => packSiblings(circles), radius: () => packEnclose(circles).r };
}

function nested({ nested: data, padding = 0, only_pack = false, by_value = false }) {
  const build = () => hierarchy(data).sum((node) => (node.r ?? 0) ** 2).sort((a, b) => b.value - a.value);
  const layout = pack().padding(padding);
  if (!by_value) layout.radius((node) => node.data.r);
  const built = build();
  const once = only_pack ? () => layout(built) : () => layout(build());
  return { once, radius: () => layout(built).r };
}

function clustered({ sizes, only_pack, by_value }) {
  const children = sizes.map((size) => ({ children: Array.from({ length: size }, () => ({ r: 1 })) }));
  return nested({ nested: { children }, only_pack, by_value });
}

function timed({ once, radius }, seconds) {
  const times = [];
  const start = performance.now();
  const warm = start + 1000 * seconds * WARM_UP;
  for (let now = start; !times.length || now < start + 1000 * seconds; ) {
    const before = performance.now();
    once();
    now = performance.now();
    if (now >= warm || seconds === 0) times.push(now - before);
  }
  times.sort((a, b) => a - b);
  return { seconds: times[times.length >> 1] / 1000, radius: radius() };
}

function problem(request) {
  if (request.siblings) return sibling(request);
  if (request.sizes) return clustered(request);
  return nested(request);
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  process.stdout.write(JSON.stringify(timed(problem(request), request.seconds ?? 0)) + "\n");
}
