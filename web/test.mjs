// Runs the module in Node on model files and compares every answer with the one that the library gave on the
// machine itself. node web/test.mjs MODULE.wasm ANSWERS.json; `cargo xtask wasm` builds both. Nothing beyond
// Node is needed.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename } from "node:path";

const [wasm, answers] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(wasm), {});
const module = instance.exports;

/** Calls an export with bytes as its input; gives the bytes of its answer, or throws with what it says. */
function ask(name, input = new Uint8Array()) {
    // A view on memory ends when memory grows, so each is made when it is needed.
    const at = module.input(input.length);
    new Uint8Array(module.memory.buffer, at, input.length).set(input);
    const done = module[name]();
    const answer = new Uint8Array(module.memory.buffer, module.output(), module.output_length()).slice();
    if (!done) throw new Error(text(answer));
    return answer;
}

const text = (bytes) => new TextDecoder().decode(bytes);
const bytesOf = (numbers) => new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** The bytes of a product. Which NaN an infinite row gives is open; storing NaN here stores the usual one. */
function productBytes(answer) {
    const values = new Float32Array(answer.buffer);
    values.forEach((value, at) => {
        if (Number.isNaN(value)) values[at] = NaN;
    });
    return bytesOf(values);
}

/** The counts exactly; the entropy nearly, since its logarithms come from another mathematical library. */
function assertAnalysis(found, expected, where) {
    const apart = Math.abs(found.order0_bits_per_weight - expected.order0_bits_per_weight);
    assert.ok(apart < 1e-12, `${where}: the entropies are ${apart} apart`);
    assert.deepEqual({ ...found, order0_bits_per_weight: expected.order0_bits_per_weight }, expected, where);
}

let [checked, passed, failed] = [0, 0, 0];
for (const [path, expected] of Object.entries(JSON.parse(readFileSync(answers, "utf8")))) {
    const name = basename(path);
    const start = performance.now();
    try {
        testFile(readFileSync(path), expected, name);
        passed += 1;
        console.log(`${name}: ${(performance.now() - start).toFixed(0)} ms`);
    } catch (error) {
        failed += 1;
        console.error(`${name}: ${error.stack}`);
    }
}

function testFile(file, expected, name) {
    if (expected.refused !== undefined) {
        const read = () => [ask("open_model", file), ask("restore")];
        // A file may break two rules, and readers may tell either. A trap has another name.
        assert.throws(read, { name: "Error", message: /./ }, `${name} is to be refused: ${expected.refused}`);
        checked += 1;
        return;
    }
    assert.deepEqual(JSON.parse(text(ask("open_model", file))), expected.described, `${name}: tables`);
    assert.equal(sha256(ask("restore")), expected.restored, `${name}: the restored file`);
    for (const table of expected.tables) {
        const where = `${name}: ${table.name}`;
        ask("open_table", new TextEncoder().encode(table.name));
        const [rows] = table.shape;
        const every = ask("rows", bytesOf(Uint32Array.from({ length: rows }, (_, id) => id)));
        assert.equal(sha256(every), table.words, `${where}: all rows`);
        const rowBytes = 2 * table.shape[1];
        for (const id of [rows - 1, 0, rows >> 1]) {
            const row = ask("rows", bytesOf(Uint32Array.of(id)));
            const there = every.subarray(id * rowBytes, (id + 1) * rowBytes);
            assert.deepEqual(row, there, `${where}: row ${id}`);
        }
        const past = () => ask("rows", bytesOf(Uint32Array.of(rows)));
        assert.throws(past, { message: table.past_the_end }, `${where}: a row past the end`);
        const product = ask("product", bytesOf(Float32Array.from(table.x)));
        assert.equal(sha256(productBytes(product)), table.product, `${where}: product`);
        assertAnalysis(JSON.parse(text(ask("analyze"))), table.analysis, where);
        checked += 1;
    }
}

console.log(`${checked} tables and refusals compared`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
