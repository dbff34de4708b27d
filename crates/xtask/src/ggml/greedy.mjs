// Greedy texts of a model, as JSON: alone, four at once, and the likeliest token after each of a long text.
// `node greedy.mjs FOLDER MODEL THREADS` where FOLDER has node-llama-cpp. Says on standard error how much memory or
// disk the model's file takes, which is less than its size where it has holes.

import {statSync} from "node:fs";
import {createRequire} from "node:module";
import {join} from "node:path";
import {pathToFileURL} from "node:url";

const [folder, modelPath, threads] = process.argv.slice(2);
const at = createRequire(join(folder, "package.json")).resolve("node-llama-cpp");
const {getLlama, LlamaCompletion} = await import(pathToFileURL(at));

const TOKENS = 64;
const prompts = [
    "The capital of France is",
    "Once upon a time, in a house at the edge of a forest, there lived",
    "def fibonacci(n):\n    \"\"\"Returns the n-th number of Fibonacci.\"\"\"\n",
    "1, 2, 3, 5, 8, 13,",
    "Water boils when its vapour pressure reaches the pressure around it. On a mountain the air is thinner, so "
        + "water boils at a lower temperature, and an egg takes longer to cook. In a closed pot the opposite "
        + "happens: steam cannot leave, the pressure rises, and the water gets hotter than it would in an open "
        + "pot. A cook who moves from the coast to a village high in the mountains therefore has to",
];

const llama = await getLlama({gpu: false, build: "never", skipDownload: true, maxThreads: Number(threads)});
const model = await llama.loadModel({modelPath});
console.error(`model file takes ${statSync(modelPath).blocks * 512} bytes`);
const options = {maxTokens: TOKENS, temperature: 0};

async function alone() {
    const context = await model.createContext({contextSize: 512, threads: Number(threads)});
    const completion = new LlamaCompletion({contextSequence: context.getSequence()});
    const texts = [];
    for (const prompt of prompts) texts.push(await completion.generateCompletion(prompt, options));
    await context.dispose();
    return texts;
}

async function atOnce() {
    const context = await model.createContext({contextSize: 512, sequences: 4, threads: Number(threads)});
    const texts = await Promise.all(prompts.slice(0, 4).map((prompt) => {
        const completion = new LlamaCompletion({contextSequence: context.getSequence()});
        return completion.generateCompletion(prompt, options);
    }));
    await context.dispose();
    return texts;
}

async function everywhere() {
    const context = await model.createContext({contextSize: 512, batchSize: 512, threads: Number(threads)});
    const tokens = model.tokenize(prompts.join("\n").repeat(2)).slice(0, 400);
    const next = await context.getSequence().controlledEvaluate(
        tokens.map((token) => [token, {generateNext: {token: true, options: {temperature: 0}}}]),
    );
    await context.dispose();
    return next.map((result) => result?.next?.token ?? null);
}

console.log(JSON.stringify({alone: await alone(), atOnce: await atOnce(), everywhere: await everywhere()}));
await llama.dispose();
